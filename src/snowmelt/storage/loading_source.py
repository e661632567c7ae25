"""Staged files as a DuckDB relation, so that ``$1``, ``$1:"A"`` and ``METADATA$FILENAME`` become plain expressions.

CSV fields are VARCHAR columns ``c1`` ... ``cn``; a Parquet file's columns keep their own types and are called ``c1``
... ``cn`` too, because DuckDB cannot hold names that differ only in case; a JSON file is one column ``c1`` of type
JSON.

Sources: docs.snowflake.com/en/user-guide/querying-stage, .../querying-metadata
"""

from __future__ import annotations

import csv
import gzip
import io
import itertools
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, cast

from snowmelt.base.errors import SqlError, invalid_identifier, unsupported
from snowmelt.base.late import pyarrow as pa
from snowmelt.catalog.names import quote
from snowmelt.storage.formats import DEFAULT_NULLS, CsvFormat, FileFormat, JsonFormat, ParquetFormat
from snowmelt.storage.loading_convert import literal, semistructured, texts
from snowmelt.storage.loading_parquet import ParquetColumn, parquet_columns
from snowmelt.storage.stages import StagedFile

FILENAME = "METADATA$FILENAME"
FILE_ROW_NUMBER = "METADATA$FILE_ROW_NUMBER"
MAX_FIELD = 16_777_216
"""The longest CSV field, in characters."""

csv.field_size_limit(MAX_FIELD)

MAX_JSON_BYTES = 128 * 1024 * 1024
"""The largest JSON document of a file (the size of a VARIANT on Snowflake)."""


@dataclass(frozen=True)
class SourceColumn:
    """A column of the relation: the file's name for it, the relation's name, its DuckDB expression there, and for
    Parquet its Arrow type.
    """

    name: str
    physical: str
    expression: str
    type: pa.DataType | None = None


@dataclass(frozen=True)
class StageSource:
    """Staged files as a relation.

    Attributes:
        relation: DuckDB SQL in parentheses, to stand in FROM with any alias.
        columns: in the files' order; for JSON just one, the whole record.
        format: the format they are read with.
        files: the files.
        width: for CSV, the number of fields that each record must have; None when any number will do.
    """

    relation: str
    columns: tuple[SourceColumn, ...]
    format: FileFormat
    files: tuple[StagedFile, ...]
    width: int | None = None

    def column_for(self, position: int, path: Sequence[str | int] = (), alias: str | None = None) -> str:
        """The DuckDB expression of ``$position:path``, with `alias` as the relation's name.

        CSV fields are VARCHAR; Parquet columns have their own type, missing ones are NULL; JSON values and
        nested ones of Parquet files are JSON.
        Names in `path` are case-sensitive, integers index arrays from 0.

        Raises:
            SqlError: 000904 for a position that the format does not have.
        """
        if isinstance(self.format, CsvFormat):
            return self._csv_column(position, path, alias)
        if position != 1:
            raise invalid_identifier(f"${position}")
        if isinstance(self.format, JsonFormat):
            return _json_path(_qualified("c1", alias), path)
        if not path:
            pairs = ", ".join(f"{literal(c.name)}, {self.column_for(1, [c.name], alias)}" for c in self.columns)
            return f"snowmelt_sorted(json_object({pairs}))"
        found = next((column for column in self.columns if column.name == path[0]), None)
        if found is None:
            return "NULL"
        expression, found_type = _qualified(found.physical, alias), found.type
        for step in path[1:]:
            expression += f"[{step + 1}]" if isinstance(step, int) else f"[{literal(step)}]"
            found_type = _inner(found_type, step)
        return semistructured(expression) if found_type is not None and pa.types.is_nested(found_type) else expression

    def _csv_column(self, position: int, path: Sequence[str | int], alias: str | None) -> str:
        if path:
            raise unsupported("path into a CSV field without PARSE_JSON")
        if position > len(self.columns):
            return "CAST(NULL AS VARCHAR)"
        return _qualified(self.columns[position - 1].physical, alias)

    def metadata_for(self, name: str, alias: str | None = None) -> str:
        """The DuckDB expression of a METADATA$ column.

        Raises:
            SqlError: 000002 for one that is not supported.
        """
        if name.upper() in {FILENAME, FILE_ROW_NUMBER}:
            return _qualified(name.upper(), alias)
        match name.upper():
            case "METADATA$FILE_CONTENT_KEY":
                values = {file.path: literal(file.md5) for file in self.files}
            case "METADATA$FILE_LAST_MODIFIED":
                values = {f.path: f"TIMESTAMP '{f.modified.replace(tzinfo=None).isoformat(' ')}'" for f in self.files}
            case _:
                raise unsupported(f"{name.upper()} of staged files")
        pairs = ", ".join(f"{literal(path)}: {value}" for path, value in values.items())
        return f"(map {{{pairs}}})[{_qualified(FILENAME, alias)}]"


def source_select(
    files: Sequence[StagedFile], fmt: FileFormat, *, width: int | None = None, reader_options: str = ""
) -> StageSource:
    """A relation over `files`, rows in the order of files and of rows in them.

    Args:
        width: for CSV, how many fields each record must have; None takes as many as the first record of the widest
            file has, pads short records with NULL and ignores surplus fields, as SELECT from a stage does.
        reader_options: further options of read_csv, each preceded by a comma.

    Raises:
        SqlError: 091016 when `files` is empty, 100182 for a damaged Parquet file.
    """
    if not files:
        raise SqlError("Remote file was not found. There are no files at this location.", 91016, "22000")
    match fmt:
        case CsvFormat():
            return _csv_source(files, fmt, width, reader_options)
        case JsonFormat():
            return _json_source(files, fmt)
        case ParquetFormat():
            return _parquet_source(files, fmt)


def _qualified(name: str, alias: str | None) -> str:
    return f"{quote(alias)}.{quote(name)}" if alias else quote(name)


def _metadata(files: Iterable[StagedFile], row_number: str) -> str:
    """The two METADATA$ columns. `filename` is DuckDB's virtual column, an absolute path."""
    root = next(iter(files))
    prefix = len(str(root.location)) - len(root.path)
    return f'substr(filename, {prefix + 1}) AS "{FILENAME}", {row_number} AS "{FILE_ROW_NUMBER}"'


def _paths(files: Iterable[StagedFile]) -> str:
    return "[" + ", ".join(literal(str(file.location)) for file in files) + "]"


# --- compression -----------------------------------------------------------------------------------------------------


def compression_of(file: Path, declared: str) -> str:
    """``none``, ``gzip`` or ``zstd`` as DuckDB names them; AUTO looks at the file's first bytes."""
    if declared != "AUTO":
        return declared.lower()
    with file.open("rb") as stream:
        head = stream.read(4)
    if head[:2] == b"\x1f\x8b":
        return "gzip"
    if head == b"\x28\xb5\x2f\xfd":
        return "zstd"
    return "none"


def open_text(file: Path, compression: str) -> IO[str]:
    """The file's text, uncompressed."""
    if compression == "gzip":
        return cast(IO[str], gzip.open(file, "rt", encoding="utf-8-sig", newline=""))
    if compression == "zstd":
        stream = pa.CompressedInputStream(pa.OSFile(str(file)), "zstd")
        return io.TextIOWrapper(stream, encoding="utf-8-sig", newline="")
    return file.open("r", encoding="utf-8-sig", newline="")


def _by_compression(files: Sequence[StagedFile], declared: str) -> list[tuple[str, list[StagedFile]]]:
    """Runs of files with one compression, in order."""
    tagged = ((compression_of(file.location, declared), file) for file in files)
    return [(key, [file for _, file in run]) for key, run in itertools.groupby(tagged, key=lambda pair: pair[0])]


# --- CSV -------------------------------------------------------------------------------------------------------------


def first_record(file: StagedFile, fmt: CsvFormat, skip: int) -> list[str]:
    """The fields of the record after `skip` lines; empty at the end of the file."""
    with open_text(file.location, compression_of(file.location, fmt.compression)) as stream:
        for _ in range(skip):
            stream.readline()
        if fmt.field_delimiter is None or len(fmt.field_delimiter) > 1:
            line = stream.readline().rstrip("\r\n")
            return line.split(fmt.field_delimiter) if fmt.field_delimiter and line else [line] if line else []
        enclosed = fmt.field_optionally_enclosed_by
        reader = csv.reader(
            stream,
            delimiter=fmt.field_delimiter,
            quotechar=enclosed or '"',
            quoting=csv.QUOTE_MINIMAL if enclosed else csv.QUOTE_NONE,
        )
        return next(reader, [])


def csv_header(file: StagedFile, fmt: CsvFormat) -> list[str]:
    """The column names of a file read with PARSE_HEADER = TRUE."""
    names = first_record(file, fmt, 0)
    return [name.strip() if fmt.trim_space else name for name in names]


def csv_skip(fmt: CsvFormat) -> int:
    """How many lines precede the first record."""
    return 1 if fmt.parse_header else fmt.skip_header


def _csv_source(files: Sequence[StagedFile], fmt: CsvFormat, width: int | None, reader_options: str) -> StageSource:
    tolerant = width is None or not fmt.error_on_column_count_mismatch
    fields = width or max((len(first_record(file, fmt, csv_skip(fmt))) for file in files), default=1) or 1
    if fields == 1 and fmt.skip_blank_lines:
        raise unsupported("SKIP_BLANK_LINES of files with one column")
    names = [f"c{i + 1}" for i in range(fields)]
    items = ", ".join(f"{_csv_field(name, fmt)} AS {name}" for name in names)
    selects = []
    for compression, group in _by_compression(files, fmt.compression):
        options = _csv_options(fmt, names, compression, tolerant) + reader_options
        for file in group:
            # one reader per file: only so are row numbers those of the file
            meta = _metadata([file], "row_number() OVER ()")
            selects.append(f"SELECT {items}, {meta} FROM read_csv({_paths([file])}, {options})")
    header = csv_header(files[0], fmt) if fmt.parse_header else names
    labels = header[:fields] + names[len(header) :]
    columns = tuple(SourceColumn(label, name, name) for label, name in zip(labels, names, strict=True))
    return StageSource(f"({' UNION ALL '.join(selects)})", columns, fmt, tuple(files), None if tolerant else fields)


def _csv_options(fmt: CsvFormat, names: list[str], compression: str, tolerant: bool) -> str:
    enclosed = fmt.field_optionally_enclosed_by or ""
    nulls = tuple(null for null in fmt.null_if if null) if fmt.null_if == DEFAULT_NULLS else ()
    if fmt.empty_field_as_null:
        nulls = ("", *nulls)
    columns = ", ".join(f"{literal(name)}: 'VARCHAR'" for name in names)
    options = [
        "auto_detect=false",
        "header=false",
        f"skip={csv_skip(fmt)}",
        # a character that text does not hold stands for "no delimiter"
        f"delim={literal(fmt.field_delimiter or chr(1))}",
        f"quote={literal(enclosed)}",
        f"escape={literal(fmt.escape or enclosed)}",
        f"nullstr=[{', '.join(literal(null) for null in nulls) or literal(chr(2))}]",
        "allow_quoted_nulls=false",
        f"compression={literal(compression)}",
        "max_line_size=16777216",
        f"columns={{{columns}}}",
    ]
    if tolerant:
        options += ["null_padding=true", "strict_mode=false"]
        if enclosed:
            # DuckDB refuses to pad records in parallel where a quoted field may hold a line break
            options.append("parallel=false")
    return ", ".join(options)


def _csv_field(name: str, fmt: CsvFormat) -> str:
    expression = f"trim({name})" if fmt.trim_space else name
    if fmt.null_if and fmt.null_if != DEFAULT_NULLS:
        return f"CASE WHEN {expression} NOT IN {texts(fmt.null_if)} THEN {expression} END"
    return expression


# --- JSON ------------------------------------------------------------------------------------------------------------


def _json_source(files: Sequence[StagedFile], fmt: JsonFormat) -> StageSource:
    selects = []
    for compression, group in _by_compression(files, fmt.compression):
        for file in group:
            form = "auto" if fmt.strip_outer_array or not _starts_with_array(file, compression) else "unstructured"
            meta = _metadata([file], "row_number() OVER ()")
            options = f"format='{form}', compression='{compression}', maximum_object_size={MAX_JSON_BYTES}"
            rows = f"read_json_objects({_paths([file])}, {options})"
            selects.append(f"SELECT snowmelt_sorted(json) AS c1, {meta} FROM {rows}")
    return StageSource(f"({' UNION ALL '.join(selects)})", (SourceColumn("$1", "c1", "c1"),), fmt, tuple(files))


def _starts_with_array(file: StagedFile, compression: str) -> bool:
    with open_text(file.location, compression) as stream:
        for char in iter(lambda: stream.read(1), ""):
            if not char.isspace():
                return char == "["
    return False


def _json_path(expression: str, path: Sequence[str | int]) -> str:
    for step in path:
        # DuckDB's own escaping of a member name in a JSON path
        inner = f"[{step}]" if isinstance(step, int) else '."' + step.replace("\\", "\\\\").replace('"', '\\"') + '"'
        expression = f"json_extract({expression}, {literal('$' + inner)})"
    return expression


# --- Parquet ---------------------------------------------------------------------------------------------------------


def _parquet_source(files: Sequence[StagedFile], fmt: ParquetFormat) -> StageSource:
    """Files of one schema share a reader, so that DuckDB reads them in parallel; others are joined by UNION ALL."""
    schemas = [(parquet_columns(file.location), file) for file in files]
    names = list(dict.fromkeys(column.name for columns, _ in schemas for column in columns))
    physical = {name: f"c{i + 1}" for i, name in enumerate(names)}
    selects = []
    for columns, run in itertools.groupby(schemas, key=lambda pair: pair[0]):
        selects.append(_parquet_select(columns, [file for _, file in run], names, physical, fmt))
    types = {column.name: column.type for columns, _ in schemas for column in columns}
    source = tuple(SourceColumn(name, physical[name], physical[name], types[name]) for name in names)
    return StageSource(f"({' UNION ALL '.join(selects)})", source, fmt, tuple(files))


def _parquet_select(
    columns: tuple[ParquetColumn, ...],
    files: list[StagedFile],
    names: list[str],
    physical: dict[str, str],
    fmt: ParquetFormat,
) -> str:
    own = {column.name: (f"p{i + 1}", column) for i, column in enumerate(columns)}
    items = []
    for name in names:
        found = own.get(name)
        items.append(f"{_parquet_value(*found, fmt) if found else 'NULL'} AS {physical[name]}")
    items.append(_metadata(files, "file_row_number + 1"))
    aliases = ", ".join(f"p{i + 1}" for i in range(len(columns)))
    return f"SELECT {', '.join(items)} FROM read_parquet({_paths(files)}) AS f({aliases})"


def _parquet_value(expression: str, column: ParquetColumn, fmt: ParquetFormat) -> str:
    if column.is_text(fmt):
        return f"decode({expression})"
    if column.is_raw_time(fmt):
        return f"epoch_{column.unit}({expression})"
    if pa.types.is_timestamp(column.type) and column.type.tz is not None and column.unit == "ns":
        # These have a type of their own in the engine, as have times that are said to be in UTC.
        return f"CAST({expression} AS TIMESTAMPTZ)"
    if pa.types.is_time(column.type):
        return f"CAST({expression} AS TIME)"
    return expression


def _inner(outer: pa.DataType | None, step: str | int) -> pa.DataType | None:
    """The type of a struct's field or of a list's elements; None for what is not there."""
    if outer is None:
        return None
    if isinstance(step, int):
        return outer.value_type if pa.types.is_list(outer) or pa.types.is_large_list(outer) else None
    position = outer.get_field_index(step) if pa.types.is_struct(outer) else -1
    return outer.field(position).type if position >= 0 else None
