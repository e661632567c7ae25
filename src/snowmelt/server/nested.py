"""Values of structured types as nested Arrow arrays, and what clients are told of structured types at all.

The engine keeps such values as JSON text. Clients get that, under the semi-structured types, unless the session asks
for more: they are told the types with ENABLE_STRUCTURED_TYPES_IN_CLIENT_RESPONSE, and get lists, maps and structs with
ENABLE_STRUCTURED_TYPES_NATIVE_ARROW_FORMAT as well.

Source: docs.snowflake.com/en/sql-reference/data-types-structured
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

from snowmelt.base.datatypes import DataType, Kind
from snowmelt.base.late import pyarrow as pa
from snowmelt.base.result import Column
from snowmelt.server.rowtype import field_metadata, fields_of, scale_of

TOLD = "ENABLE_STRUCTURED_TYPES_IN_CLIENT_RESPONSE"
NATIVE = ("ENABLE_STRUCTURED_TYPES_NATIVE_ARROW_FORMAT", "FORCE_ENABLE_STRUCTURED_TYPES_NATIVE_ARROW_FORMAT")

_INT64_DIGITS = 18
_MICROSECONDS = 6
"""Digits of a second that the engine keeps."""


def told(columns: tuple[Column, ...], parameters: Mapping[str, Any]) -> tuple[Column, ...]:
    """The columns as `rowtype` describes them in a session with these parameters."""
    return columns if parameters.get(TOLD) else _plain(columns)


def sent(columns: tuple[Column, ...], parameters: Mapping[str, Any], *, as_json: bool) -> tuple[Column, ...]:
    """The columns as their values travel: those of structured types that are left are nested arrays."""
    native = parameters.get(TOLD) and any(parameters.get(name) for name in NATIVE) and not as_json
    return columns if native else _plain(columns)


def _plain(columns: tuple[Column, ...]) -> tuple[Column, ...]:
    if all(column.type.parts is None for column in columns):
        return columns
    return tuple(replace(column, type=_loose(column.type)) for column in columns)


def _loose(data_type: DataType) -> DataType:
    return data_type if data_type.parts is None else DataType(data_type.kind)


def nested_type(data_type: DataType) -> pa.DataType:
    """The Arrow type in which values of a structured type travel, or a part of one."""
    if data_type.parts is None:
        return _scalar_type(data_type)
    fields = [
        pa.field(column.name, nested_type(column.type), column.nullable, _metadata(column.type))
        for column in fields_of(data_type)
    ]
    if data_type.is_map:
        key, item = fields[0].with_name("key"), fields[1].with_name("value")
        return pa.map_(key, item)
    if data_type.names is not None:
        return pa.struct(fields)
    return pa.list_(fields[0].with_name("element"))


def _metadata(data_type: DataType) -> dict[str, str]:
    return {**field_metadata(data_type), "logicalType": data_type.wire}


def _scalar_type(data_type: DataType) -> pa.DataType:
    match data_type.kind:
        case Kind.FIXED if (data_type.precision or 38) > _INT64_DIGITS:
            return pa.decimal128(38, data_type.scale or 0)
        case Kind.FIXED:
            return pa.int64()
        case Kind.REAL:
            return pa.float64()
        case Kind.BOOLEAN:
            return pa.bool_()
        case Kind.DATE:
            return pa.date32()
        case Kind.TIMESTAMP_NTZ if scale_of(data_type) > _MICROSECONDS:
            return pa.struct([("epoch", pa.int64()), ("fraction", pa.int32())])
        case Kind.TIME | Kind.TIMESTAMP_NTZ:
            return pa.int64()
        case _:
            return pa.string()


def nested(texts: pa.Array, data_type: DataType) -> pa.Array:
    """JSON texts of values of a structured type as an array of `nested_type`."""
    read = _reader(data_type)
    values = [None if text is None else read(_parsed(text)) for text in texts.to_pylist()]
    return pa.array(values, nested_type(data_type))


def _parsed(text: str) -> Any:
    return json.loads(text, parse_float=Decimal)


def _reader(data_type: DataType) -> Callable[[Any], Any]:
    """What makes the value that Arrow takes of parsed JSON; null stays null."""
    made = _of_parts(data_type) if data_type.parts is not None else _of_scalar(data_type)
    return lambda value: None if value is None else made(value)


def _of_parts(data_type: DataType) -> Callable[[Any], Any]:
    readers = [_reader(part) for part in data_type.parts or ()]
    if data_type.is_map:
        key, item = readers
        return lambda value: [(key(name), item(found)) for name, found in value.items()]
    if data_type.names is not None:
        named = list(zip(data_type.names, readers, strict=True))
        return lambda value: {name: read(value.get(name)) for name, read in named}
    return lambda value: [readers[0](found) for found in value]


def _of_scalar(data_type: DataType) -> Callable[[Any], Any]:
    match data_type.kind:
        case Kind.FIXED if (data_type.precision or 38) > _INT64_DIGITS:
            return Decimal
        case Kind.FIXED:
            # Unscaled, as numbers of that many digits travel.
            return lambda value: int(Decimal(value).scaleb(data_type.scale or 0))
        case Kind.REAL:
            return float
        case Kind.DATE:
            return date.fromisoformat
        case Kind.TIMESTAMP_NTZ:
            return lambda value: _moment(datetime.fromisoformat(value), scale_of(data_type))
        case Kind.TIME:
            return lambda value: _ticks(datetime.fromisoformat(f"1970-01-01 {value}"), scale_of(data_type))
        case Kind.VARIANT | Kind.OBJECT | Kind.ARRAY:
            return _written
        case _:
            return lambda value: value


_EPOCH = datetime(1970, 1, 1)


def _ticks(moment: datetime, scale: int) -> int:
    """Counts of 10^-scale seconds since 1970."""
    microseconds = (moment - _EPOCH) // timedelta(microseconds=1)
    return int(microseconds * 10**scale // 10**_MICROSECONDS)


def _moment(moment: datetime, scale: int) -> int | dict[str, int]:
    """A moment as one number, or with more than microseconds as seconds and nanoseconds."""
    if scale <= _MICROSECONDS:
        return _ticks(moment, scale)
    return {"epoch": _ticks(moment, 0), "fraction": moment.microsecond * 1000}


def _written(value: Any) -> str:
    """Parsed JSON as text, with the digits that numbers had."""
    if isinstance(value, Mapping):
        return "{" + ",".join(f"{json.dumps(key)}:{_written(item)}" for key, item in value.items()) + "}"
    if isinstance(value, Sequence) and not isinstance(value, str):
        return "[" + ",".join(_written(item) for item in value) + "]"
    return str(value) if isinstance(value, Decimal) else json.dumps(value, ensure_ascii=False)
