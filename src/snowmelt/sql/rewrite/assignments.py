"""Values that UPDATE and MERGE write into columns of VARIANT, OBJECT and ARRAY: what INSERT checks beforehand.

Source: docs.snowflake.com/en/sql-reference/data-type-conversion
"""

from __future__ import annotations

from sqlglot import exp

from snowmelt.base.datatypes import DataType, Kind
from snowmelt.base.errors import SqlError
from snowmelt.sql.rewrite.context import Resolver
from snowmelt.sql.typing import type_of

ASSIGNED = "snowmelt_assigned"
"""Meta key on a cast: the column that its value is written into, with its type."""


def assignments(tree: exp.Expr, resolver: Resolver) -> exp.Expr:
    """Refuse text for such a column; what is of its kind already needs no cast.

    Raises:
        SqlError: 002023 for text.
    """
    for cast in list(tree.find_all(exp.Cast)):
        assigned: tuple[str, DataType] | None = cast.meta.get(ASSIGNED)
        found = type_of(cast.this)
        if assigned is None or found is None:
            continue
        name, wanted = assigned
        if found.kind is Kind.TEXT:
            raise other_type(name, wanted, found)
        if found.kind is wanted.kind:
            cast.replace(cast.this)
    return tree


def other_type(name: str, wanted: DataType, found: DataType) -> SqlError:
    """The error of a value that a column does not take (002023)."""
    return SqlError(
        "SQL compilation error:\nExpression type does not match column data type, expecting "
        f"{wanted.sql} but got {found.sql} for column {name}",
        2023,
        "22000",
    )
