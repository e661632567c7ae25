"""Runs of whole graphs, as COMPLETE_TASK_GRAPHS and CURRENT_TASK_GRAPHS show them.

Source: docs.snowflake.com/en/sql-reference/functions/complete_task_graphs, .../current_task_graphs
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from snowmelt.base.datatypes import NUMBER, TIMESTAMP_LTZ, VARCHAR, DataType
from snowmelt.tasks.runs import RunState, TaskRun

COMPLETE_WITHIN = timedelta(minutes=60)
"""How long ago COMPLETE_TASK_GRAPHS looks for ends of runs."""

CURRENT_WITHIN = timedelta(days=8)
"""How far ahead CURRENT_TASK_GRAPHS looks for scheduled runs."""


@dataclass(frozen=True)
class GraphAttempt:
    """One attempt of a graph run; a retry is another attempt.

    Attributes:
        runs: what ran in it, the first one first; at least one.
        next_time: when the graph is due next, as far as that was known when it began.
    """

    runs: tuple[TaskRun, ...]
    next_time: datetime | None

    @property
    def first(self) -> TaskRun:
        """The run that began it: the root's, or in a retry that of the task taken up."""
        return self.runs[0]

    @property
    def over(self) -> bool:
        """Whether everything in it has ended."""
        return all(run.state.ended for run in self.runs)

    @property
    def root_skipped(self) -> bool:
        """Whether the root's condition did not hold; the table functions leave such runs out."""
        return any(run.task == run.root and run.state is RunState.SKIPPED for run in self.runs)

    @property
    def state(self) -> RunState:
        """STATE of the graph run."""
        if not self.over:
            waiting = all(run.state is RunState.SCHEDULED for run in self.runs)
            return RunState.SCHEDULED if waiting else RunState.EXECUTING
        if any(run.state.failed for run in self.runs):
            return RunState.FAILED
        if any(run.state is RunState.CANCELLED for run in self.runs):
            return RunState.CANCELLED
        return RunState.SUCCEEDED

    @property
    def first_error(self) -> TaskRun | None:
        """The run that failed first."""
        failed = [run for run in self.runs if run.state.failed and run.completed_time is not None]
        return min(failed, key=lambda run: (run.completed_time, run.scheduled_time), default=None)

    @property
    def completed_time(self) -> datetime | None:
        """When the last of it ended; None while something runs."""
        ends = [run.completed_time for run in self.runs if run.completed_time is not None]
        return max(ends) if self.over and ends else None

    @property
    def start_time(self) -> datetime | None:
        """When its first statement began."""
        return min((run.query_start_time for run in self.runs if run.query_start_time is not None), default=None)


def attempts(history: Iterable[TaskRun]) -> list[GraphAttempt]:
    """The attempts that a history, newest first, consists of; those that began last come first."""
    found: dict[tuple[str, int], list[TaskRun]] = {}
    for run in history:
        # What is only due has no group yet.
        found.setdefault((run.group or run.uid, run.attempt_number), []).append(run)
    next_times = {group: run.next_scheduled_time for (group, _), runs in found.items() for run in runs if _is_root(run)}
    return [GraphAttempt(tuple(reversed(runs)), next_times.get(group)) for (group, _), runs in found.items()]


def _is_root(run: TaskRun) -> bool:
    return run.task == run.root


def complete(history: Iterable[TaskRun], now: datetime) -> list[GraphAttempt]:
    """Attempts that ended lately, the latest end first."""
    found = [
        (item.completed_time, item)
        for item in attempts(history)
        if item.completed_time is not None and not item.root_skipped and item.completed_time > now - COMPLETE_WITHIN
    ]
    return [item for _, item in sorted(found, key=lambda pair: pair[0], reverse=True)]


def current(history: Iterable[TaskRun], now: datetime) -> list[GraphAttempt]:
    """Attempts that are under way or due soon, the latest first."""
    return [
        item
        for item in attempts(history)
        if not item.over and not item.root_skipped and item.first.scheduled_time <= now + CURRENT_WITHIN
    ]


def _error(value: Callable[[TaskRun], Any]) -> Callable[[GraphAttempt], Any]:
    return lambda item: None if item.first_error is None else value(item.first_error)


_COLUMNS: tuple[tuple[str, DataType, Callable[[GraphAttempt], Any]], ...] = (
    ("ROOT_TASK_NAME", VARCHAR, lambda item: item.first.root.name),
    ("DATABASE_NAME", VARCHAR, lambda item: item.first.root.database),
    ("SCHEMA_NAME", VARCHAR, lambda item: item.first.root.schema),
    ("STATE", VARCHAR, lambda item: item.state.value),
    ("SCHEDULED_FROM", VARCHAR, lambda item: item.first.scheduled_from.value),
    ("FIRST_ERROR_TASK_NAME", VARCHAR, _error(lambda run: run.name)),
    ("FIRST_ERROR_CODE", NUMBER, _error(lambda run: int(run.error_code or 0))),
    ("FIRST_ERROR_MESSAGE", VARCHAR, _error(lambda run: run.error_message)),
    ("SCHEDULED_TIME", TIMESTAMP_LTZ, lambda item: item.first.scheduled_time),
    ("QUERY_START_TIME", TIMESTAMP_LTZ, lambda item: item.start_time),
    ("NEXT_SCHEDULED_TIME", TIMESTAMP_LTZ, lambda item: item.next_time),
    ("COMPLETED_TIME", TIMESTAMP_LTZ, lambda item: item.completed_time),
    ("ROOT_TASK_ID", VARCHAR, lambda item: str(item.first.root_id)),
    ("GRAPH_VERSION", NUMBER, lambda item: item.first.graph_version),
    ("RUN_ID", NUMBER, lambda item: item.first.run_id),
    ("ATTEMPT_NUMBER", NUMBER, lambda item: item.first.attempt_number),
    ("CONFIG", VARCHAR, lambda item: item.first.config),
    ("GRAPH_RUN_GROUP_ID", VARCHAR, lambda item: item.first.group or None),
    ("BACKFILL_INFO", VARCHAR, lambda item: None),
    ("SCHEDULED_BY_USER", VARCHAR, lambda item: item.first.user),
)

COMPLETE_COLUMNS: list[tuple[str, DataType]] = [(name, kind) for name, kind, _ in _COLUMNS]
"""Names and types of what COMPLETE_TASK_GRAPHS gives, in order."""

CURRENT_COLUMNS = [column for column in COMPLETE_COLUMNS if column[0] != "COMPLETED_TIME"]
"""Names and types of what CURRENT_TASK_GRAPHS gives, in order."""


def graph_row(item: GraphAttempt, columns: Sequence[tuple[str, DataType]]) -> tuple[Any, ...]:
    """An attempt's values for `COMPLETE_COLUMNS` or `CURRENT_COLUMNS`."""
    values = {name: value for name, _, value in _COLUMNS}
    return tuple(values[name](item) for name, _ in columns)
