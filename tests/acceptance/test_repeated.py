"""A text that comes again: what it means may have changed since."""

from __future__ import annotations

import pytest
from harness import Sql

SELECT = "https://docs.snowflake.com/en/sql-reference/sql/select"

QUERY = "SELECT * FROM t ORDER BY 1"


@pytest.mark.parametrize(
    ("between", "rows"),
    [
        ("INSERT INTO t VALUES (2)", [(1,), (2,)]),
        ("CREATE OR REPLACE TABLE t AS SELECT 'other' AS s", [("other",)]),
        ("ALTER TABLE t ADD COLUMN s VARCHAR", [(1, None)]),
        ("CREATE TEMPORARY TABLE t AS SELECT 9 AS n", [(9,)]),
        ("USE SCHEMA other", [(7,)]),
    ],
)
@pytest.mark.parity("SELECT", "the same text again sees what has changed: rows, columns, objects, the schema", SELECT)
def test_again(sql: Sql, between: str, rows: list[tuple[object, ...]]) -> None:
    for statement in ("CREATE SCHEMA other", "CREATE TABLE t AS SELECT 7 AS n", "USE SCHEMA public"):
        sql(statement)
    sql("CREATE TABLE t AS SELECT 1 AS n")
    assert sql(QUERY) == sql(QUERY) == [(1,)]
    sql.cursor.describe(QUERY)
    sql(between)
    assert sql(QUERY) == rows
    assert len(sql.cursor.describe(QUERY)) == len(rows[0])


def test_functions_of_the_session_are_asked_again(sql: Sql) -> None:
    first, second = (sql("SELECT CURRENT_TIMESTAMP(), LAST_QUERY_ID(), UUID_STRING()") for _ in range(2))
    assert all(a != b for a, b in zip(first[0], second[0], strict=True))
    sql("SET v = 1")
    assert sql.one("SELECT $v") == 1
    sql("SET v = 2")
    assert sql.one("SELECT $v") == 2


def test_a_dropped_table_is_not_found_again(sql: Sql) -> None:
    sql("CREATE TABLE t (n NUMBER)")
    assert sql(QUERY) == []
    sql("DROP TABLE t")
    sql.fails(QUERY, 2003)


def test_a_view_follows_its_tables(sql: Sql) -> None:
    sql("CREATE TABLE u AS SELECT 1 AS n")
    sql("CREATE VIEW t AS SELECT n FROM u")
    assert sql(QUERY) == [(1,)]
    sql("CREATE OR REPLACE VIEW t AS SELECT n + 1 AS n FROM u")
    assert sql(QUERY) == [(2,)]
    sql("CREATE OR REPLACE TABLE u AS SELECT 5 AS n")
    assert sql(QUERY) == [(6,)]


def test_a_result_scan_follows_the_last_statement(sql: Sql) -> None:
    scan = "SELECT * FROM TABLE(RESULT_SCAN(LAST_QUERY_ID()))"
    for value in (1, "two"):
        sql(f"SELECT {value!r} AS v")
        sql.cursor.describe(scan)
        sql(f"SELECT {value!r} AS v")
        assert sql(scan) == [(value,)]
