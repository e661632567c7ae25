"""Snowpark's own integration tests against Snowmelt: ``python -m tests.external.snowpark CHECKOUT [FILE ...]``.

CHECKOUT is a checkout of snowflakedb/snowpark-python, of which nothing is changed. Prints passed and failed by file,
and the most frequent reasons of failures.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from benchmarks.process import snowmelt_server
from tests.external.report import reasons, show

FILES = (
    *("scala/test_column_suite.py", "scala/test_complex_dataframe_suite.py", "scala/test_dataframe_aggregate_suite.py"),
    *("scala/test_dataframe_copy_into.py", "scala/test_dataframe_join_suite.py", "scala/test_dataframe_range_suite.py"),
    *("scala/test_dataframe_reader_suite.py", "scala/test_dataframe_set_operations_suite.py"),
    *("scala/test_dataframe_suite.py", "scala/test_dataframe_writer_suite.py", "scala/test_datatype_suite.py"),
    *("scala/test_file_operation_suite.py", "scala/test_function_suite.py", "scala/test_literal_suite.py"),
    *("scala/test_query_tag_suite.py", "scala/test_result_attributes_suite.py", "scala/test_result_schema_suite.py"),
    *("scala/test_session_suite.py", "scala/test_snowflake_plan_suite.py", "scala/test_sql_suite.py"),
    *("scala/test_table_function_suite.py", "scala/test_table_suite.py", "scala/test_update_delete_merge_suite.py"),
    *("scala/test_view_suite.py", "scala/test_window_frame_suite.py", "scala/test_window_spec_suite.py"),
    *("test_bind_variable.py", "test_column.py", "test_column_names.py", "test_context.py", "test_cte.py"),
    *("test_dataframe.py", "test_datatypes.py", "test_df_aggregate.py", "test_df_sort.py", "test_df_to_arrow.py"),
    *("test_df_to_pandas.py", "test_function.py", "test_pandas_to_df.py", "test_query_history.py", "test_session.py"),
    *("test_simplifier_suite.py", "test_sql_literal_escaping.py", "test_table_function.py"),
)
"""Tests on DataFrames, functions, types, tables, stages and transactions."""

_PARAMETERS = """CONNECTION_PARAMETERS = {parameters!r}
"""


def main(checkout: Path, files: tuple[str, ...]) -> int:
    """Run the files and print the report; the exit status tells only whether the suite could be run."""
    with tempfile.TemporaryDirectory() as name, snowmelt_server() as served:
        copy = Path(name) / "suite"
        shutil.copytree(checkout / "tests", copy / "tests")
        parameters = {key: value for key, value in served.parameters.items() if key != "session_parameters"}
        parameters |= {"database": "TESTDB", "schema": "PUBLIC", "warehouse": "TESTWH", "role": "ACCOUNTADMIN"}
        (copy / "tests" / "parameters.py").write_text(_PARAMETERS.format(parameters=parameters), encoding="utf-8")
        _prepare(served.parameters)
        for number, file in enumerate(files):
            one = copy / f"report{number}.xml"
            _run(copy, file, one)
            if one.exists():
                show(file, one)
        reasons(sorted(copy.glob("report*.xml")))
    return 0


def _prepare(parameters: dict[str, object]) -> None:
    import snowflake.connector

    with snowflake.connector.connect(**parameters) as connection:
        connection.cursor().execute("CREATE DATABASE TESTDB")
        # What the suite expects of times is written for an account that keeps Snowflake's default.
        connection.cursor().execute("ALTER ACCOUNT SET TIMEZONE = 'America/Los_Angeles'")


def _run(copy: Path, file: str, report: Path) -> None:
    here = Path(__file__).parents[2]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(copy), str(here), str(here / "src")])}
    command = [
        *(sys.executable, "-m", "pytest", f"tests/integ/{file}", "-q", "-p", "tests_external_setup"),
        *("-p", "no:cacheprovider", "--timeout=60", f"--junitxml={report}", "-o", "addopts=", "--no-header"),
        *("-m", "not udf and not xfail", "--tb=line", "--skip_sql_count_check"),
    ]
    shutil.copy(Path(__file__).with_name("setup_plugin.py"), copy / "tests_external_setup.py")
    (copy / "pytest.ini").write_text("[pytest]\n", encoding="utf-8")
    done = subprocess.run(command, cwd=copy, env=environment, timeout=3600, capture_output=True, text=True, check=False)
    if not report.exists():
        print(f"{file}: pytest ended with {done.returncode}\n{done.stdout[-2000:]}{done.stderr[-2000:]}")


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), tuple(sys.argv[2:]) or FILES))
