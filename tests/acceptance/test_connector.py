"""The genuine connector: logging in, values of all types, binds, several statements, asynchronous queries."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime, time
from decimal import Decimal
from pathlib import Path

import pytest
from harness import Sql, poll
from snowflake.connector import SnowflakeConnection
from snowflake.connector.errors import DatabaseError

from snowmelt.testing.server import RunningServer

CONNECTOR = "https://docs.snowflake.com/en/developer-guide/python-connector/python-connector-example"


@pytest.mark.parity("Connector", "logs in with user and password, database and schema", CONNECTOR)
def test_login(sql: Sql, database: str, server: RunningServer) -> None:
    assert sql("SELECT CURRENT_USER(), CURRENT_DATABASE(), CURRENT_SCHEMA(), CURRENT_ACCOUNT()") == [
        (server.address.user, database, "PUBLIC", "SNOWMELT")
    ]


@pytest.mark.parity("Connector", "a wrong user or password is refused", CONNECTOR)
@pytest.mark.parametrize("wrong", [{"password": "guess"}, {"user": "SOMEBODY"}])
def test_wrong_login(connect: Callable[..., SnowflakeConnection], wrong: dict[str, str]) -> None:
    with pytest.raises(DatabaseError) as caught:
        connect(**wrong)
    assert caught.value.errno == 390100


TYPES = "https://docs.snowflake.com/en/sql-reference/intro-summary-data-types"


@pytest.mark.parity("Data types", "values of every type arrive as the connector's Python types", TYPES)
@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ("42", 42),
        ("12345678901234567890123456789012345678::NUMBER(38,0)", 12345678901234567890123456789012345678),
        ("-1.50::NUMBER(10,2)", Decimal("-1.50")),
        ("0.5::FLOAT", 0.5),
        ("'grüße'::VARCHAR", "grüße"),
        ("TRUE", True),
        ("NULL", None),
        ("'2026-02-28'::DATE", date(2026, 2, 28)),
        ("'23:59:58.5'::TIME", time(23, 59, 58, 500_000)),
        ("'2026-02-28 01:02:03.456'::TIMESTAMP_NTZ", datetime(2026, 2, 28, 1, 2, 3, 456_000)),
        ("TO_BINARY('00ff', 'HEX')", bytearray(b"\x00\xff")),
    ],
)
def test_types(sql: Sql, expression: str, value: object) -> None:
    found = sql.one(f"SELECT {expression}")
    assert (type(found), found) == (type(value), value)


@pytest.mark.parity("Data types", "VARIANT, OBJECT and ARRAY arrive as JSON text", TYPES)
def test_semi_structured_types(sql: Sql) -> None:
    (row,) = sql("SELECT PARSE_JSON('{\"a\": [1, null]}'), OBJECT_CONSTRUCT('k', 1), ARRAY_CONSTRUCT('x', 'y')")
    assert ["".join(cell.split()) for cell in row] == ['{"a":[1,null]}', '{"k":1}', '["x","y"]']


BINDS = "https://docs.snowflake.com/en/developer-guide/python-connector/python-connector-example#binding-data"


@pytest.mark.parity("Bind variables", "question marks and numbers, bound on the server", BINDS)
def test_server_side_binds(sql: Sql) -> None:
    day = date(2026, 1, 2)
    assert sql("SELECT ?, ?, ?, ?, ?", 1, "it's", 2.5, True, None) == [(1, "it's", 2.5, True, None)]
    assert sql.one("SELECT ? + 1", day) == date(2026, 1, 3)


@pytest.mark.parity("Bind variables", "pyformat, bound by the client", BINDS)
def test_client_side_binds(sql: Sql) -> None:
    assert sql.cursor.execute("SELECT %(a)s, %(b)s", {"a": "x'; --", "b": 3}).fetchall() == [("x'; --", 3)]


@pytest.mark.parity("Bind variables", "executemany inserts all rows with one statement", BINDS)
def test_many_binds(sql: Sql) -> None:
    sql("CREATE TABLE t (n NUMBER, s VARCHAR)")
    sql.cursor.executemany("INSERT INTO t VALUES (%s, %s)", [(1, "a"), (2, None), (3, "c")])
    assert sql.cursor.rowcount == 3
    assert sql("SELECT * FROM t ORDER BY n") == [(1, "a"), (2, None), (3, "c")]


MULTI = "https://docs.snowflake.com/en/developer-guide/python-connector/python-connector-example#label-python-connector-multi-statement"


@pytest.mark.parity("Several statements", "one request runs them in order, each with its result", MULTI)
def test_several_statements(sql: Sql) -> None:
    sql.cursor.execute(
        "CREATE TABLE t (n NUMBER); INSERT INTO t VALUES (1), (2); SELECT SUM(n) FROM t", num_statements=3
    )
    answers = [sql.cursor.fetchall()]
    while sql.cursor.nextset():
        answers.append(sql.cursor.fetchall())
    assert answers == [[("Table T successfully created.",)], [(2,)], [(3,)]]


@pytest.mark.parity("Several statements", "a count that is not as announced is refused", MULTI)
def test_unannounced_statements(sql: Sql) -> None:
    sql.fails("SELECT 1; SELECT 2", 8)


ASYNC = "https://docs.snowflake.com/en/developer-guide/python-connector/python-connector-example#performing-an-asynchronous-query"


@pytest.mark.parity("Asynchronous query", "is started, asked after, and its result fetched by another cursor", ASYNC)
def test_asynchronous_query(sql: Sql, connection: SnowflakeConnection) -> None:
    query_id = sql.cursor.execute_async("SELECT COUNT(*) FROM TABLE(GENERATOR(ROWCOUNT => 100000))")["queryId"]
    with connection.cursor() as second:
        second.get_results_from_sfqid(query_id)
        assert second.fetchall() == [(100_000,)]
    assert not connection.is_still_running(connection.get_query_status(query_id))


@pytest.mark.parity("Asynchronous query", "a failure is reported when the result is asked for", ASYNC)
def test_failed_asynchronous_query(sql: Sql, connection: SnowflakeConnection) -> None:
    query_id = sql.cursor.execute_async("SELECT * FROM missing")["queryId"]
    with connection.cursor() as second, pytest.raises(DatabaseError, match="MISSING"):
        second.get_results_from_sfqid(query_id)
        second.fetchall()


@pytest.mark.parity(
    "RESULT_SCAN", "reads an earlier result", "https://docs.snowflake.com/en/sql-reference/functions/result_scan"
)
def test_result_scan(sql: Sql) -> None:
    query_id = sql.run("SELECT 1 AS a UNION ALL SELECT 2").sfqid
    assert sql.one(f"SELECT SUM(a) FROM TABLE(RESULT_SCAN('{query_id}'))") == 3
    sql("SELECT 7 AS b")
    assert sql.one("SELECT b FROM TABLE(RESULT_SCAN(LAST_QUERY_ID()))") == 7


@pytest.mark.parity(
    "Session variables", "SET, $name, UNSET", "https://docs.snowflake.com/en/sql-reference/session-variables"
)
def test_session_variables(sql: Sql) -> None:
    sql("SET (low, name) = (3, 'x')")
    assert sql("SELECT $low + 1, $name") == [(4, "x")]
    sql("UNSET low")
    sql.fails("SELECT $low")
    sql("CREATE TABLE t (n NUMBER)")
    sql("SET target = 'T'")
    assert sql.one("SELECT COUNT(*) FROM IDENTIFIER($target)") == 0


@pytest.mark.parity(
    "USE", "database, schema, role and warehouse", "https://docs.snowflake.com/en/sql-reference/sql/use"
)
def test_use(sql: Sql, database: str) -> None:
    sql("CREATE SCHEMA other")
    sql("USE SCHEMA PUBLIC")
    assert sql.one("SELECT CURRENT_SCHEMA()") == "PUBLIC"
    sql(f"USE {database}.other")
    sql("USE ROLE analyst")
    sql("USE WAREHOUSE big")
    assert sql("SELECT CURRENT_SCHEMA(), CURRENT_ROLE(), CURRENT_WAREHOUSE()") == [("OTHER", "ANALYST", "BIG")]
    sql.fails("USE SCHEMA missing", 2003)
    sql.fails("USE DATABASE missing", 2003)


@pytest.mark.parity(
    "ALTER SESSION",
    "sets parameters that SHOW PARAMETERS shows, and refuses unknown ones",
    "https://docs.snowflake.com/en/sql-reference/sql/alter-session",
)
def test_session_parameters(sql: Sql) -> None:
    sql("ALTER SESSION SET QUERY_TAG = 'nightly'")
    assert sql.column("SHOW PARAMETERS LIKE 'QUERY_TAG'", "value") == ["nightly"]
    sql("ALTER SESSION UNSET QUERY_TAG")
    assert sql.column("SHOW PARAMETERS LIKE 'QUERY_TAG'", "value") == [""]
    sql.fails("ALTER SESSION SET NO_SUCH_PARAMETER = 1")


@pytest.mark.parity(
    "Cancel",
    "SYSTEM$CANCEL_QUERY ends a running query",
    "https://docs.snowflake.com/en/sql-reference/functions/system_cancel_query",
)
def test_cancel_query(sql: Sql, connection: SnowflakeConnection, other: Sql) -> None:
    rows = "(SELECT SEQ4() AS n FROM TABLE(GENERATOR(ROWCOUNT => 1000000)))"
    query_id = sql.cursor.execute_async(f"SELECT COUNT(*) FROM {rows} a, {rows} b WHERE HASH(a.n + b.n) = 1")["queryId"]
    poll(lambda: "terminated" in other.one(f"SELECT SYSTEM$CANCEL_QUERY('{query_id}')"), "running query")
    with connection.cursor() as second, pytest.raises(DatabaseError, match="000604"):
        second.get_results_from_sfqid(query_id)
        second.fetchall()


LIMIT_ROWS = 1_500_000


@pytest.mark.parity("Results", "rows that do not fit into memory come back whole, and RESULT_SCAN reads them", TYPES)
def test_a_result_larger_than_memory(sql: Sql) -> None:
    rows = f"SELECT SEQ8() AS n, RPAD('x', 100, 'y') AS s FROM TABLE(GENERATOR(ROWCOUNT => {LIMIT_ROWS}))"
    frame = sql.run(rows).fetch_pandas_all()
    assert len(frame) == LIMIT_ROWS
    assert frame["N"].sum() == LIMIT_ROWS * (LIMIT_ROWS - 1) // 2
    scanned = f"SELECT COUNT(*), SUM(n), SUM(LENGTH(s)) FROM TABLE(RESULT_SCAN('{sql.cursor.sfqid}'))"
    assert sql(scanned) == [(LIMIT_ROWS, LIMIT_ROWS * (LIMIT_ROWS - 1) // 2, 100 * LIMIT_ROWS)]


def test_an_error_behind_many_rows(sql: Sql) -> None:
    sql("CREATE TABLE t AS SELECT SEQ8() AS n FROM TABLE(GENERATOR(ROWCOUNT => 1000000))")
    sql.fails("SELECT 1 / (n - 999999), n, n, n FROM t", 100051)
    assert sql.one("SELECT COUNT(*) FROM t") == 1_000_000


@pytest.mark.parity(
    "Session parameters",
    "a request may set them for itself",
    "https://docs.snowflake.com/en/developer-guide/python-connector/python-connector-api",
)
def test_parameters_of_a_statement(connection: SnowflakeConnection) -> None:
    cursor = connection.cursor()
    american = {"DATE_INPUT_FORMAT": "MM-DD-YYYY", "SOMEBODYS_OWN": "x"}
    for _ in range(2):
        cursor.execute("SELECT '02-01-1970'::DATE", _statement_params=american)
        assert cursor.fetchall() == [(date(1970, 2, 1),)]
        with pytest.raises(DatabaseError):
            cursor.execute("SELECT '02-01-1970'::DATE")
    with pytest.raises(DatabaseError):
        cursor.execute("SELECT 1", _statement_params={"AUTOCOMMIT": "perhaps"})
    assert cursor.execute("SHOW PARAMETERS LIKE 'DATE_INPUT_FORMAT'").fetchall()[0][1] == "AUTO"


@pytest.mark.parity(
    "Result metadata",
    "is_nullable is false for NOT NULL columns and for what is made of them",
    "https://docs.snowflake.com/en/developer-guide/python-connector/python-connector-api",
)
def test_nullability(connection: SnowflakeConnection) -> None:
    cursor = connection.cursor()
    cursor.execute("CREATE TABLE t (a INT NOT NULL, b VARCHAR)")
    cursor.execute(
        "SELECT t.a, t.b, t.a + 1, COUNT(*), UPPER(t.b), COALESCE(t.b, ''), MAX(t.a), u.a, TRY_CAST(t.b AS INT) "
        "FROM t LEFT JOIN t AS u ON t.a = u.a GROUP BY ALL"
    )
    nullable = [column.is_nullable for column in cursor.description]
    assert nullable == [False, True, False, False, True, False, True, True, True]
    cursor.execute("SELECT a FROM t UNION ALL SELECT NULL")
    assert [column.is_nullable for column in cursor.description] == [True]
    cursor.execute("SELECT TRUE::BOOLEAN, TIME('01:02:03'), RANDSTR(3, RANDOM())::VARCHAR")
    assert [column.is_nullable for column in cursor.description] == [True, False, False]
    cursor.execute("SELECT a FROM t EXCEPT SELECT NULL")
    assert [column.is_nullable for column in cursor.description] == [False]
    cursor.execute("SELECT TRY_CAST(b AS INT) FROM t INTERSECT SELECT a FROM t")
    assert [column.is_nullable for column in cursor.description] == [True]


PREPARE = "https://docs.snowflake.com/en/user-guide/sql-prepare"


@pytest.mark.parity("Describe", "tells the columns of an answer and runs nothing, whatever the statement is", PREPARE)
def test_describing_runs_nothing(sql: Sql, database: str, tmp_path: Path) -> None:
    sql("CREATE TABLE t (n NUMBER) AS SELECT 1")
    sql("CREATE STAGE files")
    sql("COPY INTO @files/a.csv FROM (SELECT 5) SINGLE = TRUE")
    sql("CREATE TASK later AS SELECT 1")
    sql("SET v = 1")
    (tmp_path / "b.csv").write_text("6")

    def state() -> list[object]:
        session = "SELECT CURRENT_TRANSACTION(), CURRENT_SCHEMA(), CURRENT_ROLE(), CURRENT_WAREHOUSE(), $v"
        shown = ("TABLES", "VIEWS", "TASKS", "SCHEMAS", "DATABASES HISTORY", "PARAMETERS LIKE 'QUERY_TAG'")
        return [sql("SELECT * FROM t"), sql(session), sql("LIST @files"), *(sql(f"SHOW {what}") for what in shown)]

    before = state()
    for text, names in {
        "CREATE TABLE u (n NUMBER)": "status",
        "CREATE OR REPLACE TABLE t AS SELECT 'x' AS s": "status",
        "CREATE TABLE u CLONE t": "status",
        "CREATE VIEW w AS SELECT n FROM t": "status",
        "ALTER TABLE t ADD COLUMN m NUMBER": "status",
        "TRUNCATE TABLE t": "status",
        "DROP TABLE t": "status",
        f"DROP DATABASE {database}": "status",
        "COMMENT ON TABLE t IS 'x'": "status",
        "ALTER TASK later RESUME": "status",
        "EXECUTE TASK later": "status",
        "BEGIN": "status",
        "SET v = 2": "status",
        "UNSET v": "status",
        "USE ROLE nobody": "status",
        "USE WAREHOUSE nowhere": "status",
        "USE SCHEMA INFORMATION_SCHEMA": "status",
        "ALTER SESSION SET QUERY_TAG = 'x'": "status",
        "EXECUTE IMMEDIATE 'DROP TABLE t'": "status",
        "REMOVE @files": "name, result",
        f"PUT file://{tmp_path}/b.csv @files": "source, target, source_size, target_size, source_compression, "
        "target_compression, status, message",
        f"GET @files file://{tmp_path}/got": "file, size, status, message",
        "COPY INTO @files/c.csv FROM t": "rows_unloaded, input_bytes, output_bytes",
        "COPY INTO t FROM @files": "file, status, rows_parsed, rows_loaded, error_limit, errors_seen, first_error, "
        "first_error_line, first_error_character, first_error_column_name",
        "INSERT INTO t VALUES (2)": "number of rows inserted",
        "DELETE FROM t": "number of rows deleted",
        "BEGIN DELETE FROM t; END": "anonymous block",
    }.items():
        described = sql.cursor.describe(text)
        assert ", ".join(column.name for column in described or ()) == names, text
        assert state() == before, text
