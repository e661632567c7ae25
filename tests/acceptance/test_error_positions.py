"""Every error of compilation says where it lies."""

from __future__ import annotations

import pytest
from harness import Sql

DOCS = "https://docs.snowflake.com/en/sql-reference/constructs/select"

FAULTY = {
    "selct 1": (1, 0),
    "SELECT 1 FROM": (1, 13),
    "SELECT a,\n  nope FROM t": (2, 2),
    "SELECT * FROM nowhere": (1, 14),
    "SELECT 1 +\n no_such(2)": (2, 1),
    "SELECT SUM(a) FROM t\nWHERE SUM(a) > 1": (2, 0),
    "SELECT a FROM t UNION SELECT 1, 2": (1, 16),
    "SELECT 1, substr('a')": (1, 10),
    "SELECT DATEADD('nope', 1, CURRENT_DATE)": (1, 7),
    "SELECT a FROM t\nORDER BY 7": (2, 0),
    "SELECT a FROM t GROUP BY 7": (1, 16),
    "SELECT * FROM VALUES (1), (2, 3)": (1, 14),
    "SELECT a FROM t LIMIT -1": (1, 16),
    "SELECT (SELECT 1, 2)": (1, 0),
    "SELECT * FROM t JOIN u USING (b)": (1, 30),
    "SELECT a:x FROM t": (1, 8),
    "SELECT TRY_CAST(a AS NUMBER) FROM t": (1, 7),
    "SELECT a FROM t QUALIFY a = 1": (1, 16),
    "SELECT a, u.a FROM t, u WHERE a = 1": (1, 7),
    "SELECT a FROM t GROUP BY ABS(a)": (1, 7),
    "INSERT INTO t VALUES (1, 2)": (1, 14),
    "INSERT INTO t (nope) VALUES (1)": (1, 15),
    "UPDATE t SET a = 1, nope = 2": (1, 20),
    "UPDATE t SET a = 1, a = 2": (1, 13),
    "DELETE FROM t WHERE nope = 1": (1, 20),
    "MERGE INTO t USING u ON t.a = u.a WHEN MATCHED THEN UPDATE SET nope = 1": (1, 63),
    "CREATE TABLE n (a NUMBER(50))": (1, 18),
    "CREATE TABLE n (a NUMBER, a NUMBER)": (1, 16),
    "CREATE TABLE t (a NUMBER)": (1, 13),
    "CREATE VIEW v AS SELECT nope FROM t": (1, 24),
    "ALTER TABLE t DROP COLUMN nope": (1, 26),
    "DROP TABLE nowhere": (1, 11),
    "USE SCHEMA nowhere": (1, 11),
    "COPY INTO nowhere FROM @~": (1, 10),
}
"""Statements, and line and position of what is wrong with them."""


@pytest.fixture
def tables(sql: Sql) -> None:
    sql("CREATE TABLE t (a NUMBER)")
    sql("CREATE TABLE u (a NUMBER)")


@pytest.mark.usefixtures("tables")
@pytest.mark.parametrize("statement", FAULTY)
@pytest.mark.parity("Compilation errors", "each says its line and position", DOCS)
def test_position(sql: Sql, statement: str) -> None:
    line, position = FAULTY[statement]
    assert f"line {line} at position {position}" in str(sql.fails(statement))
