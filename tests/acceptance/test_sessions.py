"""A session's life: tokens that expire and are renewed, heartbeats, the end; statements that are stopped or fetched
later; and that many sessions leave each other alone.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import snowflake.connector
from harness import Sql, poll
from snowflake.connector import SnowflakeConnection
from snowflake.connector.constants import QueryStatus
from snowflake.connector.errors import DatabaseError, ProgrammingError

from snowmelt.testing.clock import ManualClock
from snowmelt.testing.server import RunningServer, running_server

POLICIES = "https://docs.snowflake.com/en/user-guide/session-policies"
KEEP_ALIVE = "https://docs.snowflake.com/en/sql-reference/parameters#client-session-keep-alive"
API = "https://docs.snowflake.com/en/developer-guide/python-connector/python-connector-api"
ASYNC = "https://docs.snowflake.com/en/developer-guide/python-connector/python-connector-example#performing-an-asynchronous-query"
MULTI = "https://docs.snowflake.com/en/sql-reference/parameters#multi-statement-count"
HOUR = 3_600
ROWS = "(SELECT SEQ4() AS n FROM TABLE(GENERATOR(ROWCOUNT => 1000000)))"
ENDLESS = f"SELECT COUNT(*) FROM {ROWS} a, {ROWS} b WHERE HASH(a.n + b.n) = 1"
SLEEPER = """CREATE PROCEDURE sleeper() RETURNS VARCHAR LANGUAGE PYTHON RUNTIME_VERSION = '3.11'
PACKAGES = ('snowflake-snowpark-python') HANDLER = 'run' AS $$
import time
def run(session):
    session.sql("CREATE TABLE started (n NUMBER)").collect()
    time.sleep(60)
$$"""
LEAVES = f"""CREATE PROCEDURE leaves() RETURNS VARCHAR LANGUAGE PYTHON RUNTIME_VERSION = '3.11'
PACKAGES = ('snowflake-snowpark-python') HANDLER = 'run' AS $$
def run(session):
    return session.connection.cursor().execute_async('''INSERT INTO t {ENDLESS}''')["queryId"]
$$"""
WORKS = """CREATE PROCEDURE works() RETURNS VARCHAR LANGUAGE PYTHON RUNTIME_VERSION = '3.11'
PACKAGES = ('snowflake-snowpark-python') HANDLER = 'run' AS $$
import pathlib, time
def run(session):
    pathlib.Path('{directory}/begun').touch()
    while not pathlib.Path('{directory}/goes_on').exists():
        time.sleep(0.01)
    return session.sql("SELECT 'done'").collect()[0][0]
$$"""
Connect = Callable[..., SnowflakeConnection]


@pytest.fixture(scope="module")
def turned() -> Iterator[tuple[ManualClock, RunningServer]]:
    """A server on a clock that the test turns."""
    clock = ManualClock()
    with running_server(clock=clock) as server:
        yield clock, server


@pytest.mark.parity(
    "Sessions", "a session token lives an hour; the client renews it, and the session goes on", POLICIES
)
def test_renewal(turned: tuple[ManualClock, RunningServer]) -> None:
    clock, server = turned
    with snowflake.connector.connect(**server.parameters) as connection:
        sql = Sql(connection)
        sql("SET v = 1")
        first = connection.rest.token
        clock.advance(HOUR - 1)
        assert (sql.one("SELECT $v"), connection.rest.token) == (1, first)
        clock.advance(2)
        assert sql.one("SELECT $v") == 1
        assert connection.rest.token != first


@pytest.mark.parity("Sessions", "after four idle hours the master token has expired, too: 390114", POLICIES)
def test_the_master_token_expires(turned: tuple[ManualClock, RunningServer]) -> None:
    clock, server = turned
    connection = snowflake.connector.connect(**server.parameters)
    clock.advance(4 * HOUR + 1)
    with pytest.raises(ProgrammingError) as caught:
        connection.cursor().execute("SELECT 1")
    assert (caught.value.errno, caught.value.sqlstate) == (390114, "08001")
    assert connection.expired
    connection.close()


@pytest.mark.parity("Sessions", "heartbeats keep an idle session", KEEP_ALIVE)
def test_heartbeat(turned: tuple[ManualClock, RunningServer]) -> None:
    clock, server = turned
    with snowflake.connector.connect(**server.parameters, client_session_keep_alive=True) as connection:
        for _ in range(6):
            clock.advance(HOUR - 1)
            connection._heartbeat_tick()
        assert Sql(connection).one("SELECT 1") == 1


@pytest.mark.parity("Sessions", "do not expire while a statement runs in them", POLICIES)
def test_a_statement_of_many_hours(turned: tuple[ManualClock, RunningServer]) -> None:
    clock, server = turned
    with snowflake.connector.connect(**server.parameters) as connection:
        sql = Sql(connection)
        sql("SET v = 1")
        running = sql.cursor.execute_async(ENDLESS)["queryId"]
        for _ in range(3):
            clock.advance(4 * HOUR + 1)
            assert connection.get_query_status(running) == QueryStatus.RUNNING
        assert sql.cursor.abort_query(running)
        poll(lambda: connection.get_query_status(running) == QueryStatus.ABORTED, "end of the query")
        assert sql.one("SELECT $v") == 1


@pytest.mark.parity("Procedures (Python)", "a handler may be busy for many hours between its statements", POLICIES)
def test_a_handler_of_many_hours(turned: tuple[ManualClock, RunningServer], tmp_path: Path) -> None:
    clock, server = turned
    with snowflake.connector.connect(**server.parameters) as connection:
        sql = Sql(connection)
        sql("CREATE DATABASE many_hours")
        sql(WORKS.format(directory=tmp_path))
        call = sql.cursor.execute_async("CALL works()")["queryId"]
        poll(lambda: (tmp_path / "begun").exists(), "start of the handler")
        clock.advance(9 * HOUR)
        (tmp_path / "goes_on").touch()
        sql.cursor.get_results_from_sfqid(call)
        assert sql.cursor.fetchall() == [("done",)]
        sql("DROP DATABASE many_hours")


@pytest.mark.parity("Sessions", "after the end of a session its tokens are good for nothing: 390111", API)
def test_tokens_of_a_closed_session(connect: Connect, server: RunningServer) -> None:
    first = connect()
    tokens = {"session_token": first.rest.token, "master_token": first.rest.master_token}
    address = {key: server.parameters[key] for key in ("account", "host", "port", "protocol")}
    second = snowflake.connector.connect(**address, **tokens)
    assert Sql(second).one("SELECT CURRENT_SESSION()") == str(first.session_id)
    first.close()
    with pytest.raises(DatabaseError) as caught:
        second.cursor().execute("SELECT 1")
    assert caught.value.errno == 390111
    second.close()


# --- stopping, and fetching later ------------------------------------------------------------------------------------


@pytest.mark.parity("Asynchronous query", "its status while it runs, after it was aborted, failed or succeeded", ASYNC)
def test_status(connection: SnowflakeConnection, sql: Sql) -> None:
    running = sql.cursor.execute_async(ENDLESS)["queryId"]
    status = connection.get_query_status(running)
    assert (status, connection.is_still_running(status), connection.is_an_error(status)) == (
        QueryStatus.RUNNING,
        True,
        False,
    )
    assert connection.cursor().abort_query(running)
    poll(lambda: connection.get_query_status(running) == QueryStatus.ABORTED, "end of the query")
    assert not connection.cursor().abort_query(running)
    failing = sql.cursor.execute_async("SELECT 1 / 0 AS q")["queryId"]
    poll(lambda: connection.get_query_status(failing) == QueryStatus.FAILED_WITH_ERROR, "failure")
    with pytest.raises(ProgrammingError, match="Division by zero"):
        connection.get_query_status_throw_if_error(failing)
    good = sql.cursor.execute_async("SELECT 1")["queryId"]
    poll(lambda: connection.get_query_status_throw_if_error(good) == QueryStatus.SUCCESS, "success")
    assert connection.get_query_status("01234567-0000-0000-0000-000000000000") == QueryStatus.NO_DATA


@pytest.mark.parity("Asynchronous query", "its result can be fetched again, and by another session of the user", ASYNC)
@pytest.mark.parametrize("rows", [3, 80_000])
def test_fetched_twice(connection: SnowflakeConnection, sql: Sql, other: Sql, rows: int) -> None:
    query = f"SELECT SEQ4() AS n FROM TABLE(GENERATOR(ROWCOUNT => {rows}))"
    for query_id in (sql.cursor.execute_async(query)["queryId"], sql.run(query).sfqid):
        for cursor in (connection.cursor(), other.connection.cursor()):
            cursor.get_results_from_sfqid(query_id)
            assert len(cursor.fetchall()) == rows
            assert [column.name for column in cursor.description] == ["N"]


@pytest.mark.parity("Cancel", "aborting the CALL of a Python procedure ends its handler", API)
def test_aborted_procedure(connection: SnowflakeConnection, sql: Sql, other: Sql) -> None:
    sql(SLEEPER)
    call = sql.cursor.execute_async("CALL sleeper()")["queryId"]
    poll(lambda: other("SHOW TABLES LIKE 'STARTED'"), "start of the handler")
    assert other.cursor.abort_query(call)
    poll(lambda: connection.get_query_status(call) == QueryStatus.ABORTED, "end of the call", 10)
    assert sql.one("SELECT COUNT(*) FROM started") == 0


@pytest.mark.parity("Sessions", "closing one cancels what runs in it and rolls back; nothing keeps its locks", API)
@pytest.mark.parametrize("statement", [ENDLESS, f"INSERT INTO t {ENDLESS}", f"DELETE FROM t WHERE n = ({ENDLESS})"])
def test_closed_while_a_statement_runs(connect: Connect, sql: Sql, database: str, statement: str) -> None:
    sql("CREATE TABLE t (n NUMBER)")
    sql("INSERT INTO t VALUES (1)")
    closing = Sql(connect(database=database, schema="PUBLIC"))
    closing("BEGIN")
    closing("UPDATE t SET n = 2")
    number = closing.one("SELECT CURRENT_SESSION()")
    running = "SELECT COUNT(*) FROM TABLE(INFORMATION_SCHEMA.QUERY_HISTORY()) WHERE execution_status = 'RUNNING' "
    running += f"AND session_id = {number}"
    with ThreadPoolExecutor(1) as thread:
        failing = thread.submit(closing.fails, statement)
        poll(lambda: sql.one(running) == 1, "running statement")
        closing.connection.close()
        assert failing.result(20).errno in (604, 390111)
    assert sql.one(running) == 0
    assert not [row for row in sql.dicts("SHOW TRANSACTIONS IN ACCOUNT") if str(row["session"]) == number]
    sql("ALTER SESSION SET LOCK_TIMEOUT = 0")
    sql("UPDATE t SET n = n + 10")
    assert sql("SELECT * FROM t") == [(11,)]


@pytest.mark.parity(
    "Procedures (Python)",
    "statements that a handler leaves running are canceled when it ends",
    "https://docs.snowflake.com/en/sql-reference/snowflake-scripting/await",
)
def test_a_handler_that_does_not_wait(connection: SnowflakeConnection, sql: Sql) -> None:
    sql("CREATE TABLE t (n NUMBER)")
    sql(LEAVES)
    for _ in range(3):
        query_id = sql.one("CALL leaves()")
        assert connection.get_query_status(query_id) == QueryStatus.ABORTED
        assert sql.one("SELECT COUNT(*) FROM t") == 0
    sql("INSERT INTO t VALUES (1)")
    assert sql("SELECT * FROM t") == [(1,)]


# --- several statements ----------------------------------------------------------------------------------------------


def _answers(sql: Sql, text: str, **options: Any) -> list[list[tuple[Any, ...]]]:
    sql.cursor.execute(text, **options)
    found = [sql.cursor.fetchall()]
    while sql.cursor.nextset():
        found.append(sql.cursor.fetchall())
    return found  # type: ignore[return-value]


@pytest.mark.parity("MULTI_STATEMENT_COUNT", "0 stands for any number, in a request and for a session", MULTI)
def test_any_number(sql: Sql) -> None:
    assert _answers(sql, "SELECT 1; SELECT 2; SELECT 3;", num_statements=0) == [[(1,)], [(2,)], [(3,)]]
    sql.fails("SELECT 1; SELECT 2", 8)
    sql("ALTER SESSION SET MULTI_STATEMENT_COUNT = 0")
    assert _answers(sql, "SELECT 1; SELECT 2") == [[(1,)], [(2,)]]
    assert _answers(sql, "SELECT 1") == [[(1,)]]
    sql("ALTER SESSION SET MULTI_STATEMENT_COUNT = 2")
    assert _answers(sql, "SELECT 1; SELECT 2") == [[(1,)], [(2,)]]
    sql.fails("SELECT 1; SELECT 2; SELECT 3", 8)


@pytest.mark.parity("MULTI_STATEMENT_COUNT", "an error ends the request; what came before has happened", MULTI)
def test_an_error_in_the_middle(sql: Sql) -> None:
    sql("ALTER SESSION SET MULTI_STATEMENT_COUNT = 0")
    sql("CREATE TABLE t (n NUMBER)")
    sql.fails("INSERT INTO t VALUES (1); SELECT * FROM missing; INSERT INTO t VALUES (2)", 2003)
    assert sql("SELECT * FROM t") == [(1,)]
    sql.fails("INSERT INTO t VALUES (3); SLECT", 1003)
    assert sql("SELECT * FROM t") == [(1,)]


@pytest.mark.parity("Several statements", "asynchronously, and each in a transaction of theirs", MULTI)
def test_several_asynchronously(connection: SnowflakeConnection, sql: Sql) -> None:
    sql("CREATE TABLE t (n NUMBER)")
    sql("ALTER SESSION SET MULTI_STATEMENT_COUNT = 0")
    query_id = sql.cursor.execute_async("BEGIN; INSERT INTO t VALUES (1); ROLLBACK; SELECT COUNT(*) FROM t")["queryId"]
    sql.cursor.get_results_from_sfqid(query_id)
    found = [sql.cursor.fetchall()]
    while sql.cursor.nextset():
        found.append(sql.cursor.fetchall())
    assert found[-1] == [(0,)]
    assert len(found) == 4


# --- parameters ------------------------------------------------------------------------------------------------------

SESSION = "https://docs.snowflake.com/en/sql-reference/sql/alter-session"


@pytest.mark.parity("ALTER SESSION", "sets and unsets several, all or none", SESSION)
def test_several_parameters(sql: Sql) -> None:
    def values() -> list[Any]:
        shown = sql.dicts("SHOW PARAMETERS")
        return [row["value"] for row in shown if row["key"] in ("QUERY_TAG", "TIMEZONE", "WEEK_START")]

    before = values()
    sql("ALTER SESSION SET TIMEZONE = 'Europe/Berlin', WEEK_START = 1 QUERY_TAG = 'x'")
    assert values() == ["x", "Europe/Berlin", "1"]
    sql.fails("ALTER SESSION SET WEEK_START = 2, NO_SUCH = 1")
    sql.fails("ALTER SESSION SET WEEK_START = 3, TIMEZONE = 'nowhere'", 1008)
    assert values() == ["x", "Europe/Berlin", "1"]
    sql("ALTER SESSION UNSET TIMEZONE, WEEK_START, QUERY_TAG")
    assert values() == before
    sql.fails("ALTER ACCOUNT SET WEEK_START = 1, LOCK_TIMEOUT = 'x'", 1008)
    assert sql.column("SHOW PARAMETERS LIKE 'WEEK_START' IN ACCOUNT", "value") == ["0"]


@pytest.mark.parity(
    "QUERY_TAG", "has up to 2000 characters", "https://docs.snowflake.com/en/sql-reference/parameters#query-tag"
)
def test_long_tags(sql: Sql) -> None:
    sql(f"ALTER SESSION SET QUERY_TAG = '{'x' * 2000}'")
    sql.fails(f"ALTER SESSION SET QUERY_TAG = '{'x' * 2001}'", 1008)


@pytest.mark.parity("Connector", "session_parameters of a connection are those of its session", API)
def test_parameters_of_a_connection(connect: Connect) -> None:
    sql = Sql(connect(session_parameters={"QUERY_TAG": "mine", "TIMEZONE": "Asia/Tokyo", "WEEK_START": 1}))
    assert sql.column("SHOW PARAMETERS LIKE 'QUERY_TAG'", "value") == ["mine"]
    assert sql.one("SELECT TO_CHAR('2026-01-01 00:00:00 +0000'::TIMESTAMP_TZ::TIMESTAMP_LTZ, 'HH24:MI')") == "09:00"


# --- side by side ----------------------------------------------------------------------------------------------------


@pytest.mark.parity("Sessions", "many at once have their own temporary tables, variables and parameters", POLICIES)
def test_many_sessions(connect: Connect, database: str, sql: Sql) -> None:
    sql("CREATE TABLE shared (n NUMBER, who NUMBER)")
    together = threading.Barrier(20, timeout=60)

    def work(who: int) -> None:
        own = Sql(connect(database=database, schema="PUBLIC", session_parameters={"QUERY_TAG": f"worker {who}"}))
        together.wait()
        own(f"CREATE TEMPORARY TABLE mine AS SELECT {who} AS n")
        own(f"SET v = {who}")
        own(f"ALTER SESSION SET LOCK_TIMEOUT = {who + 1}")
        for n in range(3):
            own(f"INSERT INTO shared VALUES ({n}, {who})")
            assert own(f"SELECT (SELECT n FROM mine), $v, COUNT(*) FROM shared WHERE who = {who}") == [
                (who, who, n + 1)
            ]
        assert own.column("SHOW PARAMETERS LIKE 'LOCK_TIMEOUT'", "value") == [str(who + 1)]
        assert own.column("SHOW PARAMETERS LIKE 'QUERY_TAG'", "value") == [f"worker {who}"]

    with ThreadPoolExecutor(20) as threads:
        list(threads.map(work, range(20)))
    assert sql("SELECT COUNT(*), COUNT(DISTINCT who) FROM shared") == [(60, 20)]
    sql.fails("SELECT * FROM mine", 2003)
