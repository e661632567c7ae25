"""A host, a store and a little world for the tests of the tasks room; nothing in it sleeps."""

from __future__ import annotations

import dataclasses
import threading
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

from snowmelt.base.errors import SqlError
from snowmelt.catalog.names import FullName
from snowmelt.catalog.objects import Task, TaskStatus
from snowmelt.tasks.runs import TaskRun, TaskState, run_from_document, state_from_document, to_document
from snowmelt.tasks.scheduler import RunOutcome, Scheduler
from snowmelt.testing.clock import ManualClock

PATIENCE = 20.0
"""Real seconds after which a test gives up waiting."""

START = datetime(2026, 1, 1, 12, tzinfo=UTC)


def full(name: str) -> FullName:
    return FullName("D", "S", name)


def make_task(name: str, number: int, **fields: Any) -> Task:
    """A started task; AFTER and FINALIZE take short names."""
    fields["after"] = tuple(full(item) for item in fields.get("after", ()))
    if "finalize" in fields:
        fields["finalize"] = full(fields["finalize"])
    fields.setdefault("state", TaskStatus.STARTED)
    fields.setdefault("last_committed_on", START)
    return Task(full(name), number, START, **{"body": f"body of {name}", **fields})


class Gate:
    """A body that waits to be let through and heeds its abortion."""

    def __init__(self, *, stubborn: bool = False) -> None:
        self.entered = threading.Semaphore(0)
        self.open = threading.Event()
        self._stubborn = stubborn

    def __call__(self, run: TaskRun, cancel: threading.Event) -> str | None:
        self.entered.release()
        while not self.open.wait(0.01):
            if cancel.is_set() and not self._stubborn:
                raise SqlError("SQL execution canceled", 604, "57014")
        return None

    def await_entry(self) -> None:
        assert self.entered.acquire(timeout=PATIENCE), "the body was not run"


Body = Callable[[TaskRun, threading.Event], str | None]


class FakeHost:
    """Tasks whose bodies and conditions are Python functions."""

    def __init__(self) -> None:
        self.all: dict[FullName, Task] = {}
        self.bodies: dict[str, Body] = {}
        self.tables: dict[str, frozenset[int]] = {}
        self.conditions: dict[str, Callable[[], bool]] = {}
        self.ran: list[TaskRun] = []
        self.looked: list[str] = []
        self.suspended: list[tuple[str, str]] = []
        self._lock = threading.Lock()

    def tasks(self) -> Mapping[FullName, Task]:
        return dict(self.all)

    def sources(self, task: Task) -> frozenset[int] | None:
        return self.tables.get(task.name)

    def condition(self, task: Task, when: str, run: TaskRun | None) -> bool:
        assert when == task.when
        with self._lock:
            self.looked.append(task.name)
        return self.conditions[task.name]()

    def run(self, task: Task, run: TaskRun, cancel: threading.Event) -> RunOutcome:
        with self._lock:
            self.ran.append(run)
        body = self.bodies.get(task.name)
        value = body(run, cancel) if body is not None else None
        assert run.query_id is not None
        return RunOutcome(run.query_id, value)

    def suspend(self, task: FullName, reason: str) -> None:
        self.suspended.append((task.name, reason))
        self.all[task] = dataclasses.replace(self.all[task], state=TaskStatus.SUSPENDED)

    @property
    def names(self) -> list[str]:
        """Names of the tasks whose bodies ran, in order."""
        return [run.name for run in self.ran]


class MemoryStore:
    """A `RunStore` that keeps documents, as the real one does."""

    def __init__(self) -> None:
        self.run_documents: dict[str, str] = {}
        self.state_documents: dict[int, str] = {}

    def runs(self) -> Iterable[TaskRun]:
        return [run_from_document(text) for text in self.run_documents.values()]

    def save(self, run: TaskRun) -> None:
        self.run_documents[run.uid] = to_document(run)

    def save_soon(self, run: TaskRun, failed: Callable[[Exception], None]) -> None:
        try:
            self.save(run)
        except Exception as error:  # noqa: BLE001  as the real one
            failed(error)

    def forget(self, uid: str) -> None:
        del self.run_documents[uid]

    def states(self) -> Mapping[int, TaskState]:
        return {task: state_from_document(text) for task, text in self.state_documents.items()}

    def save_state(self, task_id: int, state: TaskState) -> None:
        self.state_documents[task_id] = to_document(state)

    def forget_state(self, task_id: int) -> None:
        del self.state_documents[task_id]


def fail(message: str = "it broke", code: int = 100051) -> Body:
    """A body that always fails."""

    def body(run: TaskRun, cancel: threading.Event) -> str | None:
        raise SqlError(message, code)

    return body


class World:
    """A running scheduler with its host, store and clock."""

    def __init__(self, clock: ManualClock | None = None) -> None:
        self.clock = clock or ManualClock(START)
        self.host = FakeHost()
        self.store = MemoryStore()
        self.scheduler = Scheduler(self.host, self.store, self.clock)
        self._ids = 0

    def add(self, name: str, **fields: Any) -> Task:
        """Create or replace a task and tell the scheduler."""
        self._ids += 1
        return self.put(make_task(name, self._ids, **{"last_committed_on": self.clock.now(), **fields}))

    def put(self, task: Task) -> Task:
        self.host.all[task.full_name] = task
        self.scheduler.tasks_changed()
        return task

    def change(self, name: str, **fields: Any) -> Task:
        """Alter a task and tell the scheduler."""
        return self.put(dataclasses.replace(self.host.all[full(name)], **fields))

    def settle(self) -> None:
        assert self.scheduler.settle(PATIENCE), "the scheduler did not come to rest"

    def advance(self, seconds: float) -> None:
        """Let everything come to rest, turn the clock, and let everything come to rest again."""
        self.settle()
        self.clock.advance(seconds)
        self.settle()

    def turn(self, seconds: float) -> None:
        """Turn the clock and let the scheduler see to what is due, without waiting for what runs."""
        self.clock.advance(seconds)
        assert self.scheduler.settle(PATIENCE, running=True), "the scheduler did not catch up"

    def execute(self, name: str, **arguments: Any) -> TaskRun:
        run = self.scheduler.execute(full(name), **arguments)
        self.settle()
        return run

    def commit(self, *tables: int) -> None:
        """Commit rows, of table 1 unless told otherwise, and let the triggered tasks react."""
        self.scheduler.notify(frozenset(tables or (1,)))
        self.settle()

    def runs(self, name: str | None = None) -> list[TaskRun]:
        """The runs there were, oldest first, without the upcoming ones."""
        found = [run for run in reversed(self.scheduler.history()) if run.group]
        return [run for run in found if name is None or run.name == name]

    def states(self, name: str | None = None) -> list[str]:
        return [run.state.value for run in self.runs(name)]

    def restart(self) -> None:
        """End this scheduler as a crash does not, but without a trace, and start another one on the same store."""
        self.scheduler.stop(0)
        self.scheduler = Scheduler(self.host, self.store, self.clock)
        self.scheduler.start()
