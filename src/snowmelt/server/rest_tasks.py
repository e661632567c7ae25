"""Tasks of the REST API as SQL text, and rows of SHOW TASKS and of task graphs as its JSON.

Follows snowflake.core's `task/_generated/models`;
docs.snowflake.com/en/developer-guide/snowflake-rest-api/reference/task
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from snowmelt.base.errors import SqlError, unsupported
from snowmelt.catalog.names import FullName, Name, display, fold, parse_name

_IDENTIFIER = re.compile(r'"(?:[^"]|"")+"|[A-Za-z_][A-Za-z0-9_$]*')
_PARAMETER = re.compile(r"[A-Za-z_]+")
_CREATE = {"errorIfExists": "CREATE TASK", "orReplace": "CREATE OR REPLACE TASK"}
_CREATE |= {"ifNotExists": "CREATE TASK IF NOT EXISTS", "orAlter": "CREATE OR ALTER TASK"}

Row = Mapping[str, Any]
"""A row by lower-case column names."""


def invalid(what: str) -> SqlError:
    """A request that says what it cannot say."""
    return SqlError(f"Invalid value for {what}.", 1008, "22023")


def text(value: object) -> str:
    """A value as SQL text of a string."""
    return "'" + str(value).replace("\\", "\\\\").replace("'", "''") + "'"


@dataclass(frozen=True)
class Place:
    """A schema, as names that are stored."""

    database: str
    schema: str

    @classmethod
    def of(cls, database: str, schema: str) -> Place:
        """The place of a path's segments, which are identifiers as SQL writes them.

        Raises:
            SqlError: 001008 for what is no identifier.
        """
        return cls(identifier(database), identifier(schema))

    def __str__(self) -> str:
        return str(Name(self.schema, self.database))

    def task(self, name: str) -> FullName:
        """The full name of a task in this schema."""
        return FullName(self.database, self.schema, identifier(name))

    def qualified(self, name: str) -> FullName:
        """A name that may be qualified, and is of this schema otherwise."""
        found = parse_name(name)
        return FullName(found.database or self.database, found.schema or self.schema, found.name)


def identifier(written: str) -> str:
    """The stored form of an identifier.

    Raises:
        SqlError: 001008 for what is no identifier.
    """
    if _IDENTIFIER.fullmatch(written) is None:
        raise invalid(f"identifier {written}")
    return fold(written)


# --- to SQL ----------------------------------------------------------------------------------------------------------


def create(place: Place, name: FullName, task: Mapping[str, Any], mode: str) -> str:
    """CREATE TASK for a task's JSON.

    Args:
        mode: ``errorIfExists``, ``orReplace``, ``ifNotExists`` or ``orAlter``.

    Raises:
        SqlError: 001008 for a value that a task cannot have, 000002 for tags and other things not supported.
    """
    if mode not in _CREATE:
        raise invalid(f"createMode {mode}")
    if not isinstance(task.get("definition"), str):
        raise invalid("definition")
    parts = [_CREATE[mode], str(name), *_properties(task)]
    if task.get("finalize"):
        parts.append(f"FINALIZE = {place.qualified(task['finalize'])}")
    if task.get("predecessors"):
        parts.append("AFTER " + ", ".join(str(place.qualified(item)) for item in task["predecessors"]))
    if task.get("condition"):
        parts.append(f"WHEN {task['condition']}")
    return "\n".join([*parts, f"AS {task['definition']}"])


_NUMBERS = ("user_task_timeout_ms", "suspend_task_after_num_failures", "task_auto_retry_attempts")
_WORDS = ("overlap_policy", "error_integration", "success_integration")
_TEXTS = (
    *("comment", "user_task_managed_initial_warehouse_size"),
    *("serverless_task_min_statement_size", "serverless_task_max_statement_size"),
)


def _properties(task: Mapping[str, Any]) -> list[str]:
    given = {key: value for key, value in task.items() if value is not None}
    if "execute_as_user" in given:
        raise unsupported("EXECUTE AS of a task")
    found = []
    if "warehouse" in given:
        found.append(f"WAREHOUSE = {Name(identifier(given['warehouse']))}")
    for key in ("schedule", "target_completion_interval"):
        if key in given:
            found.append(f"{key.upper()} = {text(_schedule(given[key]))}")
    if "config" in given:
        found.append(f"CONFIG = {text(json.dumps(given['config']))}")
    if "allow_overlapping_execution" in given:
        found.append(f"ALLOW_OVERLAPPING_EXECUTION = {bool(given['allow_overlapping_execution'])}")
    found += [f"{key.upper()} = {_whole(key, given[key])}" for key in _NUMBERS if key in given]
    found += [f"{key.upper()} = {Name(identifier(given[key]))}" for key in _WORDS if key in given]
    found += [f"{key.upper()} = {text(given[key])}" for key in _TEXTS if key in given]
    for key, value in (given.get("session_parameters") or {}).items():
        if _PARAMETER.fullmatch(key) is None:
            raise invalid(f"session parameter {key}")
        found.append(f"{key} = {text(value) if isinstance(value, str) else json.dumps(value)}")
    return found


def _whole(key: str, value: object) -> int:
    if not isinstance(value, int):
        raise invalid(key)
    return value


def _schedule(schedule: Mapping[str, Any]) -> str:
    match schedule.get("schedule_type"):
        case "CRON_TYPE":
            return f"USING CRON {schedule.get('cron_expr')} {schedule.get('timezone')}"
        case "MINUTES_TYPE" | None if "minutes" in schedule:
            minutes, seconds = _whole("minutes", schedule["minutes"]), _whole("seconds", schedule.get("seconds") or 0)
            return f"{60 * minutes + seconds} SECONDS" if seconds else f"{minutes} MINUTES"
    raise invalid("schedule")


# --- from rows -------------------------------------------------------------------------------------------------------

_AS_SHOWN = (
    *("comment", "definition", "task_relations", "condition", "error_integration", "success_integration"),
    *("overlap_policy", "id", "owner", "owner_role_type", "state", "database_name"),
    "schema_name",
)
_MOMENTS = ("created_on", "last_committed_on", "last_suspended_on")
_SIZES = (
    *("user_task_managed_initial_warehouse_size", "serverless_task_min_statement_size"),
    "serverless_task_max_statement_size",
)
_TASK_PARAMETERS = {key.upper(): key for key in (*_NUMBERS, *_SIZES)}
_NOT_IN_THE_API = "USER_TASK_MINIMUM_TRIGGER_INTERVAL_IN_SECONDS"
_INTERVAL = re.compile(r"(\d+) *(S|M|H)", re.IGNORECASE)
_CRON = re.compile(r"USING\s+CRON\s+(.*\S)\s+(\S+)", re.IGNORECASE)
_SECONDS = {"S": 1, "M": 60, "H": 3_600}


def task_json(row: Row, parameters: list[Row]) -> dict[str, Any]:
    """A task's JSON.

    Args:
        row: of SHOW or DESCRIBE TASK.
        parameters: rows of SHOW PARAMETERS IN TASK; what the task does not set itself is left out.
    """
    found = {key: row[key] for key in _AS_SHOWN} | {key: _moment(row[key]) for key in _MOMENTS}
    found["name"] = display(row["name"])
    found["warehouse"] = None if row["warehouse"] is None else display(row["warehouse"])
    found["predecessors"] = json.loads(row["predecessors"])
    found["finalize"] = json.loads(row["task_relations"]).get("FinalizedRootTask")
    found["schedule"] = None if row["schedule"] is None else _schedule_json(row["schedule"])
    interval = row["target_completion_interval"]
    found["target_completion_interval"] = None if interval is None else _schedule_json(interval)
    found["config"] = None if row["config"] is None else json.loads(row["config"])
    overlap = row["allow_overlapping_execution"]
    found["allow_overlapping_execution"] = None if overlap is None else overlap == "true"
    session: dict[str, Any] = {}
    for parameter in parameters:
        if parameter["level"] != "TASK" or parameter["key"] == _NOT_IN_THE_API:
            continue
        key = _TASK_PARAMETERS.get(parameter["key"])
        if key is not None:
            found[key] = _value(parameter)
        else:
            session[parameter["key"]] = _value(parameter)
    found["session_parameters"] = session or None
    return found


def _value(parameter: Row) -> Any:
    match parameter["type"]:
        case "NUMBER":
            return int(parameter["value"])
        case "BOOLEAN":
            return parameter["value"] == "true"
    return parameter["value"]


def _schedule_json(schedule: str) -> dict[str, Any]:
    cron = _CRON.match(schedule)
    if cron is not None:
        return {"schedule_type": "CRON_TYPE", "cron_expr": cron[1], "timezone": cron[2]}
    interval = _INTERVAL.match(schedule)
    assert interval is not None, "a task's schedule was checked when it was set"
    minutes, seconds = divmod(int(interval[1]) * _SECONDS[interval[2].upper()], 60)
    return {"schedule_type": "MINUTES_TYPE", "minutes": minutes, **({"seconds": seconds} if seconds else {})}


_RUN = (
    *("root_task_name", "database_name", "schema_name", "state", "first_error_task_name", "first_error_message"),
    "root_task_id",
)


def run_json(row: Row) -> dict[str, Any]:
    """The JSON of a row of COMPLETE_TASK_GRAPHS or CURRENT_TASK_GRAPHS."""
    found = {key: row[key] for key in _RUN}
    found |= {key: _moment(row.get(key)) for key in ("scheduled_time", "query_start_time", "completed_time")}
    # The API's model has no run without a next one; that of a graph without a schedule is the run itself.
    found["next_scheduled_time"] = _moment(row["next_scheduled_time"] or row["scheduled_time"])
    found |= {
        key: None if row[key] is None else int(row[key]) for key in ("first_error_code", "graph_version", "run_id")
    }
    return found


def _moment(value: datetime | None) -> str | None:
    return None if value is None else value.isoformat()
