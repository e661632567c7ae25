"""PUT, GET, LIST, REMOVE, COPY INTO, INFER_SCHEMA and SELECT from a stage."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING, Any

from sqlglot import exp

from snowmelt.base.datatypes import VARCHAR, VARIANT, DataType, Kind
from snowmelt.base.errors import SqlError, unsupported
from snowmelt.base.late import pyarrow as pa
from snowmelt.base.request import Request
from snowmelt.base.result import Column, Result, StatementType, rows_result
from snowmelt.catalog.objects import Table, TableColumn
from snowmelt.plan.dml import insert_text, target_columns
from snowmelt.plan.query import windows
from snowmelt.plan.steps import Plan, Write
from snowmelt.session.execute import run_plan
from snowmelt.session.information_schema import arrow_rows
from snowmelt.session.load_history import keep_copy, loaded_files, remembering
from snowmelt.session.stages import directory_of, files_at, resolve_location, typed_format, writable_location
from snowmelt.session.transactions import keep_before, known_to_all
from snowmelt.sql import tracking
from snowmelt.sql.pending import Pending
from snowmelt.sql.rewrite.rules import engine_sql, rewrite, rewrite_tree
from snowmelt.sql.statements import (
    CopyIntoLocation,
    CopyIntoTable,
    Get,
    ListFiles,
    Put,
    Query,
    RemoveFiles,
)
from snowmelt.storage import stages as stage_files
from snowmelt.storage.formats import CsvFormat, JsonFormat
from snowmelt.storage.loading import (
    SOURCE_ALIAS,
    CopyPlan,
    LoadStep,
    copy_plan,
    copy_report,
    explain_failure,
    nothing_loaded,
    wrong_width,
)
from snowmelt.storage.loading_infer import INFER_COLUMNS, infer_schema
from snowmelt.storage.loading_options import CopyOptions, OnError, choose_files, parse_copy_options
from snowmelt.storage.loading_source import StageSource, source_select
from snowmelt.storage.loading_unload import parse_unload_options, unload
from snowmelt.storage.loading_validate import VALIDATION_COLUMNS, first_rows, validation_rows
from snowmelt.storage.locks import aborted

if TYPE_CHECKING:
    from snowmelt.session.planner import SessionPlanner
    from snowmelt.session.session import Session


# --- PUT, GET, LIST, REMOVE ------------------------------------------------------------------------------------------


def put(session: Session, statement: Put, request: Request) -> Result:
    """PUT: the client is told where the stage's directory is, and copies the files itself."""
    location = writable_location(session, statement.target)
    source = statement.source
    transfer = stage_files.put_transfer(source, directory_of(session, location), location.path, statement.options)
    return Result((), None, StatementType.UNKNOWN, transfer)


def get(session: Session, statement: Get, request: Request) -> Result:
    """GET: the client is told where the files are."""
    location = resolve_location(session, statement.source)
    files = files_at(session, location, statement.options.get("PATTERN"))
    transfer = stage_files.get_transfer(
        files,
        directory_of(session, location),
        location.path,
        statement.target,
        statement.options,
    )
    return Result((), None, StatementType.UNKNOWN, transfer)


def list_files(session: Session, statement: ListFiles, request: Request) -> Result:
    """LIST."""
    return stage_files.list_result(files_at(session, resolve_location(session, statement.location), statement.pattern))


def remove_files(session: Session, statement: RemoveFiles, request: Request) -> Result:
    """REMOVE."""
    files = files_at(session, writable_location(session, statement.location), statement.pattern)
    session.services.stages.remove(files)
    return stage_files.remove_result(files)


# --- reading from a stage --------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class StagedRows:
    """Staged files as the rewriter sees them (`snowmelt.sql.rewrite.context.StagedRows`).

    Attributes:
        scanned_at: METADATA$START_SCAN_TIME.
    """

    source: StageSource
    scanned_at: datetime

    @property
    def relation(self) -> str:
        """DuckDB text of the relation, in parentheses."""
        return self.source.relation

    @property
    def is_document(self) -> bool:
        """Whether ``$1`` is one JSON document, whose fields are extracted like those of any VARIANT."""
        return isinstance(self.source.format, JsonFormat)

    @property
    def column_type(self) -> DataType | None:
        """VARCHAR for CSV, VARIANT for JSON; Parquet files have types of their own."""
        match self.source.format:
            case CsvFormat():
                return VARCHAR
            case JsonFormat():
                return VARIANT
            case _:
                return None

    def column(self, position: int, path: Sequence[str | int], alias: str) -> str:
        """DuckDB text of ``$position:path``."""
        return self.source.column_for(position, path, alias)

    def metadata(self, name: str, alias: str) -> str:
        """DuckDB text of a METADATA$ column."""
        if name.upper() == "METADATA$START_SCAN_TIME":
            return f"TIMESTAMPTZ '{self.scanned_at.isoformat(' ')}'"
        return self.source.metadata_for(name, alias)


def staged_rows(session: Session, location: str, options: Mapping[str, Any]) -> StagedRows:
    """What ``FROM @location (FILE_FORMAT => ..., PATTERN => ...)`` reads."""
    resolved = resolve_location(session, location)
    fmt = typed_format(session, options.get("format") or resolved.file_format)
    source = source_select(files_at(session, resolved, options.get("pattern")), fmt)
    return StagedRows(source, session.services.clock.now())


def infer_schema_rows(session: Session, arguments: Mapping[str, Any]) -> pa.Table:
    """The rows of INFER_SCHEMA."""
    resolved = resolve_location(session, str(arguments["LOCATION"]))
    fmt = typed_format(session, arguments.get("FILE_FORMAT") or resolved.file_format)
    limit, records, named = (arguments.get(key) for key in ("MAX_FILE_COUNT", "MAX_RECORDS_PER_FILE", "FILES"))
    files = files_at(session, resolved)
    if named is not None:
        names = (named,) if isinstance(named, str) else tuple(named)
        files = choose_files(files, resolved.path, CopyOptions(files=names, force=True), ())
    columns = infer_schema(
        files,
        fmt,
        run=session.core.connection.run,
        ignore_case=bool(arguments.get("IGNORE_CASE")),
        max_file_count=None if limit is None else int(limit),
        max_records_per_file=None if records is None else int(records),
    )
    return arrow_rows(tuple(INFER_COLUMNS), [column.row() for column in columns])


# --- COPY INTO a table -----------------------------------------------------------------------------------------------


def copy_into_table(session: Session, statement: CopyIntoTable, request: Request) -> Result:
    """COPY INTO <table>: rows and load history in one transaction."""
    from snowmelt.session.planner import SessionPlanner

    session.core.begin_implicitly()
    planner = SessionPlanner(session, request)
    if session.relation(session.scope.full(statement.target)) is None:
        # Without the words about authorization: by that write_pandas knows that there is no table.
        raise SqlError(f"SQL compilation error:\nTable '{statement.target}' does not exist", 2003, "42S02")
    table = planner.table(statement.target)
    columns = target_columns(table, statement.columns)
    for column in columns:
        if column.type.parts is not None:
            raise unsupported(f"COPY INTO a column of type {column.type.sql}")
    location = resolve_location(session, statement.location)
    options = parse_copy_options(statement.options)
    if options.validation is not None:
        every = options.force or options.validation != "RETURN_ERRORS"
        options = replace(options, on_error=OnError.CONTINUE, force=every)
    given = {**statement.options, **_reading(statement.select)}
    fmt = typed_format(session, given.get("FILE_FORMAT") or location.file_format)
    select = statement.select
    if select is not None and len(select.expressions) != len(columns) and not select.is_star:
        raise wrong_width(len(columns), len(select.expressions))
    present = files_at(session, location, given.get("PATTERN"))
    files = choose_files(present, location.path, options, loaded_files(session, table))
    transform = None
    if select is not None:
        if options.validation is not None:
            raise unsupported("VALIDATION_MODE with a COPY transformation")
        transform = lambda source: _expressions(planner, select, columns, source)  # noqa: E731
    if not files and options.validation is None:
        return nothing_loaded()
    run, listed = session.core.connection.run, bool(statement.columns)
    plan = copy_plan(table.name, columns, files, fmt, options, run=run, transform=transform, listed=listed)
    if options.validation is not None:
        return _validated(session, columns, plan)
    core = session.core
    with core.services.engine.locks.writing(known_to_all([table]) if core.transaction is None else (), core.cancel):
        core.services.engine.check_current(planner.used.values())
        result = _load(session, table, columns, plan, planner, location.full_name)
    keep_copy(session, request.query_id, table, plan)
    return result


def _reading(select: exp.Select | None) -> dict[str, Any]:
    """The options that a transformation gives in parentheses after its stage."""
    table = select.args["from_"].this if select is not None else None
    found = {}
    for argument, option in (("format", "FILE_FORMAT"), ("pattern", "PATTERN")):
        node = table.args.get(argument) if table is not None else None
        if node is not None:
            found[option] = node.name if isinstance(node, exp.Literal) else node.sql(dialect="snowflake")
    return found


def _validated(session: Session, columns: Sequence[TableColumn], plan: CopyPlan) -> Result:
    """VALIDATION_MODE: the errors, or the first rows; nothing is loaded."""
    connection, limit = session.core.connection, plan.options.validation
    if not isinstance(limit, int):
        return rows_result(VALIDATION_COLUMNS, validation_rows(plan, connection.run), StatementType.COPY)
    by_name = {column.name: column for column in columns}
    shown = [(name, by_name[name].type) for name in plan.columns]
    rows = first_rows(plan, limit, connection.run, connection.query)
    if rows is None:
        return rows_result(shown, [])
    return Result(tuple(Column(*column) for column in shown), rows, StatementType.SELECT)


def _expressions(
    planner: SessionPlanner, select: exp.Select, columns: Sequence[TableColumn], source: StageSource
) -> list[str]:
    """The SELECT list of a COPY as DuckDB expressions over `source`."""
    for clause in ("where", "group", "joins", "distinct", "limit", "order", "qualify", "having"):
        if select.args.get(clause):
            raise unsupported(f"{clause.upper()} in a COPY transformation")
    inner = CopyPlanner(planner, StagedRows(source, planner.session.services.clock.now()))
    tree = rewrite_tree(select, inner)
    found = [engine_sql(item.this if isinstance(item, exp.Alias) else item) for item in tree.expressions]
    return [
        # the text in a VARIANT arrives without its quotes
        f"snowmelt_text({text})" if given == VARIANT and column.type.kind is Kind.TEXT else text
        for text, given, column in zip(found, planner.types or (None,) * len(found), columns, strict=False)
    ]


class CopyPlanner:
    """The session's planner, but every stage is the source of the COPY at hand."""

    def __init__(self, planner: SessionPlanner, rows: StagedRows) -> None:
        self._planner = planner
        self._rows = rows

    def __getattr__(self, name: str) -> Any:
        return getattr(self._planner, name)

    def stage(self, location: str, options: Mapping[str, Any]) -> StagedRows:
        """The COPY's own source."""
        return self._rows

    def stage_alias(self) -> str:
        """The name that the loader gives its source."""
        return SOURCE_ALIAS


def _load(
    session: Session,
    table: Table,
    columns: Sequence[TableColumn],
    plan: CopyPlan,
    planner: SessionPlanner,
    stage: str,
) -> Result:
    core = session.core
    connection, transaction = core.connection, core.transaction
    by_name = {column.name: column for column in columns}
    filled = [by_name[name] for name in plan.columns]
    pending = None
    if transaction is not None:
        if transaction.record.aborted is not None:
            raise aborted(transaction.record)
        keep_before(core, transaction, (table,))
        pending = transaction.changes_of(table)
    connection.begin(None if transaction is None else transaction.record.number)
    try:
        for text in pending.create() if pending is not None and not pending.begun else ():
            connection.run(text)
        inserted = [_load_step(session, table, filled, plan, step, pending, planner) for step in plan.steps]
        report = copy_report(plan, inserted)
        remembered = remembering(session, table, stage, report.history)
        if transaction is None:
            connection.wrote = tracking.is_tracked(table)
            connection.changed.add(table.id)
            for text, parameters in remembered:
                connection.run(text, parameters)
        connection.commit()
    except BaseException:
        connection.rollback()
        raise
    if transaction is None:
        session.services.stages.remove(plan.purged)
    else:
        transaction.has_changed(table, touches=False)
        transaction.loads += tuple(remembered)
        transaction.loaded |= {(table.id, record.file, record.etag) for record in report.history}
        transaction.purged += plan.purged
    return report.result


def _load_step(
    session: Session,
    table: Table,
    columns: Sequence[TableColumn],
    plan: CopyPlan,
    step: LoadStep,
    pending: Pending | None,
    planner: SessionPlanner,
) -> int:
    try:
        return int(session.core.connection.scalar(insert_text(table, columns, step.select, planner, pending)) or 0)
    except SqlError as error:
        raise explain_failure(plan, step, error, _outside(session)) from error


def _outside(session: Session) -> Any:
    """Runs queries outside the transaction that an error has ended."""

    def run(sql: str) -> list[tuple[Any, ...]]:
        other = session.services.engine.connect()
        try:
            return other.run(sql)
        finally:
            other.close()

    return run


# --- COPY INTO a stage -----------------------------------------------------------------------------------------------


def copy_into_location(session: Session, statement: CopyIntoLocation, request: Request) -> Result:
    """COPY INTO <location>; like other DML it consumes the streams that its query reads."""
    from snowmelt.session.planner import SessionPlanner
    from snowmelt.session.queries import query, release

    options = parse_unload_options(statement.options, partitioned=statement.partition_by is not None)
    if options.validates:
        return query(session, Query(tree=_unloaded_query(statement), text=statement.text), request)
    location = writable_location(session, statement.location)
    fmt = typed_format(session, statement.options.get("FILE_FORMAT") or location.file_format)
    planner = SessionPlanner(session, request)
    try:
        text = planner.at_once(rewrite(_unloaded_query(statement), planner))
        columns = session.core.connection.describe(text)
        job = unload(
            session.services.stages,
            directory_of(session, location),
            location.path,
            text,
            columns,
            fmt,
            options,
            request.query_id,
        )
        try:
            rows = _unloaded(session, job.sql, planner)
        except SqlError:
            job.discard()
            raise
        return job.finish(rows)
    finally:
        release(session, planner)


def _unloaded_query(statement: CopyIntoLocation) -> exp.Query:
    """The rows to write, and last what they are partitioned by."""
    source, partition = statement.source, statement.partition_by
    if isinstance(source, exp.Query):
        if partition is None:
            return source
        source = source.subquery("q")
    items = [exp.Star(), *([] if partition is None else [exp.alias_(partition.copy(), "p")])]
    return exp.Select(expressions=items).from_(source.copy())


def _unloaded(session: Session, text: str, planner: SessionPlanner) -> int:
    """Write the files; how many rows they have."""
    if not planner.streams_read | planner.streams_peeked:
        return int(session.core.connection.scalar(text) or 0)
    steps = (*windows(planner), Write(text, "unloaded"))
    streams = frozenset(planner.streams_read)
    result = run_plan(session, Plan(steps, StatementType.COPY, streams=streams, counts=("unloaded",)))
    assert result.table is not None
    return int(result.table.column(0)[0].as_py())
