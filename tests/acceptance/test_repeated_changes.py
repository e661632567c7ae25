"""A statement that changes rows and comes again, in the same session or another: its plan is kept, not its past."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from harness import Sql
from snowflake.connector import SnowflakeConnection

MERGE_PAGE = "https://docs.snowflake.com/en/sql-reference/sql/merge"
TRANSACTIONS = "https://docs.snowflake.com/en/sql-reference/transactions"

MERGE = """MERGE INTO target AS t USING source AS s ON t.a = s.a
           WHEN MATCHED THEN UPDATE SET b = s.b WHEN NOT MATCHED THEN INSERT (a, b) VALUES (s.a, s.b)"""


@pytest.fixture
def others(connect: Callable[..., SnowflakeConnection], database: str) -> Callable[[], Sql]:
    """Opens further sessions in the test's database."""
    return lambda: Sql(connect(database=database, schema="PUBLIC"))


@pytest.fixture
def tables(sql: Sql) -> Sql:
    sql("CREATE TABLE source (a NUMBER, b VARCHAR)")
    sql("CREATE TABLE target (a NUMBER, b VARCHAR)")
    sql("INSERT INTO source VALUES (1, 'one'), (2, 'two')")
    sql("INSERT INTO target VALUES (2, 'old')")
    return sql


def rows(sql: Sql) -> list[tuple[object, ...]]:
    return sql("SELECT a, b FROM target ORDER BY a")


@pytest.mark.parametrize(
    ("between", "found"),
    [
        ("UPDATE source SET b = b || '!'", [(1, "one!"), (2, "two!")]),
        ("INSERT INTO source VALUES (3, 'three')", [(1, "one"), (2, "two"), (3, "three")]),
        ("DELETE FROM target", [(1, "one"), (2, "two")]),
        ("CREATE OR REPLACE TABLE target (b VARCHAR, a NUMBER)", [(1, "one"), (2, "two")]),
        ("CREATE OR REPLACE TABLE source AS SELECT 5 AS a, 'five' AS b", [(1, "one"), (2, "two"), (5, "five")]),
        ("CREATE TEMPORARY TABLE source AS SELECT 7 AS a, 'seven' AS b", [(1, "one"), (2, "two"), (7, "seven")]),
        ("ALTER TABLE target ADD COLUMN c VARCHAR DEFAULT 'new'", [(1, "one"), (2, "two")]),
    ],
)
@pytest.mark.parity("MERGE", "the same text again, in another session too, sees what has changed", MERGE_PAGE)
def test_a_merge_comes_again(
    tables: Sql, others: Callable[[], Sql], between: str, found: list[tuple[object, ...]]
) -> None:
    assert tables(MERGE) == [(1, 1)]
    again = others()
    again(between)
    again(MERGE)
    assert rows(again) == found


@pytest.mark.parity("transactions", "the same change twice in one transaction, and then in another", TRANSACTIONS)
def test_a_change_comes_twice_in_a_transaction(tables: Sql, others: Callable[[], Sql]) -> None:
    tables("CREATE STREAM changed ON TABLE target")
    change = "UPDATE target SET b = b || '.' WHERE a = 2"
    for session in (tables, others()):
        session("BEGIN")
        session(change)
        session(change)
        session("ROLLBACK")
        session("BEGIN")
        session(MERGE)
        session(change)
        session(change)
        session("COMMIT")
        assert rows(session) == [(1, "one"), (2, "two..")]
    told = tables("SELECT a, b, METADATA$ACTION, METADATA$ISUPDATE FROM changed ORDER BY a, METADATA$ACTION")
    assert told == [(1, "one", "INSERT", False), (2, "old", "DELETE", True), (2, "two..", "INSERT", True)]


@pytest.mark.parity(
    "transactions", "sessions change other rows of a table by the same text at the same time", TRANSACTIONS
)
def test_open_transactions_of_two_sessions_keep_apart(tables: Sql, others: Callable[[], Sql]) -> None:
    insert = "INSERT INTO target SELECT a + 10, b FROM source"
    counted = "SELECT COUNT(*) FROM target"
    first, second = tables, others()
    for session in (first, second):
        session("BEGIN")
        session(insert)
        assert session.one(counted) == 3
    first("COMMIT")
    assert second.one(counted) == 5
    second("ROLLBACK")
    assert second.one(counted) == 3


@pytest.mark.parity(
    "stored procedures",
    "a transaction of a procedure within one of its caller, with the same statement in both",
    "https://docs.snowflake.com/en/sql-reference/transactions#scoped-transactions",
)
def test_scoped_transactions_keep_apart(tables: Sql) -> None:
    insert = "INSERT INTO target SELECT a + 10, b FROM source WHERE a = 1"
    tables(f"""CREATE PROCEDURE inner_one() RETURNS NUMBER LANGUAGE SQL AS
               $$ BEGIN BEGIN TRANSACTION; {insert}; COMMIT; RETURN 1; END $$""")
    for _ in range(2):
        tables("BEGIN")
        tables(insert)
        tables("CALL inner_one()")
        tables("ROLLBACK")
    assert rows(tables) == [(2, "old"), (11, "one"), (11, "one")]


@pytest.mark.parity(
    "CURRENT_TIMESTAMP",
    "is the moment of each statement, also of a text that comes again and in a column's default",
    "https://docs.snowflake.com/en/sql-reference/functions/current_timestamp",
)
def test_each_statement_has_its_moment(sql: Sql, others: Callable[[], Sql]) -> None:
    sql("CREATE TABLE t (n NUMBER AUTOINCREMENT, named TIMESTAMP_LTZ, given TIMESTAMP_LTZ DEFAULT CURRENT_TIMESTAMP())")
    sql("CREATE TABLE one AS SELECT 1 AS x")
    insert = "INSERT INTO t (named) SELECT CURRENT_TIMESTAMP() FROM one"
    for session in (sql, others(), sql):
        before = session.one("SELECT MAX(given) FROM t")
        session(insert)
        now = session.one("SELECT CURRENT_TIMESTAMP()")
        ((named, given),) = session("SELECT named, given FROM t ORDER BY given DESC LIMIT 1")
        assert named == given <= now
        assert before is None or before < named
    update = "UPDATE t SET named = SYSDATE(), given = CURRENT_TIMESTAMP(0) WHERE n = 1"
    first, second = ((sql(update), sql("SELECT named, given FROM t WHERE n = 1"))[1] for _ in range(2))
    assert first[0][0] < second[0][0]
    assert first[0][1].microsecond == second[0][1].microsecond == 0


@pytest.mark.parity(
    "bind variables",
    "values for columns in a text that comes again: other texts of the same length and of others, NULL, numbers",
    "https://docs.snowflake.com/en/developer-guide/python-connector/python-connector-example#binding-data",
)
def test_bound_values_are_those_of_each_time(tables: Sql, others: Callable[[], Sql]) -> None:
    merge = """MERGE INTO target AS t USING source AS s ON t.a = s.a
               WHEN MATCHED THEN UPDATE SET b = ? WHEN NOT MATCHED THEN INSERT (a, b) VALUES (s.a, ?)"""
    update = "UPDATE target SET b = ? WHERE a = 1"
    for session, given in ((tables, "it's"), (others(), '"\\;--'), (tables, "öl"), (others(), None), (tables, 17)):
        session("DELETE FROM target WHERE a = 1")
        session(merge, "upd.", given)
        shown = None if given is None else str(given)
        assert rows(session) == [(1, shown), (2, "upd.")]
        session(update, given)
        assert rows(session) == [(1, shown), (2, "upd.")]


def test_a_bind_that_decides_which_rows_change_is_asked_each_time(tables: Sql) -> None:
    update = "UPDATE target SET b = ? WHERE b = ?"
    assert tables(update, "1st", "old")[0][0] == 1
    assert tables(update, "2nd", "old")[0][0] == 0
    assert tables(update, "2nd", "1st")[0][0] == 1
    assert tables("UPDATE IDENTIFIER(?) SET b = ?", "target", "3rd")[0][0] == 1
    tables("CREATE TABLE others CLONE target")
    assert tables("UPDATE IDENTIFIER(?) SET b = ?", "others", "4th")[0][0] == 1
    assert rows(tables) == [(2, "3rd")]
