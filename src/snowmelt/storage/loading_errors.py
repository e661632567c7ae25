"""Finding the records of a file that do not fit their columns, with Snowflake's words for the first of them."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from snowmelt.base.errors import SqlError
from snowmelt.storage.formats import CsvFormat
from snowmelt.storage.loading_convert import Conversion, literal, unfit
from snowmelt.storage.loading_source import FILE_ROW_NUMBER, StageSource, csv_skip, source_select
from snowmelt.storage.stages import StagedFile

Run = Callable[[str], Sequence[tuple[Any, ...]]]
"""Runs DuckDB SQL, perhaps of several statements, on a connection and gives all rows of the last statement."""

ADVICE = (
    "If you would like to continue loading when an error is encountered, use other values such as 'SKIP_FILE' or "
    "'CONTINUE' for the ON_ERROR option. For more information on loading options, please run 'info loading_data' in a "
    "SQL client."
)


@dataclass(frozen=True)
class RecordError:
    """A record that does not fit.

    Attributes:
        line: line of the file, from 1.
        row: record of the file, from 1, not counting the header.
        character: position in the line, from 1.
        column: the target column's name, or None when the record as a whole is wrong.
        position: the column's place in the file, from 1.
        table: the target table's name.
    """

    message: str
    code: int
    sqlstate: str
    line: int
    row: int
    character: int
    column: str | None
    position: int
    table: str

    @property
    def column_name(self) -> str | None:
        """The column with its table and place, as COPY and VALIDATE show it."""
        return f'"{self.table}"["{self.column}":{self.position}]' if self.column else None

    def as_error(self, file: StagedFile) -> SqlError:
        """The error of ON_ERROR = ABORT_STATEMENT."""
        where = f"\n  File '{file.name}', line {self.line}, character {self.character}"
        column = f", column {self.column_name}" if self.column else ""
        return SqlError(f"{self.message}{where}\n  Row {self.row}{column}\n  {ADVICE}", self.code, self.sqlstate)


@dataclass(frozen=True)
class FileErrors:
    """Records of a file, how many of them do not fit, and the first that does not."""

    parsed: int
    count: int
    first: RecordError | None


def find_errors(source: StageSource, conversions: Sequence[Conversion], table: str, run: Run) -> FileErrors:
    """Count the records of the source's file that `conversions` refuse, and those that its reader refuses."""
    rejects: list[_Reject] = []
    if isinstance(source.format, CsvFormat):
        rejects = _rejected_lines(source, source.format, run)
        source = passing(source)
    bad = " OR ".join(conversion.bad for conversion in conversions)
    order = f'"{FILE_ROW_NUMBER}"'
    values = ", ".join(
        f"arg_min({{'bad': {c.bad}, 'value': CAST({c.source} AS VARCHAR)}}, {order}) FILTER (WHERE {bad})"
        for c in conversions
    )
    counts = f"count(*), count(*) FILTER (WHERE {bad}), min({order}) FILTER (WHERE {bad})"
    row = run(f"SELECT {counts}, {values} FROM {source.relation}")[0]
    parsed, count, first_row = int(row[0]), int(row[1]), row[2]
    errors = [_structural_error(reject, table) for reject in rejects[:1]]
    if first_row is not None:
        errors.append(_value_error(source, conversions, table, int(first_row), row[3:], rejects))
    first = min(errors, key=lambda error: error.line, default=None)
    return FileErrors(parsed + len(rejects), count + len(rejects), first)


def list_errors(source: StageSource, conversions: Sequence[Conversion], table: str, run: Run) -> list[RecordError]:
    """Every record of the source's file that `conversions` or its reader refuse, in the order of lines.

    A record is told once, with the first of its columns that does not fit.
    """
    rejects: list[_Reject] = []
    if isinstance(source.format, CsvFormat):
        rejects = _rejected_lines(source, source.format, run)
        source = passing(source)
    values = ", ".join(f"{{'bad': {c.bad}, 'value': CAST({c.source} AS VARCHAR)}}" for c in conversions)
    bad = " OR ".join(conversion.bad for conversion in conversions)
    found = run(f'SELECT "{FILE_ROW_NUMBER}", {values} FROM {source.relation} WHERE {bad}')
    errors = [_structural_error(reject, table) for reject in rejects]
    errors += [_value_error(source, conversions, table, int(row[0]), row[1:], rejects) for row in found]
    return sorted(errors, key=lambda error: error.line)


@dataclass(frozen=True)
class _Reject:
    """A line that the CSV reader refused."""

    line: int
    row: int
    found: int
    expected: int
    character: int
    kind: str
    message: str


_sequence = itertools.count(1)


def passing(source: StageSource) -> StageSource:
    """A CSV source that passes over the lines that its reader refuses."""
    return source_select(source.files, source.format, width=source.width, reader_options=", ignore_errors=true")


def _rejected_lines(source: StageSource, fmt: CsvFormat, run: Run) -> list[_Reject]:
    """The lines that DuckDB's reader refuses, in order."""
    number = next(_sequence)
    errors, scans = f"_rejects_{number}", f"_scans_{number}"
    options = f", store_rejects=true, rejects_table={literal(errors)}, rejects_scan={literal(scans)}"
    reader = source_select(source.files, fmt, width=source.width, reader_options=options)
    # one text, since the two tables are the connection's own and `run` may use another one next time
    found = run(
        f"SELECT count(c1) FROM {reader.relation}; "
        "SELECT line, line_byte_position, byte_position, error_type::VARCHAR, error_message "
        f"FROM {errors} ORDER BY line, column_idx"
    )
    run(f"DROP TABLE IF EXISTS {errors}; DROP TABLE IF EXISTS {scans}")
    rejects: dict[int, _Reject] = {}
    for line, start, position, kind, message in found:
        character = max(1, int(position or start) - int(start) + 1)
        actual = int(str(message).rsplit("Found: ", 1)[1]) if "Found: " in str(message) else 0
        expected = len(source.columns)
        reject = _Reject(int(line), int(line) - csv_skip(fmt), actual, expected, character, str(kind), str(message))
        rejects.setdefault(reject.line, reject)
    return list(rejects.values())


def _structural_error(reject: _Reject, table: str) -> RecordError:
    if reject.kind in {"MISSING COLUMNS", "TOO MANY COLUMNS"}:
        message = (
            f"Number of columns in file ({reject.found}) does not match that of the corresponding table "
            f"({reject.expected}), use file format option error_on_column_count_mismatch=false to ignore this error"
        )
        return RecordError(message, 100080, "22000", reject.line, reject.row, reject.character, None, 0, table)
    if reject.kind == "INVALID ENCODING":
        message = "Invalid UTF8 detected in string"
        return RecordError(message, 100144, "22000", reject.line, reject.row, reject.character, None, 0, table)
    message = reject.message.splitlines()[0]
    return RecordError(message, 100067, "22000", reject.line, reject.row, reject.character, None, 0, table)


def _value_error(
    source: StageSource,
    conversions: Sequence[Conversion],
    table: str,
    row: int,
    values: Sequence[dict[str, Any]],
    rejects: Sequence[_Reject],
) -> RecordError:
    """The error of record `row`, which is counted without the lines that the reader refused."""
    position = next(i for i, value in enumerate(values) if value["bad"])
    error = unfit(conversions[position], values[position]["value"])
    line, character, skipped = row, 1, 0
    if isinstance(source.format, CsvFormat):
        skipped = csv_skip(source.format)
        line += skipped
        for reject in rejects:
            line += reject.line <= line
        character += sum(len(value["value"] or "") + 1 for value in values[:position])
    name = conversions[position].column
    place = (line, line - skipped, character, name, position + 1, table)
    return RecordError(error.message, error.code, error.sqlstate, *place)
