"""The steps that a query or a DML statement is carried out by. Each is DuckDB text with what the executor must know.

A plan's steps run in one engine transaction, in order.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from snowmelt.base.datatypes import DataType
from snowmelt.base.result import StatementType
from snowmelt.catalog.objects import Function, SchemaObject, Table
from snowmelt.sql.deltas import Reading
from snowmelt.sql.tracking import is_tracked


@dataclass(frozen=True)
class Reach:
    """How long after a stream was consumed its next changes can be read, and the table that says so if they cannot."""

    time: timedelta
    table: Table


@dataclass(frozen=True)
class OpenWindow:
    """Fix what a stream shows, before anything reads it.

    Attributes:
        readings: what the next steps read of it. They may do so by texts that fit the window, once it is open.
        reach: a stream that was not consumed for longer is stale; None when that does not matter.
    """

    stream: int
    readings: tuple[Reading, ...] = ()
    reach: Reach | None = None


@dataclass(frozen=True)
class ApplyModel:
    """Run the query `input`, give columns of it to a model's method, and register the result.

    The registered relation `name` has the input's columns and one more, `output`: the struct of the method's results.

    Attributes:
        arguments: the method's arguments, by their names among the input's columns; or how many of its last columns
            they are, which are then left out of the result.
    """

    name: str
    input: str
    model: str
    version: str | None
    method: str
    arguments: int | tuple[str, ...]
    output: str


@dataclass(frozen=True)
class CallTableFunction:
    """Run the query `input`, give its rows to a table function in Python, and register what comes of it.

    The relations `name`_0, `name`_1, ... have the input's columns for each row that the function gives, the relation
    `name` that row. All are of the same length.

    Attributes:
        widths: how many columns each relation of the input has; its arguments and the number of the partition follow.
        kept, outer: see snowmelt.sql.rewrite.table_calls.TableCall.
    """

    name: str
    input: str
    function: Function
    widths: tuple[int, ...]
    kept: frozenset[int]
    outer: bool


@dataclass(frozen=True)
class Materialize:
    """Keep the rows of a query in a temporary relation for the following steps."""

    name: str
    query: str


@dataclass(frozen=True)
class Prepare:
    """Something that must come before the rows change; it counts nothing."""

    sql: str


@dataclass(frozen=True)
class LogImages:
    """Write the old images of the rows that the next steps change; see `Write` for `needs`."""

    sql: str
    needs: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Stage:
    """Find the changes that the next steps carry out, and count them by action.

    Attributes:
        sql: makes the table of staged changes.
        counts: a query for (action, number) of what is staged, and of the rows for which several changes are.
        check: finds a row for which contradictory changes are staged; None when there can be none.
        strict: such a row is an error; otherwise one of its changes is taken.
        single: leaves one change for each such row.
        counts_double: the result tells how many there were.
    """

    sql: str
    counts: str
    check: str | None = None
    strict: bool = False
    single: str = ""
    counts_double: bool = False


@dataclass(frozen=True)
class Direct:
    """Write the old images of the rows that a MERGE will change, and then run it.

    Attributes:
        log: writes the images.
        logged: a query for how many were written, and of how many rows.
        write: the MERGE in the engine's words; of the rows that it changes, those without an image are new.
        removing: what it counts the others as.
    """

    log: str
    logged: str
    write: str
    removing: str


@dataclass(frozen=True)
class Write:
    """Change rows; how many is added to the count `count`, if it has one.

    Attributes:
        needs: counts of the `Stage` before, at least one of which must be above zero for this to be run; nothing is
            needed when it is empty.
    """

    sql: str
    count: str | None = None
    needs: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Read:
    """Run the query whose rows are the result; `types` are its columns' Snowflake types, as far as they are known."""

    sql: str
    types: tuple[DataType | None, ...] | None = None


Step = OpenWindow | ApplyModel | CallTableFunction | Materialize | Prepare | LogImages | Stage | Direct | Write | Read


@dataclass(frozen=True)
class Plan:
    """Steps, and what they touch.

    Attributes:
        kind: the statement's type, which decides the shape of a DML result.
        targets: the tables whose rows change.
        touches: whether rows that were there before may change, too; INSERT alone touches none.
        locks: ids of tables whose rows are updated or deleted, hence locked.
        streams: ids of streams that are read; a DML plan moves their offsets when it commits.
        counts: names of the counts that the result shows, in order: inserted, updated, deleted, or whole titles.
        forgets_loads: staged files that the target has loaded may be loaded again.
        constant: a query that gives the same rows whatever is in the database.
        binds: its texts ask for the values of bind variables.
        timed: its texts ask for the moment at which the statement began.
        made_from: the tables, views and streams of the catalog that it was made from.
    """

    steps: tuple[Step, ...]
    kind: StatementType
    targets: tuple[Table, ...] = ()
    touches: bool = False
    locks: frozenset[int] = frozenset()
    streams: frozenset[int] = frozenset()
    counts: tuple[str, ...] = ()
    forgets_loads: bool = False
    constant: bool = False
    binds: bool = False
    timed: bool = False
    made_from: tuple[SchemaObject, ...] = ()

    @property
    def tracked(self) -> bool:
        """Whether rows change whose changes are logged: the commit makes a version."""
        return any(is_tracked(table) for table in self.targets)

    @property
    def single_read(self) -> bool:
        """Whether the plan is one query that needs no transaction of its own."""
        return len(self.steps) == 1 and isinstance(self.steps[0], Read)

    @property
    def only_reads(self) -> bool:
        """Whether the plan is one query of tables and streams."""
        return all(isinstance(step, (OpenWindow, Read)) for step in self.steps)
