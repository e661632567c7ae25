"""A model method's DataFrame as an Arrow struct."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from snowmelt.procs import frames


def struct(frame: pd.DataFrame, **fields: pa.DataType) -> list[dict[str, object]]:
    target = pa.struct([pa.field(name, kind) for name, kind in fields.items()])
    values: list[dict[str, object]] = frames.struct_array(frame, target).to_pylist()
    return values


def test_columns_are_taken_by_name_and_cast() -> None:
    frame = pd.DataFrame({"b": np.array([1, 2], "int8"), "unused": ["x", "y"], "a": np.array([0.5, 1.5], "float32")})
    assert struct(frame, a=pa.float64(), b=pa.int64()) == [{"a": 0.5, "b": 1}, {"a": 1.5, "b": 2}]


def test_one_output_is_taken_whatever_its_name() -> None:
    assert struct(pd.DataFrame({0: [1.0]}), output_feature_0=pa.float64()) == [{"output_feature_0": 1.0}]


def test_a_missing_number_is_null() -> None:
    frame = pd.DataFrame({"x": [1.0, np.nan], "n": [2.0, np.nan]})
    assert struct(frame, x=pa.float64(), n=pa.int64()) == [{"x": 1.0, "n": 2}, {"x": None, "n": None}]


@pytest.mark.parametrize("missing", [None, float("nan"), np.nan, pd.NA])
def test_a_missing_text_is_null(missing: object) -> None:
    frame = pd.DataFrame({"label": pd.Series(["yes", missing], dtype=object)})
    assert struct(frame, label=pa.string()) == [{"label": "yes"}, {"label": None}]


def test_lists_arrays_and_dicts_become_json_text() -> None:
    frame = pd.DataFrame({"v": pd.Series([[1, 2], np.array([0.5]), {"k": np.int64(3)}], dtype=object)})
    texts = [row["v"] for row in struct(frame, v=pa.string())]
    assert [json.loads(str(text)) for text in texts] == [[1, 2], [0.5], {"k": 3}]


def test_a_missing_output_is_named() -> None:
    with pytest.raises(KeyError, match="b"):
        struct(pd.DataFrame({"a": [1.0], "c": [1.0]}), a=pa.float64(), b=pa.float64())


def test_a_number_that_does_not_fit_its_type_is_refused() -> None:
    with pytest.raises(pa.ArrowInvalid):
        struct(pd.DataFrame({"n": [1.5]}), n=pa.int64())


def test_a_handler_without_the_generated_parts_is_not_taken_apart() -> None:
    assert frames.direct(lambda frame: frame) is None


@pytest.mark.parametrize(
    "result",
    [pd.DataFrame({"y": [1.0]}), pd.Series([1.0], name="y"), [{"y": 1.0}], {"y": [1.0]}],
    ids=["frame", "series", "records", "columns"],
)
def test_a_generated_method_gives_a_frame(result: object) -> None:
    made = frames.generated(lambda frame: result)(pd.DataFrame())
    assert made.to_dict("records") == [{"y": 1.0}]
