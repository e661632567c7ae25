"""Statements of every kind are stopped in the middle: they leave nothing, and their session and transaction go on."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from harness import Sql, poll
from snowflake.connector import SnowflakeConnection
from snowflake.connector.constants import QueryStatus

CANCEL = "https://docs.snowflake.com/en/sql-reference/functions/system_cancel_query"
ASYNC = "https://docs.snowflake.com/en/developer-guide/python-connector/python-connector-example#performing-an-asynchronous-query"
ROWS = "(SELECT SEQ4() AS n FROM TABLE(GENERATOR(ROWCOUNT => 1000000)))"
ENDLESS = f"SELECT a.n FROM {ROWS} a, {ROWS} b WHERE HASH(a.n + b.n) = 1"
EVER_MORE = f"SELECT a.n FROM {ROWS} a, {ROWS} b"
KINDS = {
    "SELECT": f"SELECT COUNT(*) FROM ({ENDLESS})",
    "SELECT of many rows": EVER_MORE,
    "ORDER BY": f"SELECT a.n FROM {ROWS} a, {ROWS} b ORDER BY HASH(a.n, b.n) LIMIT 1",
    "WITH RECURSIVE": "WITH RECURSIVE r AS (SELECT 1 AS n UNION ALL SELECT n + 1 FROM r) SELECT MAX(n) FROM r",
    "SYSTEM$WAIT": "SELECT SYSTEM$WAIT(60)",
    "SET": f"SET v = (SELECT COUNT(*) FROM ({ENDLESS}))",
    "CREATE TABLE AS": f"CREATE TABLE made AS {EVER_MORE}",
    "INSERT": f"INSERT INTO t {EVER_MORE}",
    "INSERT OVERWRITE": f"INSERT OVERWRITE INTO t {EVER_MORE}",
    "INSERT ALL": f"INSERT ALL INTO t VALUES (n) INTO t VALUES (n + 1) {EVER_MORE}",
    "UPDATE": f"UPDATE t SET n = 5 WHERE n IN ({ENDLESS})",
    "DELETE": f"DELETE FROM t WHERE n NOT IN ({ENDLESS})",
    "MERGE": f"MERGE INTO t USING ({ENDLESS}) AS s ON t.n = s.n WHEN NOT MATCHED THEN INSERT VALUES (s.n)",
    "COPY INTO a stage": f"COPY INTO @files FROM ({EVER_MORE})",
    "block": "BEGIN LOOP UPDATE t SET n = n; END LOOP; END",
    "EXECUTE IMMEDIATE": f"EXECUTE IMMEDIATE 'SELECT COUNT(*) FROM ({ENDLESS})'",
}


def stop(sql: Sql, other: Sql, text: str) -> None:
    """Start a statement, cancel it from another session while it runs, and see that it has ended so."""
    query_id = sql.cursor.execute_async(text)["queryId"]
    cancel = f"SELECT SYSTEM$CANCEL_QUERY('{query_id}')"
    poll(lambda: "terminated" in other.one(cancel), "running statement")
    poll(lambda: sql.connection.get_query_status(query_id) == QueryStatus.ABORTED, "end of the statement", 20)


@pytest.mark.parity("Cancel", "a statement of any kind, which leaves nothing", CANCEL)
@pytest.mark.parametrize("kind", KINDS)
def test_nothing_is_left(sql: Sql, other: Sql, kind: str) -> None:
    sql("CREATE TABLE t AS SELECT 1 AS n")
    sql("CREATE STAGE files")
    stop(sql, other, KINDS[kind])
    assert sql("SELECT n FROM t") == [(1,)]
    assert sql.column("SHOW TABLES", "name") == ["T"]
    assert sql("LIST @files") == sql("SHOW VARIABLES") == []
    assert not [
        row for row in other.dicts("SHOW TRANSACTIONS") if str(row["session"]) == sql.one("SELECT CURRENT_SESSION()")
    ]
    other("ALTER SESSION SET LOCK_TIMEOUT = 0")
    other("UPDATE t SET n = 2")
    assert sql("SELECT n FROM t") == [(2,)]


@pytest.mark.parity("Cancel", "in an explicit transaction, which goes on without the statement", CANCEL)
@pytest.mark.parametrize("kind", ["SELECT", "INSERT", "INSERT OVERWRITE", "UPDATE", "DELETE", "MERGE", "block"])
def test_the_transaction_goes_on(sql: Sql, other: Sql, kind: str) -> None:
    sql("CREATE TABLE t AS SELECT 1 AS n")
    sql("BEGIN")
    sql("INSERT INTO t VALUES (2)")
    stop(sql, other, KINDS[kind])
    sql("INSERT INTO t VALUES (3)")
    assert other("SELECT n FROM t") == [(1,)]
    sql("COMMIT")
    assert other("SELECT n FROM t ORDER BY n") == [(1,), (2,), (3,)]


@pytest.mark.parity("Cancel", "a statement that waits for a lock", CANCEL)
def test_waiting_for_a_lock(sql: Sql, other: Sql, connect: Callable[..., SnowflakeConnection], database: str) -> None:
    sql("CREATE TABLE t AS SELECT 1 AS n")
    other("BEGIN")
    other("UPDATE t SET n = 2")
    stop(sql, Sql(connect(database=database, schema="PUBLIC")), "UPDATE t SET n = 3")
    other("COMMIT")
    assert sql("SELECT n FROM t") == [(2,)]
    assert [row for row in sql.dicts("SHOW LOCKS") if database in row["resource"]] == []


@pytest.mark.parity(
    "Asynchronous query", "goes on when its connection is closed; another session has the result", ASYNC
)
def test_after_the_connection(connect: Callable[..., SnowflakeConnection], sql: Sql, database: str) -> None:
    sql("CREATE TABLE t (n NUMBER)")
    closing = connect(database=database, schema="PUBLIC")
    text = f"INSERT INTO t SELECT COUNT(*) FROM {ROWS} WHERE HASH(n) <> 1"
    query_id = closing.cursor().execute_async(text)["queryId"]
    closing.close()
    sql.cursor.get_results_from_sfqid(query_id)
    assert sql.cursor.fetchall() == [(1,)]
    assert sql("SELECT n FROM t") == [(1_000_000,)]
