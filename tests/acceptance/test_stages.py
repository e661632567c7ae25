"""Stages: PUT, GET, LIST, REMOVE, and COPY INTO in both directions."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest
from harness import Sql

DOCS = "https://docs.snowflake.com/en/sql-reference/sql"
ROWS = 'id,name,price\n1,Ann,1.50\n2,"Bob, Jr.",\n3,Cleo,3\n'


@pytest.fixture
def staged(sql: Sql, tmp_path: Path) -> Sql:
    """A stage `files` that holds `data/rows.csv.gz`, and a table `t` for its rows."""
    source = tmp_path / "rows.csv"
    source.write_text(ROWS)
    sql("CREATE STAGE files")
    sql(f"PUT 'file://{source}' @files/data")
    sql("CREATE TABLE t (id NUMBER, name VARCHAR, price NUMBER(10,2))")
    return sql


FORMAT = "FILE_FORMAT = (TYPE = CSV SKIP_HEADER = 1 FIELD_OPTIONALLY_ENCLOSED_BY = '\"')"


@pytest.mark.parity("PUT", "uploads files, compressed unless AUTO_COMPRESS = FALSE", f"{DOCS}/put")
def test_put(sql: Sql, tmp_path: Path) -> None:
    for number in (1, 2):
        (tmp_path / f"part{number}.csv").write_text(f"{number}\n")
    sql("CREATE STAGE files")
    found = sql.dicts(f"PUT 'file://{tmp_path}/part*.csv' @files")
    assert [(row["source"], row["target"], row["status"]) for row in found] == [
        ("part1.csv", "part1.csv.gz", "UPLOADED"),
        ("part2.csv", "part2.csv.gz", "UPLOADED"),
    ]
    (plain,) = sql.dicts(f"PUT 'file://{tmp_path}/part1.csv' @files AUTO_COMPRESS = FALSE OVERWRITE = TRUE")
    assert (plain["target"], plain["status"]) == ("part1.csv", "UPLOADED")
    # Without quotes, and with what would begin a comment elsewhere.
    found = sql.dicts(f"PUT file://{tmp_path}/* @files/all AUTO_COMPRESS = FALSE")
    assert sorted(row["target"] for row in found) == ["part1.csv", "part2.csv"]


@pytest.mark.parity("LIST", "names, sizes and checksums, with PATTERN", f"{DOCS}/list")
def test_list(staged: Sql) -> None:
    (row,) = staged.dicts("LIST @files")
    assert row["name"] == "files/data/rows.csv.gz"
    assert row["size"] > 0 and len(row["md5"]) == 32
    assert staged("LIST @files/data PATTERN = '.*[.]json'") == []
    staged.fails("LIST @missing", 2003)


@pytest.mark.parity("GET", "downloads a stage's files", f"{DOCS}/get")
def test_get(staged: Sql, tmp_path: Path) -> None:
    target = tmp_path / "down"
    target.mkdir()
    (row,) = staged.dicts(f"GET @files/data 'file://{target}/'")
    assert (row["file"], row["status"]) == ("rows.csv.gz", "DOWNLOADED")
    assert gzip.decompress((target / "rows.csv.gz").read_bytes()).decode() == ROWS


@pytest.mark.parity("REMOVE", "deletes a stage's files", f"{DOCS}/remove")
def test_remove(staged: Sql) -> None:
    assert staged.dicts("REMOVE @files/data") == [{"name": "files/data/rows.csv.gz", "result": "removed"}]
    assert staged("LIST @files") == []


@pytest.mark.parity("CREATE STAGE", "user, table and temporary stages; SHOW STAGES; DROP STAGE", f"{DOCS}/create-stage")
def test_kinds_of_stages(sql: Sql, other: Sql, tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("1")
    sql("CREATE TABLE t (n NUMBER)")
    sql("CREATE TEMPORARY STAGE scratch")
    for location in ("@~/mine", "@%t", "@scratch/x/y"):
        sql(f"PUT 'file://{tmp_path}/a.txt' {location} AUTO_COMPRESS = FALSE")
        assert sql.column(f"LIST {location}", "name")[0].endswith("a.txt")
    assert sql.column("SHOW STAGES", "name") == ["SCRATCH"]
    other.fails("LIST @scratch", 2003)
    sql("DROP STAGE scratch")
    sql.fails("LIST @scratch", 2003)
    sql("REMOVE @~/mine")


@pytest.mark.parity("COPY INTO table", "loads new files once, and says what it loaded", f"{DOCS}/copy-into-table")
def test_copy_into_table(staged: Sql) -> None:
    (row,) = staged.dicts(f"COPY INTO t FROM @files {FORMAT}")
    assert (row["file"], row["status"], row["rows_parsed"], row["rows_loaded"]) == (
        "files/data/rows.csv.gz",
        "LOADED",
        3,
        3,
    )
    assert staged("SELECT id, name, price::FLOAT FROM t ORDER BY id") == [
        (1, "Ann", 1.5),
        (2, "Bob, Jr.", None),
        (3, "Cleo", 3.0),
    ]
    staged(f"COPY INTO t FROM @files {FORMAT}")
    assert staged.one("SELECT COUNT(*) FROM t") == 3
    staged(f"COPY INTO t FROM @files {FORMAT} FORCE = TRUE PURGE = TRUE")
    assert staged.one("SELECT COUNT(*) FROM t") == 6
    assert staged("LIST @files") == []


@pytest.mark.parity(
    "COPY INTO table", "a transforming SELECT", "https://docs.snowflake.com/en/user-guide/data-load-transform"
)
def test_copy_with_transformation(staged: Sql) -> None:
    staged(f"COPY INTO t (name, id) FROM (SELECT UPPER($2), $1 FROM @files/data) {FORMAT}")
    assert staged("SELECT id, name FROM t ORDER BY id LIMIT 1") == [(1, "ANN")]


@pytest.mark.parity(
    "COPY INTO table", "ON_ERROR = ABORT_STATEMENT loads nothing, CONTINUE what it can", f"{DOCS}/copy-into-table"
)
def test_copy_of_faulty_rows(sql: Sql, tmp_path: Path) -> None:
    (tmp_path / "faulty.csv").write_text("1\nx\n3\n")
    sql("CREATE STAGE files")
    sql(f"PUT 'file://{tmp_path}/faulty.csv' @files")
    sql("CREATE TABLE t (n NUMBER)")
    sql.fails("COPY INTO t FROM @files")
    assert sql("SELECT * FROM t") == []
    (row,) = sql.dicts("COPY INTO t FROM @files ON_ERROR = CONTINUE")
    assert (row["status"], row["rows_loaded"], row["errors_seen"]) == ("PARTIALLY_LOADED", 2, 1)
    assert sql("SELECT * FROM t ORDER BY n") == [(1,), (3,)]


@pytest.mark.parity(
    "CREATE FILE FORMAT", "named formats for COPY, INFER_SCHEMA and SELECT FROM @stage", f"{DOCS}/create-file-format"
)
def test_file_format(staged: Sql) -> None:
    staged("CREATE FILE FORMAT plain TYPE = CSV SKIP_HEADER = 1 FIELD_OPTIONALLY_ENCLOSED_BY = '\"'")
    staged("CREATE FILE FORMAT named TYPE = CSV PARSE_HEADER = TRUE FIELD_OPTIONALLY_ENCLOSED_BY = '\"'")
    assert staged.column("SHOW FILE FORMATS", "name") == ["NAMED", "PLAIN"]
    assert staged("SELECT $2 FROM @files/data (FILE_FORMAT => 'plain') ORDER BY 1") == [
        ("Ann",),
        ("Bob, Jr.",),
        ("Cleo",),
    ]
    inferred = staged("SELECT COLUMN_NAME, TYPE FROM TABLE(INFER_SCHEMA(LOCATION => '@files', FILE_FORMAT => 'named'))")
    assert inferred == [("id", "NUMBER(1, 0)"), ("name", "TEXT"), ("price", "NUMBER(3, 2)")]


@pytest.mark.parity("COPY INTO location", "unloads a table or a query", f"{DOCS}/copy-into-location")
@pytest.mark.parametrize("kind", ["CSV", "PARQUET", "JSON"])
def test_unload_and_load(sql: Sql, kind: str) -> None:
    sql("CREATE STAGE files")
    sql("CREATE TABLE t AS SELECT 1 AS id, 'Ann' AS name UNION ALL SELECT 2, 'Bob'")
    source = "(SELECT OBJECT_CONSTRUCT('ID', id, 'NAME', name) FROM t)" if kind == "JSON" else "t"
    header = "HEADER = TRUE" if kind == "PARQUET" else ""
    (row,) = sql.dicts(f"COPY INTO @files/{kind}/ FROM {source} FILE_FORMAT = (TYPE = {kind}) {header}")
    assert row["rows_unloaded"] == 2
    sql("CREATE TABLE loaded LIKE t")
    match = "" if kind == "CSV" else "MATCH_BY_COLUMN_NAME = CASE_INSENSITIVE"
    sql(f"COPY INTO loaded FROM @files/{kind}/ FILE_FORMAT = (TYPE = {kind}) {match}")
    assert sql("SELECT * FROM loaded ORDER BY id") == [(1, "Ann"), (2, "Bob")]


@pytest.mark.parity("COPY INTO location", "VALIDATION_MODE = RETURN_ROWS shows the rows", f"{DOCS}/copy-into-location")
def test_validated_unload(staged: Sql) -> None:
    staged("CREATE TABLE u AS SELECT 1 AS id, 'one'::VARCHAR(5) AS name")
    assert staged.dicts("COPY INTO @files/out FROM u VALIDATION_MODE = RETURN_ROWS") == [{"ID": 1, "NAME": "one"}]
    assert staged("COPY INTO @files/out FROM (SELECT id + 1 FROM u) VALIDATION_MODE = 'RETURN_ROWS'") == [(2,)]
    assert staged("LIST @files/out") == []


@pytest.mark.parity(
    "SELECT FROM @stage",
    "a star shows no METADATA$ columns",
    "https://docs.snowflake.com/en/user-guide/querying-metadata",
)
def test_star_of_staged_files(staged: Sql) -> None:
    assert staged("SELECT * FROM @files WHERE $1 = '1'") == [("1", "Ann", "1.50")]
    shown = staged("SELECT t.*, METADATA$FILENAME, METADATA$FILE_ROW_NUMBER FROM @files AS t WHERE t.$1 = '1'")
    assert shown == [("1", "Ann", "1.50", "data/rows.csv.gz", 2)]


@pytest.mark.parity("COPY FILES", "copies files from stage to stage", f"{DOCS}/copy-files")
def test_copy_files(staged: Sql) -> None:
    staged("CREATE STAGE other")
    assert staged("COPY FILES INTO @other/kept/ FROM @files/data/") == [("kept/rows.csv.gz",)]
    assert staged.column("LIST @other", "md5") == staged.column("LIST @files", "md5")
    assert staged("COPY FILES INTO @other FROM @files PATTERN = '.*csv.gz' DETAILED_OUTPUT = FALSE") == [(1,)]
    assert staged.column("LIST @other", "name") == ["other/data/rows.csv.gz", "other/kept/rows.csv.gz"]
    staged.fails("COPY FILES INTO @other FROM @files FILES = ('none.csv')", 91016)
    staged.fails("COPY FILES INTO @other/../x FROM @files", 1003)


@pytest.mark.parity("COPY INTO location", "names of files, with INCLUDE_QUERY_ID", f"{DOCS}/copy-into-location")
def test_names_of_unloaded_files(sql: Sql) -> None:
    sql("CREATE STAGE files")
    sql("CREATE TABLE t AS SELECT 1 AS n")
    sql("COPY INTO @files/a/ FROM t")
    sql("COPY INTO @files/b FROM t FILE_FORMAT = (TYPE = PARQUET)")
    sql("COPY INTO @files/c/ FROM t INCLUDE_QUERY_ID = TRUE")
    query_id = sql.cursor.sfqid
    assert sql.column("LIST @files", "name") == [
        "files/a/data_0_0_0.csv.gz",
        "files/b_0_0_0.snappy.parquet",
        f"files/c/data_{query_id}_0_0_0.csv.gz",
    ]
    sql.fails("COPY INTO @files/c/ FROM t INCLUDE_QUERY_ID = TRUE OVERWRITE = TRUE", 1008)


@pytest.mark.parity("COPY INTO location", "PARTITION BY makes directories", f"{DOCS}/copy-into-location")
@pytest.mark.parametrize("kind", ["CSV", "PARQUET", "JSON"])
def test_partitioned_unload(sql: Sql, kind: str) -> None:
    sql("CREATE STAGE files")
    sql("CREATE TABLE t AS SELECT 1 AS n, 'a b/c=ü%' AS word UNION ALL SELECT 2, NULL UNION ALL SELECT 3, 'a b/c=ü%'")
    source = "(SELECT OBJECT_CONSTRUCT('n', n, 'word', word) AS o FROM t)" if kind == "JSON" else "t"
    by = "'w=' || " + ("o:word" if kind == "JSON" else "word") + "::VARCHAR"
    assert sql(f"COPY INTO @files/out FROM {source} PARTITION BY ({by}) FILE_FORMAT = (TYPE = {kind})")[0][0] == 3
    query_id = sql.cursor.sfqid
    suffix = {"CSV": "csv.gz", "PARQUET": "snappy.parquet", "JSON": "json.gz"}[kind]
    first, second = sql.column("LIST @files", "name")
    assert first == f"files/out/__NULL__/data_{query_id}_0_0_0.{suffix}"
    assert second == f"files/out/w=a b/c=ü%/data_{query_id}_0_0_0.{suffix}"
    sql(f"CREATE FILE FORMAT f TYPE = {kind}")
    value = {"CSV": "$1", "PARQUET": "$1:_COL_0", "JSON": "$1:n"}[kind]
    assert sql(f"SELECT {value}::NUMBER FROM @files/out/w=a (FILE_FORMAT => 'f') ORDER BY 1") == [(1,), (3,)]
    assert sql(f"SELECT {value}::NUMBER FROM @files/out/__NULL__ (FILE_FORMAT => 'f')") == [(2,)]


@pytest.mark.parity("COPY INTO location", "PARTITION BY of a query, with its bounds", f"{DOCS}/copy-into-location")
def test_bounds_of_partitions(sql: Sql) -> None:
    sql("CREATE STAGE files")
    sql("CREATE TABLE t AS SELECT COLUMN1 AS n FROM VALUES (1), (2), (3)")
    query = "(SELECT n AS a, n * 10 AS b FROM t WHERE n > 1)"
    sql(f"COPY INTO @files FROM {query} PARTITION BY IFF(b > 20, 'high', '') HEADER = TRUE MAX_FILE_SIZE = 1000")
    assert [name.rpartition("/")[0] for name in sql.column("LIST @files", "name")] == ["files", "files/high"]
    assert sql("SELECT $1, $2 FROM @files/high") == [("A", "B"), ("3", "30")]
    for option in ("SINGLE = TRUE", "OVERWRITE = TRUE", "INCLUDE_QUERY_ID = FALSE"):
        sql.fails(f"COPY INTO @files FROM t PARTITION BY (n::VARCHAR) {option}", 1008)
    assert "VARCHAR" in str(sql.fails("COPY INTO @files FROM t PARTITION BY (n)", 1008))
    sql.fails("COPY INTO @files FROM t PARTITION BY ('../' || n)", 1003)
    sql.fails("COPY INTO @files FROM t PARTITION BY (nope::VARCHAR)", 904)
    assert len(sql("LIST @files")) == 2


@pytest.mark.parity(
    "CREATE TABLE",
    "USING TEMPLATE with INFER_SCHEMA",
    "https://docs.snowflake.com/en/sql-reference/functions/infer_schema",
)
def test_using_template(staged: Sql) -> None:
    staged("CREATE FILE FORMAT named TYPE = CSV PARSE_HEADER = TRUE FIELD_OPTIONALLY_ENCLOSED_BY = '\"'")
    infer = "TABLE(INFER_SCHEMA(LOCATION => '@files', FILE_FORMAT => 'named', IGNORE_CASE => TRUE))"
    array = "ARRAY_AGG(OBJECT_CONSTRUCT(*)) WITHIN GROUP (ORDER BY order_id)"
    staged(f"CREATE TABLE made USING TEMPLATE (SELECT {array} FROM {infer})")
    assert [row[:2] for row in staged("DESCRIBE TABLE made")] == [
        ("ID", "NUMBER(1,0)"),
        ("NAME", "VARCHAR(16777216)"),
        ("PRICE", "NUMBER(3,2)"),
    ]
    load = "FILE_FORMAT = (FORMAT_NAME = 'named') MATCH_BY_COLUMN_NAME = CASE_INSENSITIVE"
    staged(f"COPY INTO made FROM @files {load}")
    assert staged("SELECT name FROM made ORDER BY id") == [("Ann",), ("Bob, Jr.",), ("Cleo",)]
    staged.fails("CREATE TABLE wrong USING TEMPLATE (SELECT ARRAY_CONSTRUCT(1))", 1008)
    staged.fails("CREATE TABLE wrong USING TEMPLATE (SELECT NULL)", 1008)
