"""Names in blocks: variables, cursors, RESULTSETs, rows and exceptions, looked for from the inside out."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from snowmelt.base.datatypes import MAX_TEXT, DataType, Kind
from snowmelt.base.errors import SqlError, invalid_identifier
from snowmelt.base.result import Result
from snowmelt.base.value import Value
from snowmelt.scripting.failures import Failure
from snowmelt.sql.blocks import DeclareException, Sql


@dataclass(slots=True)
class Variable:
    """A variable; its type never changes."""

    value: Value


@dataclass(slots=True)
class ResultSet:
    """A RESULTSET; `result` is None until a query has filled it."""

    result: Result | None = None


@dataclass(slots=True)
class Cursor:
    """A cursor; `rows` is None while it is closed.

    Attributes:
        source: its query, or the RESULTSET whose rows it gives.
        result: what its query answered.
    """

    source: Sql | ResultSet
    result: Result | None = None
    rows: Iterator[dict[str, Value]] | None = None


@dataclass(frozen=True, slots=True)
class Row:
    """The row that a loop is at."""

    values: dict[str, Value] = field(default_factory=dict)


Entry = Variable | ResultSet | Cursor | Row | DeclareException


class Scope:
    """The names of one block; `outer` is that of the block around it.

    Attributes:
        failure: what a handler of this block handles.
    """

    def __init__(self, outer: Scope | None = None) -> None:
        self.outer = outer
        self.entries: dict[str, Entry] = {}
        self.failure: Failure | None = None if outer is None else outer.failure

    def find(self, name: str) -> Entry | None:
        """What `name` means here."""
        scope: Scope | None = self
        while scope is not None:
            found = scope.entries.get(name)
            if found is not None:
                return found
            scope = scope.outer
        return None

    def variable(self, name: str) -> Variable:
        """The variable `name`.

        Raises:
            SqlError: 000904 when there is none.
        """
        found = self.find(name)
        if not isinstance(found, Variable):
            raise invalid_identifier(name)
        return found

    def cursor(self, name: str) -> Cursor:
        """The cursor `name`.

        Raises:
            SqlError: 000904 when there is none.
        """
        found = self.find(name)
        if not isinstance(found, Cursor):
            raise invalid_identifier(name)
        return found

    def value(self, name: str) -> Value | None:
        """The value that a folded name stands for, ``ROW.COLUMN`` included; None when it is no variable."""
        found = self.find(name)
        if isinstance(found, Variable):
            return found.value
        row, dot, column = name.partition(".")
        if not dot:
            return None
        found = self.find(row)
        return found.values.get(column) if isinstance(found, Row) else None


def widened(data_type: DataType) -> DataType:
    """The type of a variable that is declared without one: as wide as its kind allows."""
    if data_type.kind is Kind.FIXED:
        return DataType(Kind.FIXED, 38, data_type.scale)
    if data_type.kind is Kind.TEXT:
        return DataType(Kind.TEXT, length=MAX_TEXT)
    return data_type


def fits(value: Value, data_type: DataType) -> bool:
    """Whether an assignment leaves the value as it is."""
    if value.type == data_type:
        return True
    if value.type.kind is not data_type.kind:
        return False
    if data_type.kind is Kind.TEXT:
        return value.value is None or len(value.value) <= (data_type.length or MAX_TEXT)
    return data_type.kind is Kind.FIXED and value.type.scale == data_type.scale and data_type.precision == 38


def cursor_closed(name: str) -> SqlError:
    """A cursor that is used while it is not open."""
    return SqlError(f"Cursor '{name}' is not open.", 90238, "24000")
