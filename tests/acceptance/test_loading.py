"""COPY INTO a table: what becomes of records that do not fit, and what is remembered of loads."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from harness import Sql
from snowflake.connector.errors import DatabaseError

DOCS = "https://docs.snowflake.com/en/sql-reference"
FAULTY = "1,Ann,1.5\nx,Bob,2\n3,Cleo\n4,Dora,zz\n5,Eve,5\n"
"""Of five records, the second and the fourth hold a text where a number belongs; the third is too short."""

Stage = Callable[[str, str], None]


@pytest.fixture
def stage(sql: Sql, tmp_path: Path) -> Stage:
    """Puts a text as a file into the stage `files`; a table `t (id, name, price)` is there, too."""
    sql("CREATE STAGE files")
    sql("CREATE TABLE t (id NUMBER, name VARCHAR(4), price NUMBER(10,2))")

    def put(name: str, text: str) -> None:
        (tmp_path / name).write_text(text)
        sql(f"PUT 'file://{tmp_path}/{name}' @files AUTO_COMPRESS = FALSE")

    return put


@pytest.mark.parity("COPY INTO table", "VALIDATION_MODE = RETURN_ERRORS", f"{DOCS}/sql/copy-into-table")
def test_validation_mode_errors(sql: Sql, stage: Stage) -> None:
    stage("faulty.csv", FAULTY)
    for mode in ("RETURN_ERRORS", "RETURN_ALL_ERRORS"):
        found = sql.dicts(f"COPY INTO t FROM @files VALIDATION_MODE = {mode}")
        assert [(row["LINE"], row["CATEGORY"], row["CODE"], row["REJECTED_RECORD"]) for row in found] == [
            (2, "conversion", 100038, "x,Bob,2"),
            (3, "parsing", 100080, "3,Cleo"),
            (4, "conversion", 100038, "4,Dora,zz"),
        ]
    assert found[2]["COLUMN_NAME"] == '"T"["PRICE":3]'
    assert (found[2]["CHARACTER"], found[2]["BYTE_OFFSET"]) == (8, FAULTY.index("zz"))
    assert found[0]["ERROR"] == "Numeric value 'x' is not recognized"
    assert sql("SELECT * FROM t") == []


@pytest.mark.parity("COPY INTO table", "VALIDATION_MODE = RETURN_n_ROWS", f"{DOCS}/sql/copy-into-table")
def test_validation_mode_rows(sql: Sql, stage: Stage) -> None:
    stage("faulty.csv", FAULTY)
    assert sql("COPY INTO t FROM @files VALIDATION_MODE = RETURN_1_ROWS")[0][:2] == (1, "Ann")
    sql.fails("COPY INTO t FROM @files VALIDATION_MODE = RETURN_2_ROWS", 100038)
    sql.fails("COPY INTO t FROM @files VALIDATION_MODE = RETURN_ROWS", 1008)
    sql.fails("COPY INTO t FROM (SELECT $1, $2, $3 FROM @files) VALIDATION_MODE = RETURN_ERRORS", 2)
    assert sql("SELECT * FROM t") == []


@pytest.mark.parity("COPY INTO table", "files with fewer columns than the list", f"{DOCS}/sql/copy-into-table")
def test_columns_that_a_file_lacks(sql: Sql, stage: Stage) -> None:
    stage("narrow.csv", "1,Ann\n2,Bob\n")
    stage("wide.csv", "3,Cleo,3.5,more\n")
    sql.fails("COPY INTO t FROM @files/narrow.csv", 100080)
    sql("COPY INTO t (id, name, price) FROM @files/narrow.csv")
    sql.fails("COPY INTO t (id, name, price) FROM @files/wide.csv", 100080)
    assert sql("SELECT * FROM t ORDER BY id") == [(1, "Ann", None), (2, "Bob", None)]


@pytest.mark.parity("VALIDATE", "the errors of a load", f"{DOCS}/functions/validate")
def test_validate(sql: Sql, stage: Stage) -> None:
    stage("faulty.csv", FAULTY)
    sql("COPY INTO t FROM @files ON_ERROR = CONTINUE")
    job = sql.cursor.sfqid
    lines = "SELECT line FROM TABLE(VALIDATE(t, JOB_ID => '{}')) ORDER BY line"
    assert sql(lines.format("_last")) == sql(lines.format(job)) == [(2,), (3,), (4,)]
    sql.fails(lines.format("01b2-none"), 709)


@pytest.mark.parity("COPY INTO table", "ON_ERROR = SKIP_FILE_n and SKIP_FILE_n%", f"{DOCS}/sql/copy-into-table")
@pytest.mark.parametrize(
    ("option", "status", "limit"),
    [
        ("SKIP_FILE", "LOAD_FAILED", 1),
        ("SKIP_FILE_3", "LOAD_FAILED", 3),
        ("SKIP_FILE_4", "PARTIALLY_LOADED", 4),
        ("'SKIP_FILE_60%'", "LOAD_FAILED", 3),
        ("'SKIP_FILE_80%'", "PARTIALLY_LOADED", 4),
        ("CONTINUE", "PARTIALLY_LOADED", 5),
    ],
)
def test_on_error(sql: Sql, stage: Stage, option: str, status: str, limit: int) -> None:
    stage("faulty.csv", FAULTY)
    stage("good.csv", "7,Gus,7\n")
    rows = {row["file"]: row for row in sql.dicts(f"COPY INTO t FROM @files ON_ERROR = {option}")}
    assert rows["files/good.csv"]["status"] == "LOADED"
    faulty = rows["files/faulty.csv"]
    loaded = 2 if status == "PARTIALLY_LOADED" else 0
    assert (faulty["status"], faulty["rows_parsed"], faulty["rows_loaded"]) == (status, 5, loaded)
    assert (faulty["error_limit"], faulty["errors_seen"], faulty["first_error_line"]) == (limit, 3, 2)
    assert (faulty["first_error_character"], faulty["first_error_column_name"]) == (1, '"T"["ID":1]')
    assert sql.one("SELECT COUNT(*) FROM t") == 1 + loaded
    # what was loaded only in part counts as loaded, what failed may be loaded again
    again = sql.dicts("COPY INTO t FROM @files ON_ERROR = CONTINUE RETURN_FAILED_ONLY = TRUE")
    assert ("file" in again[0]) == (status == "LOAD_FAILED")


@pytest.mark.parity("COPY_HISTORY", "what became of each file", f"{DOCS}/functions/copy_history")
@pytest.mark.parity("LOAD_HISTORY", "what became of each file", f"{DOCS}/info-schema/load_history")
def test_histories(sql: Sql, stage: Stage) -> None:
    stage("faulty.csv", FAULTY)
    stage("good.csv", "7,Gus,7\n")
    sql("COPY INTO t FROM @files ON_ERROR = SKIP_FILE")
    arguments = "TABLE_NAME => 't', START_TIME => DATEADD(hours, -1, CURRENT_TIMESTAMP())"
    rows = sql.dicts(f"SELECT * FROM TABLE(INFORMATION_SCHEMA.COPY_HISTORY({arguments})) ORDER BY file_name")
    assert [(row["FILE_NAME"], row["STATUS"], row["ROW_COUNT"], row["ROW_PARSED"]) for row in rows] == [
        ("faulty.csv", "Load failed", 0, 5),
        ("good.csv", "Loaded", 1, 1),
    ]
    assert (rows[0]["ERROR_COUNT"], rows[0]["FIRST_ERROR_LINE_NUMBER"], rows[0]["FILE_SIZE"]) == (3, 2, len(FAULTY))
    assert rows[1]["STAGE_LOCATION"].endswith(".PUBLIC.FILES") and rows[1]["TABLE_NAME"] == "T"
    later = "TABLE_NAME => 't', START_TIME => DATEADD(hours, 1, CURRENT_TIMESTAMP())"
    assert sql(f"SELECT * FROM TABLE(INFORMATION_SCHEMA.COPY_HISTORY({later}))") == []
    view = "SELECT table_name, status, row_count FROM INFORMATION_SCHEMA.LOAD_HISTORY ORDER BY status"
    assert sql(view) == [("T", "LOAD FAILED", 0), ("T", "LOADED", 1)]


@pytest.mark.parity("COPY INTO table", "SIZE_LIMIT, TRUNCATECOLUMNS, ENFORCE_LENGTH", f"{DOCS}/sql/copy-into-table")
def test_limits(sql: Sql, stage: Stage) -> None:
    for number in (1, 2):
        stage(f"part{number}.csv", f"{number},Xaverine,{number}\n")
    (row,) = sql.dicts("COPY INTO t FROM @files SIZE_LIMIT = 1 TRUNCATECOLUMNS = TRUE")
    assert row["file"] == "files/part1.csv"
    sql.fails("COPY INTO t FROM @files", 100078)
    sql("COPY INTO t FROM @files ENFORCE_LENGTH = FALSE")
    assert sql("SELECT id, name FROM t ORDER BY id") == [(1, "Xave"), (2, "Xave")]
    assert sql("COPY INTO t FROM @files") == [("Copy executed with 0 files processed.",)]
    sql.fails("COPY INTO t FROM @files ON_ERROR = PERHAPS", 1008)


@pytest.mark.parity("COPY INTO table", "without FROM it reads the table's own stage", f"{DOCS}/sql/copy-into-table")
def test_own_stage(sql: Sql, tmp_path: Path, database: str) -> None:
    sql('CREATE TABLE "my t" (id NUMBER, name VARCHAR)')
    (tmp_path / "rows.csv").write_text("1,one\n2,two\n")
    sql(f"PUT 'file://{tmp_path}/rows.csv' '@%\"my t\"'")
    assert sql.dicts('COPY INTO "my t"')[0]["rows_loaded"] == 2
    assert sql('COPY INTO "my t"') == [("Copy executed with 0 files processed.",)]
    assert sql.dicts(f'COPY INTO {database}.PUBLIC."my t" (id, name) FORCE = TRUE PURGE = TRUE')[0]["rows_loaded"] == 2
    assert sql("LIST '@%\"my t\"'") == []
    assert sql.one('SELECT COUNT(*) FROM "my t"') == 4


@pytest.mark.parity("COPY INTO table", "bytes that a BINARY column has no room for", f"{DOCS}/sql/copy-into-table")
def test_too_many_bytes(sql: Sql, stage: Stage) -> None:
    sql("CREATE TABLE b (id NUMBER, bytes BINARY(1))")
    stage("bytes.csv", "1,ab\n2,abcd\n3,zz\n")
    error = sql.fails("COPY INTO b FROM @files", 100078)
    assert "Binary value 'abcd' is too long and would be truncated" in str(error)
    (loaded,) = sql.dicts("COPY INTO b FROM @files ON_ERROR = CONTINUE")
    assert (loaded["rows_loaded"], loaded["errors_seen"]) == (1, 2)
    assert sql("SELECT id, bytes FROM b") == [(1, b"\xab")]


@pytest.mark.parity("COPY INTO table", "INCLUDE_METADATA fills columns", f"{DOCS}/sql/copy-into-table")
def test_include_metadata(sql: Sql, stage: Stage) -> None:
    stage("a.json", '{"id": 1}\n{"id": 2}\n')
    sql("CREATE TABLE u (id NUMBER, source VARCHAR, line NUMBER)")
    metadata = "INCLUDE_METADATA = (source = METADATA$FILENAME, line = METADATA$FILE_ROW_NUMBER)"
    load = "COPY INTO u FROM @files FILE_FORMAT = (TYPE = JSON)"
    sql(f"{load} MATCH_BY_COLUMN_NAME = CASE_INSENSITIVE {metadata}")
    assert sql("SELECT * FROM u ORDER BY id") == [(1, "a.json", 1), (2, "a.json", 2)]
    sql.fails(f"{load} {metadata}", 2)


@pytest.mark.parity(
    "Querying staged files",
    "t.$1, $1:a.b and METADATA$ columns",
    "https://docs.snowflake.com/en/user-guide/querying-stage",
)
def test_staged_columns(sql: Sql, stage: Stage) -> None:
    stage("a.csv", "1,x\n2,y\n")
    stage("b.json", '{"a": {"b": 5}}\n')
    sql("CREATE FILE FORMAT j TYPE = JSON")
    assert sql("SELECT t.$2, t.\"$1\" FROM @files (PATTERN => '.*[.]csv') t WHERE t.$1::INT > 1") == [("y", "2")]
    assert [item.name for item in sql.cursor.description] == ["$2", "$1"]
    assert sql("SELECT d.$1:a.b::INT FROM @files/b.json (FILE_FORMAT => 'j') d") == [(5,)]
    assert sql("SELECT METADATA$FILENAME, METADATA$FILE_ROW_NUMBER FROM @files/a.csv") == [("a.csv", 1), ("a.csv", 2)]
    key = sql("SELECT DISTINCT METADATA$FILE_CONTENT_KEY FROM @files/a.csv")
    assert key == [(sql.column("LIST @files/a.csv", "md5")[0],)]
    moments = sql("SELECT METADATA$FILE_LAST_MODIFIED < METADATA$START_SCAN_TIME::TIMESTAMP_NTZ FROM @files/b.json")
    assert moments == [(True,)]
    sql("COPY INTO t (name, id) FROM (SELECT c.$2, METADATA$FILE_ROW_NUMBER FROM @files/a.csv c)")
    assert sql("SELECT id, name FROM t ORDER BY id") == [(1, "x"), (2, "y")]


@pytest.mark.parity(
    "write_pandas",
    "dictionaries and lists become OBJECT, ARRAY, VARIANT, and JSON in text columns",
    "https://docs.snowflake.com/en/developer-guide/python-connector/python-connector-pandas",
)
def test_write_pandas_of_dictionaries(sql: Sql, connection: Any) -> None:
    import pandas
    from snowflake.connector.pandas_tools import write_pandas

    sql("CREATE TABLE t (v VARIANT, o OBJECT, a ARRAY, s VARCHAR)")
    rows = [
        {"V": {"k": "v1"}, "O": {"z": 1, "b": [True, None]}, "A": [3, 4], "S": {"kind": "x", "count": 1}},
        {"V": {"other": ['it\'s "so"']}, "O": {"z": 2, "b": []}, "A": [], "S": {"kind": "y", "count": 2}},
    ]
    write_pandas(connection, pandas.DataFrame.from_records(rows), "T")
    found = sql("SELECT v, o, a, s FROM t ORDER BY o:z")
    assert [tuple(json.loads(value) for value in row) for row in found] == [tuple(row.values()) for row in rows]
    assert found[0][3] == '{"count":1,"kind":"x"}'


@pytest.mark.parity(
    "write_pandas",
    "moments, times, durations, bytes and nested values make columns of their types",
    "https://docs.snowflake.com/en/developer-guide/python-connector/python-connector-pandas",
)
def test_write_pandas_of_all_types(sql: Sql, connection: Any) -> None:
    import pandas
    from snowflake.connector.pandas_tools import write_pandas

    sql("ALTER SESSION SET TIMEZONE = 'America/Los_Angeles'")
    moment = pandas.Timestamp("2024-07-01 12:00:00.123456", tz="Europe/Paris")
    frame = pandas.DataFrame(
        {
            "TZ": [moment, None],
            "NTZ": [moment.tz_localize(None), None],
            "T": [moment.time(), None],
            "TD": [pandas.Timedelta(days=1), pandas.Timedelta(0)],
            "B": [b"ab", None],
            "L": [[1, 2], None],
            "O": [{"k": 1}, None],
        }
    )
    write_pandas(connection, frame, "TYPED", auto_create_table=True, use_logical_type=True)
    assert sql.column("DESCRIBE TABLE TYPED", "type") == [
        *("TIMESTAMP_LTZ(9)", "TIMESTAMP_NTZ(9)", "TIME(9)", "NUMBER(38,0)", "BINARY(8388608)", "VARIANT", "VARIANT"),
    ]
    found, nothing = sql("SELECT * FROM typed ORDER BY td DESC")
    assert found[0] == moment
    assert found[1:5] == (moment.tz_localize(None), moment.time(), 24 * 3600 * 10**9, bytearray(b"ab"))
    assert [json.loads(value) for value in found[5:]] == [[1, 2], {"k": 1}]
    assert nothing == (None, None, None, 0, None, None, None)


@pytest.mark.parity(
    "write_pandas",
    "of a table that is not there says so",
    "https://docs.snowflake.com/en/sql-reference/sql/copy-into-table",
)
def test_write_pandas_without_table(connection: Any) -> None:
    import pandas
    from snowflake.connector.pandas_tools import write_pandas

    with pytest.raises(DatabaseError) as caught:
        write_pandas(connection, pandas.DataFrame({"A": [1]}), "NOSUCH")
    # Snowpark looks at how it ends.
    assert str(caught.value.msg).endswith("Table 'NOSUCH' does not exist")


@pytest.mark.parametrize(
    "query",
    [
        "COPY INTO t FROM @files FILE_FORMAT = (TYPE = CSV COMPRESSION = GZIP)",
        "COPY INTO t FROM @files FILE_FORMAT = (TYPE = PARQUET) MATCH_BY_COLUMN_NAME = CASE_INSENSITIVE",
        "SELECT $1 FROM @files (FILE_FORMAT => packed)",
        "SELECT * FROM TABLE(INFER_SCHEMA(LOCATION => '@files', FILE_FORMAT => 'packed'))",
    ],
)
def test_errors_do_not_tell_where_the_server_keeps_its_files(sql: Sql, stage: Stage, query: str) -> None:
    stage("plain.csv", "1,Ann,1.5\n")
    sql("CREATE FILE FORMAT packed TYPE = PARQUET")
    message = str(sql.fails(query))
    assert "/stages/" not in message
    assert "plain.csv" in message
