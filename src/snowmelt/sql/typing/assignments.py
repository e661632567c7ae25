"""Values that UPDATE and MERGE write into columns of VARIANT, OBJECT and ARRAY: what INSERT checks beforehand.

Source: docs.snowflake.com/en/sql-reference/data-type-conversion
"""

from __future__ import annotations

from sqlglot import exp

from snowmelt.base.datatypes import DataType, Kind
from snowmelt.base.errors import SqlError
from snowmelt.sql.rewrite.context import TYPE

ASSIGNED = "snowmelt_assigned"
"""Meta key on a cast: the column that its value is written into, with its type."""


def check_assigned(cast: exp.Cast) -> None:
    """Refuse text for such a column.

    Raises:
        SqlError: 002023.
    """
    assigned: tuple[str, DataType] | None = cast.meta.get(ASSIGNED)
    found: DataType | None = cast.this.meta.get(TYPE)
    if assigned is not None and found is not None and found.kind is Kind.TEXT:
        raise other_type(*assigned, found)


def other_type(name: str, wanted: DataType, found: DataType) -> SqlError:
    """The error of a value that a column does not take (002023)."""
    return SqlError(
        "SQL compilation error:\nExpression type does not match column data type, expecting "
        f"{wanted.sql} but got {found.sql} for column {name}",
        2023,
        "22000",
    )
