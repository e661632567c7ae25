"""Reading staged files, COPY INTO <table>, INFER_SCHEMA and COPY INTO <location> on a locked-down DuckDB."""

from __future__ import annotations

import datetime as dt
import gzip
import json
from collections.abc import Sequence
from decimal import Decimal
from importlib import resources
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from snowmelt.base.datatypes import parse_type
from snowmelt.base.errors import SqlError
from snowmelt.base.result import Column, Result
from snowmelt.catalog.objects import TableColumn
from snowmelt.storage import python_functions
from snowmelt.storage.formats import (
    CsvFormat,
    FileFormat,
    JsonFormat,
    ParquetFormat,
    choose_format,
    parse_format,
)
from snowmelt.storage.formats_dates import strftime_format, strptime_format
from snowmelt.storage.loading import SOURCE_ALIAS, CopyReport, copy_plan, copy_report, explain_failure, nothing_loaded
from snowmelt.storage.loading_infer import infer_schema
from snowmelt.storage.loading_options import choose_files, parse_copy_options
from snowmelt.storage.loading_source import StageSource, source_select
from snowmelt.storage.loading_unload import UnloadOptions, parse_unload_options, unload
from snowmelt.storage.opening import MACROS
from snowmelt.storage.stages import StageFiles


class Bench:
    """A stage and a DuckDB that may read nothing but it."""

    def __init__(self, root: Path) -> None:
        self.files = StageFiles(root)
        self.stage = self.files.directory(1)
        self.duckdb = duckdb.connect()
        self.duckdb.execute("SET TimeZone = 'UTC'")
        python_functions.register(self.duckdb)
        for script in MACROS:
            self.duckdb.execute(resources.files("snowmelt.storage").joinpath(f"sql/{script}.sql").read_text())
        self.duckdb.execute(f"SET allowed_directories=['{self.files.root}']")
        self.duckdb.execute("SET enable_external_access=false")

    def run(self, sql: str) -> list[tuple[Any, ...]]:
        return self.duckdb.execute(sql).fetchall()

    def write(self, name: str, text: str) -> None:
        (self.stage / name).write_text(text)

    def parquet(self, name: str, columns: dict[str, Any], **options: Any) -> None:
        pq.write_table(pa.table(columns), self.stage / name, **options)

    def select(self, expressions: Sequence[str], fmt: FileFormat, path: str = "") -> list[tuple[Any, ...]]:
        source = source_select(self.files.list_files(1, path), fmt)
        return self.run(f"SELECT {', '.join(expressions)} FROM {source.relation} AS s")

    def source(self, fmt: FileFormat) -> StageSource:
        return source_select(self.files.list_files(1), fmt)

    def copy(
        self, columns: Sequence[TableColumn], fmt: FileFormat, options: dict[str, Any] | None = None, **more: Any
    ) -> CopyReport:
        """What the engine does for COPY INTO t."""
        names = ", ".join(f'"{c.name}" {c.type.duckdb}' for c in columns)
        self.run(f"CREATE TABLE IF NOT EXISTS t ({names})")
        parsed = parse_copy_options(options or {})
        chosen = choose_files(self.files.list_files(1, stage_name="S"), "", parsed, more.pop("history", ()))
        plan = copy_plan("T", columns, chosen, fmt, parsed, run=self.run, **more)
        filled = ", ".join(f'"{name}"' for name in plan.columns)
        counts = []
        for step in plan.steps:
            try:
                counts.append(int(self.run(f"INSERT INTO t ({filled}) {step.select}")[0][0]))
            except duckdb.Error as error:
                raise explain_failure(plan, step, error, self.run) from error
        return copy_report(plan, counts)

    def table(self) -> list[tuple[Any, ...]]:
        return self.run("FROM t")


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path / "stages")


def columns(**types: str) -> list[TableColumn]:
    return [TableColumn(name, parse_type(text)) for name, text in types.items()]


def rows(result: Result) -> list[tuple[Any, ...]]:
    assert result.table is not None
    return [tuple(row.values()) for row in result.table.to_pylist()]


QUOTED = CsvFormat(field_optionally_enclosed_by='"', skip_header=1)


# --- formats ---------------------------------------------------------------------------------------------------------


def test_format_defaults_and_options() -> None:
    assert parse_format({}) == CsvFormat()
    assert parse_format({"type": "csv", "field_delimiter": "\\t", "skip_header": 1}) == CsvFormat(
        field_delimiter="\t", skip_header=1
    )
    assert parse_format({"TYPE": "CSV", "FIELD_DELIMITER": "0x7c"}) == CsvFormat(field_delimiter="|")
    assert parse_format({"TYPE": "CSV", "NULL_IF": ["NULL", ""]}) == CsvFormat(null_if=("NULL", ""))
    parquet = {"TYPE": "PARQUET", "USE_VECTORIZED_SCANNER": "False", "COMPRESSION": "auto", "BINARY_AS_TEXT": False}
    assert parse_format(parquet) == ParquetFormat(binary_as_text=False)
    assert parse_format({"TYPE": "JSON", "STRIP_OUTER_ARRAY": "TRUE"}) == JsonFormat(strip_outer_array=True)


@pytest.mark.parametrize(
    ("options", "name"),
    [
        ({"TYPE": "XML"}, "XML"),
        ({"TYPE": "CSV", "ENCODING": "latin1"}, "ENCODING"),
        ({"TYPE": "CSV", "COMPRESSION": "RAW_DEFLATE"}, "RAW_DEFLATE"),
        ({"TYPE": "CSV", "COMPRESSION": "BROTLI"}, "COMPRESSION"),
        ({"TYPE": "JSON", "STRIP_NULL_VALUES": True}, "STRIP_NULL_VALUES"),
        ({"TYPE": "PARQUET", "TRIM_SPACE": True}, "TRIM_SPACE"),
    ],
)
def test_unsupported_formats_are_refused_by_name(options: dict[str, Any], name: str) -> None:
    with pytest.raises(SqlError) as caught:
        parse_format(options)
    assert caught.value.code == 2
    assert name in str(caught.value)


def test_the_statements_format_replaces_the_stages() -> None:
    stage = {"TYPE": "PARQUET"}
    assert choose_format(None, stage, lambda _: {}) == ParquetFormat()
    assert choose_format({"TYPE": "JSON"}, stage, lambda _: {}) == JsonFormat()
    assert choose_format({"FORMAT_NAME": "ff"}, stage, lambda name: {"SKIP_HEADER": len(name)}) == CsvFormat(
        skip_header=2
    )
    assert choose_format(None, None, lambda _: {}) == CsvFormat()


def test_date_formats() -> None:
    assert strptime_format("YYYY-MM-DD HH24:MI:SS.FF3") == "%Y-%m-%d %H:%M:%S.%f"
    assert strptime_format('DD-MON-YY"T"HH12 AM') == "%d-%b-%yT%I %p"
    assert strftime_format("YYYY-MM-DD HH24:MI:SS.FF3 TZHTZM") == "%Y-%m-%d %H:%M:%S.%g %z"
    with pytest.raises(SqlError):
        strptime_format("Q")


# --- SELECT from a stage ---------------------------------------------------------------------------------------------


def test_csv_select(bench: Bench) -> None:
    bench.write("a.csv", 'id,name\n1,one\n2,\n3,""\n4,\\N\n"5","a,""b"\n6\n')
    got = bench.select(["c1", "c2"], QUOTED)
    assert got == [("1", "one"), ("2", None), ("3", ""), ("4", None), ("5", 'a,"b'), ("6", None)]
    source = bench.source(QUOTED)
    assert source.column_for(2) == '"c2"'
    assert source.column_for(1, alias="s") == '"s"."c1"'
    assert source.column_for(9) == "CAST(NULL AS VARCHAR)"


def test_csv_metadata_of_several_files(bench: Bench) -> None:
    (bench.stage / "d").mkdir()
    bench.write("d/b.csv", "3\n")
    with gzip.open(bench.stage / "a.csv.gz", "wt") as stream:
        stream.write("1\n2\n")
    source = bench.source(CsvFormat())
    names = source.metadata_for("metadata$filename"), source.metadata_for("METADATA$FILE_ROW_NUMBER")
    got = bench.run(f"SELECT c1, {names[0]}, {names[1]} FROM {source.relation}")
    assert got == [("1", "a.csv.gz", 1), ("2", "a.csv.gz", 2), ("3", "d/b.csv", 1)]
    with pytest.raises(SqlError):
        source.metadata_for("METADATA$START_SCAN_TIME")


@pytest.mark.parametrize(
    ("text", "fmt", "expected"),
    [
        ("a|b\n", CsvFormat(field_delimiter="|"), ("a", "b")),
        (" a , b \n", CsvFormat(trim_space=True), ("a", "b")),
        ("x,NULL\n", CsvFormat(null_if=("NULL",)), ("x", None)),
        ("x,\n", CsvFormat(empty_field_as_null=False), ("x", "")),
        ("a,b\n", CsvFormat(field_delimiter=None), ("a,b", None)),
        ("a::b\n", CsvFormat(field_delimiter="::"), ("a", "b")),
        ("'a','b''c'\n", CsvFormat(field_optionally_enclosed_by="'"), ("a", "b'c")),
        ('"a","b\nc"\n', CsvFormat(field_optionally_enclosed_by='"'), ("a", "b\nc")),
    ],
)
def test_csv_options(bench: Bench, text: str, fmt: CsvFormat, expected: tuple[str | None, ...]) -> None:
    bench.write("a.csv", text)
    source = bench.source(fmt)
    assert bench.run(f"SELECT {source.column_for(1)}, {source.column_for(2)} FROM {source.relation}") == [expected]


def test_parquet_names_are_case_sensitive(bench: Bench) -> None:
    bench.parquet("p.parquet", {"a": [1, 2], "A": ["x", "y"], "s": [{"k": {"l": [7, 8]}}] * 2})
    source = bench.source(ParquetFormat())
    paths: list[tuple[str | int, ...]] = [("A",), ("a",), ("s", "k", "l", 1), ("missing",)]
    expressions = ", ".join(source.column_for(1, path) for path in paths)
    assert bench.run(f"SELECT {expressions} FROM {source.relation}") == [("x", 1, 8, None), ("y", 2, 8, None)]
    record = bench.run(f"SELECT {source.column_for(1)} FROM {source.relation} LIMIT 1")[0][0]
    assert json.loads(record) == {"a": 1, "A": "x", "s": {"k": {"l": [7, 8]}}}
    with pytest.raises(SqlError):
        source.column_for(2)


def test_parquet_files_of_different_schemas(bench: Bench) -> None:
    bench.parquet("a.parquet", {"x": [1]})
    bench.parquet("b.parquet", {"y": ["t"], "x": [2]})
    source = bench.source(ParquetFormat())
    got = bench.run(
        f"SELECT {source.column_for(1, ('x',))}, {source.column_for(1, ('y',))}, "
        f"{source.metadata_for('METADATA$FILENAME')} FROM {source.relation}"
    )
    assert got == [(1, None, "a.parquet"), (2, "t", "b.parquet")]


@pytest.mark.parametrize(("unit", "factor"), [("ns", 10**9), ("us", 10**6), ("ms", 10**3)])
def test_local_timestamps_are_numbers_without_logical_types(bench: Bench, unit: str, factor: int) -> None:
    moment = pa.array([dt.datetime(2024, 1, 1)], pa.timestamp(unit))
    bench.parquet("p.parquet", {"t": moment})
    raw, logical = bench.source(ParquetFormat()), bench.source(ParquetFormat(use_logical_type=True))
    assert bench.run(f"SELECT {raw.column_for(1, ('t',))} FROM {raw.relation}") == [(1704067200 * factor,)]
    assert bench.run(f"SELECT {logical.column_for(1, ('t',))} FROM {logical.relation}") == [(dt.datetime(2024, 1, 1),)]


def test_json_select(bench: Bench) -> None:
    bench.write("a.json", '{"a": {"B c": [1, 2]}}\n{"a": null}\n')
    source = bench.source(JsonFormat())
    expression = source.column_for(1, ("a", "B c", 1))
    assert bench.run(f"SELECT {expression} FROM {source.relation}") == [("2",), (None,)]


def test_json_outer_array(bench: Bench) -> None:
    bench.write("a.json", ' [{"a": 1},\n {"a": 2}]')
    assert len(bench.select(["c1"], JsonFormat())) == 1
    assert len(bench.select(["c1"], JsonFormat(strip_outer_array=True))) == 2


def test_select_without_files(bench: Bench) -> None:
    with pytest.raises(SqlError) as caught:
        bench.source(CsvFormat())
    assert caught.value.code == 91016


def test_damaged_parquet(bench: Bench) -> None:
    bench.write("p.parquet", "not parquet at all")
    with pytest.raises(SqlError) as caught:
        bench.source(ParquetFormat())
    assert caught.value.code == 100182


# --- COPY INTO table -------------------------------------------------------------------------------------------------


def test_copy_csv_with_all_types(bench: Bench) -> None:
    bench.write("a.csv", "1.5,2.5,hi,Yes,2024-01-02,12:34:56,2024-01-02 03:04:05,6869,[1]\n,,,,,,,,\n")
    target = columns(
        N="NUMBER(10,2)",
        F="FLOAT",
        S="STRING",
        B="BOOLEAN",
        D="DATE",
        T="TIME",
        TS="TIMESTAMP",
        X="BINARY",
        V="VARIANT",
    )
    report = bench.copy(target, CsvFormat())
    assert bench.table()[0] == (
        Decimal("1.50"),
        2.5,
        "hi",
        True,
        dt.date(2024, 1, 2),
        dt.time(12, 34, 56),
        dt.datetime(2024, 1, 2, 3, 4, 5),
        b"hi",
        "[1]",
    )
    assert bench.table()[1] == (None,) * 9
    assert rows(report.result) == [("s/a.csv", "LOADED", 2, 2, 1, 0, None, None, None, None)]
    assert report.rows_loaded == 2
    assert [column.name for column in report.result.columns][:4] == ["file", "status", "rows_parsed", "rows_loaded"]


@pytest.mark.parametrize(
    ("text", "data_type", "fmt", "expected"),
    [
        ("02-JAN-2024", "DATE", CsvFormat(), dt.date(2024, 1, 2)),
        ("01/02/2024", "DATE", CsvFormat(), dt.date(2024, 1, 2)),
        ("02.01.2024", "DATE", CsvFormat(date_format="DD.MM.YYYY"), dt.date(2024, 1, 2)),
        ("1704164645", "TIMESTAMP", CsvFormat(), dt.datetime(2024, 1, 2, 3, 4, 5)),
        ("1704164645123", "TIMESTAMP", CsvFormat(), dt.datetime(2024, 1, 2, 3, 4, 5, 123000)),
        ("2024-01-02T03:04:05+02:00", "TIMESTAMP", CsvFormat(), dt.datetime(2024, 1, 2, 3, 4, 5)),
        ("20240102 0304", "TIMESTAMP", CsvFormat(timestamp_format="YYYYMMDD HH24MI"), dt.datetime(2024, 1, 2, 3, 4)),
        ("aGk=", "BINARY", CsvFormat(binary_format="BASE64"), b"hi"),
    ],
)
def test_copy_csv_formats(bench: Bench, text: str, data_type: str, fmt: CsvFormat, expected: Any) -> None:
    bench.write("a.csv", text + "\n")
    bench.copy(columns(C=data_type), fmt)
    assert bench.table() == [(expected,)]


@pytest.mark.parametrize(
    ("text", "data_type", "code", "message"),
    [
        ("abc", "NUMBER", 100038, "Numeric value 'abc' is not recognized"),
        ("12345", "NUMBER(3,0)", 100039, "Numeric value '12345' is out of range"),
        ("maybe", "BOOLEAN", 100037, "Boolean value 'maybe' is not recognized"),
        ("soon", "DATE", 100040, "Date 'soon' is not recognized"),
        ("soon", "TIMESTAMP", 100035, "Timestamp 'soon' is not recognized"),
        ("toolong", "VARCHAR(3)", 100078, "User character length limit (3) exceeded by string 'toolong'"),
        ("{", "VARIANT", 100069, "Error parsing JSON"),
    ],
)
def test_abort_names_file_line_and_column(bench: Bench, text: str, data_type: str, code: int, message: str) -> None:
    bench.write("a.csv", f"h,h\n1,\n2,{text}\n")
    with pytest.raises(SqlError) as caught:
        bench.copy(columns(I="NUMBER", C=data_type), CsvFormat(skip_header=1))
    assert caught.value.code == code
    assert message in str(caught.value)
    assert 'File \'s/a.csv\', line 3, character 3\n  Row 2, column "T"["C":2]' in str(caught.value)
    assert bench.table() == []


def test_abort_on_column_count(bench: Bench) -> None:
    bench.write("a.csv", "1,2\n3\n")
    with pytest.raises(SqlError) as caught:
        bench.copy(columns(A="NUMBER", B="NUMBER"), CsvFormat())
    assert caught.value.code == 100080
    assert "Number of columns in file (1) does not match that of the corresponding table (2)" in str(caught.value)


def test_column_count_mismatch_tolerated(bench: Bench) -> None:
    bench.write("a.csv", "1,2,3\n4\n")
    bench.copy(columns(A="NUMBER", B="NUMBER"), CsvFormat(error_on_column_count_mismatch=False))
    assert bench.table() == [(1, 2), (4, None)]


def test_not_null(bench: Bench) -> None:
    bench.write("a.csv", "1\n\\N\n2\n")
    target = [TableColumn("A", parse_type("NUMBER"), nullable=False)]
    report = bench.copy(target, CsvFormat(), {"ON_ERROR": "CONTINUE"})
    assert bench.table() == [(1,), (2,)]
    assert rows(report.result)[0][6] == "NULL result in a non-nullable column"


def test_truncate_columns(bench: Bench) -> None:
    bench.write("a.csv", "abcdef\n")
    bench.copy(columns(A="VARCHAR(3)"), CsvFormat(), {"TRUNCATECOLUMNS": True})
    assert bench.table() == [("abc",)]


def test_on_error_continue(bench: Bench) -> None:
    bench.write("a.csv", "1,one\n2\nx,three\n4,four\n")
    bench.write("b.csv", "5,five\n")
    report = bench.copy(columns(A="NUMBER", B="STRING"), CsvFormat(), {"ON_ERROR": "CONTINUE"})
    assert bench.table() == [(1, "one"), (4, "four"), (5, "five")]
    first, second = rows(report.result)
    assert first[:6] == ("s/a.csv", "PARTIALLY_LOADED", 4, 2, 4, 2)
    assert first[6].startswith("Number of columns in file (1)")
    assert first[7] == 2
    assert second[:6] == ("s/b.csv", "LOADED", 1, 1, 1, 0)
    assert report.rows_loaded == 3


def test_lines_after_refused_lines_keep_their_number(bench: Bench) -> None:
    bench.write("a.csv", "1,one\nx,two\n3\n")
    report = bench.copy(columns(A="NUMBER", B="STRING"), CsvFormat(), {"ON_ERROR": "CONTINUE"})
    row = rows(report.result)[0]
    assert row[6:10] == ("Numeric value 'x' is not recognized", 2, 1, '"T"["A":1]')


def test_on_error_skip_file(bench: Bench) -> None:
    bench.write("a.csv", "1\nx\n")
    bench.write("b.csv", "2\n")
    report = bench.copy(columns(A="NUMBER"), CsvFormat(), {"ON_ERROR": "SKIP_FILE"})
    assert bench.table() == [(2,)]
    assert [row[:4] for row in rows(report.result)] == [("s/b.csv", "LOADED", 1, 1), ("s/a.csv", "LOAD_FAILED", 2, 0)]
    assert [(record.name, bool(record.etag)) for record in report.history] == [("s/b.csv", True), ("s/a.csv", False)]


def test_skip_file_thresholds(bench: Bench) -> None:
    bench.write("a.csv", "1\nx\n3\n")
    bench.copy(columns(A="NUMBER"), CsvFormat(), {"ON_ERROR": "SKIP_FILE_2"})
    assert bench.table() == [(1,), (3,)]
    bench.copy(columns(A="NUMBER"), CsvFormat(), {"ON_ERROR": "SKIP_FILE_30%"})
    assert bench.table() == [(1,), (3,)]


def cast_columns(*items: tuple[str, str]) -> Any:
    """A transformation ``$1:"name"::type, ...`` as the session's rewriter would give it."""

    def transform(source: StageSource) -> list[str]:
        return [f"CAST({source.column_for(1, (name,), SOURCE_ALIAS)} AS {cast})" for name, cast in items]

    return transform


def test_copy_parquet_as_write_pandas_does(bench: Bench) -> None:
    bench.parquet("file0.txt", {"A": [1, None], "b": ["x", None]}, compression="gzip")
    bench.parquet("file1.txt", {"A": [3], "b": ["z"]}, compression="gzip")
    transform = cast_columns(("A", "DECIMAL(38,0)"), ("b", "VARCHAR"))
    report = bench.copy(columns(A="NUMBER", B="STRING"), ParquetFormat(), {"PURGE": True}, transform=transform)
    assert bench.table() == [(1, "x"), (None, None), (3, "z")]
    assert [row[:4] for row in rows(report.result)] == [
        ("s/file0.txt", "LOADED", 2, 2),
        ("s/file1.txt", "LOADED", 1, 1),
    ]


def test_transformation_must_fit_the_columns(bench: Bench) -> None:
    bench.parquet("p.parquet", {"A": [1]})
    with pytest.raises(SqlError) as caught:
        bench.copy(columns(A="NUMBER", B="NUMBER"), ParquetFormat(), transform=cast_columns(("A", "INT")))
    assert caught.value.code == 2020


def test_failed_transformation_is_reported_with_its_file(bench: Bench) -> None:
    bench.parquet("p.parquet", {"A": ["x"]})
    transform = cast_columns(("A", "INT"))
    with pytest.raises(SqlError) as caught:
        bench.copy(columns(A="NUMBER"), ParquetFormat(), {"ON_ERROR": "CONTINUE"}, transform=transform)
    assert "s/p.parquet" in str(caught.value)
    assert "ON_ERROR" in str(caught.value)


def test_timestamps_without_logical_type_do_not_load_in_silence(bench: Bench) -> None:
    bench.parquet("p.parquet", {"T": pa.array([dt.datetime(2024, 1, 1)], pa.timestamp("ns"))})

    def transform(source: StageSource) -> list[str]:
        return [source.column_for(1, ("T",), SOURCE_ALIAS)]

    with pytest.raises(SqlError) as caught:
        bench.copy(columns(T="TIMESTAMP_NTZ"), ParquetFormat(), transform=transform)
    assert "USE_LOGICAL_TYPE = TRUE" in str(caught.value)
    bench.copy(columns(T="TIMESTAMP_NTZ"), ParquetFormat(use_logical_type=True), transform=transform)
    assert bench.table() == [(dt.datetime(2024, 1, 1),)]


@pytest.mark.parametrize("unit", ["ns", "us", "ms"])
@pytest.mark.parametrize("kind", ["TIMESTAMP_TZ", "TIMESTAMP_LTZ"])
def test_zoned_timestamps_load_in_every_unit(bench: Bench, unit: str, kind: str) -> None:
    moment = dt.datetime(2024, 1, 1, 12, tzinfo=dt.UTC)
    bench.parquet("p.parquet", {"T": pa.array([moment], pa.timestamp(unit, "Europe/Berlin"))})

    def transform(source: StageSource) -> list[str]:
        return [source.column_for(1, ("T",), SOURCE_ALIAS)]

    bench.copy(columns(T=kind), ParquetFormat(use_logical_type=True), transform=transform)
    ((loaded,),) = bench.table()
    if kind == "TIMESTAMP_TZ":
        (loaded,) = bench.run("SELECT timezone('UTC', snowmelt_tz_utc(T)) FROM t")[0]
    assert loaded == moment


def test_semi_structured_into_several_columns_is_refused(bench: Bench) -> None:
    bench.parquet("p.parquet", {"A": [1]})
    with pytest.raises(SqlError) as caught:
        bench.copy(columns(A="NUMBER", B="NUMBER"), ParquetFormat())
    assert caught.value.code == 2019


def test_match_by_column_name(bench: Bench) -> None:
    bench.parquet("p.parquet", {"b": ["x"], "a": [1], "other": [2.0]})
    target = columns(A="NUMBER", B="STRING", C="NUMBER")
    bench.copy(target, ParquetFormat(), {"MATCH_BY_COLUMN_NAME": "CASE_INSENSITIVE"})
    assert bench.table() == [(1, "x", None)]
    with pytest.raises(SqlError):
        bench.copy(target, ParquetFormat(), {"MATCH_BY_COLUMN_NAME": "CASE_SENSITIVE"})


def test_match_by_column_name_of_csv_and_json(bench: Bench) -> None:
    bench.write("a.csv", "b,a\nx,1\n")
    target = columns(A="NUMBER", B="STRING")
    match = {"MATCH_BY_COLUMN_NAME": "CASE_INSENSITIVE"}
    bench.copy(target, CsvFormat(parse_header=True), match)
    bench.files.remove(bench.files.list_files(1))
    bench.write("a.json", '{"a": 2, "b": "y"}\n{"a": null}\n')
    bench.copy(target, JsonFormat(), match)
    assert bench.table() == [(1, "x"), (2, "y"), (None, None)]


def test_copy_json_into_variant(bench: Bench) -> None:
    bench.write("a.json", '{"a": 1}\n{"a": 2}\n')
    report = bench.copy(columns(V="VARIANT"), JsonFormat())
    assert [json.loads(row[0]) for row in bench.table()] == [{"a": 1}, {"a": 2}]
    assert rows(report.result)[0][2:4] == (2, 2)


def test_malformed_json_names_its_file(bench: Bench) -> None:
    bench.write("a.json", '{"a": 1}\n{"a"\n')
    with pytest.raises(SqlError) as caught:
        bench.copy(columns(V="VARIANT"), JsonFormat())
    assert caught.value.code == 100069
    assert "s/a.json" in str(caught.value)


def test_files_are_loaded_once(bench: Bench) -> None:
    bench.write("a.csv", "1\n")
    target = columns(A="NUMBER")
    history = {(record.file, record.etag) for record in bench.copy(target, CsvFormat()).history}
    assert rows(bench.copy(target, CsvFormat(), history=history).result) == rows(nothing_loaded())
    assert len(bench.table()) == 1
    bench.copy(target, CsvFormat(), {"FORCE": True}, history=history)
    assert len(bench.table()) == 2
    bench.write("a.csv", "22\n")
    bench.copy(target, CsvFormat(), history=history)
    assert bench.table() == [(1,), (1,), (22,)]


def test_files_option(bench: Bench) -> None:
    bench.write("a.csv", "1\n")
    bench.write("b.csv", "2\n")
    bench.copy(columns(A="NUMBER"), CsvFormat(), {"FILES": ["b.csv"]})
    assert bench.table() == [(2,)]
    with pytest.raises(SqlError) as caught:
        bench.copy(columns(A="NUMBER"), CsvFormat(), {"FILES": ["c.csv"]})
    assert caught.value.code == 91016


@pytest.mark.parametrize("options", [{"ON_ERROR": "PANIC"}, {"VALIDATION_MODE": "RETURN_ROWS"}, {"COLOUR": 1}])
def test_unknown_copy_options_are_refused(options: dict[str, Any]) -> None:
    with pytest.raises(SqlError):
        parse_copy_options(options)


# --- INFER_SCHEMA ----------------------------------------------------------------------------------------------------


def inferred(bench: Bench, fmt: FileFormat, **options: Any) -> list[tuple[Any, ...]]:
    return [column.row() for column in infer_schema(bench.files.list_files(1), fmt, run=bench.run, **options)]


def test_infer_parquet(bench: Bench) -> None:
    bench.parquet(
        "p.parquet",
        {
            "I": pa.array([1], pa.int64()),
            "F": [1.5],
            "S": ["x"],
            "B": [True],
            "D": [dt.date(2024, 1, 1)],
            "N": [Decimal("1.25")],
            "us": pa.array([dt.datetime(2024, 1, 1)], pa.timestamp("us", "UTC")),
            "ns": pa.array([dt.datetime(2024, 1, 1)], pa.timestamp("ns")),
            "X": [b"x"],
            "L": [[1]],
            "my col": pa.array(["c"]).dictionary_encode(),
        },
    )
    found = inferred(bench, ParquetFormat(binary_as_text=False))
    assert {row[0]: row[1] for row in found} == {
        "I": "NUMBER(38, 0)",
        "F": "REAL",
        "S": "TEXT",
        "B": "BOOLEAN",
        "D": "DATE",
        "N": "NUMBER(3, 2)",
        "us": "TIMESTAMP_NTZ",
        "ns": "NUMBER(38, 0)",
        "X": "BINARY",
        "L": "VARIANT",
        "my col": "TEXT",
    }
    assert found[0] == ("I", "NUMBER(38, 0)", True, "$1:I::NUMBER(38, 0)", "p.parquet", 0)
    assert found[10][3] == '$1:"my col"::TEXT'
    logical = inferred(bench, ParquetFormat(use_logical_type=True))
    assert [row[1] for row in logical[6:9]] == ["TIMESTAMP_LTZ", "TIMESTAMP_NTZ", "BINARY"]
    assert inferred(bench, ParquetFormat(), ignore_case=True)[6][3] == "GET_IGNORE_CASE ($1, 'US')::TIMESTAMP_NTZ"


def test_infer_csv(bench: Bench) -> None:
    bench.write("a.csv", "id,price,when,name,ok,t\n1,1.25,2024-01-02,x,true,2024-01-02 03:04:05\n23,,,y,,\n")
    found = inferred(bench, CsvFormat(parse_header=True))
    assert [(row[0], row[1], row[3]) for row in found] == [
        ("id", "NUMBER(2, 0)", "$1::NUMBER(2, 0)"),
        ("price", "NUMBER(3, 2)", "$2::NUMBER(3, 2)"),
        ("when", "DATE", "$3::DATE"),
        ("name", "TEXT", "$4::TEXT"),
        ("ok", "BOOLEAN", "$5::BOOLEAN"),
        ("t", "TIMESTAMP_NTZ", "$6::TIMESTAMP_NTZ"),
    ]
    assert [row[0] for row in inferred(bench, CsvFormat(skip_header=1))][:2] == ["c1", "c2"]


def test_infer_merges_files(bench: Bench) -> None:
    bench.write("a.csv", "x\n1.5\n")
    bench.write("b.csv", "x,y\n100,t\n")
    found = inferred(bench, CsvFormat(parse_header=True))
    assert [(row[0], row[1], row[4]) for row in found] == [
        ("x", "NUMBER(4, 1)", "a.csv, b.csv"),
        ("y", "TEXT", "b.csv"),
    ]
    assert len(inferred(bench, CsvFormat(parse_header=True), max_file_count=1)) == 1


def test_infer_json(bench: Bench) -> None:
    bench.write("a.json", '{"n": 12, "f": 1.5, "s": "x", "o": {"k": 1}, "l": [1], "b": true}\n{"n": null, "f": 2}\n')
    found = inferred(bench, JsonFormat())
    assert [(row[0], row[1]) for row in found] == [
        ("b", "BOOLEAN"),
        ("f", "REAL"),
        ("l", "ARRAY"),
        ("n", "NUMBER(2, 0)"),
        ("o", "OBJECT"),
        ("s", "TEXT"),
    ]


# --- COPY INTO location ----------------------------------------------------------------------------------------------


def unloaded(
    bench: Bench, query: str, types: dict[str, str], fmt: FileFormat, path: str = "", **options: Any
) -> Result:
    described = [Column(name, parse_type(text)) for name, text in types.items()]
    parsed = parse_unload_options(options)
    prepared = unload(bench.files, bench.stage, path, query, described, fmt, parsed)
    return prepared.finish(int(bench.run(prepared.sql)[0][0]))


def test_unload_csv(bench: Bench) -> None:
    query = "SELECT 1 AS a, 'x,\\y' AS b, NULL::VARCHAR AS c, TIMESTAMP '2024-01-02 03:04:05' AS d, true AS e"
    types = {"A": "NUMBER", "B": "STRING", "C": "STRING", "D": "TIMESTAMP", "E": "BOOLEAN"}
    result = unloaded(bench, query, types, CsvFormat(), "out/", HEADER=True)
    (file,) = bench.files.list_files(1)
    assert file.path == "out/data_0_0_0.csv.gz"
    text = gzip.decompress(file.location.read_bytes()).decode()
    assert text == "A,B,C,D,E\n1,x\\,\\\\y,\\N,2024-01-02 03:04:05.000,true\n"
    assert rows(result) == [(1, len(text), file.size)]


def test_unload_enclosed_csv_reads_back(bench: Bench) -> None:
    fmt = CsvFormat(field_optionally_enclosed_by='"', compression="NONE")
    unloaded(bench, "SELECT 1, 'a\"b,c'", {"A": "NUMBER", "B": "STRING"}, fmt, "x.csv", SINGLE=True)
    assert (bench.stage / "x.csv").read_text() == '1,"a""b,c"\n'
    assert bench.select(["c1", "c2"], fmt) == [("1", 'a"b,c')]


def test_unload_parquet(bench: Bench) -> None:
    result = unloaded(bench, "SELECT 1, 'x'", {"A": "NUMBER", "B": "STRING"}, ParquetFormat(), "p", HEADER=True)
    (file,) = bench.files.list_files(1)
    assert file.path == "p_0_0_0.snappy.parquet"
    assert pq.read_table(file.location).to_pylist() == [{"A": 1, "B": "x"}]
    assert rows(result)[0][0] == 1


def test_unload_json(bench: Bench) -> None:
    query = 'SELECT \'{"a":"x,y"}\'::JSON'
    unloaded(bench, query, {"V": "VARIANT"}, JsonFormat(compression="NONE"))
    assert (bench.stage / "data_0_0_0.json").read_text() == '{"a":"x,y"}\n'
    with pytest.raises(SqlError):
        unloaded(bench, "SELECT 1", {"A": "NUMBER"}, JsonFormat())


def test_unload_splits_and_refuses_to_overwrite(bench: Bench) -> None:
    query, types = "SELECT range FROM range(400000)", {"A": "NUMBER"}
    fmt = CsvFormat(compression="NONE")
    unloaded(bench, query, types, fmt, MAX_FILE_SIZE=1_000_000)
    before = bench.files.list_files(1)
    assert len(before) > 1
    assert len({value for (value,) in bench.select(["c1"], fmt)}) == 400000
    with pytest.raises(SqlError) as caught:
        unloaded(bench, query, types, fmt)
    assert caught.value.code == 1030
    assert bench.files.list_files(1) == before
    assert sorted(path.name for path in bench.files.root.iterdir()) == ["1"]
    unloaded(bench, query, types, fmt, OVERWRITE=True)


def test_unload_options() -> None:
    assert parse_unload_options({"SINGLE": "TRUE", "MAX_FILE_SIZE": 5}) == UnloadOptions(single=True, max_file_size=5)
    with pytest.raises(SqlError):
        parse_unload_options({"PARTITION BY": "x"})
