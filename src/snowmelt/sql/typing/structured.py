"""Structured types: what a cast names, and the types of what is taken out of their values.

Source: docs.snowflake.com/en/sql-reference/data-types-structured
"""

from __future__ import annotations

from sqlglot import exp

from snowmelt.base.datatypes import MAX_TEXT, VARIANT, DataType, Kind, parse_type
from snowmelt.base.errors import unsupported

NAMES = frozenset({exp.DType.ARRAY, exp.DType.OBJECT, exp.DType.MAP})
"""The parsed types that are structured when they name what they are made of."""


def parsed_type(node: exp.DataType) -> DataType:
    """The type that a parsed one names, structured or not.

    Raises:
        SqlError: 000002 for a type that is not supported, or not as a part of a structured one.
    """
    if node.this not in NAMES or not node.expressions:
        return parse_type(node.sql(dialect="snowflake"))
    if node.this is exp.DType.OBJECT:
        raise unsupported(f"data type {node.sql(dialect='snowflake')}")
    parts = tuple(_held(item) for item in node.expressions)
    if node.this is exp.DType.ARRAY and len(parts) == 1:
        return DataType(Kind.ARRAY, parts=parts)
    if node.this is exp.DType.MAP and len(parts) == 2 and parts[0].kind is Kind.TEXT:
        return DataType(Kind.OBJECT, parts=parts, is_map=True)
    raise unsupported(f"data type {node.sql(dialect='snowflake')}")


_HELD = frozenset({Kind.FIXED, Kind.REAL, Kind.TEXT, Kind.BOOLEAN, Kind.DATE, Kind.VARIANT, Kind.OBJECT, Kind.ARRAY})
"""What values of structured types may be here."""


def _held(node: exp.Expr) -> DataType:
    found = parsed_type(node) if isinstance(node, exp.DataType) else None
    if found is None or found.kind not in _HELD or (found.length or MAX_TEXT) < MAX_TEXT:
        raise unsupported(f"structured type of {node.sql(dialect='snowflake')}")
    return found


def taken(holder: DataType | None) -> DataType | None:
    """The type of the element or value in a value of a type."""
    if holder is None or holder.parts is None:
        return VARIANT
    return holder.parts[-1]
