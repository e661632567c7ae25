"""Bind variables: every way to write them, every Python type, and arrays of them, also by a stage."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import date, datetime, time, timedelta, timezone
from decimal import Decimal
from typing import Any

import pytest
import pytz
import snowflake.connector
from harness import Sql
from snowflake.connector import SnowflakeConnection
from snowflake.connector.cursor import SnowflakeCursor

BINDS = "https://docs.snowflake.com/en/developer-guide/python-connector/python-connector-example#binding-data"
BINARY = "https://docs.snowflake.com/en/sql-reference/data-types-text#binary"
WEST = timezone(timedelta(hours=-8))
Open = Callable[[str], SnowflakeCursor]


@pytest.fixture
def using(
    connect: Callable[..., SnowflakeConnection], database: str, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Open]:
    """A cursor whose connection has a certain paramstyle."""

    def cursor(style: str) -> SnowflakeCursor:
        monkeypatch.setattr(snowflake.connector, "paramstyle", style)
        return connect(database=database, schema="PUBLIC").cursor()

    yield cursor


VALUES = [
    (1, 1, "NUMBER(1,0)"),
    (-(10**30), -(10**30), "NUMBER(31,0)"),
    (Decimal("1.50"), Decimal("1.50"), "NUMBER(3,2)"),
    (1.5, 1.5, "FLOAT"),
    (float("inf"), float("inf"), "FLOAT"),
    ("it's \\ ü", "it's \\ ü", "VARCHAR(8)"),
    (True, True, "BOOLEAN"),
    (b"\x00\xff", b"\x00\xff", "BINARY(8388608)"),
    (date(1900, 1, 2), date(1900, 1, 2), "DATE"),
    (time(1, 2, 3, 456789), time(1, 2, 3, 456789), "TIME(9)"),
    (timedelta(hours=1, seconds=2), time(1, 0, 2), "TIME(9)"),
    (datetime(2026, 1, 2, 3, 4, 5, 678901), datetime(2026, 1, 2, 3, 4, 5, 678901), "TIMESTAMP_NTZ(9)"),
    (
        ("TIMESTAMP_LTZ", datetime(2026, 1, 2, tzinfo=pytz.utc)),
        datetime(2026, 1, 2, tzinfo=pytz.utc),
        "TIMESTAMP_LTZ(9)",
    ),
    (("TIMESTAMP_TZ", datetime(2026, 1, 2, tzinfo=WEST)), datetime(2026, 1, 2, tzinfo=WEST), "TIMESTAMP_TZ(9)"),
    (("DATE", "2026-01-02"), date(2026, 1, 2), "DATE"),
    (("TIMESTAMP_NTZ", "2026-01-02 03:04:05"), datetime(2026, 1, 2, 3, 4, 5), "TIMESTAMP_NTZ(9)"),
]


@pytest.mark.parity("Bind variables", "values of every type arrive as what they were, and have their type", BINDS)
def test_types(using: Open) -> None:
    cursor = using("qmark")
    for given, expected, kind in VALUES:
        found = cursor.execute("SELECT ?, SPLIT_PART(SYSTEM$TYPEOF(?), '[', 1)", [given, given]).fetchone()
        assert found == (expected, kind), given
    assert cursor.execute("SELECT ?, ? IS NULL", [None, None]).fetchone() == (None, True)


@pytest.mark.parity("Bind variables", "numeric: by position, as often as wanted", BINDS)
def test_numeric(using: Open) -> None:
    cursor = using("numeric")
    assert cursor.execute("SELECT :2, :1, :2 || '!'", [1, "b"]).fetchall() == [("b", 1, "b!")]
    cursor.execute("CREATE TABLE t (n NUMBER, s VARCHAR)")
    cursor.executemany("INSERT INTO t VALUES (:2, :1)", [("a", 1), ("b", 2)])
    assert cursor.execute("SELECT * FROM t ORDER BY n").fetchall() == [(1, "a"), (2, "b")]


@pytest.mark.parity("Bind variables", "pyformat and format: names, positions and lists", BINDS)
def test_client_side(using: Open) -> None:
    cursor = using("pyformat")
    cursor.execute("CREATE TABLE t (n NUMBER, s VARCHAR, d DATE, b BINARY)")
    rows = [{"n": 1, "s": "it's", "d": date(2026, 1, 2), "b": b"\x00"}, {"n": 2, "s": None, "d": None, "b": None}]
    cursor.executemany("INSERT INTO t VALUES (%(n)s, %(s)s, %(d)s, %(b)s)", rows)
    assert cursor.execute("SELECT * FROM t WHERE n IN (%s) ORDER BY n", ([1, 2],)).fetchall() == [
        tuple(row.values()) for row in rows
    ]
    assert using("format").execute("SELECT %s, '%%'", ("x",)).fetchall() == [("x", "%")]


@pytest.mark.parity("Bind variables", "stand for names, limits and arguments, too", BINDS)
def test_places(using: Open) -> None:
    cursor = using("qmark")
    cursor.execute("CREATE TABLE t AS SELECT SEQ4() AS n FROM TABLE(GENERATOR(ROWCOUNT => ?))", [5])
    assert cursor.execute("SELECT COUNT(*) FROM IDENTIFIER(?)", ["T"]).fetchone() == (5,)
    assert cursor.execute("SELECT n FROM t ORDER BY n LIMIT ? OFFSET ?", [2, 1]).fetchall() == [(1,), (2,)]
    assert cursor.execute("SELECT ?::NUMBER + 1, ?::DATE", ["41", "2026-01-02"]).fetchone() == (42, date(2026, 1, 2))
    with pytest.raises(snowflake.connector.errors.ProgrammingError, match="Bind variable 2 not set"):
        cursor.execute("SELECT ?, ?", [1])


COLUMNS = (
    "n NUMBER(38,2), f FLOAT, s VARCHAR, b BOOLEAN, y BINARY, d DATE, t TIME, nt TIMESTAMP_NTZ, lt TIMESTAMP_LTZ, "
    "tz TIMESTAMP_TZ"
)
ROW: tuple[Any, ...] = (
    Decimal("1.25"),
    1.5,
    "x,\"'\\\n;",
    True,
    b"\x01\xff",
    date(2026, 1, 2),
    time(1, 2, 3, 456),
    datetime(2026, 1, 2, 3, 4, 5, 6),
    ("TIMESTAMP_LTZ", datetime(2026, 1, 2, 3, 4, 5, tzinfo=pytz.utc)),
    ("TIMESTAMP_TZ", datetime(2026, 1, 2, 3, 4, 5, tzinfo=WEST)),
)
EXPECTED = tuple(value[1] if isinstance(value, tuple) else value for value in ROW)
INSERT = f"INSERT INTO t VALUES ({', '.join('?' * len(ROW))})"


@pytest.mark.parity("Array binds", "executemany sends all rows at once, values of every type", BINDS)
@pytest.mark.parametrize("threshold", [0, 1], ids=["in the request", "by a stage"])
def test_arrays(using: Open, threshold: int) -> None:
    cursor = using("qmark")
    cursor.execute(f"CREATE TABLE t ({COLUMNS})")
    cursor.connection._session_parameters["CLIENT_STAGE_ARRAY_BINDING_THRESHOLD"] = threshold
    cursor.executemany(INSERT, [ROW, ROW])
    assert cursor.rowcount == 2
    assert cursor.execute("SELECT * FROM t").fetchall() == [EXPECTED, EXPECTED]


@pytest.mark.parity("Array binds", "have null and empty values", BINDS)
@pytest.mark.parametrize("threshold", [0, 1], ids=["in the request", "by a stage"])
def test_nulls_in_arrays(using: Open, threshold: int) -> None:
    cursor = using("qmark")
    cursor.execute("CREATE TABLE t (n NUMBER, s VARCHAR, y BINARY, d DATE, nt TIMESTAMP_NTZ)")
    rows = [(1, "", b"\x0a", date(2026, 1, 2), datetime(2026, 1, 2, 3)), (None, None, None, None, None)]
    cursor.connection._session_parameters["CLIENT_STAGE_ARRAY_BINDING_THRESHOLD"] = threshold
    cursor.executemany("INSERT INTO t (n, s, y, d, nt) VALUES (?, ?, ?, ?, ?)", rows)
    assert cursor.execute("SELECT * FROM t").fetchall() == rows


@pytest.mark.parity("Array binds", "go through expressions and SELECT", BINDS)
@pytest.mark.parametrize("threshold", [0, 1], ids=["in the request", "by a stage"])
@pytest.mark.parametrize(
    "source",
    [
        "VALUES (? + 1, UPPER(?))",
        "SELECT ? + 1, UPPER(?)",
        "SELECT column1 + 1, UPPER(column2) FROM VALUES (?, ?)",
        "SELECT $1 + 1, UPPER($2) FROM VALUES (?, ?)",
        "SELECT v.a + 1, UPPER(v.b) FROM VALUES (?, ?) AS v (a, b)",
    ],
)
def test_expressions(using: Open, source: str, threshold: int) -> None:
    cursor = using("qmark")
    cursor.execute("CREATE TABLE t (n NUMBER, s VARCHAR)")
    cursor.connection._session_parameters["CLIENT_STAGE_ARRAY_BINDING_THRESHOLD"] = threshold
    cursor.executemany(f"INSERT INTO t (n, s) {source}", [(1, "a"), (2, "b")])
    assert cursor.execute("SELECT * FROM t ORDER BY n").fetchall() == [(2, "A"), (3, "B")]


@pytest.mark.parity("Array binds", "fill VARIANT columns by PARSE_JSON", BINDS)
def test_json(using: Open) -> None:
    cursor = using("qmark")
    cursor.execute("CREATE TABLE t (n NUMBER, v VARIANT)")
    cursor.executemany("INSERT INTO t SELECT ?, PARSE_JSON(?)", [(1, '{"a": 5}'), (2, "[7]")])
    assert cursor.execute("SELECT n, COALESCE(v:a, v[0])::NUMBER FROM t ORDER BY n").fetchall() == [(1, 5), (2, 7)]


@pytest.mark.parity("Array binds", "many values go by a stage", BINDS)
def test_many_rows(using: Open) -> None:
    cursor = using("qmark")
    cursor.execute("CREATE TABLE t (n NUMBER, s VARCHAR)")
    cursor.executemany("INSERT INTO t VALUES (?, ?)", [(i, f"row {i}") for i in range(40_000)])
    assert cursor.rowcount == 40_000
    assert cursor.execute("SELECT COUNT(*), SUM(n), MAX(s) FROM t").fetchall() == [(40_000, 799_980_000, "row 9999")]
    assert cursor.execute("LIST @SNOWPARK_TEMP_STAGE_BIND").fetchall()


@pytest.mark.parity("Array binds", "a value that does not fit refuses the whole INSERT", BINDS)
@pytest.mark.parametrize("threshold", [0, 1], ids=["in the request", "by a stage"])
def test_a_wrong_value(using: Open, threshold: int) -> None:
    cursor = using("qmark")
    cursor.execute("CREATE TABLE t (n NUMBER)")
    cursor.connection._session_parameters["CLIENT_STAGE_ARRAY_BINDING_THRESHOLD"] = threshold
    with pytest.raises(snowflake.connector.errors.ProgrammingError, match="Numeric value 'x' is not recognized"):
        cursor.executemany("INSERT INTO t VALUES (?)", [("1",), ("x",)])
    assert cursor.execute("SELECT COUNT(*) FROM t").fetchone() == (0,)


@pytest.mark.parity("Array binds", "executemany of UPDATE and DELETE runs a statement for each row", BINDS)
def test_other_statements(using: Open) -> None:
    cursor = using("qmark")
    cursor.execute("CREATE TABLE t (n NUMBER, s VARCHAR)")
    cursor.executemany("INSERT INTO t VALUES (?, ?)", [(n, "old") for n in range(4)])
    cursor.executemany("UPDATE t SET s = ? WHERE n = ?", [("new", 1), ("newer", 2)])
    assert cursor.rowcount == 2
    cursor.executemany("DELETE FROM t WHERE n = ?", [(0,), (3,)])
    assert cursor.execute("SELECT * FROM t ORDER BY n").fetchall() == [(1, "new"), (2, "newer")]


@pytest.mark.parity("BINARY", "a text for a binary column is read as hexadecimal digits", BINARY)
def test_texts_for_binary(sql: Sql) -> None:
    sql("CREATE TABLE t (y BINARY)")
    sql("INSERT INTO t VALUES ('01ff')")
    sql("INSERT INTO t SELECT column1 FROM VALUES ('0a'), (NULL)")
    assert sql("SELECT y FROM t ORDER BY y NULLS LAST") == [(b"\x01\xff",), (b"\x0a",), (None,)]
    sql.fails("INSERT INTO t VALUES ('zz')", 100115)
