"""The scheduler: starts tasks when they are due, when there is new data, and when somebody asks.

One thread sleeps until the next thing is due. Every run of a task, and every look at the conditions of triggered
tasks, has a thread of its own, so that no task waits for another's SQL.
"""

from __future__ import annotations

import dataclasses
import logging
import threading
import uuid
from collections import defaultdict, deque
from collections.abc import Mapping
from datetime import datetime, timedelta

from snowmelt.base.clock import Clock
from snowmelt.base.errors import SqlError, object_missing
from snowmelt.catalog.names import FullName
from snowmelt.catalog.objects import Task, TaskStatus
from snowmelt.tasks.execution import Executor, GraphRun
from snowmelt.tasks.graph import Graph, is_root, is_triggered, merge_config, roots_of
from snowmelt.tasks.history import History
from snowmelt.tasks.host import RunOutcome, RunStore, TaskHost
from snowmelt.tasks.retry import take_up
from snowmelt.tasks.runs import Origin, RunState, TaskRun, TaskState
from snowmelt.tasks.schedule import parse_schedule
from snowmelt.tasks.triggers import Triggers

__all__ = ["RunOutcome", "RunStore", "Scheduler", "TaskHost"]

log = logging.getLogger("snowmelt.tasks")

LONGEST_SLEEP = timedelta(seconds=60)
"""After this time the scheduler looks at the clock again, since a machine's clock may be put right."""

SUSPENDED_FOR_ERRORS = "SUSPENDED_DUE_TO_ERRORS"
"""What SHOW TASKS gives as the reason."""

ABORT_GRACE = 5.0
"""Seconds that `stop` gives to aborted runs."""


class Scheduler:
    """Runs the host's tasks on the clock given; keeps runs and next due times in the store.

    Any thread may call the public methods.

    Args:
        trigger_interval: seconds from one run of a triggered task to the next, at least.
    """

    def __init__(self, host: TaskHost, store: RunStore, clock: Clock, trigger_interval: float = 0) -> None:
        self._host = host
        self._store = store
        self._clock = clock
        self._lock = threading.RLock()
        self._settled = threading.Condition(self._lock)
        self._wake = threading.Event()
        self._history = History(store, clock)
        self._left = self._history.unfinished()
        self._states = dict(store.states())
        self._executor = Executor(
            host,
            self._history,
            clock,
            self._lock,
            judge=self._judge,
            over=self._graph_over,
            room=self._room,
            changed=self._notify_all,
        )
        self._triggers = Triggers(
            host, clock, self._lock, trigger_interval, busy=self._must_wait, fire=self._fire, wake=self._wake.set
        )
        self._armed: dict[FullName, Task] = {}
        self._failing: set[int] = set()
        self._waiting: dict[FullName, deque[GraphRun]] = defaultdict(deque)
        self._dirty = True
        self._stopping = False
        self._thread: threading.Thread | None = None

    # --- life --------------------------------------------------------------------------------------------------------

    def start(self) -> None:
        """Begin: what a crash left unfinished becomes failed, then due tasks run."""
        with self._lock:
            self._recover()
            self._dirty = True
            self._thread = threading.Thread(target=self._loop, name="task-scheduler", daemon=True)
        self._thread.start()

    def stop(self, grace: float) -> None:
        """Start nothing any more; give running tasks `grace` seconds, then abort them. Returns when all is over."""
        with self._lock:
            self._stopping = True
            self._executor.close()
            for queue in self._waiting.values():
                for graph_run in queue:
                    self._put_ended(graph_run.template, RunState.CANCELLED, "The server was stopped.", "000604")
            self._waiting.clear()
        self._wake.set()
        if not self._clock.wait(self._executor.idle, grace):
            with self._lock:
                self._executor.cancel_all()
            if not self._executor.idle.wait(ABORT_GRACE):
                with self._lock:
                    self._executor.abandon()
        if self._thread is not None:
            self._thread.join()
        self._triggers.join(ABORT_GRACE)

    def settle(self, timeout: float, *, running: bool = False) -> bool:
        """Wait, at most `timeout` real seconds, until nothing runs or waits and nothing is due; for tests.

        Args:
            timeout: seconds.
            running: do not wait for the runs under way, only until everything that is due has been seen to.

        Returns:
            Whether that was reached.
        """
        with self._settled:
            return self._settled.wait_for(lambda: self._caught_up() and (running or self._at_rest()), timeout)

    def _at_rest(self) -> bool:
        return self._executor.idle.is_set() and not any(self._waiting.values())

    def _caught_up(self) -> bool:
        if self._triggers.working:
            return False
        if self._thread is None or self._stopping:
            return True
        due = self._next_due()
        return not self._dirty and not self._wake.is_set() and (due is None or due > self._clock.now())

    def _recover(self) -> None:
        for run in self._left:
            began = run.state is RunState.EXECUTING
            what = "while the task was running" if began else "before the task began"
            self._put_ended(run, RunState.FAILED, f"Processing aborted: the server ended {what}.", "000603")
        self._left = []

    def _put_ended(self, run: TaskRun, state: RunState, message: str, code: str) -> None:
        now = self._clock.now()
        self._history.put(
            dataclasses.replace(run, state=state, error_code=code, error_message=message, completed_time=now)
        )

    # --- what others tell and ask ------------------------------------------------------------------------------------

    def notify(self, tables: frozenset[int]) -> None:
        """Rows of `tables` were committed: triggered tasks may have something to do. Cheap; never waits."""
        if self._triggers.committed(tables):
            self._wake.set()

    def tasks_changed(self) -> None:
        """Tasks were created, altered, resumed, suspended, renamed or dropped. Never waits."""
        self._dirty = True
        self._wake.set()

    def execute(
        self,
        name: FullName,
        *,
        config: str | None = None,
        retry_last: bool = False,
        retry_group: str | None = None,
        user: str | None = None,
    ) -> TaskRun:
        """Start a run of a root task now, or after the present one when runs may not overlap: in the place of one that
        waits already.

        Args:
            name: the root's name; it may be suspended.
            config: JSON object whose fields go over the task's CONFIG in this run.
            retry_last: repeat what failed in the latest graph run instead.
            retry_group: repeat what failed in the graph run of that id instead.
            user: who asks for it.

        Returns:
            The root's run, which is SCHEDULED and in the history; for a retry the template of the runs.

        Raises:
            SqlError: 002003 for no such task, 091086 for a task that is no root, 100069 for a bad `config`, 091457 or
                091456 when there is nothing to retry.
        """
        tasks = self._host.tasks()
        task = tasks.get(name)
        if task is None:
            raise object_missing("Task", str(name))
        if not is_root(task):
            roots = ", ".join(str(root) for root in sorted(roots_of(task, tasks))) or "its root"
            raise SqlError(f"Cannot execute task {name}: it is not a root task. Execute {roots} instead.", 91086)
        with self._lock:
            graph_run = self._graph_run(task, Graph.of(task, tasks), Origin.EXECUTE_TASK, config=config)
            graph_run.template = dataclasses.replace(graph_run.template, user=user)
            if retry_last or retry_group is not None:
                take_up(graph_run, self._history.newest_first(), self._clock.now(), retry_group)
            else:
                graph_run.first = graph_run.template
                self._history.put(graph_run.template)
            self._begin_or_queue(task, graph_run)
            return graph_run.template

    def history(self) -> list[TaskRun]:
        """All runs, newest first; the next run of each started schedule is among them, as SCHEDULED."""
        with self._lock:
            if self._thread is not None and not self._stopping:
                self._learn()
            upcoming = [
                self._upcoming(task) for task in self._armed.values() if self._state(task).next_time is not None
            ]
            upcoming.sort(key=lambda run: run.scheduled_time, reverse=True)
            return upcoming + self._history.newest_first()

    def cancel_ongoing(self, name: FullName) -> int:
        """Abort the runs of a task that are under way, for a root those of its whole graph; how many there were."""
        with self._lock:
            for graph_run in self._waiting.pop(name, ()):
                self._put_ended(graph_run.template, RunState.CANCELLED, "SQL execution canceled", "000604")
            return self._executor.cancel(name)

    def cancel_query(self, query_id: str) -> bool:
        """Abort the run whose statement has that id; whether there is one."""
        with self._lock:
            return self._executor.cancel_query(query_id)

    # --- the thread --------------------------------------------------------------------------------------------------

    def _loop(self) -> None:
        while True:
            self._wake.clear()
            # Asked after clearing: `stop` may have come since the last look.
            if self._stopping:
                return
            began = self._clock.now()
            try:
                due = self._turn(began)
            except Exception:
                # The thread is what all tasks depend on: it goes on, and tries again a little later.
                log.exception("the task scheduler had an internal error")
                due = None
            latest = began + LONGEST_SLEEP
            self._clock.wait_until(self._wake, latest if due is None else min(due, latest))

    def _turn(self, now: datetime) -> datetime | None:
        """Do what is due; when something may be due next."""
        with self._lock:
            if self._stopping:
                return None
            self._learn()
            self._executor.expire(now)
            for task in list(self._armed.values()):
                self._start_if_due(task, now)
            self._triggers.look(now)
            self._settled.notify_all()
            return self._next_due()

    def _next_due(self) -> datetime | None:
        moments = [self._state(task).next_time for task in self._armed.values()]
        moments += [self._executor.next_deadline(), self._triggers.next_look()]
        return min((moment for moment in moments if moment is not None), default=None)

    def _learn(self) -> None:
        """Learn which tasks there are, unless nothing has changed since the last time."""
        if not self._dirty:
            return
        self._dirty = False
        try:
            self._arm(self._host.tasks())
        except BaseException:
            self._dirty = True
            raise

    def _arm(self, tasks: Mapping[FullName, Task]) -> None:
        """Learn which tasks there are and when they are due."""
        started = [task for task in tasks.values() if self._may_start(task) and is_root(task)]
        self._armed = {task.full_name: task for task in started if task.schedule is not None}
        self._triggers.watch({task.full_name: task for task in started if is_triggered(task)})
        present = {task.id for task in tasks.values()}
        for task_id in [task_id for task_id in self._states if task_id not in present]:
            del self._states[task_id]
            self._store.forget_state(task_id)
        for task in tasks.values():
            state = self._states.get(task.id)
            if state is not None and state.next_time is not None and task.full_name not in self._armed:
                self._save_state(task, dataclasses.replace(state, next_time=None))
        for task in self._armed.values():
            self._arm_schedule(task)

    def _arm_schedule(self, task: Task) -> None:
        """Compute when a task is due, unless it is known from before a restart or another change."""
        state = self._state(task)
        anchor = task.last_committed_on or state.anchor or self._clock.now()
        if (state.schedule, state.anchor) == (task.schedule, anchor) and state.next_time is not None:
            return
        assert task.schedule is not None
        due = parse_schedule(task.schedule).next_after(anchor, self._clock.now())
        failures = state.failures if state.anchor == anchor else 0
        self._save_state(
            task,
            dataclasses.replace(state, schedule=task.schedule, anchor=anchor, next_time=due, failures=failures),
        )

    def _start_if_due(self, task: Task, now: datetime) -> None:
        """Start a graph whose time has come. A time that comes while it still runs is left out."""
        state = self._state(task)
        due = state.next_time
        if due is None or due > now:
            return
        assert task.schedule is not None
        following = parse_schedule(task.schedule).next_after(state.anchor or due, now)
        self._save_state(task, dataclasses.replace(state, next_time=following))
        tasks = self._host.tasks()
        present = tasks.get(task.full_name)
        if present is None or not self._may_start(present) or self._must_wait(task):
            return
        self._executor.begin(self._graph_run(task, Graph.of(task, tasks), Origin.SCHEDULE, scheduled=due))

    def _may_start(self, task: Task) -> bool:
        """Whether a task is started, and is not just being suspended for its failures."""
        return task.state is TaskStatus.STARTED and task.id not in self._failing

    def _must_wait(self, task: Task) -> bool:
        """Whether an earlier run of the task's graph must end, or at least its root, before another one begins."""
        if task.overlap_roots:
            return False
        running = self._executor.root_busy if task.allow_overlap else self._executor.busy
        return running(task.full_name)

    def _fire(self, task: Task, error: SqlError | None) -> bool:
        """A triggered task's condition holds, or could not be evaluated; False when the task must wait its turn."""
        with self._lock:
            tasks = self._host.tasks()
            present = tasks.get(task.full_name)
            if self._stopping or present is None or not self._may_start(present):
                return True
            if self._must_wait(task):
                return False
            graph_run = self._graph_run(task, Graph.of(task, tasks), Origin.TRIGGER)
            graph_run.condition_known = error is None
            self._executor.begin(graph_run)
            return True

    # --- graph runs --------------------------------------------------------------------------------------------------

    def _graph_run(
        self, task: Task, graph: Graph, origin: Origin, *, scheduled: datetime | None = None, config: str | None = None
    ) -> GraphRun:
        scheduled = scheduled or self._clock.now()
        merged = merge_config(task.config, config)
        state = self._state(task)
        if state.fingerprint != graph.fingerprint:
            state = dataclasses.replace(state, fingerprint=graph.fingerprint, version=state.version + 1)
            self._save_state(task, state)
        template = TaskRun(
            uid=str(uuid.uuid4()),
            task=task.full_name,
            root=task.full_name,
            root_id=task.id,
            query_text=task.body,
            condition_text=task.when,
            scheduled_time=scheduled,
            next_scheduled_time=state.next_time if task.full_name in self._armed else None,
            run_id=int(scheduled.timestamp() * 1000),
            group=str(uuid.uuid4()),
            graph_version=state.version,
            scheduled_from=origin,
            config=merged,
            last_success=state.last_success,
        )
        return GraphRun(graph, template, retries=task.auto_retries)

    def _begin_or_queue(self, task: Task, graph_run: GraphRun) -> None:
        if self._stopping:
            raise SqlError("The server is stopping.", 604, "57014")
        if self._must_wait(task):
            queue = self._waiting[task.full_name]
            for replaced in [each for each in queue if each.first is not None and graph_run.first is not None]:
                queue.remove(replaced)
                self._history.remove(replaced.template)
            queue.append(graph_run)
        else:
            self._executor.begin(graph_run)

    def _judge(self, graph_run: GraphRun) -> bool:
        """Count failures; whether the root is to be suspended for having failed too often in a row."""
        root = self._host.tasks().get(graph_run.graph.root)
        if root is None or root.id != graph_run.template.root_id:
            return False
        state = self._state(root)
        if graph_run.failed:
            if root.state is not TaskStatus.STARTED:
                return False
            state = dataclasses.replace(state, failures=state.failures + 1)
        elif graph_run.succeeded:
            began = graph_run.template.original_scheduled_time.isoformat(sep=" ")
            state = dataclasses.replace(state, failures=0, last_success=(graph_run.template.group, began))
        suspend = 0 < root.suspend_after_failures <= state.failures
        self._save_state(root, dataclasses.replace(state, failures=0) if suspend else state)
        if suspend:
            # The suspension is written without the lock; nothing may start it until then.
            self._failing.add(root.id)
            self._armed.pop(root.full_name, None)
        return suspend

    def _graph_over(self, graph_run: GraphRun, suspend: bool) -> None:
        root = graph_run.graph.root
        if suspend:
            limit = graph_run.graph.task(root).suspend_after_failures
            try:
                self._host.suspend(root, SUSPENDED_FOR_ERRORS)
            finally:
                with self._lock:
                    self._failing.discard(graph_run.template.root_id)
            log.warning("task %s suspended after %d failed runs in a row", root, limit)
            self._dirty = True
        with self._lock:
            self._room(root)
            self._triggers.run_ended(root)
        self._wake.set()

    def _room(self, root: FullName) -> None:
        """Something of a graph has ended: a run that has waited for that may begin."""
        queue = self._waiting.get(root)
        task = self._host.tasks().get(root)
        while queue and (task is None or task.id != queue[0].template.root_id):
            self._put_ended(queue.popleft().template, RunState.CANCELLED, "The task was dropped.", "000604")
        if queue and task is not None and not self._stopping and not self._must_wait(task):
            self._executor.begin(queue.popleft())
        if not queue:
            self._waiting.pop(root, None)

    # --- states ------------------------------------------------------------------------------------------------------

    def _state(self, task: Task) -> TaskState:
        return self._states.get(task.id, TaskState())

    def _save_state(self, task: Task, state: TaskState) -> None:
        self._states[task.id] = state
        try:
            self._store.save_state(task.id, state)
        except Exception:
            log.exception("the state of task %s could not be stored", task.full_name)

    def _upcoming(self, task: Task) -> TaskRun:
        state = self._state(task)
        assert state.next_time is not None
        run_id = int(state.next_time.timestamp() * 1000)
        return TaskRun(
            uid=f"{task.id}-{run_id}",
            task=task.full_name,
            root=task.full_name,
            root_id=task.id,
            query_text=task.body,
            condition_text=task.when,
            scheduled_time=state.next_time,
            run_id=run_id,
            group="",
            graph_version=max(1, state.version),
            config=task.config,
        )

    def _notify_all(self) -> None:
        self._settled.notify_all()
        self._wake.set()
