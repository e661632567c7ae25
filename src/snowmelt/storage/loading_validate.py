"""All errors of a load: VALIDATION_MODE and the table function VALIDATE.

Sources: docs.snowflake.com/en/sql-reference/sql/copy-into-table (VALIDATION_MODE), .../functions/validate
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from snowmelt.base.datatypes import NUMBER, VARCHAR, DataType
from snowmelt.base.late import pyarrow as pa
from snowmelt.base.result import Column
from snowmelt.storage.formats import FileFormat, ParquetFormat
from snowmelt.storage.loading import CopyPlan, LoadStep
from snowmelt.storage.loading_convert import as_column
from snowmelt.storage.loading_errors import RecordError, Run, list_errors, passing
from snowmelt.storage.loading_options import not_staged
from snowmelt.storage.loading_source import FILE_ROW_NUMBER, compression_of, open_text
from snowmelt.storage.stages import StagedFile

Query = Callable[[str], tuple[tuple[Column, ...], "pa.Table"]]
"""Runs a DuckDB query and gives its columns and rows."""

VALIDATION_COLUMNS: list[tuple[str, DataType]] = [
    ("ERROR", VARCHAR),
    ("FILE", VARCHAR),
    ("LINE", NUMBER),
    ("CHARACTER", NUMBER),
    ("BYTE_OFFSET", NUMBER),
    ("CATEGORY", VARCHAR),
    ("CODE", NUMBER),
    ("SQL_STATE", VARCHAR),
    ("COLUMN_NAME", VARCHAR),
    ("ROW_NUMBER", NUMBER),
    ("ROW_START_LINE", NUMBER),
    ("REJECTED_RECORD", VARCHAR),
]
"""Columns of VALIDATE and of a COPY with VALIDATION_MODE = RETURN_ERRORS."""


def validation_rows(plan: CopyPlan, run: Run) -> list[tuple[Any, ...]]:
    """One row, as in `VALIDATION_COLUMNS`, for each record of a planned load that does not fit its columns.

    Files that have left the stage since are passed over.
    """
    rows = []
    for step in plan.examined:
        for file in step.files:
            if file.location.exists():
                rows += _of_file(step, file, plan.table, run)
    return rows


def missing_rows(names: Sequence[str]) -> list[tuple[Any, ...]]:
    """One row, as in `VALIDATION_COLUMNS`, for each file that is not there."""
    errors = [(name, not_staged(name)) for name in names]
    unknown = (None,) * 3
    return [(e.message, name, *unknown, None, e.code, e.sqlstate, *unknown, None) for name, e in errors]


def first_rows(plan: CopyPlan, limit: int, run: Run, query: Query) -> pa.Table | None:
    """VALIDATION_MODE = RETURN_n_ROWS: the first `limit` rows of a planned load, as they would be in the table; None
    when it has no files.

    Raises:
        SqlError: the error of the first record that does not fit, when it is among them.
    """
    found: list[pa.Table] = []
    for step in plan.examined:
        wanted = limit - sum(table.num_rows for table in found)
        if wanted <= 0:
            break
        errors = list_errors(step.source, step.conversions, plan.table, run)
        if errors and errors[0].row <= wanted:
            raise errors[0].as_error(step.files[0])
        source = passing(step.source) if errors else step.source
        items = ", ".join(as_column(conversion) for conversion in step.conversions)
        order = f'"{FILE_ROW_NUMBER}"'
        found.append(query(f"SELECT {items} FROM {source.relation} WHERE {order} <= {wanted} ORDER BY {order}")[1])
    return pa.concat_tables(found, promote_options="permissive") if found else None


def _of_file(step: LoadStep, file: StagedFile, table: str, run: Run) -> list[tuple[Any, ...]]:
    errors = list_errors(step.source, step.conversions, table, run)
    lines = _lines(file, step.source.format, errors)
    return [
        (
            error.message,
            file.name,
            error.line,
            error.character,
            lines[error.line][0] + error.character - 1 if error.line in lines else None,
            "parsing" if error.column is None else "conversion",
            error.code,
            error.sqlstate,
            error.column_name,
            error.row,
            error.line,
            lines[error.line][1] if error.line in lines else None,
        )
        for error in errors
    ]


def _lines(file: StagedFile, fmt: FileFormat, errors: Sequence[RecordError]) -> Mapping[int, tuple[int, str]]:
    """Where the lines with errors begin, in bytes, and their text. Parquet files have no lines."""
    if isinstance(fmt, ParquetFormat) or not errors:
        return {}
    wanted = {error.line for error in errors}
    found = {}
    with open_text(file.location, compression_of(file.location, fmt.compression)) as stream:
        offset = 0
        for number, line in enumerate(stream, 1):
            if number in wanted:
                found[number] = (offset, line.rstrip("\r\n"))
            offset += len(line.encode())
    return found
