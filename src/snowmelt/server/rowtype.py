"""Column metadata on the wire: the JSON `rowtype` and the metadata of Arrow fields."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from snowmelt.base.datatypes import FLOAT, MAX_BINARY, MAX_TEXT, NUMBER, DataType, Kind
from snowmelt.base.result import Column

_BYTE_LENGTH = {
    Kind.FIXED: 16,
    Kind.REAL: 8,
    Kind.BOOLEAN: 1,
    Kind.DATE: 4,
    Kind.TIME: 8,
    Kind.TIMESTAMP_NTZ: 16,
    Kind.TIMESTAMP_LTZ: 16,
    Kind.TIMESTAMP_TZ: 16,
}

WITH_SCALE = frozenset({Kind.FIXED, Kind.TIME, Kind.TIMESTAMP_NTZ, Kind.TIMESTAMP_LTZ, Kind.TIMESTAMP_TZ})


def scale_of(data_type: DataType) -> int:
    """Digits after the point: of a number (0 by default) or of a second (9 by default)."""
    if data_type.scale is not None:
        return data_type.scale
    return 0 if data_type.kind is Kind.FIXED else 9


def precision_of(data_type: DataType) -> int:
    """Digits of a number; for times always 0, as Snowflake says."""
    return (data_type.precision or 38) if data_type.kind is Kind.FIXED else 0


def tz_has_fraction(data_type: DataType) -> bool:
    """Whether a TIMESTAMP_TZ travels as (epoch, fraction, timezone) and not as (epoch, timezone)."""
    return scale_of(data_type) > 3


@lru_cache(maxsize=4096)
def _shape(data_type: DataType) -> tuple[int | None, int | None, int | None, int | None]:
    """(precision, scale, length, byteLength) as `rowtype` shows them."""
    if data_type.kind in WITH_SCALE:
        return precision_of(data_type), scale_of(data_type), None, None
    if data_type.kind is Kind.TEXT:
        length = data_type.length or MAX_TEXT
        return None, None, length, min(4 * length, MAX_TEXT)
    if data_type.kind is Kind.BINARY:
        length = data_type.length or MAX_BINARY
        return None, None, length, length
    return None, None, None, None


def describe(column: Column) -> dict[str, Any]:
    """One entry of `rowtype`."""
    precision, scale, length, byte_length = _shape(column.type)
    described: dict[str, Any] = {
        "name": column.name,
        "database": "",
        "schema": "",
        "table": "",
        "nullable": column.nullable,
        "type": column.type.wire.lower(),
        "precision": precision,
        "scale": scale,
        "length": length,
        "byteLength": byte_length,
        "collation": None,
    }
    if column.type.kind is Kind.VECTOR:
        element = FLOAT if column.type.element is Kind.REAL else NUMBER
        described |= {"vectorDimension": column.type.length, "fields": [describe(Column("", element))]}
    elif column.type.parts is not None:
        described["fields"] = [describe(field) for field in fields_of(column.type)]
    return described


def fields_of(data_type: DataType) -> tuple[Column, ...]:
    """The elements, keys or values of a structured type as columns; the keys of a MAP are never null."""
    parts = data_type.parts or ()
    names = data_type.names or ("",) * len(parts)
    never = (*data_type.not_null, *((0,) if data_type.is_map else ()))
    return tuple(
        Column(name, part, nullable=position not in never)
        for position, (name, part) in enumerate(zip(names, parts, strict=True))
    )


@lru_cache(maxsize=4096)
def _field_metadata(data_type: DataType) -> tuple[tuple[str, str], ...]:
    kind = data_type.kind
    _, _, length, byte_length = _shape(data_type)
    if kind is Kind.TIMESTAMP_TZ and not tz_has_fraction(data_type):
        byte_length = 8
    return (
        ("logicalType", kind.value),
        ("precision", str(precision_of(data_type) if kind in WITH_SCALE else 38)),
        ("scale", str(scale_of(data_type) if kind in WITH_SCALE else 0)),
        ("charLength", str(length or 0)),
        ("byteLength", str(byte_length or _BYTE_LENGTH.get(kind, MAX_TEXT))),
        ("finalType", "T"),
    )


def field_metadata(data_type: DataType) -> dict[str, str]:
    """The metadata that the connector's Arrow reader needs on a field; for TIMESTAMP_TZ the byte length tells the
    two layouts apart."""
    return dict(_field_metadata(data_type))
