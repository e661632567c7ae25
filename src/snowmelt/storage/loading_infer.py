"""INFER_SCHEMA: the columns of staged files and the types that a table for them would have.

Parquet types come from the files' footers; those of CSV and JSON from the values, which are read once.

Source: docs.snowflake.com/en/sql-reference/functions/infer_schema
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from snowmelt.base.datatypes import BOOLEAN, NUMBER, VARCHAR, DataType
from snowmelt.base.errors import unsupported
from snowmelt.base.late import pyarrow as pa
from snowmelt.catalog.names import quote
from snowmelt.storage.formats import CsvFormat, FileFormat, JsonFormat, ParquetFormat
from snowmelt.storage.loading_convert import literal
from snowmelt.storage.loading_errors import Run
from snowmelt.storage.loading_parquet import ParquetColumn, parquet_columns
from snowmelt.storage.loading_source import source_select
from snowmelt.storage.stages import StagedFile

INFER_COLUMNS: list[tuple[str, DataType]] = [
    ("COLUMN_NAME", VARCHAR),
    ("TYPE", VARCHAR),
    ("NULLABLE", BOOLEAN),
    ("EXPRESSION", VARCHAR),
    ("FILENAMES", VARCHAR),
    ("ORDER_ID", NUMBER),
]
"""Columns of INFER_SCHEMA."""

_PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_$]*")


@dataclass(frozen=True)
class InferredColumn:
    """One row of INFER_SCHEMA; `type` is Snowflake's text such as ``NUMBER(38, 0)`` or ``TEXT``."""

    name: str
    type: str
    nullable: bool
    expression: str
    filenames: str
    order_id: int

    def row(self) -> tuple[Any, ...]:
        """The values in the order of `INFER_COLUMNS`."""
        return (self.name, self.type, self.nullable, self.expression, self.filenames, self.order_id)


def infer_schema(
    files: Sequence[StagedFile],
    fmt: FileFormat,
    *,
    run: Run,
    ignore_case: bool = False,
    max_file_count: int | None = None,
    max_records_per_file: int | None = None,
) -> list[InferredColumn]:
    """The columns of `files`, in their order there; no files give no columns.

    Args:
        run: runs DuckDB SQL of this module; for CSV and JSON.
        ignore_case: names become upper case, and those that then coincide are one column.
    """
    chosen = list(files)[:max_file_count]
    found: dict[str, InferredColumn] = {}
    for file in chosen:
        for column in _columns_of(file, fmt, run, max_records_per_file):
            name = column.name.upper() if ignore_case else column.name
            known = found.get(name)
            new = replace(
                column, name=name, order_id=len(found), expression=_expression(column, name, fmt, ignore_case)
            )
            found[name] = _merged(known, new) if known else new
    return [replace(column, expression=f"{column.expression}::{column.type}") for column in found.values()]


def _merged(known: InferredColumn, new: InferredColumn) -> InferredColumn:
    return replace(
        known,
        type=_common(known.type, new.type),
        nullable=known.nullable or new.nullable,
        filenames=f"{known.filenames}, {new.filenames}",
    )


_DIGITS = re.compile(r"NUMBER\((\d+), (\d+)\)")


def _common(one: str, other: str) -> str:
    """The type that holds values of both."""
    if one == other:
        return one
    left, right = _DIGITS.fullmatch(one), _DIGITS.fullmatch(other)
    if left and right:
        scale = max(int(left[2]), int(right[2]))
        whole = max(int(left[1]) - int(left[2]), int(right[1]) - int(right[2]))
        return f"NUMBER({whole + scale}, {scale})" if whole + scale <= 38 else "REAL"
    if {one.split("(")[0], other.split("(")[0]} == {"NUMBER", "REAL"}:
        return "REAL"
    return "VARIANT" if "VARIANT" in (one, other) else "TEXT"


def _expression(column: InferredColumn, name: str, fmt: FileFormat, ignore_case: bool) -> str:
    """What reads the column from a stage, without its cast."""
    if isinstance(fmt, CsvFormat):
        return column.expression
    if ignore_case:
        return f"GET_IGNORE_CASE ($1, {literal(name)})"
    return f"$1:{name if _PLAIN.fullmatch(name) else quote(name)}"


def _columns_of(file: StagedFile, fmt: FileFormat, run: Run, limit: int | None) -> list[InferredColumn]:
    match fmt:
        case ParquetFormat():
            return [
                InferredColumn(column.name, parquet_type(column, fmt), column.nullable, "", file.path, 0)
                for column in parquet_columns(file.location)
            ]
        case CsvFormat():
            source = source_select([file], fmt)
            types = _text_types(source.relation, [column.expression for column in source.columns], run, limit)
            return [
                InferredColumn(column.name, data_type, True, f"${i + 1}", file.path, 0)
                for i, (column, data_type) in enumerate(zip(source.columns, types, strict=True))
            ]
        case JsonFormat():
            return _json_columns(file, fmt, run, limit)


# --- Parquet ---------------------------------------------------------------------------------------------------------


def parquet_type(column: ParquetColumn, fmt: ParquetFormat) -> str:
    """Snowflake's type for a Parquet column.

    Timestamps of nanoseconds, as pandas writes them, are NUMBER unless USE_LOGICAL_TYPE = TRUE, as on Snowflake. Byte
    arrays are BINARY whatever BINARY_AS_TEXT says: write_pandas counts on that, which sets it for COPY only.

    Raises:
        SqlError: 000002 for an Arrow type without a counterpart.
    """
    if column.is_raw_time(fmt):
        return "NUMBER(38, 0)"
    data_type, kinds = column.type, pa.types
    if kinds.is_decimal(data_type):
        return f"NUMBER({data_type.precision}, {data_type.scale})"
    if kinds.is_timestamp(data_type):
        return "TIMESTAMP_LTZ" if data_type.tz is not None and fmt.use_logical_type else "TIMESTAMP_NTZ"
    if kinds.is_nested(data_type):
        return "VARIANT"
    for kind, name in _ARROW_TYPES:
        if getattr(kinds, f"is_{kind}")(data_type):
            return name
    raise unsupported(f"INFER_SCHEMA of a Parquet column of type {data_type}")


_ARROW_TYPES = (
    ("integer", "NUMBER(38, 0)"),
    ("floating", "REAL"),
    ("boolean", "BOOLEAN"),
    ("string", "TEXT"),
    ("large_string", "TEXT"),
    ("string_view", "TEXT"),
    ("binary", "BINARY"),
    ("large_binary", "BINARY"),
    ("fixed_size_binary", "BINARY"),
    ("date", "DATE"),
    ("time", "TIME"),
    # Parquet has no such type: pandas writes the numbers.
    ("duration", "NUMBER(38, 0)"),
    ("null", "TEXT"),
)


# --- text ------------------------------------------------------------------------------------------------------------

_FACTS = (
    "count({0})",
    "bool_and(regexp_full_match({0}, '[+-]?[0-9]+'))",
    "bool_and(regexp_full_match({0}, '[+-]?([0-9]+[.]?[0-9]*|[.][0-9]+)'))",
    "max(length(ltrim(split_part(ltrim({0}, '+-'), '.', 1), '0')))",
    "max(length(split_part({0}, '.', 2)))",
    "bool_and(TRY_CAST({0} AS DOUBLE) IS NOT NULL)",
    "bool_and(lower({0}) IN ('true', 'false'))",
    "bool_and(regexp_full_match({0}, '[0-9]{{4}}-[0-9]{{1,2}}-[0-9]{{1,2}}') AND TRY_CAST({0} AS DATE) IS NOT NULL)",
    "bool_and(regexp_full_match({0}, '[0-9]{{1,2}}:[0-9]{{2}}(:[0-9.]+)?') AND TRY_CAST({0} AS TIME) IS NOT NULL)",
    "bool_and(TRY_CAST({0} AS TIMESTAMP) IS NOT NULL)",
)


def _text_types(relation: str, expressions: Sequence[str], run: Run, limit: int | None) -> list[str]:
    """The narrowest types that hold all texts of each expression, from one pass over them."""
    facts = ", ".join(
        f"{fact.format(expression)} FILTER (WHERE {expression} IS NOT NULL)"
        for expression in expressions
        for fact in _FACTS
    )
    rows = f" LIMIT {int(limit)}" if limit is not None else ""
    found = run(f"SELECT {facts} FROM (SELECT * FROM {relation}{rows})")[0]
    width = len(_FACTS)
    return [_text_type(found[i * width : (i + 1) * width]) for i in range(len(expressions))]


def _text_type(facts: Sequence[Any]) -> str:
    count, whole, decimal, digits, scale, floating, boolean, date, time, timestamp = facts
    if not count:
        return "TEXT"
    if whole and digits <= 38:
        return f"NUMBER({max(digits, 1)}, 0)"
    if decimal and digits + scale <= 38:
        return f"NUMBER({max(digits + scale, 1)}, {scale})"
    for holds, name in (
        (floating, "REAL"),
        (boolean, "BOOLEAN"),
        (date, "DATE"),
        (time, "TIME"),
        (timestamp, "TIMESTAMP_NTZ"),
    ):
        if holds:
            return name
    return "TEXT"


_JSON_TYPES = {"BOOLEAN": "BOOLEAN", "ARRAY": "ARRAY", "OBJECT": "OBJECT", "DOUBLE": "REAL"}


def _json_columns(file: StagedFile, fmt: JsonFormat, run: Run, limit: int | None) -> list[InferredColumn]:
    """The top-level members of the file's records; those of differing kinds are VARIANT."""
    rows = f" LIMIT {int(limit)}" if limit is not None else ""
    records = f"(SELECT c1 FROM {source_select([file], fmt).relation}{rows})"
    members = (
        f"SELECT k, snowmelt_plain(c1 -> k) AS v FROM (SELECT c1, unnest(json_keys(c1)) AS k FROM {records} "
        "WHERE json_type(c1) = 'OBJECT')"
    )
    found = run(
        "SELECT k, list(DISTINCT json_type(v)) FILTER (WHERE json_type(v) <> 'NULL'), max(length(v ->> '$')) "
        f"FROM ({members}) GROUP BY k ORDER BY k"
    )
    columns = []
    for name, kinds, digits in found:
        columns.append(InferredColumn(str(name), _json_type(set(kinds or ()), digits), True, "", file.path, 0))
    return columns


def _json_type(kinds: set[str], digits: int | None) -> str:
    whole = {"BIGINT", "UBIGINT", "HUGEINT"}
    if kinds and kinds <= whole:
        return f"NUMBER({min(digits or 1, 38)}, 0)"
    if kinds and kinds <= whole | {"DOUBLE"}:
        return "REAL"
    if len(kinds) != 1:
        return "VARIANT"
    return _JSON_TYPES.get(kinds.pop(), "TEXT")
