"""Triggered tasks: those with a condition and no schedule, looked at when rows were committed.

Source: docs.snowflake.com/en/user-guide/tasks-triggered
"""

from __future__ import annotations

import logging
import threading
from collections import deque
from collections.abc import Callable
from datetime import datetime, timedelta

from snowmelt.base.clock import Clock
from snowmelt.base.errors import SqlError
from snowmelt.catalog.names import FullName
from snowmelt.catalog.objects import Task
from snowmelt.tasks.host import TaskHost

log = logging.getLogger("snowmelt.tasks")

LOOK_AGAIN = 30.0
"""Seconds after a run that left its stream as it was, until the task is looked at again; Snowflake's minimum interval
between runs. Commits that bring new rows do not wait for it: nothing runs in a loop, and nothing is left lying."""


HEALTH_CHECK = timedelta(hours=12)
"""A task is looked at after this time even when there was no commit: asking an empty stream for data keeps it from
going stale. No task has to wait longer than this between two runs."""


class Triggers:
    """Which triggered tasks are to be looked at, and the pass that evaluates their conditions.

    There is one pass at a time; commits that come during a pass make one more. Methods expect the caller to hold
    `lock`, unless they say otherwise.

    Args:
        interval: seconds from one run to the next, at least; a task may ask for more.
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
        interval: float,
        *,
        busy: Callable[[Task], bool],
        fire: Callable[[Task, SqlError | None], bool],
        wake: Callable[[], None],
    ) -> None:
        self._host = host
        self._clock = clock
        self._lock = lock
        self._interval = interval
        self._busy = busy
        self._fire = fire
        self._wake = wake
        self._watched: dict[FullName, Task] = {}
        self._touched: deque[FullName] = deque()
        self._due: set[FullName] = set()
        self._again: dict[FullName, datetime] = {}
        self._after_run: set[FullName] = set()
        self._not_before: dict[FullName, datetime] = {}
        self._pass: threading.Thread | None = None

    def committed(self, tables: frozenset[int]) -> bool:
        """Rows of `tables` were committed; whether that matters to anyone. Needs no lock."""
        if not tables:
            return False
        hit = [name for name, task in self._watched.items() if self._asks(task, tables)]
        self._touched.extend(hit)
        return bool(hit)

    def _asks(self, task: Task, tables: frozenset[int]) -> bool:
        sources = self._host.sources(task)
        return sources is None or not sources.isdisjoint(tables)

    def watch(self, tasks: dict[FullName, Task]) -> None:
        """Learn which triggered tasks are started; new and changed ones are looked at once."""
        self._due |= {name for name, task in tasks.items() if self._watched.get(name) != task}
        self._watched = tasks
        self._due &= tasks.keys()
        self._after_run &= tasks.keys()
        self._not_before = {name: moment for name, moment in self._not_before.items() if name in tasks}
        self._again = {name: moment for name, moment in self._again.items() if name in tasks}

    def run_ended(self, name: FullName) -> None:
        """A graph run of `name` is over: look again, at once if there were commits that it may not have seen."""
        task = self._watched.get(name)
        if name in self._after_run:
            self._after_run.discard(name)
            self._due.add(name)
        elif task is not None:
            pause = self._pause(task) or LOOK_AGAIN
            self._again[name] = self._clock.now() + timedelta(seconds=pause)

    def _pause(self, task: Task) -> float:
        """Seconds from one run to the next, at least."""
        return min(max(self._interval, task.minimum_trigger_seconds), HEALTH_CHECK.total_seconds())

    @property
    def working(self) -> bool:
        """Whether a pass is under way or called for."""
        return self._pass is not None or bool(self._touched)

    def next_look(self) -> datetime | None:
        """When a task may be looked at whose minimum interval has not passed yet."""
        if self._pass is not None:
            return None
        moments = [self._not_before.get(name, self._clock.now()) for name in self._due]
        return min([*moments, *self._again.values()], default=None)

    def look(self, now: datetime) -> None:
        """Begin a pass over the tasks that are due, unless one is under way: its end calls for the next."""
        while self._touched:
            self._due.add(self._touched.popleft())
        self._due |= {name for name, moment in self._again.items() if moment <= now}
        self._due &= self._watched.keys()
        if self._pass is not None:
            return
        names = sorted(name for name in self._due if self._not_before.get(name, now) <= now)
        if not names:
            return
        self._due.difference_update(names)
        self._again |= dict.fromkeys(names, now + HEALTH_CHECK)
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
            if not self._host.condition(task, task.when, None):
                return
        except SqlError as raised:
            error = raised
        except Exception as raised:
            log.exception("the condition of task %s failed with an internal error", task.full_name)
            error = SqlError(f"Processing aborted by error: {type(raised).__name__}: {raised}", 603, "XX000")
        with self._lock:
            started = self._clock.now()
            if self._fire(task, error):
                self._not_before[task.full_name] = started + timedelta(seconds=self._pause(task))
            else:
                self._after_run.add(task.full_name)
