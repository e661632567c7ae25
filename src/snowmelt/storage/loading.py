"""COPY INTO <table>: which statements load the files, what happens to records that do not fit, and the answer.

A load is planned once (`copy_plan`), its steps are run by the caller as ``INSERT INTO t (columns) <step.select>`` and
`copy_report` makes the answer and the history records. With ON_ERROR = CONTINUE or SKIP_FILE the plan first runs a
pass that finds the bad records, so that the steps that follow cannot fail on them; with ABORT_STATEMENT there is no
such pass, and `explain_failure` finds the culprit afterwards.

Source: docs.snowflake.com/en/sql-reference/sql/copy-into-table
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import duckdb

from snowmelt.base.datatypes import NUMBER, VARCHAR, DataType, Kind
from snowmelt.base.errors import SqlError, invalid_identifier, unsupported
from snowmelt.base.result import Result, StatementType, rows_result
from snowmelt.catalog.objects import TableColumn
from snowmelt.storage.errors import translate
from snowmelt.storage.formats import CsvFormat, FileFormat, JsonFormat, ParquetFormat
from snowmelt.storage.loading_convert import Conversion, as_column, convert_text, convert_value
from snowmelt.storage.loading_errors import FileErrors, Run, find_errors, passing
from snowmelt.storage.loading_options import CopyOptions, LoadRecord, MatchColumns, OnError
from snowmelt.storage.loading_parquet import has_raw_times, parquet_rows
from snowmelt.storage.loading_source import StageSource, csv_header, csv_skip, first_record, source_select
from snowmelt.storage.stages import StagedFile

COPY_COLUMNS: list[tuple[str, DataType]] = [
    ("file", VARCHAR),
    ("status", VARCHAR),
    ("rows_parsed", NUMBER),
    ("rows_loaded", NUMBER),
    ("error_limit", NUMBER),
    ("errors_seen", NUMBER),
    ("first_error", VARCHAR),
    ("first_error_line", NUMBER),
    ("first_error_character", NUMBER),
    ("first_error_column_name", VARCHAR),
]
"""Columns of the answer of COPY INTO <table>."""

NOTHING_LOADED = "Copy executed with 0 files processed."

Transform = Callable[[StageSource], Sequence[str]]
"""A COPY's own SELECT list as DuckDB expressions over a source whose alias is `SOURCE_ALIAS`."""

SOURCE_ALIAS = "_src"

CANCELED = 604
"""The code of `snowmelt.base.errors.canceled`: nobody asks which record an aborted load was at."""

RAW_TIMES = (
    "Timestamps of these Parquet files count as plain integers unless the file format says USE_LOGICAL_TYPE = TRUE "
    "(in Python: write_pandas(..., use_logical_type=True))."
)


@dataclass(frozen=True)
class LoadStep:
    """One INSERT of a load.

    Attributes:
        files: the files it reads.
        select: DuckDB SELECT whose columns are the target columns, in order and with their types.
        rows: records of each file where they are known beforehand (Parquet), else None: then the step has one file
            and the INSERT's count is the answer.
        source: what it reads.
        conversions: one per target column that the file fills; empty with a transformation.
    """

    files: tuple[StagedFile, ...]
    select: str
    rows: tuple[int, ...] | None
    source: StageSource
    conversions: tuple[Conversion, ...] = ()


@dataclass(frozen=True)
class CopyPlan:
    """A planned load.

    Attributes:
        steps: to be run in order.
        columns: names of the target columns that each step's SELECT fills, in order; others get their default.
        errors: bad records by file key, from the pass of CONTINUE and SKIP_FILE.
        skipped: files that SKIP_FILE leaves out.
        examined: with CONTINUE and SKIP_FILE, the step of each file before bad records were left out.
    """

    steps: tuple[LoadStep, ...]
    columns: tuple[str, ...]
    options: CopyOptions
    table: str
    errors: dict[str, FileErrors]
    skipped: tuple[StagedFile, ...] = ()
    examined: tuple[LoadStep, ...] = ()

    @property
    def purged(self) -> tuple[StagedFile, ...]:
        """Files to remove from the stage after the commit, when PURGE = TRUE."""
        return tuple(file for step in self.steps for file in step.files) if self.options.purge else ()


@dataclass(frozen=True)
class CopyReport:
    """What a load did: its answer, its rows in all, and the records to add to the table's load history."""

    result: Result
    rows_loaded: int
    history: tuple[LoadRecord, ...]


def copy_plan(
    table: str,
    columns: Sequence[TableColumn],
    files: Sequence[StagedFile],
    fmt: FileFormat,
    options: CopyOptions,
    *,
    run: Run,
    transform: Transform | None = None,
    listed: bool = False,
) -> CopyPlan:
    """Plan a load of `files`, which `loading_options.choose_files` has chosen.

    Args:
        table: the target's name for error texts.
        columns: the target columns in the order of the statement's column list, or all of them.
        run: runs DuckDB SQL of this module and gives its rows; for ON_ERROR other than ABORT_STATEMENT and for
            MATCH_BY_COLUMN_NAME of JSON. It needs no transaction of the load.
        transform: the statement's own SELECT list.
        listed: whether the statement names the columns; then the last ones may be missing in a CSV file.

    Raises:
        SqlError: 002019 for a semi-structured file and several columns without MATCH_BY_COLUMN_NAME, 002020 for a
            SELECT list of another length, 000002 for what is not supported.
    """
    if transform is not None and options.match is not MatchColumns.NONE:
        raise unsupported("MATCH_BY_COLUMN_NAME with a COPY transformation")
    builder = _StepBuilder(table, tuple(columns), fmt, options, run, transform, listed)
    steps, filled, errors, skipped, examined = [], builder.target_names(files), {}, [], []
    for group in _groups(files, fmt, options):
        step = builder.step(group)
        if options.on_error is not OnError.ABORT_STATEMENT and step.conversions:
            examined.append(step)
            found = find_errors(step.source, step.conversions, table, run)
            errors.update({file.key: found for file in group})
            if _skips(found, options):
                skipped.append(group[0])
                continue
            step = builder.without_errors(step, found)
        steps.append(step)
    return CopyPlan(tuple(steps), filled, options, table, errors, tuple(skipped), tuple(examined))


def copy_report(plan: CopyPlan, inserted: Sequence[int]) -> CopyReport:
    """The answer to a load whose steps inserted these numbers of rows."""
    done = [
        (file, loaded)
        for step, count in zip(plan.steps, inserted, strict=True)
        for file, loaded in zip(step.files, step.rows or (count,), strict=True)
    ]
    done += [(file, 0) for file in plan.skipped]
    rows = [_answer(plan, file, loaded) for file, loaded in done]
    history = [_record(file, row) for (file, _), row in zip(done, rows, strict=True)]
    if plan.options.return_failed_only:
        rows = [row for row in rows if row[1] != "LOADED"]
    if not rows:
        return CopyReport(nothing_loaded(), sum(inserted), tuple(history))
    return CopyReport(rows_result(COPY_COLUMNS, rows, StatementType.COPY), sum(inserted), tuple(history))


def _record(file: StagedFile, row: Sequence[Any]) -> LoadRecord:
    """What is remembered of a file, from its row of the answer."""
    name, status, parsed, loaded, limit, errors, *first = row
    etag = file.md5 if loaded or status == "LOADED" else ""
    return LoadRecord(file.key, etag, name, status, parsed, loaded, file.path, file.size, limit, errors, *first)


def wrong_width(expected: int, given: int) -> SqlError:
    """The error of a SELECT list that does not fit the target columns."""
    message = f"Insert value list does not match column list expecting {expected} but got {given}"
    return SqlError(f"SQL compilation error:\n{message}", 2020, "21S01")


def nothing_loaded() -> Result:
    """The answer to a COPY that found no file to load."""
    return rows_result([("status", VARCHAR)], [(NOTHING_LOADED,)], StatementType.COPY)


def explain_failure(plan: CopyPlan, step: LoadStep, error: SqlError | duckdb.Error, run: Run) -> SqlError:
    """Snowflake's error for a step that DuckDB refused, naming file, line and column where they can be found.

    Args:
        run: as in `copy_plan`; it must not use the transaction that `error` has ended.
    """
    known = error if isinstance(error, SqlError) else translate(error)
    if known.code == CANCELED:
        return known
    hints = []
    if plan.options.on_error is not OnError.ABORT_STATEMENT:
        hints.append(f"ON_ERROR = {plan.options.on_error} applies to loads without a transformation only.")
    if isinstance(step.source.format, ParquetFormat) and has_raw_times(step.files, step.source.format):
        hints.append(RAW_TIMES)
    for file in step.files if step.conversions else ():
        single = source_select([file], step.source.format, width=step.source.width)
        try:
            found = find_errors(single, step.conversions, plan.table, run)
        except (SqlError, duckdb.Error):
            # the file cannot be read at all: `error` is the reason, and no record is to blame
            break
        if found.first is not None:
            return found.first.as_error(file)
    if "Malformed JSON" in known.message:
        known = SqlError(f"Error parsing JSON: {known.message}", 100069, "22P02")
    names = ", ".join(file.name for file in step.files[:3])
    return SqlError(f"{known.message}\n  File '{names}'", known.code, known.sqlstate, "\n".join(hints) or None)


# --- building --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _StepBuilder:
    """What all steps of one load share."""

    table: str
    columns: tuple[TableColumn, ...]
    fmt: FileFormat
    options: CopyOptions
    run: Run
    transform: Transform | None
    listed: bool

    def target_names(self, files: Sequence[StagedFile]) -> tuple[str, ...]:
        """The columns that are filled: with MATCH_BY_COLUMN_NAME those that some file has."""
        if self.options.match is MatchColumns.NONE or not files:
            return tuple(column.name for column in self.columns)
        present = {self._fold(name) for file in files for name in self._names(file)}
        extra = {name for name, _ in self.options.metadata}
        unknown = extra - {column.name for column in self.columns}
        if unknown:
            raise invalid_identifier(min(unknown))
        found = tuple(c.name for c in self.columns if c.name in extra or self._fold(c.name) in present)
        if not found:
            raise SqlError(f"SQL compilation error:\nNo column of the files matches one of table {self.table}.", 2019)
        return found

    def step(self, files: Sequence[StagedFile]) -> LoadStep:
        width = self._csv_width(files)
        source = source_select(files, self.fmt, width=width)
        rows = tuple(parquet_rows(f.location) for f in files) if isinstance(self.fmt, ParquetFormat) else None
        if self.transform is not None:
            return LoadStep(tuple(files), self._transformed(source, self.transform), rows, source)
        conversions = self._conversions(source)
        return LoadStep(tuple(files), _select(conversions, source, None), rows, source, conversions)

    def without_errors(self, step: LoadStep, found: FileErrors) -> LoadStep:
        """The step reading only the records that fit."""
        if found.count == 0:
            return step
        source = passing(step.source) if isinstance(self.fmt, CsvFormat) else step.source
        good = " AND ".join(f"NOT ({conversion.bad})" for conversion in step.conversions)
        rows = None if step.rows is None else (found.parsed - found.count,)
        return LoadStep(step.files, _select(step.conversions, source, good), rows, source, step.conversions)

    def _csv_width(self, files: Sequence[StagedFile]) -> int | None:
        """How many fields each record must have; None where that is not looked at."""
        if not isinstance(self.fmt, CsvFormat) or self.transform is not None:
            return None
        named = self.options.match is not MatchColumns.NONE
        if named or not self.fmt.error_on_column_count_mismatch:
            return None
        skip, width = csv_skip(self.fmt), len(self.columns)
        narrow = self.listed and all(len(first_record(file, self.fmt, skip)) < width for file in files)
        return None if narrow else width

    def _transformed(self, source: StageSource, transform: Transform) -> str:
        expressions = transform(source)
        if len(expressions) != len(self.columns):
            raise wrong_width(len(self.columns), len(expressions))
        items = (
            as_column(convert_value(expression, "", c.name, c.type, truncate=self.options.truncate))
            for expression, c in zip(expressions, self.columns, strict=True)
        )
        return f"SELECT {', '.join(items)} FROM {source.relation} AS {SOURCE_ALIAS}"

    def _conversions(self, source: StageSource) -> tuple[Conversion, ...]:
        if self.options.match is not MatchColumns.NONE:
            return self._matched(source)
        if isinstance(self.fmt, CsvFormat):
            return tuple(self._convert(source.column_for(i + 1), c) for i, c in enumerate(self.columns))
        kind = "JSON" if isinstance(self.fmt, JsonFormat) else "PARQUET"
        if len(self.columns) != 1 or self.columns[0].type.kind not in {Kind.VARIANT, Kind.OBJECT, Kind.ARRAY}:
            raise SqlError(
                f"SQL compilation error:\n{kind} file format can produce one and only one column of type variant, "
                "object, or array. Load data into separate columns using the MATCH_BY_COLUMN_NAME copy option or copy "
                "with transformation.",
                2019,
                "0A000",
            )
        return (convert_value(source.column_for(1), "JSON", self.columns[0].name, self.columns[0].type),)

    def _matched(self, source: StageSource) -> tuple[Conversion, ...]:
        by_name: dict[str, str] = {}
        for name in dict.fromkeys(name for file in source.files for name in self._names(file)):
            by_name.setdefault(self._fold(name), name)
        names, metadata = self.target_names(source.files), dict(self.options.metadata)
        found = []
        for column in (column for column in self.columns if column.name in names):
            if column.name in metadata:
                value = source.metadata_for(metadata[column.name])
                found.append(convert_value(value, "", column.name, column.type, truncate=self.options.truncate))
            else:
                found.append(self._from_field(source, by_name[self._fold(column.name)], column))
        return tuple(found)

    def _from_field(self, source: StageSource, field: str, column: TableColumn) -> Conversion:
        required, cut = not column.nullable, self.options.truncate
        if isinstance(self.fmt, CsvFormat):
            position = next(i for i, known in enumerate(source.columns) if known.name == field)
            return self._convert(source.column_for(position + 1), column)
        value = source.column_for(1, (field,))
        if isinstance(self.fmt, ParquetFormat):
            return convert_value(value, "", column.name, column.type, required=required, truncate=cut)
        if column.type.kind in {Kind.VARIANT, Kind.OBJECT, Kind.ARRAY}:
            return convert_value(value, "JSON", column.name, column.type, required=required)
        read = "snowmelt_text" if column.type.kind is Kind.TEXT else "snowmelt_time_text"
        return convert_text(f"{read}({value})", column.name, column.type, self.fmt, required=required, truncate=cut)

    def _convert(self, expression: str, column: TableColumn) -> Conversion:
        assert not isinstance(self.fmt, ParquetFormat)
        return convert_text(
            expression,
            column.name,
            column.type,
            self.fmt,
            required=not column.nullable,
            truncate=self.options.truncate,
        )

    def _names(self, file: StagedFile) -> list[str]:
        if isinstance(self.fmt, CsvFormat):
            if not self.fmt.parse_header:
                raise unsupported("MATCH_BY_COLUMN_NAME of CSV files without PARSE_HEADER = TRUE")
            return csv_header(file, self.fmt)
        source = source_select([file], self.fmt)
        if isinstance(self.fmt, ParquetFormat):
            return [column.name for column in source.columns]
        rows = self.run(f"SELECT DISTINCT unnest(json_keys(c1)) AS k FROM {source.relation} ORDER BY k")
        return [str(row[0]) for row in rows]

    def _fold(self, name: str) -> str:
        return name.upper() if self.options.match is MatchColumns.CASE_INSENSITIVE else name


def _select(conversions: Sequence[Conversion], source: StageSource, condition: str | None) -> str:
    items = ", ".join(as_column(conversion) for conversion in conversions)
    where = f" WHERE {condition}" if condition else ""
    return f"SELECT {items} FROM {source.relation} AS {SOURCE_ALIAS}{where}"


def _groups(files: Sequence[StagedFile], fmt: FileFormat, options: CopyOptions) -> list[list[StagedFile]]:
    """Files of one step: Parquet files load together where their counts are known; others one by one."""
    if isinstance(fmt, ParquetFormat) and files and options.on_error is OnError.ABORT_STATEMENT:
        return [list(files)]
    return [[file] for file in files]


def _skips(found: FileErrors, options: CopyOptions) -> bool:
    if options.on_error is not OnError.SKIP_FILE or found.count == 0:
        return False
    if options.skip_percent is not None:
        return 100.0 * found.count >= options.skip_percent * found.parsed
    return found.count >= options.skip_limit


def _answer(plan: CopyPlan, file: StagedFile, loaded: int) -> tuple[Any, ...]:
    found = plan.errors.get(file.key)
    if found is None or found.first is None:
        limit = 1 if plan.options.on_error is not OnError.CONTINUE else loaded
        return (file.name, "LOADED", loaded, loaded, limit, 0, None, None, None, None)
    first = found.first
    limit = found.parsed
    if plan.options.on_error is OnError.SKIP_FILE:
        percent = plan.options.skip_percent
        limit = plan.options.skip_limit if percent is None else math.ceil(found.parsed * percent / 100)
    status = "PARTIALLY_LOADED" if loaded else "LOAD_FAILED"
    return (
        file.name,
        status,
        found.parsed,
        loaded,
        limit,
        found.count,
        first.message,
        first.line,
        first.character,
        first.column_name,
    )
