"""Resident functions, in real workers: user-defined functions, model methods, their failures."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from procs_fakes import Functions, function

from snowmelt.procs import pool
from snowmelt.procs.messages import FunctionSpec, HandlerCode
from snowmelt.procs.pool import HandlerError

NUMBER = pa.decimal128(38, 0)


@pytest.fixture(scope="module")
def functions(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Functions]:
    made = Functions(tmp_path_factory.mktemp("functions"))
    yield made
    made.pool.close()


def traceback_of(functions: Functions, spec: FunctionSpec, *columns: Any) -> str:
    with pytest.raises(HandlerError) as caught:
        functions.apply(spec, *columns)
    return caught.value.traceback_text


# --- what a worker is made of ----------------------------------------------------------------------------------------


def test_a_worker_loads_nothing_of_the_engine(functions: Functions) -> None:
    source = """
        import json, sys
        def run(name):
            return json.dumps(sorted(m for m in sys.modules if m.split(".")[0] in ("duckdb", "sqlglot", "snowmelt")))
    """
    (text,) = functions.apply(function(source, pa.string()), ["x"])
    assert "snowmelt.procs.worker" in json.loads(text)
    rooms = {tuple(name.split(".")[:2]) for name in json.loads(text)}
    assert rooms == {("snowmelt",), ("snowmelt", "procs")}


def test_the_login_of_the_server_is_not_in_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SNOWMELT_PASSWORD", "not for handlers")
    made = Functions(tmp_path)
    source = "import os\ndef run(name):\n    return os.environ.get(name)"
    try:
        found = made.apply(function(source, pa.string()), ["SNOWMELT_PASSWORD", "PATH"])
    finally:
        made.pool.close()
    assert found == [None, os.environ["PATH"]]


def test_imports_are_found_as_modules_and_as_files(functions: Functions, tmp_path: Path) -> None:
    module = tmp_path / "tariff.py"
    module.write_text(
        "import sys\n"
        "def run(factor):\n"
        "    with open(sys._xoptions['snowflake_import_directory'] + 'factor.txt') as file:\n"
        "        return factor * float(file.read())\n"
    )
    (tmp_path / "factor.txt").write_text("2.5")
    imports = (str(module), str(tmp_path / "factor.txt"))
    spec = FunctionSpec(HandlerCode(None, "tariff.run", imports), "udf", pa.float64(), "F")
    assert functions.apply(spec, [2.0, 4.0]) == [5.0, 10.0]


def test_a_file_that_was_replaced_is_compiled_anew(functions: Functions, tmp_path: Path) -> None:
    """Python's own check looks at the size and at whole seconds only."""
    module = tmp_path / "rate.py"
    found = []
    for number in (1, 2, 2):
        module.write_text(f"def run(n):\n    return n * {number}.0\n")
        os.utime(module, ns=(0, 1_800_000_000_000_000_000 + number))
        spec = FunctionSpec(HandlerCode(None, "rate.run", (str(module),)), "udf", pa.float64(), "F")
        found += functions.apply(spec, [10.0])
    assert found == [10.0, 20.0, 20.0]


# --- scalar functions ------------------------------------------------------------------------------------------------


def test_a_scalar_function_is_called_for_each_row(functions: Functions) -> None:
    source = "def run(a, b):\n    return None if b is None else a * b"
    columns = (pa.array([Decimal(2), Decimal(3)], NUMBER), pa.array([Decimal(5), None], NUMBER))
    assert functions.apply(function(source, NUMBER), *columns) == [Decimal(10), None]


def test_whole_numbers_reach_the_handler_as_int(functions: Functions) -> None:
    source = "def run(a, b):\n    return f'{type(a).__name__} {type(b).__name__}'"
    columns = (pa.array([Decimal(2)], NUMBER), pa.array([Decimal("2.5")], pa.decimal128(10, 1)))
    assert functions.apply(function(source, pa.string()), *columns) == ["int Decimal"]


def test_a_strict_function_is_not_called_for_null(functions: Functions) -> None:
    source = "def run(a):\n    return f'called with {a}'"
    given = pa.array(["x", None], pa.string())
    assert functions.apply(function(source, pa.string()), given) == ["called with x", "called with None"]
    assert functions.apply(function(source, pa.string(), strict=True), given) == ["called with x", None]


def test_semi_structured_arguments_are_python_values_and_results_json_text(functions: Functions) -> None:
    source = "def run(v, text):\n    return None if v is None else {'sum': sum(v['xs']), 'text': text}"
    spec = function(source, pa.string(), semi_structured=frozenset({0}))
    given = pa.array(['{"xs": [1, 2]}', None], pa.string())
    first, second = functions.apply(spec, given, ["[1]", "[2]"])
    assert json.loads(first) == {"sum": 3, "text": "[1]"}
    assert second is None


def test_a_function_without_arguments_is_called_for_each_row(functions: Functions) -> None:
    spec = function("def run():\n    return 7", NUMBER, arguments=0)
    assert functions.apply(spec, [True, True, True]) == [Decimal(7)] * 3


def test_numbers_are_rounded_half_away_from_zero_to_the_declared_scale(functions: Functions) -> None:
    spec = function("def run(x):\n    return x", pa.decimal128(38, 2))
    assert functions.apply(spec, [0.125, -0.125, 1.0]) == [Decimal("0.13"), Decimal("-0.13"), Decimal("1.00")]


def test_numbers_of_38_digits_pass_unchanged(functions: Functions) -> None:
    widest = Decimal("9" * 38)
    spec = function("def run(x):\n    return x", NUMBER)
    assert functions.apply(spec, pa.array([widest], NUMBER)) == [widest]


# --- vectorized functions --------------------------------------------------------------------------------------------


def test_a_vectorized_function_gets_one_frame_with_numbered_columns(functions: Functions) -> None:
    source = """
        import pandas as pd
        from _snowflake import vectorized

        @vectorized(input=pd.DataFrame)
        def run(frame):
            assert list(frame.columns) == [0, 1]
            return frame[0] * 10 + frame[1] + len(frame)
    """
    columns = (pa.array([Decimal(1), Decimal(2)], NUMBER), [0.5, None])
    assert functions.apply(function(source, pa.float64()), *columns) == [12.5, None]


def test_a_vectorized_function_gets_semi_structured_arguments_as_python_values(functions: Functions) -> None:
    source = """
        import pandas as pd

        def run(frame):
            return frame[0].map(lambda value: value and value["n"]) + frame[1]
        run._sf_vectorized_input = pd.DataFrame
    """
    spec = function(source, pa.float64(), semi_structured=frozenset({0}))
    assert functions.apply(spec, pa.array(['{"n": 1}', None], pa.string()), [0.5, 0.5]) == [1.5, None]


def test_a_vectorized_function_without_arguments_gets_rows_but_no_columns(functions: Functions) -> None:
    source = """
        import pandas as pd

        def run(frame):
            return [frame.shape[1]] * len(frame)
        run._sf_vectorized_input = pd.DataFrame
    """
    assert functions.apply(function(source, NUMBER, arguments=0), [True, True]) == [Decimal(0)] * 2


@pytest.mark.parametrize("result", ["pd.Series(['a', None])", "np.array(['a', None], dtype=object)", "['a', None]"])
def test_a_vectorized_function_may_return_a_series_an_array_or_a_list(functions: Functions, result: str) -> None:
    source = f"""
        import numpy as np
        import pandas as pd

        def run(frame):
            return {result}
        run._sf_vectorized_input = pd.DataFrame
    """
    assert functions.apply(function(source, pa.string()), ["x", "y"]) == ["a", None]


# --- model methods ---------------------------------------------------------------------------------------------------

OUTPUT = pa.struct([pa.field("charge", pa.float64()), pa.field("note", pa.string())])


def test_a_generated_method_is_called_as_it_is(functions: Functions) -> None:
    source = """
        import pandas as pd

        def run(frame):
            return pd.DataFrame({"note": ["low", None], "charge": [1.5, float("nan")]}).to_dict("records")
    """
    spec = function(source, OUTPUT, kind="frame")
    assert functions.apply(spec, [1.0, 2.0]) == [{"charge": 1.5, "note": "low"}, {"charge": None, "note": None}]


def test_the_models_own_method_is_used_without_the_generated_dicts(functions: Functions) -> None:
    source = """
        import pandas as pd

        input_cols = ["AGE"]
        dtype_map = {"AGE": "float32"}

        def runner(frame):
            return pd.DataFrame({"charge": frame["AGE"] * 2.0, "note": [str(frame["AGE"].dtype)] * len(frame)})

        def run(frame):
            raise AssertionError("the dicts cost more than the prediction")
    """
    spec = function(source, OUTPUT, kind="frame")
    assert functions.apply(spec, pa.array([Decimal(2)], NUMBER)) == [{"charge": 4.0, "note": "float32"}]


def test_a_method_that_lacks_a_declared_output_fails(functions: Functions) -> None:
    source = "import pandas as pd\ndef run(frame):\n    return pd.DataFrame({'other': [1.0], 'charge': [1.0]})"
    assert "KeyError: 'note'" in traceback_of(functions, function(source, OUTPUT, kind="frame"), [1.0])


# --- failures --------------------------------------------------------------------------------------------------------


def test_a_traceback_begins_at_the_users_code_and_shows_its_lines(functions: Functions) -> None:
    source = """
        def ratio(a):
            return 1 / a  # the culprit

        def run(a):
            return ratio(a)
    """
    text = traceback_of(functions, function(source, pa.float64()), [0.0])
    lines = [line.strip() for line in text.splitlines()]
    assert lines[0] == "Traceback (most recent call last):"
    assert lines[1] == 'File "_udf_code.py", line 6, in run'
    assert "return ratio(a)" in lines
    assert "return 1 / a  # the culprit" in lines
    assert lines[-1] == "ZeroDivisionError: float division by zero"
    assert "worker.py" not in text


def test_code_that_does_not_load_is_a_handler_error(functions: Functions) -> None:
    text = traceback_of(functions, function("import no_such_module\n", pa.float64()), [0.0])
    assert 'File "_udf_code.py", line 1' in text
    assert "No module named 'no_such_module'" in text


def test_code_that_does_not_compile_is_a_handler_error(functions: Functions) -> None:
    assert "SyntaxError" in traceback_of(functions, function("def run(:\n", pa.float64()), [0.0])


def test_a_missing_handler_is_named(functions: Functions) -> None:
    spec = function("def another(x):\n    return x", pa.float64(), handler="run")
    with pytest.raises(HandlerError, match="Handler 'run' is not defined"):
        functions.apply(spec, [0.0])


@pytest.mark.parametrize("death", ["os._exit(3)", f"os.kill(os.getpid(), {int(signal.SIGKILL)})"])
def test_the_pool_outlives_a_handler_that_ends_its_process(functions: Functions, death: str) -> None:
    source = f"import os\ndef run(x):\n    return x if x > 0 else {death}"
    resident = functions.pool.resident("mortal", function(source, pa.float64()))
    with pytest.raises(HandlerError, match="ended unexpectedly"):
        resident.apply(pa.table({"0": [0.0]}))
    assert resident.apply(pa.table({"0": [1.0]})).column(0).to_pylist() == [1.0]
    functions.pool.forget("mortal")


def test_a_resident_function_keeps_its_state_until_it_is_forgotten(functions: Functions) -> None:
    spec = function("calls = []\ndef run(x):\n    calls.append(x)\n    return len(calls)", pa.float64())

    def applied() -> list[Any]:
        return functions.pool.resident("counter", spec).apply(pa.table({"0": [1.0, 1.0]})).column(0).to_pylist()

    assert applied() == [1.0, 2.0]
    assert applied() == [3.0, 4.0]
    functions.pool.forget("count")
    assert applied() == [1.0, 2.0]


def test_inline_code_has_its_own_future_statements(functions: Functions) -> None:
    source = "def typed(x: float) -> float: ...\ndef run(x):\n    return typed.__annotations__['x'] is float"
    assert functions.apply(function(source, pa.bool_()), [1.0]) == [True]


def test_a_large_table_is_shared_by_workers_and_comes_back_in_order(functions: Functions, monkeypatch: Any) -> None:
    monkeypatch.setattr(pool, "WIDTH", 3)
    spec = function("import os\ndef run(x):\n    return f'{int(x)} {os.getpid()}'", pa.string())
    count = 3 * pool._LARGE_ROWS + 1
    answers = [text.split() for text in functions.apply(spec, pa.array(range(count), pa.float64()))]
    assert [int(number) for number, _ in answers] == list(range(count))
    assert len({process for _, process in answers}) == 3


def test_a_failure_in_one_of_several_workers_is_told_and_the_next_table_goes_well(functions: Functions) -> None:
    resident = functions.pool.resident("shared", function("def run(x):\n    return 1 / x", pa.float64()))
    good = [1.0] * (2 * pool._LARGE_ROWS)
    with pytest.raises(HandlerError, match="ZeroDivisionError"):
        resident.apply(pa.table({"0": [*good[1:], 0.0]}))
    assert resident.apply(pa.table({"0": good})).column(0).to_pylist() == good
    functions.pool.forget("shared")
