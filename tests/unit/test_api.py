"""`snowmelt.connect` and `snowmelt.session`, in processes of their own: servers there end with the process."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

import snowmelt


def run(program: str, *arguments: str) -> list[str]:
    """The lines that a program prints; it must end well, in time, and say nothing on standard error."""
    command = [sys.executable, "-W", "ignore", "-c", program, *arguments]
    done = subprocess.run(command, env=dict(os.environ), capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout.splitlines()


def test_the_package_is_cheap_to_import() -> None:
    program = "import snowmelt, sys; print([name for name in ('duckdb', 'sqlglot', 'pyarrow') if name in sys.modules])"
    assert run(program) == ["[]"]


def test_genuine_objects_on_one_server() -> None:
    program = """
import snowflake.connector, snowmelt
connection = snowmelt.connect(database="demo", schema="raw")
print(type(connection) is snowflake.connector.SnowflakeConnection)
connection.cursor().execute("CREATE TABLE t AS SELECT 42 AS n")
session = snowmelt.session(database="demo", schema="raw")
from snowflake.snowpark import Session
print(isinstance(session, Session), session.table("t").collect())
"""
    # Neither is closed: the process must end all the same.
    assert run(program) == ["True", "True [Row(N=42)]"]


def test_a_data_directory_lasts(tmp_path: Path) -> None:
    write = "import snowmelt, sys\nwith snowmelt.connect(data=sys.argv[1], database='d') as c:\n    "
    run(write + "c.cursor().execute('CREATE TABLE t AS SELECT 7 AS n')", str(tmp_path))
    assert run(write + "print(c.cursor().execute('SELECT n FROM t').fetchall())", str(tmp_path)) == ["[(7,)]"]


def test_stop_ends_a_server_and_connect_begins_another(tmp_path: Path) -> None:
    program = """
import snowmelt
for _ in range(2):
    with snowmelt.connect(database="d") as connection:
        print(connection.cursor().execute("SHOW TABLES").fetchall())
        connection.cursor().execute("CREATE TABLE t (n NUMBER)")
    snowmelt.stop()
"""
    assert run(program) == ["[]", "[]"]


def test_the_room_of_sessions_does_not_hide_the_function() -> None:
    import snowmelt.session.core

    assert callable(snowmelt.session)


def test_unknown_names_are_unknown() -> None:
    with pytest.raises(AttributeError, match="nothing"):
        _ = snowmelt.nothing
