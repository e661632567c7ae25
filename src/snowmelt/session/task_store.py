"""Task runs and states in the data directory, for the scheduler."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from snowmelt.storage.engine import Engine
from snowmelt.storage.task_store import Documents
from snowmelt.tasks.runs import TaskRun, TaskState, run_from_document, state_from_document, to_document


class StoredRuns:
    """The scheduler's `RunStore` on top of the engine's own tables.

    A change is durable when the method returns, unless it says otherwise. It is independent of any session's
    transaction.
    """

    def __init__(self, engine: Engine) -> None:
        self._runs = Documents(engine, "snowmelt.task_runs", "uid")
        self._states = Documents(engine, "snowmelt.task_state", "task")

    def runs(self) -> Iterable[TaskRun]:
        """All runs, in any order."""
        return [run_from_document(document) for _, document in self._runs.all()]

    def save(self, run: TaskRun) -> None:
        """Keep a run, in place of what was kept under its uid."""
        self._runs.put(run.uid, to_document(run))

    def save_soon(self, run: TaskRun, failed: Callable[[Exception], None]) -> None:
        """As `save`, without waiting: durable before anything that is committed from now on."""
        self._runs.put_soon(run.uid, to_document(run), failed)

    def forget(self, uid: str) -> None:
        """Remove a run."""
        self._runs.delete(uid)

    def states(self) -> Mapping[int, TaskState]:
        """All states by the id of the root task."""
        return {int(task): state_from_document(document) for task, document in self._states.all()}

    def save_state(self, task_id: int, state: TaskState) -> None:
        """Keep a root task's state."""
        self._states.put(task_id, to_document(state))

    def forget_state(self, task_id: int) -> None:
        """Remove a root task's state."""
        self._states.delete(task_id)
