"""COPY INTO <location>: a query's rows written as files of a stage.

Files are first written to a directory of their own below the stages' root and then moved, so that a failed query
leaves nothing behind and existing files stay until the new ones are whole.

Source: docs.snowflake.com/en/sql-reference/sql/copy-into-location
"""

from __future__ import annotations

import re
import shutil
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from snowmelt.base.datatypes import NUMBER, SEMI_STRUCTURED, DataType, Kind
from snowmelt.base.errors import SqlError, unsupported
from snowmelt.base.result import Column, Result, StatementType, rows_result
from snowmelt.catalog.names import quote
from snowmelt.storage.formats import CsvFormat, FileFormat, JsonFormat, ParquetFormat
from snowmelt.storage.formats_dates import strftime_format
from snowmelt.storage.loading_convert import literal
from snowmelt.storage.stages import StageFiles, resolve

UNLOAD_COLUMNS: list[tuple[str, DataType]] = [
    ("rows_unloaded", NUMBER),
    ("input_bytes", NUMBER),
    ("output_bytes", NUMBER),
]
"""Columns of the answer of COPY INTO <location>."""

_PARTITION = "snowmelt partition"
"""What the column is called that says where a row goes."""

DEFAULT_FILE_SIZE = 16 * 1024 * 1024
"""MAX_FILE_SIZE in bytes where it is not given."""


@dataclass(frozen=True)
class UnloadOptions:
    """Options of one COPY INTO <location>; `max_file_size` in bytes; `partitioned` for PARTITION BY; `validates` for
    rows that are shown instead."""

    single: bool = False
    header: bool = False
    overwrite: bool = False
    max_file_size: int = DEFAULT_FILE_SIZE
    include_query_id: bool = False
    partitioned: bool = False
    validates: bool = False


def parse_unload_options(options: Mapping[str, Any], *, partitioned: bool = False) -> UnloadOptions:
    """Typed options from a statement's; FILE_FORMAT is for others to read.

    Raises:
        SqlError: 000002 for an option that is not supported, 001008 for those that exclude each other.
    """
    values: dict[str, Any] = {"partitioned": partitioned, "include_query_id": partitioned}
    for name, value in ((name.upper(), value) for name, value in options.items()):
        match name:
            case "SINGLE" | "HEADER" | "OVERWRITE":
                values[name.lower()] = value if isinstance(value, bool) else str(value).upper() == "TRUE"
            case "MAX_FILE_SIZE":
                values["max_file_size"] = int(value)
            case "FILE_FORMAT":
                pass
            case "INCLUDE_QUERY_ID":
                values["include_query_id"] = str(value).upper() == "TRUE"
            case "VALIDATION_MODE" if str(value).upper() == "RETURN_ROWS":
                values["validates"] = True
            case "DETAILED_OUTPUT" if str(value).upper() == "FALSE":
                pass
            case _:
                raise unsupported(f"COPY INTO location option {name}")
    found = UnloadOptions(**values)
    if partitioned and not found.include_query_id:
        raise _excluded("PARTITION BY excludes INCLUDE_QUERY_ID = FALSE.")
    if found.include_query_id and (found.single or found.overwrite):
        raise _excluded(
            f"{'PARTITION BY' if partitioned else 'INCLUDE_QUERY_ID = TRUE'} excludes SINGLE and OVERWRITE."
        )
    return found


def _excluded(reason: str) -> SqlError:
    return SqlError(f"SQL compilation error:\ninvalid parameter combination: {reason}", 1008, "22023")


@dataclass(frozen=True)
class Unload:
    """A prepared unload: run `sql`, then `finish`; or `discard` after an error.

    Attributes:
        sql: DuckDB's COPY, whose answer is the number of rows.
        scratch: where it writes.
        stage_dir: the stage's directory.
        path: the location's path in the stage.
        suffix: the ending of the files' names.
        query_id: what is put into the names, if INCLUDE_QUERY_ID says so.
    """

    sql: str
    scratch: Path
    stage_dir: Path
    path: str
    suffix: str
    options: UnloadOptions
    query_id: str

    def finish(self, rows: int) -> Result:
        """Move the files to their names in the stage and give the statement's answer.

        Raises:
            SqlError: 001030 when a file is there already and OVERWRITE is FALSE.
        """
        try:
            written = self._written() if rows else []
            if not self.options.overwrite:
                self._refuse_existing([target for _, target in written])
            sizes = [(_uncompressed(file, self.suffix), file.stat().st_size) for file, _ in written]
            for file, target in written:
                target.parent.mkdir(parents=True, exist_ok=True)
                file.replace(target)
        finally:
            self.discard()
        answer = (rows, sum(size[0] for size in sizes), sum(size[1] for size in sizes))
        return rows_result(UNLOAD_COLUMNS, [answer], StatementType.COPY)

    def discard(self) -> None:
        """Remove what was written."""
        shutil.rmtree(self.scratch, ignore_errors=True)

    def _written(self) -> list[tuple[Path, Path]]:
        """The files that were written, each with its place in the stage."""
        if not self.options.partitioned:
            return self._parts(self.scratch, self.path)
        base = self.path if not self.path or self.path.endswith("/") else f"{self.path}/"
        found = []
        for directory in sorted(self.scratch.iterdir()):
            value = unquote(directory.name.partition("=")[2]).strip("/")
            found += self._parts(directory, f"{base}{value}/" if value else base)
        return found

    def _parts(self, directory: Path, path: str) -> list[tuple[Path, Path]]:
        files = sorted(directory.iterdir(), key=_part_number)
        return [(file, self._target(path, part)) for part, file in enumerate(files)]

    def _target(self, path: str, part: int) -> Path:
        if self.options.single:
            name = path if path and not path.endswith("/") else f"{path}data"
            return resolve(self.stage_dir, name)
        stem = f"{path}data" if not path or path.endswith("/") else path.removesuffix("_")
        if self.options.include_query_id:
            stem += f"_{self.query_id}"
        return resolve(self.stage_dir, f"{stem}_0_0_{part}{self.suffix}")

    def _refuse_existing(self, targets: Sequence[Path]) -> None:
        for target in targets:
            if target.exists():
                raise SqlError(
                    f"Files already existing at the unload destination: {target.name}. "
                    "Use overwrite option to force unloading.",
                    1030,
                    "22000",
                )


def unload(
    files: StageFiles,
    stage_dir: Path,
    path: str,
    query: str,
    columns: Sequence[Column],
    fmt: FileFormat,
    options: UnloadOptions,
    query_id: str = "",
) -> Unload:
    """Prepare to write the rows of a DuckDB `query`, whose result has these columns, to `path` in a stage. With
    PARTITION BY its last column, a text, is not written but says in which directory a row's file lies.

    Raises:
        SqlError: 001003 for a path out of the stage, 002019 for JSON and other than one semi-structured column,
            001008 for a partition that is no text.
    """
    if path:
        resolve(stage_dir, path.rstrip("/") or path)
    scratch = files.root / f"unload-{uuid.uuid4().hex}"
    select, settings, suffix = _written(query, columns, fmt, options)
    if options.single:
        scratch.mkdir()
        target = scratch / f"data_0{suffix}"
    elif options.partitioned:
        target = scratch
        settings.append(f"PARTITION_BY ({quote(_PARTITION)})")
    else:
        target = scratch
        settings.append(f"FILE_SIZE_BYTES {int(options.max_file_size)}")
    sql = f"COPY ({select}) TO {literal(str(target))} ({', '.join(settings)})"
    return Unload(sql, scratch, stage_dir, path, suffix, options, query_id)


def _written(
    query: str, columns: Sequence[Column], fmt: FileFormat, options: UnloadOptions
) -> tuple[str, list[str], str]:
    """The SELECT, DuckDB's COPY settings and the files' suffix."""
    aliases = [f"c{i + 1}" for i in range(len(columns))]
    relation = f"({query}) AS q({', '.join(aliases)})"
    if options.partitioned:
        *columns, partition = columns
        if partition.type.kind is not Kind.TEXT:
            reason = f"PARTITION BY wants a VARCHAR, not a {partition.type.sql}."
            raise SqlError(f"SQL compilation error:\ninvalid parameter type: {reason}", 1008, "22023")
        relation = f"(SELECT *, coalesce({aliases.pop()}, '__NULL__') AS {quote(_PARTITION)} FROM {relation})"
    match fmt:
        case ParquetFormat():
            if any(c.type.kind in (Kind.TIMESTAMP_LTZ, Kind.TIMESTAMP_TZ) for c in columns):
                raise unsupported("unloading TIMESTAMP_LTZ and TIMESTAMP_TZ to Parquet")
            # without HEADER = TRUE Snowflake calls the columns _COL_0, _COL_1, ...
            names = [c.name if options.header else f"_COL_{i}" for i, c in enumerate(columns)]
            codec = {"AUTO": "snappy", "NONE": "uncompressed"}.get(fmt.compression, fmt.compression.lower())
            suffix = ".parquet" if codec == "uncompressed" else f".{codec}.parquet"
            settings = ["FORMAT parquet", f"COMPRESSION {codec}"]
        case JsonFormat():
            if len(columns) != 1 or columns[0].type.kind not in SEMI_STRUCTURED:
                raise SqlError(
                    "SQL compilation error:\nJSON file format can be used only with a query of one column of type "
                    "variant, object, or array.",
                    2019,
                    "0A000",
                )
            settings = ["FORMAT csv", "HEADER false", "QUOTE ''", "ESCAPE ''", "DELIM '\x01'"]
            names, suffix = ["json"], _text_suffix(fmt, ".json", settings)
            # What OBJECT_CONSTRUCT and ARRAY_CONSTRUCT make are structs and lists until they are stored.
            aliases = [f"snowmelt_shown(to_json({alias}))" for alias in aliases]
        case CsvFormat():
            names = [column.name for column in columns]
            settings = _csv_settings(columns, fmt, options)
            suffix = _text_suffix(fmt, ".csv", settings)
            items = [_csv_text(a, c.type, fmt) for a, c in zip(aliases, columns, strict=True)]
            return _select(items, names, relation, options), settings, suffix
    return _select(aliases, names, relation, options), settings, suffix


def _select(items: Sequence[str], names: Sequence[str], relation: str, options: UnloadOptions) -> str:
    pairs = [f"{item} AS {quote(name)}" for item, name in zip(items, names, strict=True)]
    return f"SELECT {', '.join([*pairs, quote(_PARTITION)] if options.partitioned else pairs)} FROM {relation}"


def _text_suffix(fmt: CsvFormat | JsonFormat, extension: str, settings: list[str]) -> str:
    codec = {"AUTO": "gzip"}.get(fmt.compression, fmt.compression.lower())
    settings.append(f"COMPRESSION {codec}")
    ending = {"gzip": ".gz", "zstd": ".zst"}.get(codec, "")
    return (fmt.file_extension or extension) + ending


def _csv_settings(columns: Sequence[Column], fmt: CsvFormat, options: UnloadOptions) -> list[str]:
    enclosed = fmt.field_optionally_enclosed_by or ""
    settings = [
        "FORMAT csv",
        f"HEADER {str(options.header).lower()}",
        f"DELIM {literal(fmt.field_delimiter or chr(1))}",
        f"QUOTE {literal(enclosed)}",
        f"ESCAPE {literal(fmt.escape or enclosed)}",
        f"NULLSTR {literal(fmt.null_if[0] if fmt.null_if else '')}",
    ]
    texts = [quote(column.name) for column in columns if column.type.kind not in {Kind.FIXED, Kind.REAL}]
    if enclosed and texts:
        settings.append(f"FORCE_QUOTE ({', '.join(texts)})")
    return settings


def _zoned_text(expression: str, form: str) -> str:
    """A TIMESTAMP_LTZ or TIMESTAMP_TZ by a strftime format; the engine's own %z leaves out minutes that are 0."""
    wall = f"snowmelt_wall({expression})"
    offset = f"snowmelt_offset_text(snowmelt_minutes({expression}), 'TZHTZM')"
    plain = [f"strftime({wall}, {literal(part)})" if part else "''" for part in form.split("%z")]
    return f" || {offset} || ".join(plain)


def _csv_text(expression: str, data_type: DataType, fmt: CsvFormat) -> str:
    """A value as Snowflake writes it into a CSV file."""
    match data_type.kind:
        case Kind.TIMESTAMP_NTZ:
            return f"strftime({expression}, {literal(strftime_format(fmt.timestamp_format or _NTZ_FORMAT))})"
        case Kind.TIMESTAMP_LTZ | Kind.TIMESTAMP_TZ:
            return _zoned_text(expression, strftime_format(fmt.timestamp_format or _LTZ_FORMAT))
        case Kind.DATE if fmt.date_format:
            return f"strftime({expression}, {literal(strftime_format(fmt.date_format))})"
        case Kind.TIME if fmt.time_format:
            raise unsupported("TIME_FORMAT when unloading")
        case Kind.BINARY:
            function = {"HEX": "hex", "BASE64": "base64", "UTF8": "decode"}[fmt.binary_format]
            return f"{function}({expression})"
        case Kind.TEXT | Kind.VARIANT | Kind.OBJECT | Kind.ARRAY:
            text = expression if data_type.kind is Kind.TEXT else f"snowmelt_shown({expression})"
            return text if fmt.field_optionally_enclosed_by else _escaped(text, fmt.field_delimiter)
        case _:
            return f"CAST({expression} AS VARCHAR)"


_NTZ_FORMAT = "YYYY-MM-DD HH24:MI:SS.FF3"
_LTZ_FORMAT = "YYYY-MM-DD HH24:MI:SS.FF3 TZHTZM"


def _escaped(text: str, delimiter: str | None) -> str:
    """ESCAPE_UNENCLOSED_FIELD, a backslash before what would end a field that nothing encloses."""
    for special in ("\\", *([delimiter] if delimiter else []), "\n", "\r"):
        text = f"replace({text}, {literal(special)}, {literal(chr(92) + special)})"
    return text


def _part_number(file: Path) -> int:
    digits = re.search(r"_(\d+)", file.name)
    return int(digits.group(1)) if digits else 0


def _uncompressed(file: Path, suffix: str) -> int:
    """Bytes before compression."""
    if suffix.endswith(".parquet"):
        import pyarrow.parquet as pq

        metadata = pq.read_metadata(file)
        return sum(metadata.row_group(i).total_byte_size for i in range(metadata.num_row_groups))
    if suffix.endswith(".gz"):
        with file.open("rb") as stream:
            stream.seek(-4, 2)
            return int.from_bytes(stream.read(4), "little")
    return file.stat().st_size
