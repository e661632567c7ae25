"""A task's run as TASK_HISTORY shows it, and what a scheduler remembers of a task between runs.

Source: docs.snowflake.com/en/sql-reference/functions/task_history
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from snowmelt.base.datatypes import NUMBER, TIMESTAMP_LTZ, VARCHAR, DataType
from snowmelt.base.errors import SqlError
from snowmelt.catalog.names import FullName


class RunState(StrEnum):
    """STATE of a run."""

    SCHEDULED = "SCHEDULED"
    EXECUTING = "EXECUTING"
    SUCCEEDED = "SUCCEEDED"
    FAILED = "FAILED"
    FAILED_AND_AUTO_SUSPENDED = "FAILED_AND_AUTO_SUSPENDED"
    CANCELLED = "CANCELLED"
    SKIPPED = "SKIPPED"

    @property
    def ended(self) -> bool:
        """Whether nothing more will happen to the run."""
        return self not in (RunState.SCHEDULED, RunState.EXECUTING)

    @property
    def failed(self) -> bool:
        """Whether the run failed, with or without suspending its task."""
        return self in (RunState.FAILED, RunState.FAILED_AND_AUTO_SUSPENDED)


class Origin(StrEnum):
    """SCHEDULED_FROM: what made a graph run."""

    SCHEDULE = "SCHEDULE"
    TRIGGER = "TRIGGER"
    EXECUTE_TASK = "EXECUTE_TASK"
    MANUAL_RETRY = "MANUAL RETRY"
    AUTOMATIC_RETRY = "AUTOMATIC RETRY"


@dataclass(frozen=True)
class TaskRun:
    """One run of one task. All moments carry time zone UTC.

    Attributes:
        uid: unique among all runs; attempts have uids of their own.
        task: the task's full name.
        root: full name of the graph's root, the task itself when it stands alone.
        root_id: the root's id as SHOW TASKS gives it.
        query_id: id of the statement, set once the run executes.
        error_code: digits as Snowflake prints them, such as ``002003``.
        run_id: the moment for which the graph was first scheduled, in milliseconds since 1970.
        config: JSON text of the graph's configuration in this run, or None.
        group: id of the graph run, which retries share; empty before it begins.
        predecessors: return values of the direct predecessors that ran, by task name.
        ancestors: return values of the tasks above those, by task name.
        user: who asked for the graph run; None when its schedule or new data did.
        last_success: (group, first scheduled time in ISO form) of the graph's latest success before this run.
    """

    uid: str
    task: FullName
    root: FullName
    root_id: int
    query_text: str
    scheduled_time: datetime
    run_id: int
    group: str
    state: RunState = RunState.SCHEDULED
    condition_text: str | None = None
    query_id: str | None = None
    error_code: str | None = None
    error_message: str | None = None
    query_start_time: datetime | None = None
    next_scheduled_time: datetime | None = None
    completed_time: datetime | None = None
    graph_version: int = 1
    return_value: str | None = None
    scheduled_from: Origin = Origin.SCHEDULE
    attempt_number: int = 1
    config: str | None = None
    predecessors: dict[str, str | None] = field(default_factory=dict)
    ancestors: dict[str, str | None] = field(default_factory=dict)
    last_success: tuple[str, str] | None = None
    user: str | None = None

    @property
    def name(self) -> str:
        """The task's own name."""
        return self.task.name

    # --- what a task's body may ask about its run --------------------------------------------------------------------

    def graph_config(self, path: str | None = None) -> str | None:
        """SYSTEM$GET_TASK_GRAPH_CONFIG: the configuration's JSON text, or the value at a dotted path.

        Returns:
            None when there is no configuration or nothing at the path; text values come without quotes.
        """
        if self.config is None or path is None:
            return self.config
        value: Any = json.loads(self.config)
        for part in path.removeprefix("$").strip(".").split("."):
            if not isinstance(value, dict) or part not in value:
                return None
            value = value[part]
        return value if value is None or isinstance(value, str) else json.dumps(value)

    def predecessor_return_value(self, name: str | None = None) -> str | None:
        """SYSTEM$GET_PREDECESSOR_RETURN_VALUE: what a predecessor gave to SYSTEM$SET_RETURN_VALUE.

        Args:
            name: the predecessor's name as it is stored, without database and schema; may be left out when there is
                only one. When no direct predecessor has that name, one further up may.

        Raises:
            SqlError: 091093 when there is no such predecessor, or several and no name.
        """
        if name is None and len(self.predecessors) == 1:
            return next(iter(self.predecessors.values()))
        wanted = (name or "").rpartition(".")[2].strip('"')
        for values in (self.predecessors, self.ancestors):
            if wanted in values:
                return values[wanted]
        raise SqlError(f"Task {self.task} has no predecessor '{name or ''}' in this run.", 91093, "22023")

    def runtime_info(self, argument: str) -> str | None:
        """SYSTEM$TASK_RUNTIME_INFO; moments are ISO texts. Names of tasks are full ones: snowflake.core's TaskContext
        compares them with SYSTEM$CURRENT_USER_TASK_NAME.

        Raises:
            SqlError: 001015 for an argument that the function does not have.
        """
        success, success_time = self.last_success or (None, None)
        known = {
            "CURRENT_TASK_NAME": str(self.task),
            "CURRENT_ROOT_TASK_NAME": str(self.root),
            "CURRENT_ROOT_TASK_UUID": str(self.root_id),
            "CURRENT_TASK_GRAPH_RUN_GROUP_ID": self.group,
            "CURRENT_TASK_GRAPH_ORIGINAL_SCHEDULED_TIMESTAMP": self.original_scheduled_time.isoformat(sep=" "),
            "LAST_SUCCESSFUL_TASK_GRAPH_RUN_GROUP_ID": success,
            "LAST_SUCCESSFUL_TASK_GRAPH_ORIGINAL_SCHEDULED_TIMESTAMP": success_time,
        }
        if argument.upper() not in known:
            raise SqlError(f"Invalid argument '{argument}' for function SYSTEM$TASK_RUNTIME_INFO.", 1015, "22023")
        return known[argument.upper()]

    @property
    def original_scheduled_time(self) -> datetime:
        """The moment for which the graph run, of which this may be a retry, was first scheduled."""
        return datetime.fromtimestamp(self.run_id / 1000, self.scheduled_time.tzinfo)


@dataclass(frozen=True)
class TaskState:
    """What outlasts the runs of a root task.

    Attributes:
        schedule: the schedule for which `next_time` was computed.
        anchor: when the task was resumed, from which intervals count.
        next_time: when it is due next; None while suspended.
        failures: failed graph runs in a row.
        version: number of the graph's version; goes up when a task of it has changed.
        fingerprint: stands for the definitions of the graph's tasks in that version.
        last_success: as in `TaskRun`.
    """

    schedule: str | None = None
    anchor: datetime | None = None
    next_time: datetime | None = None
    failures: int = 0
    version: int = 0
    fingerprint: str = ""
    last_success: tuple[str, str] | None = None


# --- TASK_HISTORY ----------------------------------------------------------------------------------------------------

_COLUMNS: tuple[tuple[str, DataType, Callable[[TaskRun], Any]], ...] = (
    ("QUERY_ID", VARCHAR, lambda run: run.query_id),
    ("NAME", VARCHAR, lambda run: run.task.name),
    ("DATABASE_NAME", VARCHAR, lambda run: run.task.database),
    ("SCHEMA_NAME", VARCHAR, lambda run: run.task.schema),
    ("QUERY_TEXT", VARCHAR, lambda run: run.query_text),
    ("CONDITION_TEXT", VARCHAR, lambda run: run.condition_text),
    ("STATE", VARCHAR, lambda run: run.state.value),
    ("ERROR_CODE", VARCHAR, lambda run: run.error_code),
    ("ERROR_MESSAGE", VARCHAR, lambda run: run.error_message),
    ("SCHEDULED_TIME", TIMESTAMP_LTZ, lambda run: run.scheduled_time),
    ("QUERY_START_TIME", TIMESTAMP_LTZ, lambda run: run.query_start_time),
    ("NEXT_SCHEDULED_TIME", TIMESTAMP_LTZ, lambda run: run.next_scheduled_time),
    ("COMPLETED_TIME", TIMESTAMP_LTZ, lambda run: run.completed_time),
    ("ROOT_TASK_ID", VARCHAR, lambda run: str(run.root_id)),
    ("GRAPH_VERSION", NUMBER, lambda run: run.graph_version),
    ("RUN_ID", NUMBER, lambda run: run.run_id),
    ("RETURN_VALUE", VARCHAR, lambda run: run.return_value),
    ("SCHEDULED_FROM", VARCHAR, lambda run: run.scheduled_from.value),
    ("ATTEMPT_NUMBER", NUMBER, lambda run: run.attempt_number),
    # Class instances, query hashes, backfills and container services are not known here.
    ("INSTANCE_ID", VARCHAR, lambda run: None),
    ("CONFIG", VARCHAR, lambda run: run.config),
    ("QUERY_HASH", VARCHAR, lambda run: None),
    ("QUERY_HASH_VERSION", NUMBER, lambda run: None),
    ("QUERY_PARAMETERIZED_HASH", VARCHAR, lambda run: None),
    ("QUERY_PARAMETERIZED_HASH_VERSION", NUMBER, lambda run: None),
    ("GRAPH_RUN_GROUP_ID", VARCHAR, lambda run: run.group or None),
    ("BACKFILL_INFO", VARCHAR, lambda run: None),
    ("SCHEDULED_BY_USER", VARCHAR, lambda run: run.user),
    ("SPCS_JOB_ID", NUMBER, lambda run: None),
)

TASK_HISTORY_COLUMNS: list[tuple[str, DataType]] = [(name, kind) for name, kind, _ in _COLUMNS]
"""Names and types of what INFORMATION_SCHEMA.TASK_HISTORY gives, in order."""


def history_row(run: TaskRun) -> tuple[Any, ...]:
    """A run's values for `TASK_HISTORY_COLUMNS`."""
    return tuple(value(run) for _, _, value in _COLUMNS)


# --- documents -------------------------------------------------------------------------------------------------------


def to_document(item: TaskRun | TaskState) -> str:
    """A run or a state as JSON text."""
    return json.dumps(dataclasses.asdict(item), default=_plain, ensure_ascii=False)


def _plain(value: Any) -> str:
    if isinstance(value, datetime):
        return value.isoformat()
    raise TypeError(f"{type(value).__name__} has no place in a document")


def _moment(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text)


_EARLIER_ORIGINS = {"EXECUTE TASK": "EXECUTE_TASK", "RETRY": "MANUAL RETRY"}
"""What origins were called in documents of earlier versions."""


def run_from_document(text: str) -> TaskRun:
    """The run that `to_document` wrote."""
    values = json.loads(text)
    for name in ("query_start_time", "next_scheduled_time", "completed_time"):
        values[name] = _moment(values[name])
    values["scheduled_time"] = datetime.fromisoformat(values["scheduled_time"])
    values["task"], values["root"] = FullName(**values["task"]), FullName(**values["root"])
    origin = values["scheduled_from"]
    values["state"], values["scheduled_from"] = RunState(values["state"]), Origin(_EARLIER_ORIGINS.get(origin, origin))
    values["last_success"] = _pair(values["last_success"])
    return TaskRun(**values)


def state_from_document(text: str) -> TaskState:
    """The state that `to_document` wrote."""
    values = json.loads(text)
    values["anchor"], values["next_time"] = _moment(values["anchor"]), _moment(values["next_time"])
    values["last_success"] = _pair(values["last_success"])
    return TaskState(**values)


def _pair(value: list[str] | None) -> tuple[str, str] | None:
    return None if value is None else (value[0], value[1])
