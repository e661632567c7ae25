"""What is remembered of loads: which files a table has, COPY_HISTORY, LOAD_HISTORY, and VALIDATE.

Sources: docs.snowflake.com/en/sql-reference/functions/copy_history, .../functions/validate,
.../info-schema/load_history
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

from snowmelt.base.datatypes import NUMBER, TIMESTAMP_LTZ, VARCHAR, DataType
from snowmelt.base.errors import SqlError, object_missing, unsupported
from snowmelt.catalog.names import parse_name
from snowmelt.catalog.objects import Table
from snowmelt.storage.loading import CopyPlan
from snowmelt.storage.loading_options import HISTORY_KEPT, LoadRecord
from snowmelt.storage.loading_validate import VALIDATION_COLUMNS, validation_rows

if TYPE_CHECKING:
    from snowmelt.session.session import Session

Header = tuple[tuple[str, DataType], ...]
Rows = list[tuple[Any, ...]]

_NUMBERS = (
    *("ROW_COUNT", "ROW_PARSED", "FILE_SIZE", "ERROR_COUNT", "ERROR_LIMIT"),
    *("FIRST_ERROR_LINE_NUMBER", "FIRST_ERROR_CHARACTER_POS", "FIRST_ERROR_CHARACTER_POSITION"),
)
_TIMES = ("LAST_LOAD_TIME", "PIPE_RECEIVED_TIME", "FIRST_COMMIT_TIME")

_COPIES_KEPT = 100
"""How many loads of a session VALIDATE knows."""


def _header(names: str) -> Header:
    types = dict.fromkeys(_NUMBERS, NUMBER) | dict.fromkeys(_TIMES, TIMESTAMP_LTZ)
    return tuple((name, types.get(name, VARCHAR)) for name in names.split())


COPY_HISTORY = _header(
    "FILE_NAME STAGE_LOCATION LAST_LOAD_TIME ROW_COUNT ROW_PARSED FILE_SIZE FIRST_ERROR_MESSAGE "
    "FIRST_ERROR_LINE_NUMBER FIRST_ERROR_CHARACTER_POS FIRST_ERROR_COLUMN_NAME ERROR_COUNT ERROR_LIMIT STATUS "
    "TABLE_CATALOG_NAME TABLE_SCHEMA_NAME TABLE_NAME PIPE_CATALOG_NAME PIPE_SCHEMA_NAME PIPE_NAME PIPE_RECEIVED_TIME "
    "FIRST_COMMIT_TIME"
)
LOAD_HISTORY = _header(
    "SCHEMA_NAME FILE_NAME TABLE_NAME LAST_LOAD_TIME STATUS ROW_COUNT ROW_PARSED FIRST_ERROR_MESSAGE "
    "FIRST_ERROR_LINE_NUMBER FIRST_ERROR_CHARACTER_POSITION FIRST_ERROR_COL_NAME ERROR_COUNT ERROR_LIMIT"
)


# --- keeping ---------------------------------------------------------------------------------------------------------


def loaded_files(session: Session, table: Table) -> set[tuple[str, str]]:
    """(key, etag) of the files that a table has loaded, those of the open transaction among them."""
    since = session.services.clock.now() - HISTORY_KEPT
    rows = session.core.connection.run(
        'SELECT file, etag FROM snowmelt.loads WHERE "table" = ? AND loaded_at >= ?', [table.id, since]
    )
    transaction = session.core.transaction
    own = () if transaction is None else transaction.loaded
    return {(file, etag) for file, etag in rows} | {(file, etag) for owner, file, etag in own if owner == table.id}


def remembering(
    session: Session, table: Table, stage: str, history: Sequence[LoadRecord]
) -> list[tuple[str, tuple[Any, ...]]]:
    """Statements, with their parameters, that note what became of the files of a load.

    Args:
        stage: the stage's name as COPY_HISTORY shows it.
    """
    now = session.services.clock.now()
    text = 'INSERT INTO snowmelt.loads ("table", file, etag, rows_loaded, loaded_at, details) VALUES (?, ?, ?, ?, ?, ?)'
    return [(text, (table.id, r.file, r.etag, r.rows_loaded, now, _details(r, stage))) for r in history]


def _details(record: LoadRecord, stage: str) -> str:
    return json.dumps(
        {
            "name": record.name,
            "path": record.path,
            "stage": stage,
            "status": record.status,
            "parsed": record.rows_parsed,
            "size": record.size,
            "limit": record.error_limit,
            "errors": record.errors,
            "first": [record.message, record.line, record.character, record.column],
        }
    )


# --- COPY_HISTORY and LOAD_HISTORY -----------------------------------------------------------------------------------


def copy_history(session: Session, name: str, start: datetime, end: datetime | None) -> tuple[Header, Rows]:
    """The rows of COPY_HISTORY for the table called `name`, oldest first.

    Raises:
        SqlError: 002003 when there is no such table.
    """
    table = _table(session, name)
    until = session.services.clock.now() if end is None else end
    rows: Rows = []
    for _, file, count, at, kept in _loads(session, [table.id]):
        if not start <= at <= until:
            continue
        parsed, size, errors, limit = (kept.get(key) for key in ("parsed", "size", "errors", "limit"))
        status = str(kept.get("status", "LOADED")).replace("_", " ").capitalize()
        where = (table.full_name.database, table.full_name.schema, table.name)
        first = kept.get("first", (None,) * 4)
        row = (kept.get("path", file), kept.get("stage"), at, count, parsed, size, *first, errors, limit, status)
        rows.append((*row, *where, *(None,) * 4, at))
    return COPY_HISTORY, rows


def load_history(session: Session, tables: Iterable[Table]) -> tuple[Header, Rows]:
    """The rows of the view LOAD_HISTORY about these tables."""
    by_id = {table.id: table for table in tables}
    rows: Rows = []
    for number, file, count, at, kept in _loads(session, list(by_id)):
        table = by_id[number]
        status = str(kept.get("status", "LOADED")).replace("LOAD_FAILED", "LOAD FAILED")
        first = kept.get("first", (None,) * 4)
        head = (table.full_name.schema, kept.get("name", file), table.name, at, status.replace("_", " "), count)
        rows.append((*head, kept.get("parsed", count), *first, kept.get("errors", 0), kept.get("limit", 1)))
    return LOAD_HISTORY, rows


def _loads(session: Session, tables: list[int]) -> list[tuple[int, str, int, datetime, dict[str, Any]]]:
    found = session.core.connection.run(
        'SELECT "table", file, rows_loaded, loaded_at, details FROM snowmelt.loads WHERE list_contains(?, "table") '
        "ORDER BY loaded_at, file",
        [tables],
    )
    return [(*row[:4], json.loads(row[4]) if row[4] else {}) for row in found]


def _table(session: Session, name: str) -> Table:
    table = session.relation(session.scope.full(parse_name(name)))
    if not isinstance(table, Table):
        raise object_missing("Table", name)
    return table


# --- VALIDATE --------------------------------------------------------------------------------------------------------


def keep_copy(session: Session, query_id: str, table: Table, plan: CopyPlan) -> None:
    """Let VALIDATE find this load."""
    copies = session.core.copies
    copies[query_id] = (table.id, plan)
    while len(copies) > _COPIES_KEPT:
        del copies[next(iter(copies))]


def validate(session: Session, name: str, job: str) -> tuple[Header, Rows]:
    """The rows of VALIDATE: the errors of a load of this session; none of a load with ABORT_STATEMENT.

    Raises:
        SqlError: 002003 for an unknown table, 000709 for an unknown load, 000002 for one with a transformation.
    """
    table = _table(session, name)
    copies = session.core.copies
    query_id = next(reversed(copies), "") if job.lower() == "_last" else job
    owner, plan = copies.get(query_id, (0, None))
    if plan is None or (owner != table.id and job.lower() != "_last"):
        raise SqlError(f"SQL compilation error:\nStatement {query_id or job} not found", 709, "02000")
    if any(not step.conversions for step in (*plan.steps, *plan.examined)):
        raise unsupported("VALIDATE of a COPY with a transformation")
    return tuple(VALIDATION_COLUMNS), validation_rows(plan, session.core.connection.run)
