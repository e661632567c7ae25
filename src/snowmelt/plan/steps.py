"""The steps that a query or a DML statement is carried out by. Each is DuckDB text with what the executor must know.

A plan's steps run in one engine transaction, in order.
"""

from __future__ import annotations

from dataclasses import dataclass

from snowmelt.base.datatypes import DataType
from snowmelt.base.result import StatementType


@dataclass(frozen=True)
class OpenWindow:
    """Fix what a stream shows, before anything reads it."""

    stream: int


@dataclass(frozen=True)
class ApplyModel:
    """Run the query `input`, give its last `arguments` columns to a model's method, and register the result.

    The registered relation `name` has the other input columns and one more, `output`: the struct of the method's
    results.
    """

    name: str
    input: str
    model: str
    version: str | None
    method: str
    arguments: int
    output: str


@dataclass(frozen=True)
class Materialize:
    """Keep the rows of a query in a temporary relation for the following steps."""

    name: str
    query: str


@dataclass(frozen=True)
class LogImages:
    """Write the old images of the rows that the next step changes."""

    sql: str


@dataclass(frozen=True)
class Write:
    """Change rows. `by_action`: the statement yields (action, count) rows; otherwise it yields one count."""

    sql: str
    by_action: bool = False


@dataclass(frozen=True)
class Read:
    """Run the query whose rows are the result; `types` are its columns' Snowflake types, as far as they are known."""

    sql: str
    types: tuple[DataType | None, ...] | None = None


Step = OpenWindow | ApplyModel | Materialize | LogImages | Write | Read


@dataclass(frozen=True)
class Plan:
    """Steps, and what they touch.

    Attributes:
        kind: the statement's type, which decides the shape of a DML result.
        writes: ids of tracked tables whose rows change.
        locks: ids of tables whose rows are updated or deleted, hence locked.
        streams: ids of streams that are read; a DML plan moves their offsets when it commits.
        counts: names of the counts that the result shows, in order: inserted, updated, deleted.
    """

    steps: tuple[Step, ...]
    kind: StatementType
    writes: frozenset[int] = frozenset()
    locks: frozenset[int] = frozenset()
    streams: frozenset[int] = frozenset()
    counts: tuple[str, ...] = ()

    @property
    def single_read(self) -> bool:
        """Whether the plan is one query that needs no transaction of its own."""
        return len(self.steps) == 1 and isinstance(self.steps[0], Read)
