"""What runs a block's SQL: the room knows neither sessions nor the engine."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

from snowmelt.base.datatypes import DataType
from snowmelt.base.result import Result
from snowmelt.base.value import Value
from snowmelt.sql.blocks import Expression, Sql


class Host(Protocol):
    """A session as a block sees it. Every method raises SqlError for what fails, in Snowflake's words."""

    def check(self) -> None:
        """Stop here when the block has been canceled."""
        ...

    def evaluate(self, expression: Expression, values: Mapping[str, Value]) -> Value:
        """The value of an expression; `values` are the variables in it by folded name."""
        ...

    def converted(self, value: Value, data_type: DataType) -> Value:
        """The value cast to a type, as an assignment does."""
        ...

    def execute(self, sql: Sql, values: Mapping[str, Value]) -> Result:
        """Run a statement; `values` are its binds as they are written in it."""
        ...

    def execute_text(self, text: str, values: Sequence[Value]) -> Result:
        """Run a text; `values` are those of its ``?`` in order."""
        ...
