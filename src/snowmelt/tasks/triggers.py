"""Triggered tasks: those with a condition and no schedule, looked at when rows were committed.

Source: docs.snowflake.com/en/user-guide/tasks-triggered
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from datetime import datetime, timedelta

from snowmelt.base.clock import Clock
from snowmelt.base.errors import SqlError
from snowmelt.catalog.names import FullName
from snowmelt.catalog.objects import Task
from snowmelt.tasks.host import TaskHost

log = logging.getLogger("snowmelt.tasks")


class Triggers:
    """Which triggered tasks are to be looked at, and the pass that evaluates their conditions.

    There is one pass at a time; commits that come during a pass make one more. Methods expect the caller to hold
    `lock`, unless they say otherwise.

    Args:
        busy: whether the task still runs and must wait for that run's end; called with the lock held.
        fire: called with the lock held for a task whose condition holds, or with the error of evaluating it; answers
            False when the task still runs, so that it must be looked at after that run.
        wake: wakes the scheduler's thread.
    """

    def __init__(
        self,
        host: TaskHost,
        clock: Clock,
        lock: threading.RLock,
        *,
        busy: Callable[[Task], bool],
        fire: Callable[[Task, SqlError | None], bool],
        wake: Callable[[], None],
    ) -> None:
        self._host = host
        self._clock = clock
        self._lock = lock
        self._busy = busy
        self._fire = fire
        self._wake = wake
        self._watched: dict[FullName, Task] = {}
        self._commits = False
        self._due: set[FullName] = set()
        self._after_run: set[FullName] = set()
        self._not_before: dict[FullName, datetime] = {}
        self._pass: threading.Thread | None = None

    def committed(self) -> bool:
        """Rows were committed; whether that matters to anyone. Needs no lock."""
        if not self._watched:
            return False
        self._commits = True
        return True

    def watch(self, tasks: dict[FullName, Task]) -> None:
        """Learn which triggered tasks are started; new and changed ones are looked at once."""
        self._due |= {name for name, task in tasks.items() if self._watched.get(name) != task}
        self._watched = tasks
        self._due &= tasks.keys()
        self._after_run &= tasks.keys()
        self._not_before = {name: moment for name, moment in self._not_before.items() if name in tasks}

    def run_ended(self, name: FullName) -> None:
        """A graph run of `name` is over: look again if there were commits that it may not have seen."""
        if name in self._after_run:
            self._after_run.discard(name)
            self._due.add(name)

    @property
    def working(self) -> bool:
        """Whether a pass is under way or called for."""
        return self._pass is not None or self._commits

    def next_look(self) -> datetime | None:
        """When a task may be looked at whose minimum interval has not passed yet."""
        if self._pass is not None:
            return None
        return min((self._not_before.get(name, self._clock.now()) for name in self._due), default=None)

    def look(self, now: datetime) -> None:
        """Begin a pass over the tasks that are due, unless one is under way: its end calls for the next."""
        if self._commits:
            self._commits = False
            self._due |= self._watched.keys()
        if self._pass is not None:
            return
        names = sorted(name for name in self._due if self._not_before.get(name, now) <= now)
        if not names:
            return
        self._due.difference_update(names)
        tasks = [self._watched[name] for name in names if name in self._watched]
        self._pass = threading.Thread(target=self._look_at, args=(tasks,), name="task-triggers", daemon=True)
        self._pass.start()

    def join(self, timeout: float) -> None:
        """Wait, at most `timeout` real seconds, for the end of the pass that is under way. Needs no lock."""
        running = self._pass
        if running is not None:
            running.join(timeout)

    def _look_at(self, tasks: list[Task]) -> None:
        try:
            for task in tasks:
                self._look_at_one(task)
        finally:
            with self._lock:
                self._pass = None
            self._wake()

    def _look_at_one(self, task: Task) -> None:
        assert task.when is not None
        with self._lock:
            if self._busy(task):
                # Looked at now, it could show rows that the run is about to consume.
                self._after_run.add(task.full_name)
                return
        error: SqlError | None = None
        try:
            if not self._host.condition(task, task.when):
                return
        except SqlError as raised:
            error = raised
        except Exception as raised:
            log.exception("the condition of task %s failed with an internal error", task.full_name)
            error = SqlError(f"Processing aborted by error: {type(raised).__name__}: {raised}", 603, "XX000")
        with self._lock:
            started = self._clock.now()
            if self._fire(task, error):
                self._not_before[task.full_name] = started + timedelta(seconds=task.minimum_trigger_seconds)
            else:
                self._after_run.add(task.full_name)
