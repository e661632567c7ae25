"""Queries to plans."""

from __future__ import annotations

from typing import Protocol

from sqlglot import exp

from snowmelt.base.datatypes import DataType
from snowmelt.base.result import StatementType
from snowmelt.catalog.names import Name
from snowmelt.catalog.objects import SchemaObject, Table, TableColumn
from snowmelt.plan.models import extract_models
from snowmelt.plan.steps import CallTableFunction, OpenWindow, Plan, Reach, Read, Step
from snowmelt.sql.deltas import Reading
from snowmelt.sql.pending import Pending
from snowmelt.sql.rewrite.context import Resolver
from snowmelt.sql.rewrite.rules import rewrite


class Planner(Resolver, Protocol):
    """A resolver that also finds the targets of DML and remembers which streams were read or asked for data, and which
    table functions are called.
    """

    streams_read: set[int]
    streams_peeked: set[int]
    readings: dict[int, list[Reading]]
    reach: dict[int, Reach]
    types: tuple[DataType | None, ...] | None
    calls: list[CallTableFunction]
    timed: bool
    used: dict[int, SchemaObject]

    def table(self, name: Name) -> Table:
        """The table called `name`, to be written. Raises SqlError when it is missing or not a table."""
        ...

    def default(self, table: Table, column: TableColumn) -> str | None:
        """DuckDB text of what a row gets in a column that a statement leaves out; None when it is null."""
        ...

    def pending(self, table: Table) -> Pending | None:
        """What the open explicit transaction has changed of `table`; None when each statement commits."""
        ...


def read_steps(tree: exp.Expr, planner: Planner) -> tuple[list[Step], str]:
    """The steps before a query, and the query as DuckDB text."""
    tree = tree.copy()
    steps: list[Step] = list(extract_models(tree, planner))
    text = rewrite(tree, planner)
    return windows(planner) + steps, text


def windows(planner: Planner) -> list[Step]:
    """The steps that fix what the streams of a statement show, and those that call its table functions."""
    streams = sorted(planner.streams_read | planner.streams_peeked)
    readings, reach = planner.readings, planner.reach
    opened = [OpenWindow(stream, tuple(readings.get(stream, ())), reach.get(stream)) for stream in streams]
    return [*opened, *planner.calls]


def made_from(planner: Planner) -> tuple[SchemaObject, ...]:
    """What the planner has found in the catalog, by itself or behind streams."""
    behind = (table for readings in planner.readings.values() for reading in readings for table in reading.tables)
    return tuple((planner.used | {table.id: table for table in behind}).values())


def plan_query(tree: exp.Query, planner: Planner) -> Plan:
    """The plan of a SELECT, WITH, VALUES or set operation."""
    steps, text = read_steps(tree, planner)
    return Plan(
        (*steps, Read(text, planner.types)),
        StatementType.SELECT,
        streams=frozenset(planner.streams_read),
        constant=all(isinstance(node, _CONSTANT) for node in tree.walk()),
        timed=planner.timed,
        made_from=made_from(planner),
    )


_CONSTANT = (exp.Select, exp.Alias, exp.Identifier, exp.Literal, exp.Boolean, exp.Null, exp.Neg, exp.Paren)
"""What a query consists of that has the same rows whenever it is asked, such as the SELECT 1 of those who want to know
whether a connection still works."""
