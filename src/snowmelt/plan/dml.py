"""INSERT in its forms, and TRUNCATE, to plans; UPDATE, DELETE and MERGE are in `snowmelt.plan.changes`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Protocol

from sqlglot import exp

from snowmelt.base.datatypes import SEMI_STRUCTURED, TIMES, DataType, Kind
from snowmelt.base.errors import SqlError, invalid_identifier, syntax_error, unsupported
from snowmelt.base.result import StatementType
from snowmelt.catalog.objects import Table, TableColumn
from snowmelt.plan.models import extract_models
from snowmelt.plan.query import Planner, made_from, read_steps, windows
from snowmelt.plan.steps import CallTableFunction, LogImages, Materialize, OpenWindow, Plan, Prepare, Step, Write
from snowmelt.sql import changes, tracking
from snowmelt.sql.held_types import type_tree
from snowmelt.sql.pending import Pending
from snowmelt.sql.rewrite.context import as_target, goes_by, raw, raw_query
from snowmelt.sql.rewrite.names import table_name
from snowmelt.sql.rewrite.rules import rewrite
from snowmelt.sql.statements import Insert, Into, MultiInsert, Truncate
from snowmelt.sql.typing.assignments import ASSIGNED, other_type

_TEXT = exp.DataType.build("VARCHAR", dialect="snowflake")
_SOURCE = "snowmelt_source"
_CLAUSE = "SNOWMELT_CLAUSE"


def target_columns(table: Table, names: Sequence[str]) -> list[TableColumn]:
    """The columns called `names`, or all when none are given.

    Raises:
        SqlError: 000904 for a column that the table has not.
    """
    if not names:
        return list(table.columns)
    repeated = [name for i, name in enumerate(names) if name in names[:i]]
    if repeated:
        raise duplicate_column(repeated[0])
    by_name = {column.name: column for column in table.columns}
    missing = [name for name in names if name not in by_name]
    if missing:
        raise invalid_identifier(missing[0])
    return [by_name[name] for name in names]


def duplicate_column(name: str) -> SqlError:
    """The error of a column that is named twice (002025)."""
    return SqlError(f"SQL compilation error:\nduplicate column name '{name}'", 2025, "42S21")


def dml_plan(
    targets: Sequence[Table],
    steps: Sequence[Step],
    kind: StatementType,
    planner: Planner,
    counts: tuple[str, ...],
    *,
    touches: bool,
) -> Plan:
    """A plan that changes `targets`; with `touches` also rows that are there, for which the tables are locked."""
    begin = [Prepare(text) for table in targets for text in _begin(planner.pending(table))]
    return Plan(
        steps=(*windows(planner), *begin, *(step for step in steps if not isinstance(step, _FIRST))),
        kind=kind,
        targets=tuple(targets),
        touches=touches,
        locks=frozenset(table.id for table in targets if touches and tracking.is_tracked(table)),
        streams=frozenset(planner.streams_read),
        counts=counts,
        timed=planner.timed,
        made_from=made_from(planner),
    )


_FIRST = (OpenWindow, CallTableFunction)
"""Steps of a source that come before all others."""


def _begin(pending: Pending | None) -> list[str]:
    # All in one, since to hand a statement to the engine takes longer than to carry out such ones.
    return [] if pending is None or pending.begun else ["; ".join(pending.create())]


class Defaults(Protocol):
    """What knows the defaults of columns."""

    def default(self, table: Table, column: TableColumn) -> str | None:
        """DuckDB text of the default, or None."""
        ...


def insert_text(
    table: Table, columns: Sequence[TableColumn], query: str, defaults: Defaults, pending: Pending | None
) -> str:
    """INSERT of the rows of `query`, columns left out getting their defaults."""
    left_out = left_out_columns(table, columns, defaults)
    if left_out:
        aliases = ", ".join(f"c{i}" for i in range(len(columns)))
        values = ", ".join(text for _, text in left_out)
        query = f"SELECT d.*, {values} FROM ({query}) AS d({aliases})"
        columns = [*columns, *(column for column, _ in left_out)]
    return changes.insert(table, columns, query, pending)


def left_out_columns(table: Table, columns: Sequence[TableColumn], defaults: Defaults) -> list[tuple[TableColumn, str]]:
    """The columns of `table` that are not among `columns` and have a default, each with the default's text."""
    named = {column.name for column in columns}
    found = [(column, defaults.default(table, column)) for column in table.columns if column.name not in named]
    return [(column, text) for column, text in found if text is not None]


def _with_defaults(table: Table, columns: Sequence[TableColumn], values: exp.Expr, planner: Planner) -> exp.Expr:
    """VALUES in which the word DEFAULT has become the column's default, and a text for a binary column its cast.

    Raises:
        SqlError: 002020 when a row has not as many values as there are columns.
    """
    values = values.copy()
    for row in values.expressions:
        items = row.expressions if isinstance(row, exp.Tuple) else [row]
        if len(items) != len(columns):
            raise wrong_width(len(columns), len(items))
        for column, item in zip(columns, items, strict=True):
            if is_default(item):
                item.replace(raw(planner.default(table, column) or "NULL"))
            elif column.type.kind is Kind.BINARY and isinstance(item, exp.Literal) and item.is_string:
                item.replace(exp.cast(item.copy(), "BINARY"))
    return values


def is_default(item: exp.Expr) -> bool:
    """Whether a value is the word DEFAULT, which after SET looks like a column."""
    if isinstance(item, exp.Column) and not item.table and not item.this.args.get("quoted"):
        return item.name.upper() == "DEFAULT"
    return isinstance(item, exp.Var) and item.name.upper() == "DEFAULT"


def wrong_width(expected: int, got: int) -> SqlError:
    """The error of an INSERT that names more or fewer values than columns."""
    return SqlError(
        f"SQL compilation error:\nInsert value list does not match column list expecting {expected} but got {got}",
        2020,
        "21S01",
    )


def plan_insert(statement: Insert, planner: Planner) -> Plan:
    """The plan of INSERT [OVERWRITE]."""
    table = planner.table(table_name(target_table(statement.target)))
    columns = target_columns(table, statement.columns)
    source = statement.source
    if isinstance(source, exp.Values):
        source = _with_defaults(table, columns, source, planner)
    elif isinstance(source, exp.Select) and not source.is_star and len(source.expressions) != len(columns):
        raise wrong_width(len(columns), len(source.expressions))
    steps, query = read_steps(source, planner)
    if needs_casts(columns, planner.types):
        planner.calls.clear()
        steps, query = read_steps(with_casts(columns, source), planner)
    pending = planner.pending(table)
    if statement.overwrite:
        # The source may read the table itself, so its rows are kept before the table is emptied.
        steps.append(Materialize(_SOURCE, query))
        steps += emptying(table, pending)
        query = f"SELECT * FROM {_SOURCE}"
    write = Write(insert_text(table, columns, query, planner, pending), "inserted")
    kind, touches = StatementType.INSERT, statement.overwrite
    return dml_plan([table], [*steps, write], kind, planner, ("inserted",), touches=touches)


def as_column(column: TableColumn, value: exp.Expr) -> exp.Expr:
    """A value for a column: for text and semi-structured types it is converted as a cast would."""
    if column.type.parts is not None and not isinstance(value, exp.Null):
        return exp.Cast(this=value.copy(), to=type_tree(column.type))
    if column.type.kind in SEMI_STRUCTURED and not isinstance(value, exp.Null):
        made = exp.Cast(this=value.copy(), to=exp.DataType.build(column.type.kind.value, dialect="snowflake"))
        made.meta[ASSIGNED] = (column.name, column.type)
        return made
    if column.type.kind is not Kind.TEXT or isinstance(value, (exp.Literal, exp.Null)):
        return value
    return exp.Cast(this=value.copy(), to=_TEXT.copy())


def needs_casts(columns: Sequence[TableColumn], types: Sequence[DataType | None] | None) -> bool:
    """Whether a value is of a kind that only the rules of casts know how to write into its column.

    Raises:
        SqlError: 002023 for a value that its column does not take, such as text for a VARIANT or a number for a DATE.
    """
    if types is None or len(types) != len(columns):
        return any(column.type.parts is not None for column in columns)
    needed = False
    for column, found in zip(columns, types, strict=True):
        needed |= column.type.parts is not None and found != column.type
        if found is None:
            continue
        if any(column.type.kind in wanted and found.kind in given for wanted, given in _NO_COLUMN):
            raise other_type(column.name, column.type, found)
        if column.type.kind is Kind.TEXT:
            needed |= found.kind in TIMES | SEMI_STRUCTURED | {Kind.REAL}
        elif column.type.kind is Kind.VARIANT:
            needed |= found.kind not in SEMI_STRUCTURED
        elif column.type.kind in SEMI_STRUCTURED:
            needed |= found.kind is not column.type.kind
        elif column.type.kind is Kind.BINARY:
            needed |= found.kind is Kind.TEXT
    return needed


_NUMBERS = frozenset({Kind.FIXED, Kind.REAL, Kind.BOOLEAN})
_NO_COLUMN = (
    (SEMI_STRUCTURED, {Kind.TEXT}),
    ({Kind.TEXT}, {Kind.ARRAY, Kind.OBJECT}),
    (TIMES, _NUMBERS),
    (_NUMBERS, TIMES),
)
"""Kinds of columns, and the kinds of values that they do not take."""


def with_casts(columns: Sequence[TableColumn], source: exp.Expr) -> exp.Select:
    """The rows of `source`, with what goes into columns of text, BINARY and semi-structured types converted."""
    names = [exp.to_identifier(f"C{i}", quoted=True) for i in range(len(columns))]
    alias = exp.TableAlias(this=exp.to_identifier(_SOURCE, quoted=True), columns=names)
    values = [_converted(column, exp.column(name.copy())) for column, name in zip(columns, names, strict=True)]
    return exp.Select(expressions=values).from_(exp.Subquery(this=source.copy(), alias=alias))


def _converted(column: TableColumn, value: exp.Expr) -> exp.Expr:
    if column.type.parts is None and column.type.kind in SEMI_STRUCTURED | {Kind.BINARY}:
        return exp.Cast(this=value, to=exp.DataType.build(column.type.kind.value, dialect="snowflake"))
    return as_column(column, value)


def emptying(table: Table, pending: Pending | None) -> list[Step]:
    """The steps that delete every row."""
    *before, last = changes.delete_all(table, pending)
    return [*(LogImages(text) for text in before), Write(last)]


def plan_truncate(statement: Truncate, planner: Planner) -> Plan:
    """The plan of TRUNCATE; its rows show up as deleted in streams."""
    table = planner.table(statement.target)
    steps = emptying(table, planner.pending(table))
    plan = dml_plan([table], steps, StatementType.DELETE, planner, (), touches=True)
    return replace(plan, forgets_loads=True)


# --- INSERT ALL, INSERT FIRST ----------------------------------------------------------------------------------------


def plan_multi_insert(statement: MultiInsert, planner: Planner) -> Plan:
    """The plan of INSERT ALL | FIRST: the source is read once, with the conditions of each row.

    Source: docs.snowflake.com/en/sql-reference/sql/insert-multi-table
    """
    named = [(into, planner.table(table_name(target_table(into.target)))) for into in statement.targets]
    tables = list({table.id: table for _, table in named}.values())
    source = exp.Select(expressions=[exp.Star(), *_flags(statement)]).from_(
        exp.Subquery(this=statement.source.copy(), alias=exp.TableAlias(this=exp.to_identifier(_SOURCE, quoted=True)))
    )
    steps: list[Step] = list(extract_models(source, planner))
    steps.append(Materialize(_SOURCE, rewrite(source, planner)))
    if statement.overwrite:
        steps += [step for table in tables for step in emptying(table, planner.pending(table))]
    counts = {table.id: f"number of rows inserted into {table.name}" for table in tables}
    for into, table in named:
        columns = target_columns(table, into.columns)
        query = f"{_values(into, table, columns, statement, planner)} {_condition(into, statement)}"
        steps.append(Write(insert_text(table, columns, query, planner, planner.pending(table)), counts[table.id]))
    kind, touches = StatementType.MULTI_INSERT, statement.overwrite
    return dml_plan(tables, steps, kind, planner, tuple(counts.values()), touches=touches)


def _flags(statement: MultiInsert) -> list[exp.Expr]:
    """A column for each condition."""
    return [
        exp.alias_(exp.paren(condition.copy()), f"{_CLAUSE}_{i}", quoted=True)
        for i, condition in enumerate(statement.conditions)
    ]


def _condition(into: Into, statement: MultiInsert) -> str:
    """The rows of the source that an INTO clause takes."""
    if into.when is None:
        return ""
    others = range(len(statement.conditions) if into.when < 0 else into.when if statement.first else 0)
    tests = [f"{_CLAUSE}_{i} IS NOT TRUE" for i in others]
    if into.when >= 0:
        tests.append(f"{_CLAUSE}_{into.when}")
    return "WHERE " + " AND ".join(tests)


def _values(into: Into, table: Table, columns: Sequence[TableColumn], statement: MultiInsert, planner: Planner) -> str:
    """A query over the source for what an INTO clause inserts."""
    structured = [column for column in columns if column.type.parts is not None]
    if into.values is None:
        if structured:
            raise unsupported(f"INSERT ALL without VALUES into a column of type {structured[0].type.sql}")
        flags = ", ".join(f"{_CLAUSE}_{i}" for i in range(len(statement.conditions)))
        return f"SELECT * EXCLUDE ({flags}) FROM {_SOURCE}" if flags else f"SELECT * FROM {_SOURCE}"
    if len(into.values) != len(columns):
        raise wrong_width(len(columns), len(into.values))
    texts = []
    for value, column in zip(into.values, columns, strict=True):
        default = planner.default(table, column) or "NULL" if is_default(value) else None
        if column in structured:
            value = as_column(column, value)
        texts.append(rewrite(value, planner) if default is None else default)
    return f"SELECT {', '.join(texts)} FROM {_SOURCE}"


_OF_TARGETS = frozenset({"this", "db", "catalog", "alias"})
"""What may be said of the table that a statement changes: no point in time, sample, pivot or join."""


def target_table(node: exp.Expr) -> exp.Table:
    """The name of the table that a statement changes."""
    if isinstance(node, exp.Schema):
        node = node.this
    if not isinstance(node, exp.Table) or any(value for key, value in node.args.items() if key not in _OF_TARGETS):
        raise syntax_error(f"unexpected '{node.sql(dialect='snowflake')}'")
    return node


def row_source(table: Table, alias: str, text: str) -> exp.Subquery:
    """The rows that a statement may change, as `text` yields them, for FROM."""
    query = raw_query(text, table.columns)
    query.set("alias", exp.TableAlias(this=exp.to_identifier(alias, quoted=True)))
    if alias == table.name:
        goes_by(query, table.full_name)
    return as_target(query)
