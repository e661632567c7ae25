"""ALTER TABLE ... ALTER COLUMN: which changes there are, and which Snowflake does not allow.

Source: docs.snowflake.com/en/sql-reference/sql/alter-table-column
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any

from snowmelt.base.datatypes import DataType, Kind
from snowmelt.base.errors import SqlError, invalid_identifier, unsupported
from snowmelt.base.request import Request
from snowmelt.catalog.names import engine_quote
from snowmelt.catalog.objects import Table, TableColumn
from snowmelt.session.columns import default_text
from snowmelt.session.session import Session
from snowmelt.sql import tracking


@dataclass(frozen=True)
class ChangedColumn:
    """A table with a changed column, and what follows ``ALTER TABLE name`` for table and log, and for the table."""

    table: Table
    both: tuple[str, ...] = ()
    rows_only: tuple[str, ...] = ()


def changed_column(
    session: Session, table: Table, name: str, change: str, argument: Any, request: Request
) -> ChangedColumn:
    """One change of one column; changes and arguments as in `AlterTable`.

    Raises:
        SqlError: 000904 for an unknown column; 002108, 040050 or 000002 for a change that is not allowed.
    """
    column = next((each for each in table.columns if each.name == name), None)
    if column is None:
        raise invalid_identifier(name)
    both: tuple[str, ...] = ()
    rows_only: tuple[str, ...] = ()
    match change:
        case "SET DATA TYPE":
            both, rows_only = _retyping(session, table, column, argument)
            new = dataclasses.replace(column, type=argument)
        case "SET NOT NULL":
            new, rows_only = (
                dataclasses.replace(column, nullable=False),
                (f"ALTER COLUMN {engine_quote(name)} SET NOT NULL",),
            )
        case "DROP NOT NULL":
            new, rows_only = (
                dataclasses.replace(column, nullable=True),
                (f"ALTER COLUMN {engine_quote(name)} DROP NOT NULL",),
            )
        case "COMMENT":
            new = dataclasses.replace(column, comment=argument)
        case "DROP DEFAULT":
            if column.added and column.default is not None:
                raise unsupported("DROP DEFAULT of a column that ALTER TABLE has added")
            new = dataclasses.replace(column, default=None)
        case "SET DEFAULT":
            new = _with_sequence(session, column, argument, request)
        case _:
            raise unsupported(f"ALTER COLUMN {change}")
    columns = tuple(new if each.name == name else each for each in table.columns)
    return ChangedColumn(dataclasses.replace(table, columns=columns), both, rows_only)


def _with_sequence(session: Session, column: TableColumn, text: str, request: Request) -> TableColumn:
    """Only one sequence can take the place of another."""

    def is_sequence(default: str | None) -> bool:
        return default is not None and default.upper().endswith(".NEXTVAL")

    if not is_sequence(column.default) or not is_sequence(text):
        raise unsupported("Alter Column Set Default")
    default = default_text(session, dataclasses.replace(column, default=text), request)
    return dataclasses.replace(column, default=default)


def _retyping(
    session: Session, table: Table, column: TableColumn, new: DataType
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    old = column.type
    change = f"cannot change column {column.name} from type {old.sql} to {new.sql}"
    if old.parts is not None:
        raise unsupported(f"change of the structured type {old.sql}")
    if old.kind is not new.kind or new.parts is not None or old.scale != new.scale:
        raise SqlError(f"SQL compilation error: {change}", 2108, "22000")
    if old.kind in (Kind.TEXT, Kind.BINARY):
        if (new.length or 0) < (old.length or 0):
            kind = old.sql.split("(")[0].lower()
            raise SqlError(
                f"SQL compilation error: {change} because reducing the byte-length of {kind} is not supported.",
                40050,
                "22000",
            )
        return (), ()
    if old.kind is not Kind.FIXED or old == new:
        return (), ()
    text = f"ALTER COLUMN {engine_quote(column.name)} SET DATA TYPE {new.duckdb}"
    if (new.precision or 38) > (old.precision or 38):
        return (text,), ()
    fits = f"SELECT count(*) FROM {tracking.physical(table)} WHERE abs({engine_quote(column.name)}) >= 1e{_digits(new)}"
    if session.core.connection.scalar(fits):
        raise SqlError(
            f"SQL compilation error: {change} because the precision is not sufficient for the values in the column.",
            2108,
            "22000",
        )
    # Old images may hold more digits than the column allows from now on: the log keeps its type.
    return (), (text,)


def _digits(data_type: DataType) -> int:
    return (data_type.precision or 38) - (data_type.scale or 0)
