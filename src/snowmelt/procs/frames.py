"""A model's methods on pandas DataFrames, and their results as Arrow structs."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pandas as pd
import pyarrow as pa

FrameMethod = Callable[[pd.DataFrame], pd.DataFrame]


def direct(handler: Callable[..., Any]) -> FrameMethod | None:
    """The model's own method beneath the function that snowflake-ml generated, or None when it has other parts."""
    parts = getattr(handler, "__globals__", {})
    runner, columns, dtypes = (parts.get(name) for name in ("runner", "input_cols", "dtype_map"))
    if not callable(runner) or not isinstance(columns, list) or not isinstance(dtypes, dict) or parts.get("param_cols"):
        return None

    def method(frame: pd.DataFrame) -> pd.DataFrame:
        frame.columns = pd.Index(columns)
        result = runner(frame.astype(dtypes))
        assert isinstance(result, pd.DataFrame)
        return result

    return method


def generated(handler: Callable[..., Any]) -> FrameMethod:
    """The function as it is: it returns a dict for each row, or one value for each row."""

    def method(frame: pd.DataFrame) -> pd.DataFrame:
        result = handler(frame)
        if isinstance(result, pd.DataFrame):
            return result
        if isinstance(result, pd.Series):
            return result.to_frame()
        return pd.DataFrame(result)

    return method


def struct_array(frame: pd.DataFrame, target: pa.StructType) -> pa.Array:
    """The columns that `target` names, in its types; a missing number (NaN) is NULL.

    Raises:
        KeyError: the model did not return one of its declared outputs.
    """
    single = len(target) == 1 and frame.shape[1] == 1
    arrays = []
    for i in range(len(target)):
        field = target.field(i)
        column = frame.iloc[:, 0] if single else frame[field.name]
        arrays.append(_array(column, field.type))
    return pa.StructArray.from_arrays(arrays, fields=list(target))


def _array(column: pd.Series[Any], target: pa.DataType) -> pa.Array:
    if pa.types.is_string(target) and column.dtype == object:
        # Lists and dicts stand for ARRAY and OBJECT, which travel as JSON text.
        texts = [_text(value) for value in column]
        return pa.array(texts, type=target)
    return pa.array(column, from_pandas=True).cast(target)


def _text(value: Any) -> str | None:
    if isinstance(value, str):
        return value
    if value is None or value is pd.NA or (isinstance(value, float) and value != value):
        return None
    return json.dumps(value, default=_plain)


def _plain(value: Any) -> Any:
    return value.tolist() if hasattr(value, "tolist") else str(value)
