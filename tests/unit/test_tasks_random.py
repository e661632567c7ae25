"""Random lives of task graphs on the manual clock: what must hold whatever happens and in whatever order."""

from __future__ import annotations

from collections import defaultdict
from datetime import timedelta
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tasks_fakes import World, fail, full

from snowmelt.base.errors import SqlError
from snowmelt.catalog.objects import TaskStatus
from snowmelt.tasks.runs import Origin, RunState, TaskRun

STARTED, SUSPENDED = TaskStatus.STARTED, TaskStatus.SUSPENDED
PERIOD = 60

Events = list[tuple[str, int]]

events = st.lists(
    st.one_of(
        st.tuples(st.just("pass"), st.sampled_from([1, 30, 59, 60, 61, 150])),
        st.tuples(st.sampled_from(["break R", "break A", "break B", "mend", "execute", "retry"]), st.just(0)),
        st.tuples(st.sampled_from(["suspend", "resume", "restart", "suspend A", "resume A", "skip"]), st.just(0)),
    ),
    max_size=25,
)


class Life:
    """A graph R -> A -> B with a finalizer F, and what is done to it."""

    def __init__(self, *, retries: int, failures: int) -> None:
        self.world = World()
        self.world.scheduler.start()
        self.holds = True
        self.world.host.conditions["R"] = lambda: self.holds
        self.world.add(
            "R", schedule=f"{PERIOD} SECONDS", when="TRUE", auto_retries=retries, suspend_after_failures=failures
        )
        self.world.add("A", after=["R"])
        self.world.add("B", after=["A"])
        self.world.add("F", finalize="R")
        self.executed = 0
        self.world.settle()

    def end(self) -> list[TaskRun]:
        """All runs, oldest first."""
        self.world.settle()
        runs = self.world.runs()
        self.world.scheduler.stop(0)
        return runs

    @property
    def started(self) -> bool:
        return self.world.host.all[full("R")].state is STARTED

    def do(self, event: str, seconds: int) -> None:
        """Let one thing happen, and all that follows from it."""
        match event.split():
            case ["pass"]:
                self.world.clock.advance(seconds)
            case ["break", name]:
                self.world.host.bodies[name] = fail()
            case ["mend"]:
                self.world.host.bodies.clear()
                self.holds = True
            case ["skip"]:
                self.holds = False
            case ["execute"]:
                self.executed += 1
                self.world.execute("R")
            case ["retry"]:
                self._retry()
            case ["suspend"]:
                self.world.change("R", state=SUSPENDED)
            case ["resume"] if not self.started:
                self.world.change("R", state=STARTED, last_committed_on=self.world.clock.now())
            case ["restart"]:
                self.world.restart()
            case [word, "A"]:
                self.world.change("A", state=STARTED if word == "resume" else SUSPENDED)
        self.world.settle()

    def _retry(self) -> None:
        runs = self.world.runs()
        last = [run for run in runs if runs and run.group == runs[-1].group]
        if any(run.state.failed for run in _latest(last).values()):
            try:
                self.world.execute("R", retry_last=True)
            except SqlError as error:
                # The graph may have changed since.
                if error.code != 91458:
                    raise


def _latest(runs: list[TaskRun]) -> dict[str, TaskRun]:
    return {run.name: run for run in sorted(runs, key=lambda run: run.attempt_number)}


def _groups(runs: list[TaskRun]) -> dict[str, list[TaskRun]]:
    found: dict[str, list[TaskRun]] = defaultdict(list)
    for run in runs:
        found[run.group].append(run)
    return found


@settings(max_examples=120, deadline=None, derandomize=True, database=None)
@given(events, st.integers(0, 2), st.integers(0, 3))
def test_lives_of_a_graph(happens: Events, retries: int, failures: int) -> None:
    _live(happens, retries, failures)


@pytest.mark.long
@settings(max_examples=3_000, deadline=None, database=None)
@given(events, st.integers(0, 2), st.integers(0, 3))
def test_many_lives_of_a_graph(happens: Events, retries: int, failures: int) -> None:
    _live(happens, retries, failures)


def _live(happens: Events, retries: int, failures: int) -> None:
    life = Life(retries=retries, failures=failures)
    for event, seconds in happens:
        before = life.started
        count = len(life.world.runs())
        life.do(event, seconds)
        if event == "pass" and not before:
            assert len(life.world.runs()) == count, "a suspended graph ran by itself"
    runs = life.end()
    assert all(run.state.ended for run in runs)
    _check_times(runs, life.executed)
    for group in _groups(runs).values():
        _check_graph_run(group)
    _check_suspensions(life, runs, failures)


def _check_times(runs: list[TaskRun], executed: int) -> None:
    """Scheduled runs keep to their period, and those asked for are all there."""
    first = [run for run in runs if run.name == "R" and run.attempt_number == 1]
    assert sum(run.scheduled_from is Origin.EXECUTE_TASK for run in first) == executed
    due = [run.scheduled_time for run in first if run.scheduled_from is Origin.SCHEDULE]
    assert all(later - earlier >= timedelta(seconds=1) for earlier, later in pairwise(due))
    assert len(set(due)) == len(due), "one due time ran twice"


def _check_graph_run(group: list[TaskRun]) -> None:
    """Successors run after predecessors only, nothing that went well is repeated, the finalizer ends an attempt."""
    good = (RunState.SUCCEEDED, RunState.SKIPPED)
    for name in ("R", "A", "B"):
        mine = [run for run in group if run.name == name]
        assert sum(run.state in good for run in mine) <= 1, f"{name} was repeated after it had gone well"
        assert len({run.attempt_number for run in mine}) == len(mine)
    latest = _latest(group)
    if "A" in latest:
        assert any(run.name == "R" and run.state is RunState.SUCCEEDED for run in group)
    # A retry asks the root's condition again, and may skip what an earlier attempt had run.
    skipped = {run.attempt_number for run in group if run.name == "R" and run.state is RunState.SKIPPED}
    assert all(run.name == "R" for run in group if run.attempt_number in skipped), "something followed a skipped root"
    if any(run.state.failed for run in group if run.name == "R") and latest["R"].state.failed:
        assert set(latest) <= {"R", "F"}
    finals = [run for run in group if run.name == "F"]
    attempts = {run.attempt_number for run in group}
    assert sorted(run.attempt_number for run in finals) == sorted(attempts - skipped), "not each attempt was finalized"
    if latest["R"].state is not RunState.SKIPPED:
        assert finals, "a graph run ended without its finalizer"
        assert group[-1].name == "F" or max(run.completed_time or run.scheduled_time for run in group) == max(
            run.completed_time or run.scheduled_time for run in finals
        )


def _check_suspensions(life: Life, runs: list[TaskRun], failures: int) -> None:
    """FAILED_AND_AUTO_SUSPENDED is there once for each suspension, and never when failures never suspend."""
    marked = [run for run in runs if run.state is RunState.FAILED_AND_AUTO_SUSPENDED]
    assert len(marked) == len(life.world.host.suspended)
    if failures == 0:
        assert not marked


@settings(max_examples=40, deadline=None, derandomize=True, database=None)
@given(st.lists(st.sampled_from(["commit", "empty", "pass", "keep", "consume", "restart"]), max_size=25))
def test_lives_of_a_triggered_task(happens: list[str]) -> None:
    _live_by_triggers(happens)


@pytest.mark.long
@settings(max_examples=1_000, deadline=None, database=None)
@given(st.lists(st.sampled_from(["commit", "empty", "pass", "keep", "consume", "restart"]), max_size=25))
def test_many_lives_of_a_triggered_task(happens: list[str]) -> None:
    _live_by_triggers(happens)


def _live_by_triggers(happens: list[str]) -> None:
    """A row that was committed is taken before the clock moves; one never taken runs it twice a minute."""
    world = World()
    world.scheduler.start()
    rows, consumes, commits, passed = 0, True, 0, 0

    def body(run: TaskRun, cancel: object) -> None:
        nonlocal rows
        rows = 0 if consumes else rows

    world.host.bodies["T"] = body
    world.host.conditions["T"] = lambda: rows > 0
    world.add("T", when="TRUE")
    world.settle()
    for event in happens:
        match event:
            case "commit":
                rows, commits = rows + 1, commits + 1
                world.commit()
                assert rows == 0 or not consumes
            case "empty":
                count, unread = len(world.runs()), rows > 0
                world.commit()
                assert len(world.runs()) == count + unread
            case "pass":
                world.advance(10)
                passed += 10
            case "restart":
                world.restart()
                world.settle()
                commits += 1
            case _:
                consumes = event == "consume"
    world.settle()
    found = len(world.runs())
    world.scheduler.stop(0)
    empties = happens.count("empty")
    assert found <= commits + empties + passed // 30
