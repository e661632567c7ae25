"""A result's rows in the Arrow layout of Snowflake's wire, column-wise.

Numbers become integers, unscaled where they have a scale; times become integers or
structs of them; semi-structured values become JSON text. The types are decided over the whole result, not per chunk,
because the connector joins chunks by their schema.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache

from snowmelt.base.datatypes import DataType, Kind
from snowmelt.base.late import compute as pc
from snowmelt.base.late import pyarrow as pa
from snowmelt.base.result import Column
from snowmelt.base.zoned import zoned_moments
from snowmelt.server.jsontext import indented, render
from snowmelt.server.nested import nested, nested_type
from snowmelt.server.rowtype import field_metadata, scale_of, tz_has_fraction

_INTEGERS = (("int8", 1 << 7), ("int16", 1 << 15), ("int32", 1 << 31))
_MOST = 10**18
"""More digits than any number of 64 bits has."""
_UNITS = {"s": 0, "ms": 3, "us": 6, "ns": 9}
_UTC_OFFSET = 1440
"""Minutes added to a time zone's offset, so that it is never negative."""


def wire_schema(columns: tuple[Column, ...], table: pa.Table) -> pa.Schema:
    """The layout of all of a result's pieces: the names of `columns`, the types that hold every value of `table`, and
    field metadata for the connector.
    """
    fields = []
    for column, values in zip(columns, table.columns, strict=True):
        fields.append(_field(column, _type_of(values, column.type)))
    return pa.schema(fields)


@lru_cache(maxsize=4096)
def _field(column: Column, wire_type: pa.DataType) -> pa.Field:
    metadata = field_metadata(column.type)
    if column.type.parts is not None:
        metadata["logicalType"] = column.type.wire
    return pa.field(column.name, wire_type, column.nullable, metadata)


def wire_table(columns: tuple[Column, ...], table: pa.Table, schema: pa.Schema | None = None) -> pa.Table:
    """`table`, or a piece of the one that `schema` was made for, in wire layout."""
    schema = schema or wire_schema(columns, table)
    pairs = zip(columns, schema.types, table.columns, strict=True)
    return pa.Table.from_arrays([wire_column(values, c.type, target) for c, target, values in pairs], schema=schema)


def wire_column(values: pa.ChunkedArray, data_type: DataType, target: pa.DataType | None = None) -> pa.ChunkedArray:
    """One column in wire layout, from any Arrow type that can stand for `data_type`."""
    values = _plain_values(values)
    target = target or _type_of(values, data_type)
    if data_type.parts is not None:
        return pa.chunked_array([nested(chunk.cast(pa.string()), data_type) for chunk in values.chunks], target)
    if data_type.kind is not Kind.FIXED:
        convert = _CONVERTERS[data_type.kind][1]
        return pa.chunked_array([convert(chunk, data_type) for chunk in values.chunks], target)
    if pa.types.is_decimal(target):
        return values.cast(target)
    return pa.chunked_array([_as_int64(chunk, data_type).cast(target) for chunk in values.chunks], target)


def _type_of(values: pa.ChunkedArray, data_type: DataType) -> pa.DataType:
    """The Arrow type in which a column travels."""
    if data_type.parts is not None:
        return nested_type(data_type)
    if data_type.kind is Kind.FIXED:
        return _number_type(_plain_values(values), data_type)
    return _CONVERTERS[data_type.kind][0](data_type)


def _plain_values(values: pa.ChunkedArray) -> pa.ChunkedArray:
    if pa.types.is_dictionary(values.type):
        values = values.cast(values.type.value_type)
    if isinstance(values.type, pa.BaseExtensionType):
        values = pa.chunked_array([chunk.storage for chunk in values.chunks], values.type.storage_type)
    return values


# --- numbers ---------------------------------------------------------------------------------------------------------


def _number_type(values: pa.ChunkedArray, data_type: DataType) -> pa.DataType:
    """The integer that the declared digits need, since clients make columns of it; of numbers with a scale, of which
    they do not, the smallest that holds all unscaled values. Decimals where 64 bits are too few.
    """
    low, high = 0, 0
    for chunk in values.chunks:
        try:
            bounds = pc.min_max(_as_int64(chunk, data_type)).as_py()
        except pa.ArrowInvalid:
            return pa.decimal128(38, scale_of(data_type))
        if bounds["min"] is not None:
            low, high = min(low, bounds["min"]), max(high, bounds["max"])
    if not data_type.scale:
        digits = data_type.precision or 38
        if digits > 18 and not -_MOST < low <= high < _MOST:
            return pa.decimal128(38, 0)
        low, high = min(low, 1 - 10 ** min(digits, 18)), max(high, 10 ** min(digits, 18) - 1)
    return pa.type_for_alias(next((name for name, bound in _INTEGERS if -bound <= low and high < bound), "int64"))


def _as_int64(values: pa.Array, data_type: DataType) -> pa.Array:
    """The unscaled values.

    Raises:
        pa.ArrowInvalid: one of them is too large.
    """
    scale = scale_of(data_type)
    if pa.types.is_boolean(values.type):
        values = values.cast(pa.int8())
    elif not pa.types.is_integer(values.type) or scale > 0:
        if not pa.types.is_decimal128(values.type) or values.type.scale != scale:
            values = values.cast(pa.decimal128(38, scale))
        if scale > 0:
            values = _unscaled(values)
    return values.cast(pa.int64())


def _unscaled(decimals: pa.Array) -> pa.Array:
    """The same 128-bit values read with a scale of zero; copies nothing."""
    return pa.Array.from_buffers(
        pa.decimal128(38, 0), len(decimals), decimals.buffers(), decimals.null_count, decimals.offset
    )


# --- times -----------------------------------------------------------------------------------------------------------


def _rescaled(ticks: pa.Array, digits: int, scale: int) -> pa.Array:
    """Counts of 10^-digits seconds as counts of 10^-scale seconds, rounded down."""
    if digits <= scale:
        return pc.multiply(ticks, 10 ** (scale - digits)) if digits < scale else ticks
    return _floor_division(ticks, 10 ** (digits - scale))[0]


def _floor_division(ticks: pa.Array, divisor: int) -> tuple[pa.Array, pa.Array]:
    """Quotient and remainder with the remainder never negative (Arrow's own division rounds towards zero)."""
    quotient = pc.divide(ticks, divisor)
    remainder = pc.subtract(ticks, pc.multiply(quotient, divisor))
    negative = pc.less(remainder, 0)
    return pc.subtract(quotient, negative.cast(pa.int64())), pc.if_else(negative, pc.add(remainder, divisor), remainder)


def _ticks(array: pa.Array) -> tuple[pa.Array, int]:
    """Times as 64-bit counts, and how many digits of a second one count stands for."""
    kind = array.type
    if pa.types.is_null(kind) or pa.types.is_date(kind) or not pa.types.is_temporal(kind):
        array = array.cast(pa.timestamp("us"))
    elif pa.types.is_time32(kind):
        return array.cast(pa.int32()).cast(pa.int64()), _UNITS[kind.unit]
    return array.cast(pa.int64()), _UNITS[array.type.unit]


def _time(array: pa.Array, data_type: DataType) -> pa.Array:
    if pa.types.is_null(array.type):
        return array.cast(pa.int64())
    return _rescaled(*_ticks(array), scale_of(data_type))


def _timestamp(array: pa.Array, data_type: DataType) -> pa.Array:
    """Up to 6 digits one integer; above, seconds and nanoseconds, since int64 nanoseconds end in the year 2262."""
    ticks, digits = _ticks(array)
    if scale_of(data_type) <= 6:
        return _rescaled(ticks, digits, scale_of(data_type))
    return _struct(_epoch_and_fraction(ticks, digits, scale_of(data_type)), data_type)


def _timestamp_tz(array: pa.Array, data_type: DataType) -> pa.Array:
    if pa.types.is_interval(array.type):
        moments, zone = zoned_moments(array)
        ticks, digits = _ticks(moments)
    else:
        ticks, digits = _ticks(array)
        zone = _offset_minutes(array)
    scale = scale_of(data_type)
    if tz_has_fraction(data_type):
        return _struct([*_epoch_and_fraction(ticks, digits, scale), zone], data_type)
    return _struct([_rescaled(ticks, digits, scale), zone], data_type)


def _epoch_and_fraction(ticks: pa.Array, digits: int, scale: int) -> list[pa.Array]:
    """Whole seconds and nanoseconds, the latter cut to `scale` digits."""
    epoch, rest = _floor_division(ticks, 10**digits)
    kept = _rescaled(rest, digits, min(digits, scale))
    return [epoch, pc.multiply(kept, 10 ** (9 - min(digits, scale))).cast(pa.int32())]


def _offset_minutes(array: pa.Array) -> pa.Array:
    """Each value's offset from UTC in the array's own time zone, as the wire counts it."""
    zone = getattr(array.type, "tz", None)
    if zone in (None, "UTC", "+00:00", "Z"):
        return pa.array([_UTC_OFFSET] * len(array), pa.int32()) if len(array) < 64 else _constant_offset(len(array))
    local = pc.local_timestamp(array).cast(pa.int64())
    difference = pc.subtract(local, array.cast(pa.int64()))
    minutes = _floor_division(difference, 60 * 10 ** _UNITS[array.type.unit])[0]
    return pc.add(minutes, _UTC_OFFSET).cast(pa.int32())


def _constant_offset(length: int) -> pa.Array:
    return pa.repeat(pa.scalar(_UTC_OFFSET, pa.int32()), length)


def _timestamp_type(data_type: DataType) -> pa.DataType:
    if data_type.kind is not Kind.TIMESTAMP_TZ:
        if scale_of(data_type) <= 6:
            return pa.int64()
        return pa.struct([("epoch", pa.int64()), ("fraction", pa.int32())])
    zone = [("timezone", pa.int32())]
    if tz_has_fraction(data_type):
        return pa.struct([("epoch", pa.int64()), ("fraction", pa.int32()), *zone])
    return pa.struct([("epoch", pa.int64()), *zone])


def _struct(children: list[pa.Array], data_type: DataType) -> pa.Array:
    fields = list(_timestamp_type(data_type))
    return pa.StructArray.from_arrays(children, fields=fields, mask=pc.is_null(children[0]))


# --- the rest --------------------------------------------------------------------------------------------------------


def _date(array: pa.Array, _: DataType) -> pa.Array:
    return array.cast(pa.date32(), safe=False)


def _real(array: pa.Array, _: DataType) -> pa.Array:
    return array.cast(pa.float64(), safe=False)


def _semi_structured(array: pa.Array, _: DataType) -> pa.Array:
    """Text is JSON already; anything else is rendered."""
    is_text = pa.types.is_string(array.type) or pa.types.is_large_string(array.type)
    if is_text or pa.types.is_string_view(array.type):
        return indented(array.cast(pa.string()))
    return indented(render(array))


def _vector_type(data_type: DataType) -> pa.DataType:
    return pa.list_(pa.float32() if data_type.element is Kind.REAL else pa.int32(), data_type.length or 0)


def _plain(array: pa.Array, data_type: DataType) -> pa.Array:
    target = _CONVERTERS[data_type.kind][0](data_type)
    return array if array.type == target else array.cast(target)


def _always(name: str) -> Callable[[DataType], pa.DataType]:
    return lambda _: pa.type_for_alias(name)


_CONVERTERS: dict[Kind, tuple[Callable[[DataType], pa.DataType], Callable[[pa.Array, DataType], pa.Array]]] = {
    Kind.REAL: (_always("float64"), _real),
    Kind.TEXT: (_always("string"), _plain),
    Kind.BOOLEAN: (_always("bool"), _plain),
    Kind.BINARY: (_always("binary"), _plain),
    Kind.DATE: (_always("date32"), _date),
    Kind.TIME: (_always("int64"), _time),
    Kind.TIMESTAMP_NTZ: (_timestamp_type, _timestamp),
    Kind.TIMESTAMP_LTZ: (_timestamp_type, _timestamp),
    Kind.TIMESTAMP_TZ: (_timestamp_type, _timestamp_tz),
    Kind.VARIANT: (_always("string"), _semi_structured),
    Kind.OBJECT: (_always("string"), _semi_structured),
    Kind.ARRAY: (_always("string"), _semi_structured),
    Kind.VECTOR: (_vector_type, lambda array, data_type: array.cast(_vector_type(data_type))),
}
