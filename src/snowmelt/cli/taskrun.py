"""Run a task now and wait for its end, as one would by hand: EXECUTE TASK, then TASK_HISTORY until it is there."""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import datetime

from snowflake.connector import SnowflakeConnection

#: Seconds between two looks at TASK_HISTORY.
POLL_SECONDS = 0.1

_FINISHED = """
SELECT STATE, RETURN_VALUE, ERROR_MESSAGE, QUERY_START_TIME, COMPLETED_TIME
FROM TABLE(INFORMATION_SCHEMA.TASK_HISTORY(TASK_NAME => '{task}'))
WHERE COMPLETED_TIME IS NOT NULL AND STATE <> 'SKIPPED'
ORDER BY COMPLETED_TIME
"""


class TaskFailed(Exception):
    """A task's run that failed, or that did not end in time."""


@dataclass(frozen=True)
class TaskRun:
    """A finished run of a task."""

    state: str
    return_value: str | None
    error: str | None
    started: datetime
    completed: datetime

    @property
    def seconds(self) -> float:
        return (self.completed - self.started).total_seconds()


def finished_runs(connection: SnowflakeConnection, task: str) -> list[TaskRun]:
    """The latest runs of `task` that have ended, oldest first; TASK_HISTORY shows 100 of them."""
    with connection.cursor() as cursor:
        cursor.execute(_FINISHED.format(task=task))
        return [TaskRun(*row) for row in cursor.fetchall()]


def run_task(connection: SnowflakeConnection, task: str, timeout: float = 300.0) -> TaskRun:
    """Execute `task` and wait for the run's end.

    Args:
        task: the task's name in the current schema.
        timeout: seconds to wait at most.

    Raises:
        TaskFailed: the run failed or took longer than `timeout`.
    """
    before = max((run.completed for run in finished_runs(connection, task)), default=None)
    with connection.cursor() as cursor:
        cursor.execute(f"EXECUTE TASK {task}")
    deadline = time.monotonic() + timeout
    while True:
        runs = finished_runs(connection, task)
        if runs and (before is None or runs[-1].completed > before):
            break
        if time.monotonic() > deadline:
            raise TaskFailed(f"{task} has not ended within {timeout:.0f} seconds")
        time.sleep(POLL_SECONDS)
    if runs[-1].state != "SUCCEEDED":
        raise TaskFailed(f"{task} ended as {runs[-1].state}: {runs[-1].error}")
    return runs[-1]
