"""Values of Arrow tables as Python's, and back."""

from __future__ import annotations

import json
from decimal import ROUND_HALF_UP, Context, Decimal
from typing import Any

import pyarrow as pa

from snowmelt.procs.jsontext import dumps


def python_values(column: pa.ChunkedArray, semi_structured: bool) -> list[Any]:
    """A column's values as handlers get them: whole numbers as int, semi-structured ones as what their JSON holds."""
    values: list[Any] = column.to_pylist()
    if semi_structured:
        return [None if value is None else json.loads(value) for value in values]
    if pa.types.is_decimal(column.type) and column.type.scale == 0:
        return [None if value is None else int(value) for value in values]
    return values


_WIDE = Context(prec=76, rounding=ROUND_HALF_UP)
"""Room for NUMBER(38, s), rounded as Snowflake rounds."""


def json_texts(values: list[Any]) -> list[Any]:
    """Semi-structured values as they travel: JSON text."""
    return [None if value is None else dumps(value) for value in values]


def result_array(values: list[Any], target: pa.DataType) -> pa.Array:
    """Values that a handler has given, as a column of type `target`."""
    if pa.types.is_decimal(target):
        unit = Decimal(1).scaleb(-target.scale)
        values = [None if value is None else Decimal(str(value)).quantize(unit, context=_WIDE) for value in values]
    elif pa.types.is_string(target):
        values = [
            value if value is None or isinstance(value, str) else json.dumps(value, default=str) for value in values
        ]
    elif pa.types.is_floating(target):
        values = [None if value is None else float(value) for value in values]
    return pa.array(values, type=target)


def is_missing(value: Any) -> bool:
    """Whether a value from a DataFrame stands for NULL."""
    if value is None or (isinstance(value, float) and value != value):
        return True
    return type(value).__name__ in ("NaTType", "NAType")  # known without pandas, which takes long to import


def frame_of(table: pa.Table) -> Any:
    """A pandas DataFrame: whole numbers as int64 where they fit, others as float64."""
    columns = {}
    for name, column in zip(table.column_names, table.columns, strict=True):
        if pa.types.is_decimal(column.type):
            whole = column.type.scale == 0 and column.null_count == 0
            column = column.cast(pa.int64()) if whole and _fits(column) else column.cast(pa.float64())
        columns[name] = column
    return pa.table(columns).to_pandas()


def _fits(column: pa.ChunkedArray) -> bool:
    try:
        column.cast(pa.int64())
    except pa.ArrowInvalid:
        return False
    return True
