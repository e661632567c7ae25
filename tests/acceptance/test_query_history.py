"""QUERY_HISTORY and its kin: what ran, by whom, how it ended."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

import pytest
from harness import Sql, poll
from snowflake.connector import SnowflakeConnection

from snowmelt.session.query_history import QueryLog, query_type, shown_text

PAGE = "https://docs.snowflake.com/en/sql-reference/functions/query_history"
BY_SESSION = "TABLE(INFORMATION_SCHEMA.QUERY_HISTORY_BY_SESSION())"


def entry(sql: Sql, text: str, source: str = BY_SESSION) -> dict[str, object]:
    """The latest record of a statement."""
    found = sql.dicts(f"SELECT * FROM {source} ORDER BY start_time DESC")
    return next(row for row in found if row["QUERY_TEXT"] == text)


@pytest.mark.parity("QUERY_HISTORY", "who ran what, where, when, and how many rows it gave", PAGE)
def test_a_query(sql: Sql, database: str) -> None:
    before = datetime.now(UTC)
    sql("CREATE TABLE t (n NUMBER)")
    sql("INSERT INTO t VALUES (1), (2), (3)")
    query_id = sql.run("SELECT n FROM t WHERE n > 1").sfqid
    found = entry(sql, "SELECT n FROM t WHERE n > 1")
    assert found["QUERY_ID"] == query_id
    assert (found["DATABASE_NAME"], found["SCHEMA_NAME"], found["USER_NAME"]) == (database, "PUBLIC", "SNOWMELT")
    assert (found["ROLE_NAME"], found["WAREHOUSE_NAME"]) == ("ACCOUNTADMIN", "COMPUTE_WH")
    assert (found["QUERY_TYPE"], found["EXECUTION_STATUS"], found["ROWS_PRODUCED"]) == ("SELECT", "SUCCESS", 2)
    assert found["ERROR_CODE"] is None
    assert before <= found["START_TIME"] <= found["END_TIME"] <= datetime.now(UTC)  # type: ignore[operator]
    assert entry(sql, "INSERT INTO t VALUES (1), (2), (3)")["ROWS_PRODUCED"] == 3


@pytest.mark.parity("QUERY_HISTORY", "failed statements with code and message, also those that are no SQL", PAGE)
@pytest.mark.parametrize(
    ("text", "code", "part"), [("SELECT * FROM missing", "002003", "MISSING"), ("SELEKT 1", "001003", "syntax error")]
)
def test_a_failure(sql: Sql, text: str, code: str, part: str) -> None:
    sql.fails(text)
    found = entry(sql, text)
    assert (found["EXECUTION_STATUS"], found["ERROR_CODE"]) == ("FAILED_WITH_ERROR", code)
    assert part in str(found["ERROR_MESSAGE"])


@pytest.mark.parity("QUERY_HISTORY", "statements that run, and those that were cancelled", PAGE)
def test_running_and_cancelled(sql: Sql, connection: SnowflakeConnection, other: Sql) -> None:
    rows = "(SELECT SEQ4() AS n FROM TABLE(GENERATOR(ROWCOUNT => 1000000)))"
    text = f"SELECT COUNT(*) FROM {rows} a, {rows} b WHERE HASH(a.n + b.n) = 1"
    query_id = sql.cursor.execute_async(text)["queryId"]
    history = "SELECT execution_status, end_time, error_code FROM TABLE(INFORMATION_SCHEMA.QUERY_HISTORY()) "
    mine = f"{history} WHERE query_id = '{query_id}'"
    poll(lambda: other(mine) == [("RUNNING", None, None)], "running statement")
    poll(lambda: "terminated" in other.one(f"SELECT SYSTEM$CANCEL_QUERY('{query_id}')"), "running query")
    poll(lambda: (row := other(mine)) and row[0][0] == "FAILED_WITH_ERROR" and row[0][2] == "000604", "cancelled one")


@pytest.mark.parity("QUERY_HISTORY", "QUERY_TAG of the session", PAGE)
def test_tags(sql: Sql) -> None:
    sql("ALTER SESSION SET QUERY_TAG = 'nightly'")
    sql("SELECT 1 AS tagged")
    sql("ALTER SESSION UNSET QUERY_TAG")
    sql("SELECT 2 AS untagged")
    assert entry(sql, "SELECT 1 AS tagged")["QUERY_TAG"] == "nightly"
    assert entry(sql, "SELECT 2 AS untagged")["QUERY_TAG"] == ""


@pytest.mark.parity("QUERY_HISTORY", "by session, user and warehouse", PAGE)
def test_dimensions(sql: Sql, other: Sql) -> None:
    other("USE WAREHOUSE elsewhere")
    other("SELECT 'of the other'")
    number = other.one("SELECT CURRENT_SESSION()")
    source = "TABLE(INFORMATION_SCHEMA.QUERY_HISTORY_BY_{}({}))"
    texts = {
        what: sql.column(f"SELECT query_text FROM {source.format(what, arguments)}")
        for what, arguments in (
            ("SESSION", ""),
            ("SESSION", ""),
            ("USER", "USER_NAME => 'snowmelt'"),
            ("WAREHOUSE", "WAREHOUSE_NAME => 'ELSEWHERE'"),
        )
    }
    assert "SELECT 'of the other'" not in texts["SESSION"]
    assert "SELECT 'of the other'" in texts["USER"]
    assert "SELECT 'of the other'" in texts["WAREHOUSE"]
    assert all("CREATE DATABASE" not in text for text in texts["WAREHOUSE"])
    assert "SELECT 'of the other'" in sql.column(
        f"SELECT query_text FROM {source.format('SESSION', f'SESSION_ID => {number}')}"
    )
    assert sql("SELECT COUNT(*) FROM TABLE(INFORMATION_SCHEMA.QUERY_HISTORY_BY_USER('nobody'))") == [(0,)]


@pytest.mark.parity("QUERY_HISTORY", "time range and limit", PAGE)
def test_range_and_limit(sql: Sql) -> None:
    for number in range(3):
        sql(f"SELECT {number}")
    history = "SELECT query_text FROM TABLE(INFORMATION_SCHEMA.QUERY_HISTORY_BY_SESSION({})) ORDER BY start_time DESC"
    # Without an end the statement itself, which still runs, is among them.
    assert sql.column(history.format("RESULT_LIMIT => 3"))[1:] == ["SELECT 2", "SELECT 1"]
    ended = sql.column(history.format("END_TIME_RANGE_END => CURRENT_TIMESTAMP(), RESULT_LIMIT => 1"))
    assert ended == [history.format("RESULT_LIMIT => 3")]
    past = "END_TIME_RANGE_START => DATEADD('hour', -3, CURRENT_TIMESTAMP()), "
    past += "END_TIME_RANGE_END => DATEADD('hour', -2, CURRENT_TIMESTAMP())"
    assert sql(history.format(past)) == []
    for wrong in ("10001", "0", "'x'"):
        sql.fails(history.format(f"RESULT_LIMIT => {wrong}"), 1008)
    sql.fails(history.format("END_TIME_RANGE_START => 'yesterday'"), 100035)
    sql.fails(history.format("END_TIME_RANGE_START => DATEADD('day', -8, CURRENT_TIMESTAMP())"), 1008)


@pytest.mark.parity("QUERY_HISTORY", "statements that a client's library makes, when they are asked for", PAGE)
def test_client_generated(sql: Sql) -> None:
    sql.cursor.execute("SELECT 'made by the library'", _is_internal=True)
    history = "SELECT COUNT(*) FROM TABLE(INFORMATION_SCHEMA.QUERY_HISTORY_BY_SESSION({})) "
    history += "WHERE query_text = 'SELECT ''made by the library'''"
    assert sql.one(history.format("")) == 0
    assert sql.one(history.format("INCLUDE_CLIENT_GENERATED_STATEMENT => TRUE")) == 1


@pytest.mark.parity("QUERY_HISTORY", "the statements of procedures", PAGE)
def test_procedures(sql: Sql) -> None:
    sql("""CREATE PROCEDURE p() RETURNS VARCHAR LANGUAGE PYTHON RUNTIME_VERSION = '3.11'
        PACKAGES = ('snowflake-snowpark-python') HANDLER = 'run' AS $$
def run(session):
    session.sql("SELECT 'inside'").collect()
    return 'x'
$$""")
    sql("CALL p()")
    assert entry(sql, "CALL p()")["QUERY_TYPE"] == "CALL"
    assert entry(sql, "SELECT 'inside'")["EXECUTION_STATUS"] == "SUCCESS"


@pytest.mark.parity("QUERY_HISTORY", "the single statements of a request of several", PAGE)
def test_several_statements(sql: Sql) -> None:
    sql.cursor.execute("SELECT 41; SELECT 42, 43", num_statements=2)
    assert entry(sql, "SELECT 42, 43")["ROWS_PRODUCED"] == 1


@pytest.mark.parity(
    "LAST_QUERY_ID",
    "counts from the last query and from the first of the session",
    "https://docs.snowflake.com/en/sql-reference/functions/last_query_id",
)
def test_last_query_id(connect: Callable[..., SnowflakeConnection]) -> None:
    sql = Sql(connect())
    ids = [sql.run(f"SELECT {number}").sfqid for number in range(3)]
    assert sql.one("SELECT LAST_QUERY_ID()") == ids[2]
    assert sql.one("SELECT LAST_QUERY_ID(-3)") == ids[1]
    assert sql("SELECT LAST_QUERY_ID(1), LAST_QUERY_ID(2), LAST_QUERY_ID(100)") == [(ids[0], ids[1], None)]


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("-- why\n/* so */ (SELECT 1)", "SELECT"),
        ("create or replace temporary table t (n int)", "CREATE_TABLE"),
        ("CREATE TABLE t AS\nSELECT 1", "CREATE_TABLE_AS_SELECT"),
        ("ALTER SESSION SET QUERY_TAG = 'x'", "ALTER_SESSION"),
        ("COPY INTO @s FROM t", "UNLOAD"),
        ("COPY INTO t FROM @s", "COPY"),
        ("BEGIN", "BEGIN_TRANSACTION"),
        ("nonsense", "UNKNOWN"),
        ("", "UNKNOWN"),
    ],
)
def test_query_types(text: str, kind: str) -> None:
    assert query_type(text) == kind


def test_passwords_are_not_shown() -> None:
    assert "s3cret" not in shown_text("ALTER USER u SET password='s3cret''x\\'y' COMMENT = 'c'")
    assert shown_text("SELECT 'PASSWORD = ''x'''") == "SELECT 'PASSWORD = ''x'''"


def test_the_log_is_bounded(connect: Callable[..., SnowflakeConnection]) -> None:
    class Fake:
        """As much of a session as a record takes."""

        database = schema = role = warehouse = None
        id, user = 1, "U"

    from types import SimpleNamespace

    from snowmelt.base.clock import SystemClock
    from snowmelt.base.request import Request

    session = Fake()
    session.core = SimpleNamespace(parameters={})  # type: ignore[attr-defined]
    session.services = SimpleNamespace(account={}, clock=SystemClock())  # type: ignore[attr-defined]
    log = QueryLog(statements=3, characters=10)
    for text in ("a", "b", "c", "d"):
        log.begin(session, Request(text, text), text, text)  # type: ignore[arg-type]
    assert {record.text for record in log.newest_first()} == {"b", "c", "d"}
    log.begin(session, Request("e" * 9, "e"), "e" * 9, "e")  # type: ignore[arg-type]
    assert {record.text for record in log.newest_first()} == {"d", "e" * 9}
