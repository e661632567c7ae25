"""Models' methods in resident workers, the pool being faked."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import pyarrow as pa
import pytest

from snowmelt.base.errors import SqlError
from snowmelt.procs.messages import FunctionSpec
from snowmelt.procs.pool import HandlerError, WorkerPool
from snowmelt.session.model_methods import WorkerMethods

RESULT = pa.struct([("y", pa.float64())])


class FakePool:
    """One resident function for all keys."""

    def __init__(self, function: Callable[[pa.Table], pa.Table]) -> None:
        self.asked: list[tuple[str, FunctionSpec]] = []
        self.forgotten: list[str] = []
        self._function = function

    def apply(self, rows: pa.Table, *, cancel: threading.Event | None = None) -> pa.Table:
        """What the function makes of the rows."""
        return self._function(rows)

    def resident(self, key: str, spec: FunctionSpec) -> Any:
        """The pool itself, whose `apply` is the function."""
        self.asked.append((key, spec))
        return self

    def forget(self, prefix: str) -> None:
        """Remembered only."""
        self.forgotten.append(prefix)


def methods_on(pool: FakePool) -> WorkerMethods:
    return WorkerMethods(cast(WorkerPool, pool))


def doubled(rows: pa.Table) -> pa.Table:
    """Twice the only column, in two chunks."""
    half = rows.num_rows // 2
    chunks = [pa.array([{"y": 2 * x} for x in part], RESULT) for part in _parts(rows.column(0).to_pylist(), half)]
    return pa.table({"result": pa.chunked_array(chunks)})


def _parts(values: list[float], at: int) -> tuple[list[float], list[float]]:
    return values[:at], values[at:]


def test_the_result_is_one_array_for_all_rows() -> None:
    rows = pa.table({"0": [1.0, 2.0, 3.0]})
    found = methods_on(FakePool(doubled)).apply("k", [], "functions.predict.infer", RESULT, rows)
    assert isinstance(found, pa.StructArray)
    assert found.to_pylist() == [{"y": 2.0}, {"y": 4.0}, {"y": 6.0}]


def test_the_handler_is_a_frame_method_found_in_the_versions_files() -> None:
    pool = FakePool(doubled)
    files = [Path("/data/model-1-a/MANIFEST.yml"), Path("/data/model-1-a/functions")]
    methods_on(pool).apply("model-1-a:PREDICT", files, "functions.predict.infer", RESULT, pa.table({"0": [1.0]}))
    ((key, spec),) = pool.asked
    assert key.endswith("model-1-a:PREDICT")
    assert (spec.kind, spec.result, spec.code.source) == ("frame", RESULT, None)
    assert spec.code.handler == "functions.predict.infer"
    assert spec.code.imports == ("/data/model-1-a/MANIFEST.yml", "/data/model-1-a/functions")


def test_the_same_prefix_loads_and_unloads() -> None:
    pool = FakePool(doubled)
    methods = methods_on(pool)
    methods.apply("model-1-a:PREDICT", [], "f.g", RESULT, pa.table({"0": [1.0]}))
    methods.forget("model-1-")
    ((key, _),) = pool.asked
    (prefix,) = pool.forgotten
    assert key.startswith(prefix)
    assert not "udf_1".startswith(prefix)


def test_a_failure_of_the_models_code_is_an_sql_error_with_the_traceback() -> None:
    def fail(rows: pa.Table) -> pa.Table:
        raise HandlerError("ValueError: feature AGE", 'Traceback:\n  File "predict.py"\nValueError: feature AGE\n')

    with pytest.raises(SqlError) as caught:
        methods_on(FakePool(fail)).apply("k", [], "functions.predict.infer", RESULT, pa.table({"0": [1.0]}))
    assert (caught.value.code, caught.value.sqlstate) == (100357, "P0000")
    assert str(caught.value) == (
        'Python Interpreter Error:\nTraceback:\n  File "predict.py"\nValueError: feature AGE\n'
        " in function functions.predict.infer"
    )
