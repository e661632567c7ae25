"""What the scheduler needs of the rest of the process, as protocols."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Protocol

from snowmelt.catalog.names import FullName
from snowmelt.catalog.objects import Task
from snowmelt.tasks.runs import TaskRun, TaskState


@dataclass(frozen=True)
class RunOutcome:
    """How a task's body ended when it did not raise.

    Attributes:
        query_id: id of the body's statement.
        return_value: what the body gave to SYSTEM$SET_RETURN_VALUE, or None.
    """

    query_id: str
    return_value: str | None = None


class Cancellation(threading.Event):
    """Set to abort a run."""

    def __init__(self) -> None:
        super().__init__()
        self._guard = threading.Lock()
        self._action: Callable[[], None] | None = None

    def set(self) -> None:
        """Abort; never waits."""
        with self._guard:
            super().set()
            action, self._action = self._action, None
        if action is not None:
            threading.Thread(target=action, name="task-cancel", daemon=True).start()

    @contextmanager
    def calling(self, action: Callable[[], None]) -> Iterator[None]:
        """While something runs that `action`, called once and in a thread of its own, aborts."""
        with self._guard:
            self._action = action
            late = self.is_set()
        try:
            if late:
                self.set()
            yield
        finally:
            with self._guard:
                self._action = None


class TaskHost(Protocol):
    """Knows the tasks and runs their SQL. All methods may be called from several threads."""

    def tasks(self) -> Mapping[FullName, Task]:
        """All tasks by name."""
        ...

    def sources(self, task: Task) -> frozenset[int] | None:
        """Ids of the tables whose changes a triggered task's condition asks for; None for any table. Never waits."""
        ...

    def condition(self, task: Task, when: str, run: TaskRun | None) -> bool:
        """Whether a WHEN condition holds now.

        Args:
            run: the run that waits for the answer, or None when there is none yet.

        Raises:
            SqlError: it cannot be evaluated.
        """
        ...

    def run(self, task: Task, run: TaskRun, cancel: Cancellation) -> RunOutcome:
        """Run a task's body to its end; abort it when `cancel` is set.

        Raises:
            SqlError: the body failed or was aborted.
        """
        ...

    def suspend(self, task: FullName, reason: str) -> None:
        """Suspend a task after too many failures."""
        ...


class RunStore(Protocol):
    """Keeps runs and states durably. Calls come one at a time."""

    def runs(self) -> Iterable[TaskRun]:
        """All runs that were saved and not forgotten, in any order."""
        ...

    def save(self, run: TaskRun) -> None:
        """Keep a run, in place of what was kept under its uid."""
        ...

    def save_soon(self, run: TaskRun, failed: Callable[[Exception], None]) -> None:
        """As `save`, without waiting: durable before anything that the run commits. `failed` is told the error when it
        cannot be kept.
        """
        ...

    def forget(self, uid: str) -> None:
        """Remove a run."""
        ...

    def states(self) -> Mapping[int, TaskState]:
        """All states by the id of the root task."""
        ...

    def save_state(self, task_id: int, state: TaskState) -> None:
        """Keep a root task's state."""
        ...

    def forget_state(self, task_id: int) -> None:
        """Remove a root task's state."""
        ...
