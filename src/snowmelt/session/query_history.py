"""The statements that ran lately, as the QUERY_HISTORY functions of INFORMATION_SCHEMA show them.

They are kept in memory, up to a number and an amount of text; a restart forgets them.

Source: docs.snowflake.com/en/sql-reference/functions/query_history
"""

from __future__ import annotations

import re
import threading
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from snowmelt.base.datatypes import BOOLEAN, NUMBER, TIMESTAMP_LTZ, VARCHAR, DataType
from snowmelt.base.errors import SqlError
from snowmelt.base.request import Request
from snowmelt.base.result import Result, StatementType
from snowmelt.session.table_arguments import limit, within

if TYPE_CHECKING:
    from snowmelt.session.session import Session

KEPT_STATEMENTS = 10_000
KEPT_CHARACTERS = 64 << 20
MAX_TEXT = 100_000
"""Characters of a statement that are kept."""

REACH = timedelta(days=7)

_COUNTED = frozenset(
    {
        StatementType.INSERT,
        StatementType.UPDATE,
        StatementType.DELETE,
        StatementType.MERGE,
        StatementType.MULTI_INSERT,
    }
)
_MULTI_JOINED = "number of multi-joined rows updated"


@dataclass(slots=True, eq=False)
class QueryRecord:
    """One statement from its begin on.

    Attributes:
        rows: how many rows it gave or changed; None until it has succeeded.
        ended: None while it runs.
        error_code: six digits, or None when it has not failed.
        incident: it failed by a fault of the server.
    """

    query_id: str
    text: str
    database: str | None
    schema: str | None
    session_id: int
    user: str
    role: str | None
    warehouse: str | None
    tag: str
    client_generated: bool
    started: datetime
    rows: int | None = None
    ended: datetime | None = None
    error_code: str | None = None
    error_message: str | None = None
    incident: bool = False

    def succeeded(self, result: Result, now: datetime) -> None:
        """The statement has ended with `result`."""
        self.rows = produced(result)
        self.ended = now

    def failed(self, error: BaseException, now: datetime) -> None:
        """The statement has ended with an error."""
        if isinstance(error, SqlError):
            self.error_code, self.error_message = f"{error.code:06d}", error.message
        else:
            self.incident = True
            self.error_code, self.error_message = "000603", "SQL execution internal error"
        self.ended = now

    @property
    def status(self) -> str:
        """EXECUTION_STATUS."""
        if self.ended is None:
            return "RUNNING"
        if self.error_code is None:
            return "SUCCESS"
        return "FAILED_WITH_INCIDENT" if self.incident else "FAILED_WITH_ERROR"

    @property
    def elapsed(self) -> int:
        """Milliseconds from begin to end, 0 while it runs."""
        return 0 if self.ended is None else max(0, int((self.ended - self.started).total_seconds() * 1_000))


def produced(result: Result) -> int:
    """How many rows a statement gave, or changed if it is DML."""
    if result.statement_type not in _COUNTED or result.table is None:
        return result.row_count
    values = zip(result.columns, result.table.columns, strict=True)
    return sum(int(cells[0].as_py()) for column, cells in values if len(cells) and column.name != _MULTI_JOINED)


class QueryLog:
    """The statements that ran lately, oldest first; safe to use from any thread."""

    def __init__(self, statements: int = KEPT_STATEMENTS, characters: int = KEPT_CHARACTERS) -> None:
        self._statements = statements
        self._characters = characters
        self._total = 0
        self._records: OrderedDict[int, QueryRecord] = OrderedDict()
        self._lock = threading.Lock()

    def begin(self, session: Session, request: Request, text: str, query_id: str) -> QueryRecord:
        """A statement of `session` begins now."""
        tag = request.parameters.get("QUERY_TAG")
        if tag is None:
            tag = session.core.parameters.get("QUERY_TAG") or session.services.account.get("QUERY_TAG") or ""
        record = QueryRecord(
            query_id,
            text[:MAX_TEXT],
            session.database,
            session.schema,
            session.id,
            session.user,
            session.role,
            session.warehouse,
            str(tag),
            request.client_generated,
            session.services.clock.now(),
        )
        with self._lock:
            self._records[id(record)] = record
            self._total += len(record.text)
            while len(self._records) > self._statements or (self._total > self._characters and len(self._records) > 1):
                _, oldest = self._records.popitem(last=False)
                self._total -= len(oldest.text)
        return record

    def newest_first(self) -> list[QueryRecord]:
        """Those that run, then those that have ended, the last one first."""
        with self._lock:
            records = list(self._records.values())
        records.reverse()
        latest = datetime.max.replace(tzinfo=UTC)
        records.sort(key=lambda record: record.ended or latest, reverse=True)
        return records


# --- what the functions show -----------------------------------------------------------------------------------------

_LEADING = re.compile(r"(?:\s+|--[^\n]*(?:\n|$)|//[^\n]*(?:\n|$)|/\*.*?\*/|\()*", re.DOTALL)
_WORD = re.compile(r"[A-Za-z_$]+")
_SECRET = re.compile(r"(\bPASSWORD\s*=\s*)'(?:[^'\\]|''|\\.)*'", re.IGNORECASE | re.DOTALL)

_BY_WORD = {
    "WITH": "SELECT",
    "VALUES": "SELECT",
    "TRUNCATE": "TRUNCATE_TABLE",
    "BEGIN": "BEGIN_TRANSACTION",
    "START": "BEGIN_TRANSACTION",
    "DESC": "DESCRIBE",
    "PUT": "PUT_FILES",
    "GET": "GET_FILES",
    "LIST": "LIST_FILES",
    "LS": "LIST_FILES",
    "REMOVE": "REMOVE_FILES",
    "RM": "REMOVE_FILES",
    **{
        word: word
        for word in (
            *("SELECT", "INSERT", "UPDATE", "DELETE", "MERGE", "DROP", "UNDROP", "CALL", "SHOW", "DESCRIBE"),
            *("EXPLAIN", "USE", "SET", "UNSET", "COMMIT", "ROLLBACK", "COMMENT", "GRANT", "REVOKE"),
        )
    },
}
_MODIFIERS = frozenset(
    {"OR", "REPLACE", "ALTER", "TEMPORARY", "TEMP", "TRANSIENT", "SCOPED", "LOCAL", "GLOBAL", "SECURE", "VOLATILE"}
)
_CREATED_ALONE = frozenset({"TABLE", "VIEW", "TASK", "STREAM", "SEQUENCE"})


def query_type(text: str) -> str:
    """QUERY_TYPE of a statement, by its first words; ``UNKNOWN`` when they are none that are known."""
    match = _LEADING.match(text)
    rest = text[match.end() if match else 0 :][:4_000]
    words = [word.upper() for word in _WORD.findall(rest)]
    if not words:
        return "UNKNOWN"
    first = words[0]
    if first == "CREATE":
        kinds = (word for word in words[1:] if word not in _MODIFIERS)
        kind = next(kinds, "")
        if kind == "TABLE" and re.search(r"\bAS\s*\(?\s*(SELECT|WITH)\b", rest, re.IGNORECASE):
            return "CREATE_TABLE_AS_SELECT"
        return f"CREATE_{kind}" if kind in _CREATED_ALONE else "CREATE"
    if first == "ALTER":
        return "ALTER_SESSION" if words[1:2] == ["SESSION"] else "ALTER"
    if first == "COPY":
        return "UNLOAD" if re.match(r"COPY\s+INTO\s+'?@", rest, re.IGNORECASE) else "COPY"
    if first == "EXECUTE":
        return "EXECUTE_TASK" if words[1:2] == ["TASK"] else "EXECUTE"
    return _BY_WORD.get(first, "UNKNOWN")


def shown_text(text: str) -> str:
    """A statement's text with the passwords of users blotted out, as Snowflake shows it."""
    return _SECRET.sub(r"\1'☺☺☺☺☺'", text) if " USER " in text[:200].upper() else text


_Value = Callable[[QueryRecord], Any]
_COLUMNS: tuple[tuple[str, DataType, _Value], ...] = (
    ("QUERY_ID", VARCHAR, lambda r: r.query_id),
    ("QUERY_TEXT", VARCHAR, lambda r: shown_text(r.text)),
    ("DATABASE_NAME", VARCHAR, lambda r: r.database),
    ("SCHEMA_NAME", VARCHAR, lambda r: r.schema),
    ("QUERY_TYPE", VARCHAR, lambda r: query_type(r.text)),
    ("SESSION_ID", NUMBER, lambda r: r.session_id),
    ("USER_NAME", VARCHAR, lambda r: r.user),
    ("ROLE_NAME", VARCHAR, lambda r: r.role),
    ("WAREHOUSE_NAME", VARCHAR, lambda r: r.warehouse),
    ("WAREHOUSE_SIZE", VARCHAR, lambda r: None),
    ("WAREHOUSE_TYPE", VARCHAR, lambda r: "STANDARD"),
    ("CLUSTER_NUMBER", NUMBER, lambda r: 1),
    ("QUERY_TAG", VARCHAR, lambda r: r.tag),
    ("EXECUTION_STATUS", VARCHAR, lambda r: r.status),
    ("ERROR_CODE", VARCHAR, lambda r: r.error_code),
    ("ERROR_MESSAGE", VARCHAR, lambda r: r.error_message),
    ("START_TIME", TIMESTAMP_LTZ, lambda r: r.started),
    ("END_TIME", TIMESTAMP_LTZ, lambda r: r.ended),
    ("TOTAL_ELAPSED_TIME", NUMBER, lambda r: r.elapsed),
    ("BYTES_SCANNED", NUMBER, lambda r: 0),
    ("ROWS_PRODUCED", NUMBER, lambda r: r.rows),
    ("COMPILATION_TIME", NUMBER, lambda r: 0),
    ("EXECUTION_TIME", NUMBER, lambda r: r.elapsed),
    *(
        (name, NUMBER, lambda r: 0)
        for name in (
            *("QUEUED_PROVISIONING_TIME", "QUEUED_REPAIR_TIME", "QUEUED_OVERLOAD_TIME", "TRANSACTION_BLOCKED_TIME"),
            *("LIST_EXTERNAL_FILE_TIME", "CREDITS_USED_CLOUD_SERVICES"),
        )
    ),
    ("IS_CLIENT_GENERATED_STATEMENT", BOOLEAN, lambda r: r.client_generated),
)

COLUMNS = tuple((name, kind) for name, kind, _ in _COLUMNS)
"""Names and types of what the functions give."""


def as_row(record: QueryRecord) -> tuple[Any, ...]:
    """A record's values for `COLUMNS`."""
    return tuple(value(record) for _, _, value in _COLUMNS)


ARGUMENTS = ("END_TIME_RANGE_START", "END_TIME_RANGE_END", "RESULT_LIMIT", "INCLUDE_CLIENT_GENERATED_STATEMENT")


def selected(log: QueryLog, wanted: dict[str, Any], now: datetime, keep: _Value) -> list[QueryRecord]:
    """The records that a call asks for, newest first.

    Args:
        wanted: the call's arguments by upper-case name.
        keep: whether a record is of the right session, user or warehouse.

    Raises:
        SqlError: a time range beyond the last seven days, or a limit out of bounds.
    """
    start, end = (within(wanted, f"END_TIME_RANGE_{name}", now - REACH) for name in ("START", "END"))
    most = limit(wanted, 100)
    found = []
    for record in log.newest_first():
        if record.client_generated and not wanted.get("INCLUDE_CLIENT_GENERATED_STATEMENT"):
            continue
        if end is not None and (record.ended is None or record.ended > end):
            continue
        oldest = start or now - REACH
        if (record.ended is not None and record.ended < oldest) or not keep(record):
            continue
        found.append(record)
        if len(found) == most:
            break
    return found
