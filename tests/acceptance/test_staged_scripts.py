"""EXECUTE IMMEDIATE FROM through the genuine connector."""

from __future__ import annotations

from pathlib import Path

import pytest
from harness import Sql

PAGE = "https://docs.snowflake.com/en/sql-reference/sql/execute-immediate-from"


@pytest.fixture
def put(sql: Sql) -> Sql:
    """SQL with a stage `scripts`."""
    sql("CREATE STAGE scripts")
    return sql


def _stage(sql: Sql, tmp_path: Path, name: str, text: str) -> None:
    (tmp_path / name).write_text(text)
    sql(f"PUT 'file://{tmp_path / name}' @scripts/deploy AUTO_COMPRESS = FALSE OVERWRITE = TRUE")


@pytest.mark.parity("EXECUTE IMMEDIATE FROM", "runs a staged file's statements and blocks; answers the last one", PAGE)
def test_file(put: Sql, tmp_path: Path) -> None:
    text = """
    -- a comment; with a semicolon
    CREATE TABLE t (n NUMBER);
    SET name = 't';
    INSERT INTO IDENTIFIER($name) VALUES (1), (2);
    BEGIN
      FOR i IN 3 TO 4 DO
        INSERT INTO t VALUES (:i);
      END FOR;
    END;
    SELECT SUM(n) AS total, 'a;b' AS word FROM t;
    """
    _stage(put, tmp_path, "a.sql", text)
    assert put.dicts("EXECUTE IMMEDIATE FROM @scripts/deploy/a.sql") == [{"TOTAL": 10, "WORD": "a;b"}]
    # the statements have a place in the history of their own
    assert put("SELECT * FROM TABLE(RESULT_SCAN(LAST_QUERY_ID(-1)))") == [(10, "a;b")]
    _stage(put, tmp_path, "b.sql", "TRUNCATE TABLE t; EXECUTE IMMEDIATE FROM '@scripts/deploy/c.sql'")
    _stage(put, tmp_path, "c.sql", "INSERT INTO t VALUES (7)")
    put("EXECUTE IMMEDIATE FROM '@scripts/deploy/b.sql'")
    assert put("SELECT n FROM t") == [(7,)]
    block = "BEGIN LET file := '@scripts/deploy/c.sql'; EXECUTE IMMEDIATE FROM :file; RETURN SQLROWCOUNT; END"
    assert put.one(f"EXECUTE IMMEDIATE $${block}$$") == 1


@pytest.mark.parity("EXECUTE IMMEDIATE FROM", "ends at the statement that fails; what was done before stays", PAGE)
def test_failing_file(put: Sql, tmp_path: Path) -> None:
    _stage(put, tmp_path, "a.sql", "CREATE TABLE t AS SELECT 1 AS n;\nSELECT nope FROM t;\nDROP TABLE t;")
    assert "NOPE" in str(put.fails("EXECUTE IMMEDIATE FROM @scripts/deploy/a.sql", 904))
    assert put("SELECT n FROM t") == [(1,)]
    put.fails("EXECUTE IMMEDIATE FROM @scripts/deploy/none.sql", 91016)
    put.fails("EXECUTE IMMEDIATE FROM @scripts/deploy/", 91016)
    put.fails("EXECUTE IMMEDIATE FROM @nowhere/a.sql", 2003)
    put.fails("EXECUTE IMMEDIATE FROM '@scripts/../../password'", 1003)
    _stage(put, tmp_path, "empty.sql", "-- nothing\n")
    put.fails("EXECUTE IMMEDIATE FROM @scripts/deploy/empty.sql", 900)
    _stage(put, tmp_path, "self.sql", "SELECT 1; EXECUTE IMMEDIATE FROM @scripts/deploy/self.sql")
    assert "would execute itself" in str(put.fails("EXECUTE IMMEDIATE FROM @scripts/deploy/self.sql", 1003))
    _stage(put, tmp_path, "template.sql", "--!jinja\nSELECT {{ n }}")
    put.fails("EXECUTE IMMEDIATE FROM @scripts/deploy/template.sql", 2)
    (tmp_path / "bytes.sql").write_bytes(b"SELECT '\xff'")
    put(f"PUT 'file://{tmp_path}/bytes.sql' @scripts AUTO_COMPRESS = FALSE")
    assert "UTF-8" in str(put.fails("EXECUTE IMMEDIATE FROM @scripts/bytes.sql", 1003))
