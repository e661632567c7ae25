"""WHEN of a task: what it may hold, and which streams it asks about.

Source: docs.snowflake.com/en/sql-reference/sql/create-task (WHEN)
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

from sqlglot import exp

from snowmelt.base.errors import SqlError
from snowmelt.catalog.catalog import Catalog, Scope
from snowmelt.catalog.names import Name, parse_name
from snowmelt.catalog.objects import Stream, Task
from snowmelt.sql.parse import parse_expression

if TYPE_CHECKING:
    from snowmelt.storage.engine import Engine

STREAM_HAS_DATA = "SYSTEM$STREAM_HAS_DATA"
_ALLOWED_CALLS = ("SYSTEM$GET_PREDECESSOR_RETURN_VALUE", STREAM_HAS_DATA)

_ALLOWED = (
    *(exp.And, exp.Or, exp.Not, exp.Paren, exp.Predicate, exp.Is, exp.Between, exp.In, exp.Neg),
    *(exp.Literal, exp.Boolean, exp.Null, exp.DataType, exp.DataTypeParam),
    *(exp.Cast, exp.TryCast, exp.ToChar, exp.ToNumber, exp.ToBoolean, exp.ToDouble),
)
"""Logic, comparisons, constants and conversions."""


def check_condition(text: str) -> None:
    """Check what a WHEN condition is made of.

    Raises:
        SqlError: 091067 for anything but logic, comparisons, conversions and the two functions that are allowed.
    """
    for node in parse_expression(text).walk():
        if isinstance(node, exp.Anonymous) and node.name.upper() in _ALLOWED_CALLS:
            continue
        if not isinstance(node, _ALLOWED) or isinstance(node, exp.SubqueryPredicate):
            raise SqlError(
                "Invalid expression for task condition expression. Only some data type conversions and the following "
                f"functions are allowed: [{', '.join(_ALLOWED_CALLS)}].",
                91067,
                "22023",
            )


@lru_cache(maxsize=1_000)
def streams_asked(text: str) -> tuple[Name, ...]:
    """The streams whose data a WHEN condition asks for, as written."""
    calls = [node for node in parse_expression(text).find_all(exp.Anonymous) if node.name.upper() == STREAM_HAS_DATA]
    return tuple(
        parse_name(argument.name)
        for call in calls
        for argument in call.expressions[:1]
        if isinstance(argument, exp.Literal) and argument.is_string
    )


class StreamSources:
    """Which tables can make which task's condition true, as of the present catalog."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._known: tuple[Catalog | None, dict[int, frozenset[int] | None]] = (None, {})

    def sources(self, task: Task) -> frozenset[int] | None:
        """Ids of the tables behind the streams that a task's condition asks about; None when that cannot be told."""
        catalog, found = self._known
        if catalog is not self._engine.catalog:
            catalog, found = self._known = (self._engine.catalog, {})
        if task.id not in found:
            found[task.id] = self._find(self._engine.catalog, task)
        return found[task.id]

    @staticmethod
    def _find(catalog: Catalog, task: Task) -> frozenset[int] | None:
        scope = Scope(task.full_name.database, task.full_name.schema)
        tables: set[int] = set()
        for name in streams_asked(task.when or ""):
            stream = catalog.find(Stream, scope.full(name))
            if stream is not None:
                tables.update(stream.base)
        return frozenset(tables)
