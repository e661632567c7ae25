"""Carrying out graph runs: each task's run in a thread of its own, states written to the history."""

from __future__ import annotations

import dataclasses
import logging
import threading
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from snowmelt.base.clock import Clock
from snowmelt.base.errors import SqlError, canceled
from snowmelt.catalog.names import FullName
from snowmelt.catalog.objects import Task
from snowmelt.tasks.graph import Graph, NodeState
from snowmelt.tasks.history import History
from snowmelt.tasks.host import Cancellation, RunOutcome, TaskHost
from snowmelt.tasks.runs import Origin, RunState, TaskRun

log = logging.getLogger("snowmelt.tasks")

SKIPPED_CODE = "0040003"
SKIPPED_MESSAGE = "Conditional expression for task evaluated to false."

DEFAULT_TIMEOUT_MS = 3_600_000
"""USER_TASK_TIMEOUT_MS of a task that sets none; such a child lives by the root's."""

LONGEST_TIMEOUT_MS = 604_800_000
"""What a USER_TASK_TIMEOUT_MS of 0 stands for."""

_NODE_STATES = {
    RunState.SUCCEEDED: NodeState.SUCCEEDED,
    RunState.FAILED: NodeState.FAILED,
    RunState.CANCELLED: NodeState.CANCELLED,
    RunState.SKIPPED: NodeState.SKIPPED,
}


@dataclass
class ActiveRun:
    """A task's run that has a thread.

    Attributes:
        cancel: set to abort it.
        deadline: when it is to be aborted.
        seconds: the timeout that `deadline` comes from.
        ending: what the run becomes when it is aborted, and why.
    """

    run: TaskRun
    deadline: datetime
    seconds: float
    cancel: Cancellation = field(default_factory=Cancellation)
    ending: tuple[RunState, SqlError] | None = None


@dataclass
class GraphRun:
    """A run of a graph and what has happened in it so far.

    Attributes:
        template: what all runs of this graph run have in common; it is the root's run before it starts.
        first: the root's run when it is in the history already.
        condition_known: the root's WHEN has been found true already.
        retries: how many more attempts there may be.
        states: by task; the finalizer has its entry too.
        ended: the ended runs of the latest attempt of each task.
    """

    graph: Graph
    template: TaskRun
    retries: int
    condition_known: bool = False
    first: TaskRun | None = None
    states: dict[FullName, NodeState] = field(default_factory=dict)
    ended: dict[FullName, TaskRun] = field(default_factory=dict)
    active: dict[FullName, ActiveRun] = field(default_factory=dict)
    deadline: datetime | None = None

    @property
    def root_over(self) -> bool:
        """Whether the root has ended for good."""
        state = self.states.get(self.graph.root)
        return state in (NodeState.SUCCEEDED, NodeState.SKIPPED, NodeState.CANCELLED) or (
            state is NodeState.FAILED and self.retries == 0
        )

    @property
    def failed(self) -> bool:
        """Whether a task of it failed."""
        return NodeState.FAILED in self.states.values()

    @property
    def succeeded(self) -> bool:
        """Whether the root succeeded and nothing failed or was cancelled."""
        broken = any(state.broken for state in self.states.values())
        return self.states.get(self.graph.root) is NodeState.SUCCEEDED and not broken

    def next_up(self) -> list[FullName]:
        """The tasks to start now: successors, the finalizer, then another attempt; none when the graph run is over."""
        ready = self.graph.advance(self.states)
        if ready or self.active:
            return ready
        finalizer = self.graph.finalizer
        root_began = self.states.get(self.graph.root) is not NodeState.SKIPPED
        if finalizer is not None and root_began and finalizer.full_name not in self.states:
            return [finalizer.full_name]
        # A finalizer ends each attempt, and may mend what the next one needs. By itself it is not retried.
        if self.retries > 0 and any(self.states.get(name) is NodeState.FAILED for name in self.graph.tasks):
            self.retries -= 1
            self._prepare_attempt()
            return self.graph.advance(self.states)
        return []

    def _prepare_attempt(self) -> None:
        """Let what failed, what could not run for it, and the finalizer run again."""
        self.template = dataclasses.replace(
            self.template,
            uid=str(uuid.uuid4()),
            attempt_number=self.template.attempt_number + 1,
            scheduled_from=Origin.AUTOMATIC_RETRY,
        )
        tasks = self.graph.tasks
        self.states = {name: state for name, state in self.states.items() if name in tasks and not state.broken}
        self.first, self.deadline = None, None


class Executor:
    """Runs graphs. Its methods expect the caller to hold `lock`, unless they say otherwise.

    Args:
        lock: guards this object, the history and the scheduler alike.
        judge: told, with the lock held, of each graph run that is over; answers whether its root is to be suspended.
        over: told, without the lock, of each graph run that is over and whether its root is to be suspended.
        room: told, with the lock held, of each root that has ended while its graph run goes on.
        changed: told, with the lock held, when a run has begun or ended.
    """

    def __init__(
        self,
        host: TaskHost,
        history: History,
        clock: Clock,
        lock: threading.RLock,
        *,
        judge: Callable[[GraphRun], bool],
        over: Callable[[GraphRun, bool], None],
        room: Callable[[FullName], None],
        changed: Callable[[], None],
    ) -> None:
        self._host = host
        self._history = history
        self._clock = clock
        self._lock = lock
        self._judge = judge
        self._over = over
        self._room = room
        self._changed = changed
        self._graph_runs: list[GraphRun] = []
        self._threads = 0
        self._closed = False
        self._abandoned = False
        self.idle = threading.Event()
        self.idle.set()

    # --- what the scheduler asks -------------------------------------------------------------------------------------

    def begin(self, graph_run: GraphRun) -> None:
        """Start a graph run."""
        self._graph_runs.append(graph_run)
        for name in graph_run.next_up():
            self._launch(graph_run, name)

    def busy(self, root: FullName) -> bool:
        """Whether the graph of `root` is running."""
        return any(item.graph.root == root for item in self._graph_runs)

    def root_busy(self, root: FullName) -> bool:
        """Whether `root` itself is running, or waits for another attempt of its own."""
        return any(item.graph.root == root and not item.root_over for item in self._graph_runs)

    def cancel_query(self, query_id: str) -> bool:
        """Abort the run whose statement has that id; whether there is one."""
        hit = [active for active in self._all_active() if active.run.query_id == query_id]
        for active in hit:
            self._abort(active, RunState.CANCELLED, canceled())
        return bool(hit)

    def cancel(self, task: FullName) -> int:
        """Abort the runs of `task`, of its whole graph when it is the root; how many there were."""
        hit = [
            active
            for graph_run in self._graph_runs
            for name, active in graph_run.active.items()
            if task in (name, graph_run.graph.root)
        ]
        for active in hit:
            self._abort(active, RunState.CANCELLED, canceled())
        return len(hit)

    def expire(self, now: datetime) -> None:
        """Abort the runs that have taken too long."""
        for active in self._all_active():
            if active.deadline <= now:
                message = f"Statement reached its statement or warehouse timeout of {active.seconds:,g} second(s)"
                self._abort(active, RunState.FAILED, SqlError(f"{message} and was canceled.", 630, "57014"))

    def next_deadline(self) -> datetime | None:
        """When `expire` has something to do next."""
        deadlines = [item.deadline for item in self._all_active() if item.ending is None]
        return min(deadlines, default=None)

    def close(self) -> None:
        """Start no further task, neither of new nor of running graphs."""
        self._closed = True

    def cancel_all(self) -> None:
        """Abort everything, since the process stops."""
        for active in self._all_active():
            self._abort(active, RunState.CANCELLED, SqlError("The server was stopped.", 604, "57014"))

    def abandon(self) -> None:
        """Record what does not heed its abortion as cancelled, and take no notice of it any more."""
        self._abandoned = True
        for active in self._all_active():
            state, error = active.ending or (RunState.CANCELLED, canceled())
            self._history.put(_failed(active.run, error, self._clock.now(), state))

    def _all_active(self) -> list[ActiveRun]:
        return [active for graph_run in self._graph_runs for active in graph_run.active.values()]

    @staticmethod
    def _abort(active: ActiveRun, state: RunState, error: SqlError) -> None:
        if active.ending is None:
            active.ending = (state, error)
            active.cancel.set()

    # --- one task's run ----------------------------------------------------------------------------------------------

    def _launch(self, graph_run: GraphRun, name: FullName) -> None:
        task = graph_run.graph.task(name)
        now = self._clock.now()
        run = _new_run(graph_run, task, now)
        root = graph_run.graph.task(graph_run.graph.root)
        if graph_run.deadline is None:
            graph_run.deadline = now + _timeout(root)
        if task.timeout_ms == DEFAULT_TIMEOUT_MS and task is not graph_run.graph.finalizer:
            active = ActiveRun(run, graph_run.deadline, _timeout(root).total_seconds())
        else:
            active = ActiveRun(run, now + _timeout(task), _timeout(task).total_seconds())
        graph_run.states[name] = NodeState.RUNNING
        graph_run.active[name] = active
        self._history.put(run, durably=False)
        self._threads += 1
        self.idle.clear()
        threading.Thread(
            target=self._run_thread, args=(graph_run, task, active), name=f"task-{task.name}", daemon=True
        ).start()
        self._changed()

    def _run_thread(self, graph_run: GraphRun, task: Task, active: ActiveRun) -> None:
        try:
            ended = self._carry_out(graph_run, task, active)
            self._complete(graph_run, task.full_name, ended)
        finally:
            with self._lock:
                self._threads -= 1
                if not self._threads:
                    self.idle.set()
                self._changed()

    def _carry_out(self, graph_run: GraphRun, task: Task, active: ActiveRun) -> TaskRun:
        """Evaluate the condition and run the body; the run as it ended, not yet in the history."""
        try:
            if not self._holds(graph_run, task, active.run):
                return dataclasses.replace(
                    active.run,
                    state=RunState.SKIPPED,
                    error_code=SKIPPED_CODE,
                    error_message=SKIPPED_MESSAGE,
                    completed_time=self._clock.now(),
                )
            self._note_start(active)
            if active.cancel.is_set():
                raise canceled()
            outcome: RunOutcome = self._host.run(task, active.run, active.cancel)
        except SqlError as error:
            state, reason = active.ending or (RunState.FAILED, error)
            return _failed(active.run, reason, self._clock.now(), state)
        except Exception as error:
            log.exception("task %s failed with an internal error", task.full_name)
            internal = SqlError(f"Processing aborted by error: {type(error).__name__}: {error}", 603, "XX000")
            state, reason = active.ending or (RunState.FAILED, internal)
            return _failed(active.run, reason, self._clock.now(), state)
        return dataclasses.replace(
            active.run,
            state=RunState.SUCCEEDED,
            query_id=outcome.query_id,
            return_value=outcome.return_value,
            completed_time=self._clock.now(),
        )

    def _holds(self, graph_run: GraphRun, task: Task, run: TaskRun) -> bool:
        known = graph_run.condition_known and task.full_name == graph_run.graph.root
        return task.when is None or known or self._host.condition(task, task.when, run)

    def _note_start(self, active: ActiveRun) -> None:
        with self._lock:
            active.run = dataclasses.replace(
                active.run, state=RunState.EXECUTING, query_id=str(uuid.uuid4()), query_start_time=self._clock.now()
            )
            if not self._abandoned:
                self._history.put(active.run, soon=True)

    def _complete(self, graph_run: GraphRun, name: FullName, run: TaskRun) -> None:
        """Take note of an ended run and start what follows."""
        suspend = over = False
        with self._lock:
            if self._abandoned:
                return
            del graph_run.active[name]
            graph_run.states[name] = _NODE_STATES[run.state]
            graph_run.ended[name] = run
            ready = [] if self._closed else graph_run.next_up()
            over = not ready and not graph_run.active
            if over:
                self._graph_runs.remove(graph_run)
                suspend = self._judge(graph_run)
                run = self._blame(graph_run, run) if suspend else run
            self._history.put(run)
            for item in ready:
                self._launch(graph_run, item)
            if not over and name == graph_run.graph.root:
                self._room(name)
        if over:
            self._over(graph_run, suspend)

    def _blame(self, graph_run: GraphRun, run: TaskRun) -> TaskRun:
        """Mark the failed run, the present one or an earlier one, for which the root is suspended."""
        if run.state is RunState.FAILED:
            return dataclasses.replace(run, state=RunState.FAILED_AND_AUTO_SUSPENDED)
        failed = [item for item in graph_run.ended.values() if item.state is RunState.FAILED]
        if failed:
            self._history.put(dataclasses.replace(failed[-1], state=RunState.FAILED_AND_AUTO_SUSPENDED))
        return run


def _timeout(task: Task) -> timedelta:
    return timedelta(milliseconds=task.timeout_ms or LONGEST_TIMEOUT_MS)


def _new_run(graph_run: GraphRun, task: Task, now: datetime) -> TaskRun:
    """The run of `task` in the graph run, about to start."""
    if task.full_name == graph_run.graph.root:
        return graph_run.first or graph_run.template
    above = task.after if task.finalize is None else ()
    return dataclasses.replace(
        graph_run.template,
        uid=str(uuid.uuid4()),
        task=task.full_name,
        query_text=task.body,
        condition_text=task.when,
        scheduled_time=now,
        next_scheduled_time=None,
        predecessors={name.name: graph_run.ended[name].return_value for name in above if name in graph_run.ended},
        ancestors=_ancestors(graph_run, above),
    )


def _ancestors(graph_run: GraphRun, above: tuple[FullName, ...]) -> dict[str, str | None]:
    """Return values of the tasks above the predecessors, by name; the nearest of a name counts."""
    found: dict[str, str | None] = {}
    before, seen, level = graph_run.graph.before, set(above), list(above)
    while level:
        level = sorted({name for item in level for name in before.get(item, ())} - seen)
        seen.update(level)
        for name in level:
            if name in graph_run.ended:
                found.setdefault(name.name, graph_run.ended[name].return_value)
    return found


def _failed(run: TaskRun, error: SqlError, now: datetime, state: RunState) -> TaskRun:
    return dataclasses.replace(
        run, state=state, error_code=f"{error.code:06d}", error_message=str(error), completed_time=now
    )
