"""Blocks of Snowflake Scripting that are sent as they are, and what ends them."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from harness import Sql, poll
from snowflake.connector import SnowflakeConnection
from snowflake.snowpark import Session

BLOCKS = "https://docs.snowflake.com/en/developer-guide/snowflake-scripting/blocks"
EXCEPTIONS = "https://docs.snowflake.com/en/developer-guide/snowflake-scripting/exceptions"


@pytest.mark.parity("Snowflake Scripting: blocks", "a block needs no quotes around it", BLOCKS)
def test_a_plain_block(sql: Sql) -> None:
    sql("CREATE TABLE t (n NUMBER)")
    assert sql.one("DECLARE n INT DEFAULT 3;\nBEGIN\n  INSERT INTO t VALUES (:n);\n  RETURN n;\nEND;") == 3
    assert sql.one("SELECT n FROM t") == 3


@pytest.mark.parity("Snowflake Scripting: blocks", "BEGIN alone still begins a transaction", BLOCKS)
def test_begin_is_no_block(sql: Sql) -> None:
    sql("CREATE TABLE t (n NUMBER)")
    for begin in ("BEGIN", "BEGIN;", "BEGIN TRANSACTION", "BEGIN WORK"):
        sql(begin)
        sql("INSERT INTO t VALUES (1)")
        sql("ROLLBACK")
    assert sql("SELECT * FROM t") == []


@pytest.mark.parity("Snowflake Scripting: blocks", "a request may hold blocks and statements", BLOCKS)
def test_several_statements(sql: Sql) -> None:
    block = "BEGIN LET x := 2; IF (x = 2) THEN x := CASE WHEN x > 1 THEN 5 ELSE 6 END; END IF; RETURN x; END"
    sql.cursor.execute(f"SELECT 1; {block}; SELECT 3", num_statements=3)
    found = [sql.cursor.fetchall()]
    while sql.cursor.nextset():
        found.append(sql.cursor.fetchall())
    assert found == [[(1,)], [(5,)], [(3,)]]


@pytest.mark.parity("Snowflake Scripting: exceptions", "RAISE gives the client the exception's own number", EXCEPTIONS)
def test_a_declared_exception(sql: Sql) -> None:
    error = sql.fails("DECLARE\n  oops EXCEPTION (-20002, 'Raised it.');\nBEGIN\n  RAISE oops;\nEND;", -20002)
    assert error.sqlstate == "P0001"
    assert "Uncaught exception of type 'OOPS' on line 4 at position 2 : Raised it." in str(error)


@pytest.mark.parity("Snowflake Scripting: loops", "a loop that does not end can be aborted, handlers or not", BLOCKS)
def test_abort(sql: Sql, connect: Callable[..., SnowflakeConnection]) -> None:
    text = "BEGIN LET n := 0; LOOP n := n + 1; END LOOP; EXCEPTION WHEN OTHER THEN RETURN 'caught'; END"
    other = connect().cursor()
    other.execute_async(text)
    query_id = other.sfqid
    assert query_id is not None

    def stopped() -> bool:
        return "terminated" in str(sql.one(f"SELECT SYSTEM$CANCEL_QUERY('{query_id}')"))

    poll(lambda: stopped() or None, "the block to be canceled")
    connection = other.connection
    poll(lambda: connection.is_still_running(connection.get_query_status(query_id)) is False or None, "its end")
    assert connection.get_query_status(query_id).name != "SUCCESS"


@pytest.mark.parity("Snowflake Scripting: loops", "STATEMENT_TIMEOUT_IN_SECONDS ends a block", BLOCKS)
def test_timeout(sql: Sql) -> None:
    sql("ALTER SESSION SET STATEMENT_TIMEOUT_IN_SECONDS = 1")
    sql.fails("BEGIN LOOP NULL; END LOOP; EXCEPTION WHEN OTHER THEN RETURN 1; END", 630)
    sql("ALTER SESSION UNSET STATEMENT_TIMEOUT_IN_SECONDS")


@pytest.mark.parity("Snowflake Scripting: blocks", "Snowpark's session.sql collects a block's value", BLOCKS)
def test_snowpark(sql: Sql, connect: Callable[..., SnowflakeConnection]) -> None:
    connection = connect(database=sql.connection.database, schema="PUBLIC")
    with Session.builder.configs({"connection": connection}).create() as session:
        assert session.sql("BEGIN LET x := 1; RETURN x + 1; END").collect()[0][0] == 2
        session.sql(
            "CREATE OR REPLACE PROCEDURE twice(n INT) RETURNS INT LANGUAGE SQL AS $$ BEGIN RETURN 2 * n; END $$"
        ).collect()
        assert session.call("twice", 21) == 42


@pytest.mark.parity(
    "Snowflake Scripting: blocks",
    "statements of a block have ids of their own and stand in the history",
    "https://docs.snowflake.com/en/sql-reference/functions/query_history",
)
def test_history(sql: Sql) -> None:
    sql("BEGIN SELECT 4711 AS inner_one; RETURN SQLID; END")
    texts = sql.column("SELECT query_text FROM TABLE(INFORMATION_SCHEMA.QUERY_HISTORY_BY_SESSION())")
    assert "SELECT 4711 AS inner_one" in texts


IMMEDIATE = "https://docs.snowflake.com/en/sql-reference/sql/execute-immediate"
TASKS = "https://docs.snowflake.com/en/sql-reference/sql/create-task"


@pytest.mark.parity("EXECUTE IMMEDIATE", "question marks of the text take the client's binds", IMMEDIATE)
def test_binds(sql: Sql) -> None:
    assert sql("EXECUTE IMMEDIATE $$ SELECT ? AS x, ? || '!' AS y $$", 1, "a") == [(1, "a!")]


@pytest.mark.parity("CREATE TASK", "a block is a task's body", TASKS)
def test_task(sql: Sql) -> None:
    sql("CREATE TABLE t (n NUMBER)")
    sql(
        "CREATE TASK a_task SCHEDULE = '60 MINUTES' AS\nDECLARE\n  x INT DEFAULT 4;\nBEGIN\n"
        "  INSERT INTO t VALUES (:x);\n  CALL SYSTEM$SET_RETURN_VALUE('wrote ' || :x);\nEND"
    )
    sql("EXECUTE TASK a_task")
    history = "SELECT state, return_value FROM TABLE(INFORMATION_SCHEMA.TASK_HISTORY(TASK_NAME => 'A_TASK'))"
    ended = poll(lambda: [row for row in sql(history) if row[0] in ("SUCCEEDED", "FAILED")] or None, "the run")
    assert ended == [("SUCCEEDED", "wrote 4")]
    assert sql("SELECT n FROM t") == [(4,)]
