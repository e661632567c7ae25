"""VALUES of many rows: whatever they hold, they mean what a few rows mean."""

from __future__ import annotations

import pytest
from harness import Sql
from snowflake.connector.errors import DatabaseError

from snowmelt.session.constant_rows import MANY

INSERT = "https://docs.snowflake.com/en/sql-reference/sql/insert"

VALUES = [
    ("NUMBER(10,2)", "1.255", "-7", "NULL", "1.2"),
    ("NUMBER(4,1)", "99999", "1", "2", "3"),
    ("NUMBER", "1e3", "1", "2", "3"),
    ("NUMBER", "99999999999999999999999999999999999999", "0.5", "-0.5", "1"),
    ("NUMBER", "'12'", "'x'", "1", "2"),
    ("FLOAT", "1.5", "-2", "1e300", "NULL"),
    ("FLOAT", "0.1", "2", "3", "NULL"),
    ("VARCHAR", "'it''s'", "''", "NULL", "'\\n'"),
    ("VARCHAR", "1.50", "'x'", "TRUE", "-2"),
    ("VARCHAR(3)", "'abc'", "'abcd'", "''", "NULL"),
    ("BOOLEAN", "TRUE", "FALSE", "NULL", "TRUE"),
    ("BOOLEAN", "'yes'", "1", "NULL", "TRUE"),
    ("BOOLEAN", "'perhaps'", "TRUE", "NULL", "TRUE"),
    ("DATE", "'2026-01-02'", "'1767312000'", "NULL", "'02-JAN-2026'"),
    ("DATE", "'soon'", "'2026-01-02'", "NULL", "NULL"),
    ("TIME", "'01:02:03.5'", "'3723'", "NULL", "'1:2'"),
    ("TIMESTAMP_NTZ", "'2026-01-02 03:04:05.678'", "'2026-01-02T03:04:05Z'", "NULL", "'2026-01-02'"),
    ("TIMESTAMP_TZ", "'2026-01-02 03:04:05 +0200'", "'2026-01-02'", "NULL", "'1767312000'"),
    ("BINARY", "'01ff'", "''", "NULL", "'0A'"),
    ("BINARY", "'zz'", "''", "NULL", "'0A'"),
    ("VARIANT", "1", "NULL", "2", "3"),
    ("VARIANT", "'text'", "1", "2", "3"),
    ("NUMBER NOT NULL", "1", "NULL", "2", "3"),
    ("NUMBER DEFAULT 7", "DEFAULT", "1", "2", "3"),
    ("NUMBER", "1 + 1", "ABS(-2)", "(3)", "-(-4)"),
    ("NUMBER(2) DEFAULT 5", "1", "100", "2", "3"),
]


@pytest.mark.parity("INSERT", "many rows of constants are converted as a few are, and refused alike", INSERT)
@pytest.mark.parametrize(("kind", *"abcd"), VALUES, ids=[" ".join(row[:2])[:30] for row in VALUES])
def test_many_are_as_few(sql: Sql, kind: str, a: str, b: str, c: str, d: str) -> None:
    sql(f"CREATE TABLE t (v {kind})")

    def inserted(times: int) -> object:
        rows = ", ".join([f"({value})" for value in (a, b, c, d)] * times)
        try:
            assert sql(f"INSERT INTO t (v) VALUES {rows}") == [(4 * times,)]
        except DatabaseError as error:
            return error.errno, error.raw_msg
        finally:
            found = sql("SELECT v, COUNT(*) FROM t GROUP BY v ORDER BY v")
            sql("TRUNCATE TABLE t")
        return [(value, count // times) for value, count in found]

    assert inserted(MANY) == inserted(1)


@pytest.mark.parity("INSERT", "rows of different lengths are refused, few or many", INSERT)
@pytest.mark.parametrize("times", [1, MANY])
def test_widths(sql: Sql, times: int) -> None:
    sql("CREATE TABLE t (a NUMBER, b NUMBER AUTOINCREMENT, c VARCHAR DEFAULT 'x')")
    sql.fails("INSERT INTO t (a, c) VALUES " + ", ".join(["(1, 'a')"] * times + ["(2)"]))
    sql("INSERT INTO t (a) VALUES " + ", ".join(["(1)", "(2)"] * times))
    assert sql("SELECT COUNT(*), COUNT(DISTINCT b), MIN(c) FROM t") == [(2 * times, 2 * times, "x")]
