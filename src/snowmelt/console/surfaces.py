"""What pages read, by the commands and table functions that any client has."""

from __future__ import annotations

import json
from typing import Any

from snowmelt.base.errors import SqlError
from snowmelt.catalog.names import FullName, display, parse_name, quote
from snowmelt.console.page import full_name
from snowmelt.console.reader import Reader, Row

MOST = 10_000
"""The most rows that histories give."""

LATELY = 2_000
"""So many of them are looked through for a list: more than a day of a task that is looked at every minute."""

_RUN = (
    "QUERY_ID, NAME, DATABASE_NAME, SCHEMA_NAME, STATE, ERROR_MESSAGE, RETURN_VALUE, SCHEDULED_TIME, QUERY_START_TIME, "
    "COMPLETED_TIME, SCHEDULED_FROM, ATTEMPT_NUMBER"
)
_QUERY = (
    "QUERY_ID, QUERY_TEXT, DATABASE_NAME, SCHEMA_NAME, EXECUTION_STATUS, ERROR_MESSAGE, START_TIME, END_TIME, "
    "TOTAL_ELAPSED_TIME, ROWS_PRODUCED"
)
"""What lists show of a run and of a statement."""


def databases(reader: Reader) -> list[Row]:
    return reader.rows("SHOW DATABASES")


def schemas(reader: Reader) -> list[Row]:
    """All schemas but INFORMATION_SCHEMA."""
    return [row for row in reader.rows("SHOW SCHEMAS IN ACCOUNT") if row["name"] != "INFORMATION_SCHEMA"]


def relations(reader: Reader) -> list[Row]:
    """Tables and views."""
    return reader.rows("SHOW OBJECTS IN ACCOUNT")


def event_tables(reader: Reader) -> list[FullName]:
    return [full_name(row) for row in reader.rows("SHOW EVENT TABLES IN ACCOUNT")]


def tasks(reader: Reader) -> list[Row]:
    return reader.rows("SHOW TASKS IN ACCOUNT")


def streams(reader: Reader) -> list[Row]:
    return reader.rows("SHOW STREAMS IN ACCOUNT")


def models(reader: Reader) -> list[Row]:
    return reader.rows("SHOW MODELS IN ACCOUNT")


def versions(reader: Reader, model: FullName) -> list[Row]:
    """A model's versions, oldest first."""
    return reader.rows(f"SHOW VERSIONS IN MODEL {model}")


def procedures(reader: Reader) -> list[Row]:
    return reader.rows("SHOW PROCEDURES IN ACCOUNT")


def unread(reader: Reader, stream: FullName) -> int | str:
    """How many rows a stream has that nobody has consumed, or why that cannot be told. Reading consumes none."""
    try:
        return int(reader.rows(f"SELECT COUNT(*) AS N FROM {stream}")[0]["n"])
    except SqlError as error:
        return error.message.removeprefix("SQL compilation error:").strip()


def runs(reader: Reader, limit: int = LATELY, *, failed: bool = False, task: FullName | None = None) -> list[Row]:
    """Runs of tasks in the last 7 days, the latest first, and those that are due."""
    binds: list[str] = []
    chosen = f"RESULT_LIMIT => {limit}, ERROR_ONLY => {failed}"
    if task is not None:
        chosen += ", TASK_NAME => ?, DATABASE_NAME => ?, SCHEMA_NAME => ?"
        binds = [task.name, quote(task.database), quote(task.schema)]
    return _history(reader, _RUN, f"TASK_HISTORY({chosen})", binds)


def run(reader: Reader, query_id: str, scheduled: str | None) -> Row | None:
    """The run whose statement has an id; quickly where it is known when it was scheduled."""
    where = "WHERE QUERY_ID = ?"
    if scheduled:
        span = "SCHEDULED_TIME_RANGE_START => TO_TIMESTAMP_LTZ(?), SCHEDULED_TIME_RANGE_END => TO_TIMESTAMP_LTZ(?)"
        found = _history(reader, "*", f"TASK_HISTORY({span})", [scheduled, scheduled, query_id], where)
    else:
        found = _history(reader, "*", f"TASK_HISTORY(RESULT_LIMIT => {MOST})", [query_id], where)
    return found[0] if found else None


def queries(reader: Reader, limit: int, *, failed: bool = False) -> list[Row]:
    """Statements that ran lately, the latest first, without those that clients make for themselves.

    Args:
        failed: only those that failed, of the last ones.
    """
    where = "WHERE EXECUTION_STATUS LIKE 'FAILED%'" if failed else ""
    call = f"QUERY_HISTORY(RESULT_LIMIT => {LATELY if failed else limit})"
    return _history(reader, _QUERY, call, [], f"{where} LIMIT {limit}")


def query(reader: Reader, query_id: str, ended: str | None) -> Row | None:
    """The statement with an id; quickly where it is known when it ended."""
    chosen, binds = f"RESULT_LIMIT => {MOST}, INCLUDE_CLIENT_GENERATED_STATEMENT => TRUE", [query_id]
    if ended:
        chosen += ", END_TIME_RANGE_START => TO_TIMESTAMP_LTZ(?), END_TIME_RANGE_END => TO_TIMESTAMP_LTZ(?)"
        binds = [ended, ended, query_id]
    found = _history(reader, "*", f"QUERY_HISTORY({chosen})", binds, "WHERE QUERY_ID = ?")
    return found[0] if found else None


def _history(reader: Reader, columns: str, call: str, binds: list[str], rest: str = "") -> list[Row]:
    """Rows of a table function of INFORMATION_SCHEMA. Those about the account are the same in every database, and
    without any there is nothing that they could tell of.
    """
    found = databases(reader)
    if not found:
        return []
    place = display(str(found[0]["name"]))
    return reader.rows(f"SELECT {columns} FROM TABLE({place}.INFORMATION_SCHEMA.{call}) {rest}", *binds)


# --- what stands in cells as JSON or as names -------------------------------------------------------------------------


def parsed(text: Any, otherwise: Any) -> Any:
    """The value of a cell that should hold JSON of the same type as `otherwise`, which takes the place of all else."""
    try:
        value = json.loads(str(text))
    except ValueError:
        return otherwise
    return value if isinstance(value, type(otherwise)) else otherwise


def name_from(text: str, near: FullName) -> FullName:
    """A name as SQL writes it; parts that it lacks are those of `near`.

    Raises:
        SqlError: it is no name.
    """
    name = parse_name(text)
    return FullName(name.database or near.database, name.schema or near.schema, name.name)
