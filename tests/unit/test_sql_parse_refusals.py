"""What is not supported is refused by name; what is no Snowflake SQL is a syntax error with its place."""

from __future__ import annotations

import pytest

from snowmelt.base.errors import SqlError
from snowmelt.sql.parse import parse_one, split


@pytest.mark.parametrize(
    ("text", "feature"),
    [
        ("GRANT SELECT ON t TO ROLE r", "GRANT"),
        ("REVOKE SELECT ON t FROM ROLE r", "REVOKE"),
        ("CREATE ROLE r", "CREATE ROLE"),
        ("CREATE USER u", "CREATE USER"),
        ("CREATE DYNAMIC TABLE t AS SELECT 1", "CREATE DYNAMIC TABLE"),
        ("CREATE EXTERNAL TABLE t", "CREATE EXTERNAL TABLE"),
        ("CREATE ICEBERG TABLE t (a INT)", "CREATE ICEBERG TABLE"),
        ("CREATE SECURE FUNCTION f() RETURNS INT AS '1'", "CREATE SECURE FUNCTION"),
        ("CREATE MATERIALIZED VIEW v AS SELECT 1", "CREATE MATERIALIZED VIEW"),
        ("CREATE STAGE s URL = 's3://x'", "external stage"),
        ("CREATE TABLE t (a INT MASKING POLICY p)", "MASKING POLICY"),
        ("CREATE TABLE t (a VARCHAR COLLATE 'en')", "COLLATE"),
        ("CREATE TABLE t (a MAP(FLOAT, INT))", "data type MAP(DOUBLE, INT)"),
        ("CREATE TABLE t (a INT) ENABLE_SCHEMA_EVOLUTION = TRUE", "ENABLE_SCHEMA_EVOLUTION"),
        ("CREATE STAGE t CLONE s", "CREATE STAGE ... CLONE"),
        ("CREATE STREAM s ON STAGE x", "stream on STAGE"),
        ("CREATE MODEL m WITH LIVE VERSION v", "LIVE VERSION of a model"),
        ("ALTER MODEL m SET TAG a = 'x'", "ALTER MODEL ... SET TAG"),
        ("ALTER STAGE s REFRESH", "ALTER ... REFRESH"),
        ("SHOW GRANTS", "SHOW GRANTS"),
        ("DROP ROLE r", "DROP ROLE"),
        ("COPY FILES INTO @a FROM (SELECT 1)", "COPY FILES FROM a query"),
        ("SELECT @st", "stage reference outside of FROM"),
        ("SELECT a FROM t FOR UPDATE", "SELECT ... FOR UPDATE"),
        ("CALL p() INTO :x", "CALL ... INTO"),
        (
            "CREATE FUNCTION f() RETURNS INT LANGUAGE PYTHON HANDLER = 'h' SECRETS = ('a' = b) AS 'x'",
            "SECRETS of a function",
        ),
        ("CREATE PROCEDURE p(OUT a INT) RETURNS INT LANGUAGE SQL AS 'x'", "OUT argument"),
    ],
)
def test_refused_by_name(text: str, feature: str) -> None:
    with pytest.raises(SqlError) as caught:
        parse_one(text)
    assert (caught.value.code, caught.value.message) == (2, f"Unsupported feature '{feature}'.")


@pytest.mark.parametrize(
    ("text", "line", "position", "token"),
    [
        ("SELEC 1", 1, 0, "SELEC"),
        ("SELECT a b c FROM t", 1, 11, "c"),
        ("SELECT\n  a b\n  cde FROM t", 3, 2, "cde"),
        ("SELECT (1", 1, 9, "<EOF>"),
        ("SELECT 'abc", 1, 11, "<EOF>"),
        ("SELECT * FROM t WHERE", 1, 21, "<EOF>"),
        ("CREATE TABEL t (a INT)", 1, 7, "TABEL"),
        ("CREATE TABLE t (a INT,)", 1, 22, ")"),
        ("CREATE TABLE t", 1, 14, "<EOF>"),
        ("CREATE TABLE t (a INT) x", 1, 23, "x"),
        ("ALTER TASK t RESUME now", 1, 20, "now"),
        ("SHOW 'x'", 1, 5, "'x'"),
        ("DELETE t", 1, 7, "t"),
        ("CREATE TASK t AS FOO", 1, 17, "FOO"),
        ("EXECUTE TASK", 1, 12, "<EOF>"),
        ("WITH x AS (SHOW TABLES) SELECT 1", 1, 0, "WITH"),
        ("@", 1, 0, "@"),
    ],
)
def test_syntax_errors_name_the_place(text: str, line: int, position: int, token: str) -> None:
    with pytest.raises(SqlError) as caught:
        parse_one(text)
    assert caught.value.code == 1003
    assert caught.value.message == (
        f"SQL compilation error:\nsyntax error line {line} at position {position} unexpected '{token}'."
    )


@pytest.mark.parametrize(
    "text",
    [
        "SELECT " + "(" * 50_000,
        "SELECT " + "(" * 5_000 + "1" + ")" * 5_000,
        "SELECT " + "CASE WHEN 1 THEN " * 3_000,
        "CALL p(" + "(" * 5_000 + "1" + ")" * 5_000 + ")",
        "ALTER SESSION SET x = " + "(" * 50_000,
        "EXPLAIN " * 50_000 + "SELECT 1",
    ],
)
def test_deep_nesting_is_an_error(text: str) -> None:
    with pytest.raises(SqlError, match="nested too deeply"):
        parse_one(text)


def test_a_name_whose_bind_is_not_set() -> None:
    with pytest.raises(SqlError) as caught:
        parse_one("DROP TABLE identifier(?)")
    assert caught.value.code == 2049


def test_split_refuses_open_quotes() -> None:
    with pytest.raises(SqlError, match="<EOF>"):
        split("SELECT 1; SELECT 'x")
