"""Task graphs: who follows whom, which definitions are valid, and what may run next. Pure: no clock, no state.

Source: docs.snowflake.com/en/user-guide/tasks-graphs
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import Enum, auto

from snowmelt.base.errors import SqlError
from snowmelt.catalog.names import FullName
from snowmelt.catalog.objects import Task, TaskStatus

MAX_TASKS = 1_000
"""Most tasks in a graph."""

MAX_NEIGHBOURS = 100
"""Most predecessors, and most children, of a task."""

Tasks = Mapping[FullName, Task]


# --- shape -----------------------------------------------------------------------------------------------------------


def roots_of(task: Task, tasks: Tasks) -> set[FullName]:
    """Names of the roots above `task`; its own name when it is a root. Predecessors that are gone do not count."""
    found: set[FullName] = set()
    seen: set[FullName] = set()
    pending = [task]
    while pending:
        current = pending.pop()
        if current.full_name in seen:
            continue
        seen.add(current.full_name)
        above = [current.finalize] if current.finalize is not None else list(current.after)
        present = [tasks[name] for name in above if name in tasks]
        if present:
            pending += present
        elif current.finalize is None:
            found.add(current.full_name)
    return found


def is_root(task: Task) -> bool:
    """Whether the task starts graph runs: it has no predecessor and finalizes nothing."""
    return not task.after and task.finalize is None


def is_triggered(task: Task) -> bool:
    """Whether new data starts the task: it has a condition, but no schedule."""
    return is_root(task) and task.when is not None and task.schedule is None


def children_of(tasks: Tasks) -> dict[FullName, list[FullName]]:
    """The direct successors of every task that has some."""
    children: dict[FullName, list[FullName]] = {}
    for task in tasks.values():
        for name in task.after:
            children.setdefault(name, []).append(task.full_name)
    return children


def members_of(root: FullName, tasks: Tasks) -> dict[FullName, Task]:
    """The root and everything below it, without the finalizer."""
    children = children_of(tasks)
    found: dict[FullName, Task] = {}
    pending = [root]
    while pending:
        name = pending.pop()
        if name in tasks and name not in found:
            found[name] = tasks[name]
            pending += children.get(name, [])
    return found


def finalizer_of(root: FullName, tasks: Tasks) -> Task | None:
    """The task that finalizes `root`, if there is one."""
    return next((task for task in tasks.values() if task.finalize == root), None)


def dependents_of(task: Task, tasks: Tasks, *, recursive: bool = True) -> list[Task]:
    """What comes after a task, nearest first, its finalizer last; only its direct children unless `recursive`."""
    children = children_of(tasks)
    found: dict[FullName, Task] = {}
    level = [task.full_name]
    while level:
        below = dict.fromkeys(name for parent in level for name in sorted(children.get(parent, [])))
        level = [name for name in below if name not in found]
        found |= {name: tasks[name] for name in level}
        if not recursive:
            break
    finalizer = finalizer_of(task.full_name, tasks)
    return [*found.values(), *([finalizer] if finalizer is not None else [])]


# --- checks ----------------------------------------------------------------------------------------------------------


def check_task(task: Task, tasks: Tasks) -> None:
    """Check a task that is about to be created or altered against all tasks there are.

    Args:
        task: the task as it shall become.
        tasks: the present tasks by name, which may include an older form of `task`.

    Raises:
        SqlError: 091085 for a predecessor that is not there, 091421 when the graph's root is not suspended, 091083 for
            a definition that makes no graph.
    """
    others = {name: item for name, item in tasks.items() if name != task.full_name}
    _check_kind(task)
    _check_neighbours(task, others)
    changed = {**others, task.full_name: task}
    _check_shape(task, changed)
    _check_suspended(task, tasks)


def _check_kind(task: Task) -> None:
    if task.after and task.finalize is not None:
        raise _wrong(task, "a finalizer cannot have predecessors")
    if not is_root(task):
        for field, name in (("schedule", "SCHEDULE"), ("config", "CONFIG")):
            if getattr(task, field) is not None:
                raise _wrong(task, f"{name} can be set only for a root task")
        if task.allow_overlap:
            raise _wrong(task, "OVERLAP_POLICY can be set only for a root task")
        if task.auto_retries:
            raise _wrong(task, "TASK_AUTO_RETRY_ATTEMPTS can be set only for a root task")
    if task.config is not None:
        parse_config(task.config)


def parse_config(text: str) -> dict[str, object]:
    """The JSON object of a CONFIG.

    Raises:
        SqlError: 100069 when the text is not a JSON object.
    """
    try:
        value = json.loads(text)
    except ValueError as error:
        raise SqlError(f"Error parsing JSON: {text}", 100069, "22P02") from error
    if not isinstance(value, dict):
        raise SqlError(f"CONFIG of a task must be a JSON object: {text}", 100069, "22P02")
    return value


def merge_config(default: str | None, dynamic: str | None) -> str | None:
    """The configuration of one run: the task's own with the fields of EXECUTE TASK ... USING CONFIG over it, in objects
    within it as well.

    Raises:
        SqlError: 100069 when `dynamic` is not a JSON object.
    """
    if dynamic is None:
        return default
    given = parse_config(dynamic)
    return json.dumps(_merged(parse_config(default) if default else {}, given))


def _merged(under: dict[str, object], over: dict[str, object]) -> dict[str, object]:
    found = dict(under)
    for name, value in over.items():
        below = found.get(name)
        found[name] = _merged(below, value) if isinstance(below, dict) and isinstance(value, dict) else value
    return found


def _check_neighbours(task: Task, others: Tasks) -> None:
    above: Iterable[FullName] = task.after if task.finalize is None else (task.finalize,)
    for name in above:
        if name not in others:
            raise SqlError(f"Invalid predecessor {name} was specified.", 91085, "42601")
        if (name.database, name.schema) != (task.full_name.database, task.full_name.schema):
            raise _wrong(task, f"{name} is in another schema")
        if others[name].finalize is not None:
            raise _wrong(task, f"{name} is a finalizer and cannot have children")
    if len(task.after) > MAX_NEIGHBOURS:
        raise _wrong(task, f"a task can have at most {MAX_NEIGHBOURS} predecessors")
    children = children_of(others)
    for name in task.after:
        if len(children.get(name, [])) >= MAX_NEIGHBOURS:
            raise _wrong(task, f"{name} has {MAX_NEIGHBOURS} children already")
    if task.finalize is not None:
        if not is_root(others[task.finalize]):
            raise _wrong(task, f"{task.finalize} is not a root task")
        finalizer = finalizer_of(task.finalize, others)
        if finalizer is not None:
            raise _wrong(task, f"{task.finalize} has the finalizer {finalizer.full_name} already")
    if not is_root(task) and finalizer_of(task.full_name, others) is not None:
        raise _wrong(task, "it has a finalizer and must remain a root task")
    if task.finalize is not None and children.get(task.full_name):
        raise _wrong(task, "it has children and cannot be a finalizer")


def _check_shape(task: Task, tasks: Tasks) -> None:
    below = {child for name in members_of(task.full_name, tasks) for child in children_of(tasks).get(name, [])}
    if task.full_name in below:
        raise _wrong(task, "the graph would have a cycle")
    roots = roots_of(task, tasks)
    if len(roots) > 1:
        raise _wrong(task, f"the graph would have several root tasks: {', '.join(map(str, sorted(roots)))}")
    for root in roots:
        if len(members_of(root, tasks)) > MAX_TASKS:
            raise _wrong(task, f"a graph can have at most {MAX_TASKS} tasks")


def _check_suspended(task: Task, tasks: Tasks) -> None:
    """Refuse a change of a graph that runs on its own: its root must be suspended first, unless nothing changes."""
    present = tasks.get(task.full_name)
    if present is not None and _definition(present) == _definition(task):
        resumes_or_suspends = present.id == task.id and present.state is not task.state
        if is_root(task) or not resumes_or_suspends:
            return
    # CREATE OR REPLACE of a root itself is allowed: the new task is suspended, like every new one.
    before = roots_of(present, tasks) if present is not None and present.id == task.id else set()
    after = roots_of(task, {**tasks, task.full_name: task}) - {task.full_name}
    _check_roots(before | after, tasks)


def check_suspended(task: Task, tasks: Tasks) -> None:
    """Check that a task can be dropped.

    Raises:
        SqlError: 091421 when the task is below a root that is not suspended.
    """
    if not is_root(task):
        _check_roots(roots_of(task, tasks), tasks)


def _check_roots(roots: set[FullName], tasks: Tasks) -> None:
    for root in sorted(roots):
        if root in tasks and tasks[root].state is TaskStatus.STARTED:
            raise SqlError(
                f"Unable to update graph with root task {root} since that root task is not suspended.", 91421, "22000"
            )


def _wrong(task: Task, reason: str) -> SqlError:
    return SqlError(f"Task {task.full_name} is not valid: {reason}.", 91083, "42601")


def _definition(task: Task) -> Task:
    """The task without what resuming, suspending and re-creating change."""
    return dataclasses.replace(
        task,
        id=0,
        created_on=datetime.min,
        state=TaskStatus.SUSPENDED,
        last_committed_on=None,
        last_suspended_on=None,
        suspended_reason=None,
    )


# --- running ---------------------------------------------------------------------------------------------------------


class NodeState(Enum):
    """What became of a task in a graph run; a task without one still waits."""

    RUNNING = auto()
    SUCCEEDED = auto()
    FAILED = auto()
    CANCELLED = auto()
    SKIPPED = auto()
    BLOCKED = auto()

    @property
    def broken(self) -> bool:
        """Whether what follows cannot run."""
        return self in (NodeState.FAILED, NodeState.CANCELLED, NodeState.BLOCKED)


@dataclass(frozen=True)
class Graph:
    """The tasks that take part in a graph run, as they were when it began.

    Attributes:
        root: the root's name.
        tasks: the root and the started tasks below it.
        before: for each task the tasks of the graph that it waits for.
        finalizer: the started finalizer, or None.
        fingerprint: stands for the definitions of all tasks of the graph, suspended ones too.
    """

    root: FullName
    tasks: dict[FullName, Task]
    before: dict[FullName, frozenset[FullName]]
    finalizer: Task | None
    fingerprint: str

    @classmethod
    def of(cls, root: Task, tasks: Tasks) -> Graph:
        """The graph below `root`, which takes part even when it is suspended.

        A suspended child is passed over, as though it had succeeded: its successors wait for its predecessors.
        """
        members = members_of(root.full_name, tasks)
        finalizer = finalizer_of(root.full_name, tasks)
        taking_part = {
            name: task for name, task in members.items() if name == root.full_name or task.state is TaskStatus.STARTED
        }
        before = {name: frozenset(_awaited(task, members, taking_part)) for name, task in taking_part.items()}
        everything = [*members.values(), *([finalizer] if finalizer is not None else [])]
        active = finalizer if finalizer is not None and finalizer.state is TaskStatus.STARTED else None
        return cls(root.full_name, taking_part, before, active, _fingerprint(everything))

    def task(self, name: FullName) -> Task:
        """The task or finalizer of that name."""
        if self.finalizer is not None and name == self.finalizer.full_name:
            return self.finalizer
        return self.tasks[name]

    def advance(self, states: dict[FullName, NodeState]) -> list[FullName]:
        """The tasks that can start now, the finalizer not among them; `states` learns which ones never can.

        A task starts when all its predecessors have ended, none failed and at least one succeeded. When all were
        skipped it is skipped as well.
        """
        ready: list[FullName] = []
        settled = False
        while not settled:
            settled = True
            for name in self.tasks:
                if name in states or name in ready:
                    continue
                above = [states.get(item) for item in self.before[name]]
                if any(state is not None and state.broken for state in above):
                    states[name] = NodeState.BLOCKED
                elif None in above or NodeState.RUNNING in above:
                    continue
                elif above and all(state is NodeState.SKIPPED for state in above):
                    states[name] = NodeState.SKIPPED
                else:
                    ready.append(name)
                    continue
                settled = False
        return ready

    def done(self, states: Mapping[FullName, NodeState]) -> bool:
        """Whether every task but the finalizer has ended or never will start."""
        return all(states.get(name) not in (None, NodeState.RUNNING) for name in self.tasks)


def _awaited(task: Task, members: Tasks, taking_part: Tasks) -> set[FullName]:
    found: set[FullName] = set()
    seen: set[FullName] = set()
    pending = list(task.after)
    while pending:
        name = pending.pop()
        if name in seen:
            continue
        seen.add(name)
        if name in taking_part:
            found.add(name)
        elif name in members:
            pending += members[name].after
    return found


def _fingerprint(tasks: Iterable[Task]) -> str:
    texts = sorted(f"{task.id} {_definition(task)!r}" for task in tasks)
    return hashlib.sha256("\n".join(texts).encode()).hexdigest()
