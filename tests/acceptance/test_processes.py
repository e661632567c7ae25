"""`snowmelt serve` as a process: one for each data directory, and its end."""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import snowflake.connector
from harness import Sql
from snowflake.connector import SnowflakeConnection

from snowmelt.base.settings import Settings
from snowmelt.testing.server import running_server

ROWS = "(SELECT SEQ4() AS n FROM TABLE(GENERATOR(ROWCOUNT => 1000000)))"
ENDLESS = f"SELECT COUNT(*) FROM {ROWS} a, {ROWS} b WHERE HASH(a.n + b.n) = 1"


class Process:
    """A server process on a data directory."""

    def __init__(self, data: Path, port: int = 0) -> None:
        command = [sys.executable, "-m", "snowmelt", "serve", "--data", str(data), "--port", str(port)]
        self.popen = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)

    def connect(self, data: Path) -> SnowflakeConnection:
        assert self.popen.stdout is not None
        port = self.popen.stdout.readline().partition("127.0.0.1:")[2].split()[0]
        return snowflake.connector.connect(
            account="SNOWMELT",
            host="127.0.0.1",
            port=int(port),
            protocol="http",
            user="SNOWMELT",
            password=(data / "password").read_text(),
            platform_detection_timeout_seconds=0.0,
        )

    def end(self) -> tuple[int, str]:
        """Its exit code and what it has printed since."""
        printed, _ = self.popen.communicate(timeout=60)
        return self.popen.returncode, printed


@pytest.fixture
def data(tmp_path: Path) -> Iterator[Path]:
    yield tmp_path / "data"


def test_one_process_for_each_directory(data: Path) -> None:
    with running_server(Settings(data=data, port=0)) as server:
        code, printed = Process(data).end()
        assert code == 1
        assert "in use by another Snowmelt process" in printed
        assert "Traceback" not in printed
        code, printed = Process(data.with_name("other"), server.address.port).end()
        assert code == 1
        assert "The server cannot run on 127.0.0.1" in printed
        assert "Traceback" not in printed
        assert (data / "password").stat().st_mode & 0o077 == 0


def test_sigterm(data: Path) -> None:
    process = Process(data)
    connection = process.connect(data)
    sql = Sql(connection)
    sql("CREATE DATABASE d")
    sql("CREATE TABLE d.public.t (n NUMBER)")
    sql("INSERT INTO d.public.t VALUES (1)")
    sql("BEGIN")
    sql("INSERT INTO d.public.t VALUES (2)")
    endless = sql.cursor.execute_async(ENDLESS)["queryId"]
    assert connection.is_still_running(connection.get_query_status(endless))
    process.popen.send_signal(signal.SIGTERM)
    code, printed = process.end()
    assert (code, "Traceback" in printed) == (0, False)
    with running_server(Settings(data=data, port=0)) as server:
        with snowflake.connector.connect(**server.parameters) as again:
            assert Sql(again)("SELECT * FROM d.public.t") == [(1,)]
        # So that the first connection has someone to say goodbye to.
        connection._rest = None
        with pytest.raises(OSError), socket.create_connection(("127.0.0.1", connection.port), 1):
            pass


def test_running_statements_get_a_moment(data: Path) -> None:
    """The INSERT has begun when the server is told to stop, and is done when it has stopped."""
    with running_server(Settings(data=data, port=0)) as server:
        connection = snowflake.connector.connect(**server.parameters)
        sql = Sql(connection)
        sql("CREATE DATABASE d")
        sql("CREATE TABLE d.public.t (n NUMBER)")
        rows = "(SELECT SEQ4() AS n FROM TABLE(GENERATOR(ROWCOUNT => 4000000)))"
        insert = f"INSERT INTO d.public.t SELECT COUNT(*) FROM {rows} WHERE HASH(n) <> 1"
        started = sql.cursor.execute_async(insert)["queryId"]
        assert connection.is_still_running(connection.get_query_status(started))
        # Its end would be an abort of what it has started.
        connection._rest = None
    with running_server(Settings(data=data, port=0)) as server:  # noqa: SIM117
        with snowflake.connector.connect(**server.parameters) as again:
            assert Sql(again)("SELECT COUNT(*) FROM d.public.t") == [(1,)]
