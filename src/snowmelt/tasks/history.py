"""The runs there were, in memory and in a `RunStore`."""

from __future__ import annotations

import logging
from datetime import timedelta

from snowmelt.base.clock import Clock
from snowmelt.tasks.host import RunStore
from snowmelt.tasks.runs import TaskRun

log = logging.getLogger("snowmelt.tasks")

KEPT_FOR = timedelta(days=14)
"""How long an ended run is kept."""

KEPT_AT_MOST = 100_000
"""How many runs are kept."""


class History:
    """Runs by uid, in the order in which they were first put. The caller sees to it that one thread is in here."""

    def __init__(self, store: RunStore, clock: Clock, limit: int = KEPT_AT_MOST) -> None:
        self._store = store
        self._clock = clock
        self._limit = limit
        self._runs = {run.uid: run for run in sorted(store.runs(), key=lambda run: run.scheduled_time)}

    def put(self, run: TaskRun, *, durably: bool = True, soon: bool = False) -> None:
        """Add a run or replace its earlier state; `durably` unless its loss in a crash does no harm, and `soon` when it
        is enough that it is kept before anything that the run does.
        """
        self._runs[run.uid] = run
        try:
            if soon:
                self._store.save_soon(run, lambda error: _not_stored(run, error))
            elif durably:
                self._store.save(run)
            self._prune()
        except Exception as error:  # noqa: BLE001  it is logged there
            _not_stored(run, error)

    def remove(self, run: TaskRun) -> None:
        """Take back a run that never began."""
        if self._runs.pop(run.uid, None) is not None:
            try:
                self._store.forget(run.uid)
            except Exception:
                log.exception("the run %s of task %s could not be removed", run.uid, run.task)

    def newest_first(self) -> list[TaskRun]:
        """All runs by scheduled time, the latest first."""
        runs = list(reversed(self._runs.values()))
        # Sorting is stable, so of runs scheduled for the same moment the one put last stays first.
        runs.sort(key=lambda run: run.scheduled_time, reverse=True)
        return runs

    def unfinished(self) -> list[TaskRun]:
        """Runs that are not ended."""
        return [run for run in self._runs.values() if not run.state.ended]

    def _prune(self) -> None:
        oldest_kept = self._clock.now() - KEPT_FOR
        while self._runs:
            oldest = next(iter(self._runs.values()))
            too_many = len(self._runs) > self._limit
            if not oldest.state.ended or not (too_many or oldest.scheduled_time < oldest_kept):
                return
            del self._runs[oldest.uid]
            self._store.forget(oldest.uid)


def _not_stored(run: TaskRun, error: Exception) -> None:
    """Tasks go on when their records cannot be written, as on a full disk; memory still has the run."""
    log.error("the run %s of task %s could not be stored", run.uid, run.task, exc_info=error)
