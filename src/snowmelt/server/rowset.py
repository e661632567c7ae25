"""A result's rows as Snowflake's JSON rowset: every value a string or null.

DML answers always travel like this; queries do when the client asks for JSON. Made from the wire's Arrow layout, so
that both forms agree.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from decimal import Decimal
from typing import Any

from snowmelt.base.datatypes import DataType, Kind
from snowmelt.base.late import pyarrow as pa
from snowmelt.base.result import Column
from snowmelt.server.rowtype import scale_of

Row = list[str | None]


def json_rows(columns: tuple[Column, ...], wire: pa.Table) -> list[Row]:
    """The rows of a table in wire layout (see `snowmelt.server.arrow`)."""
    texts = [_texts(values, column.type) for column, values in zip(columns, wire.columns, strict=True)]
    return [list(row) for row in zip(*texts, strict=True)]


def _texts(values: pa.ChunkedArray, data_type: DataType) -> list[str | None]:
    if data_type.kind is Kind.DATE:
        values = values.cast(pa.int32())
    text = _formatter(data_type)
    return [None if value is None else text(value) for value in values.to_pylist()]


def _formatter(data_type: DataType) -> Callable[[Any], str]:
    scale = scale_of(data_type)
    match data_type.kind:
        case Kind.FIXED if scale > 0:
            return lambda value: format(_scaled(value, scale), "f")
        case Kind.BOOLEAN:
            return lambda value: "1" if value else "0"
        case Kind.BINARY:
            return lambda value: value.hex().upper()
        case Kind.REAL:
            return repr
        case Kind.VECTOR:
            return json.dumps
        case Kind.TIME:
            return lambda value: _seconds(value, scale)
        case Kind.TIMESTAMP_NTZ | Kind.TIMESTAMP_LTZ:
            return lambda value: _seconds(_count(value, scale), scale)
        case Kind.TIMESTAMP_TZ:
            return lambda value: f"{_seconds(_count(value, scale), scale)} {value['timezone']}"
        case _:
            return str


def _scaled(value: int | Decimal, scale: int) -> Decimal:
    return value if isinstance(value, Decimal) else Decimal(value).scaleb(-scale)


def _count(value: int | dict[str, int], scale: int) -> int:
    """A timestamp in wire layout as a count of 10^-scale seconds."""
    if isinstance(value, int):
        return value
    epoch = value["epoch"]
    return epoch * 10**scale + value["fraction"] // 10 ** (9 - scale) if "fraction" in value else epoch


def _seconds(count: int, scale: int) -> str:
    if scale == 0:
        return str(count)
    sign, digits = ("-" if count < 0 else ""), str(abs(count)).rjust(scale + 1, "0")
    return f"{sign}{digits[:-scale]}.{digits[-scale:]}"
