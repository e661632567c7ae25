"""Triggered tasks: a condition and no schedule."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest
from tasks_fakes import PATIENCE, Gate, World, fail, full

from snowmelt.base.errors import SqlError
from snowmelt.catalog.names import FullName
from snowmelt.catalog.objects import TaskStatus
from snowmelt.tasks.runs import Origin, TaskRun

SUSPENDED = TaskStatus.SUSPENDED


class Stream:
    """Rows that a body consumes: the condition is whether there are any."""

    def __init__(self) -> None:
        self.rows = 0

    def has_data(self) -> bool:
        return self.rows > 0

    def consume(self, run: TaskRun, cancel: threading.Event) -> str | None:
        taken, self.rows = self.rows, 0
        return str(taken)


@pytest.fixture
def world() -> Iterator[World]:
    made = World()
    made.scheduler.start()
    yield made
    made.scheduler.stop(0)


@pytest.fixture
def stream(world: World) -> Stream:
    made = Stream()
    world.host.conditions["T"] = made.has_data
    world.host.bodies["T"] = made.consume
    return made


def test_a_commit_runs_the_task(world: World, stream: Stream) -> None:
    world.add("T", when="SYSTEM$STREAM_HAS_DATA('S')")
    world.settle()
    stream.rows = 3
    world.commit()
    (run,) = world.runs()
    assert (run.state.value, run.scheduled_from, run.return_value) == ("SUCCEEDED", Origin.TRIGGER, "3")
    assert run.condition_text == "SYSTEM$STREAM_HAS_DATA('S')"


def test_a_commit_that_does_not_matter_leaves_no_trace(world: World, stream: Stream) -> None:
    world.add("T", when="TRUE")
    world.commit()
    assert world.runs() == []
    assert "T" in world.host.looked


def test_nothing_is_looked_at_without_a_commit(world: World, stream: Stream) -> None:
    world.add("T", when="TRUE")
    world.settle()
    looked = len(world.host.looked)
    world.advance(12 * 3600 - 1)
    assert len(world.host.looked) == looked
    # Asking keeps an empty stream from going stale.
    world.advance(1)
    assert len(world.host.looked) == looked + 1
    assert world.runs() == []


def test_no_interval_is_longer_than_half_a_day(world: World, stream: Stream) -> None:
    world.add("T", when="TRUE", minimum_trigger_seconds=604_800)
    for _ in range(2):
        stream.rows = 1
        world.commit()
    assert world.states() == ["SUCCEEDED"]
    world.advance(12 * 3600)
    assert world.states() == ["SUCCEEDED", "SUCCEEDED"]


def test_suspended_tasks_are_not_looked_at(world: World, stream: Stream) -> None:
    world.add("T", when="TRUE", state=SUSPENDED)
    stream.rows = 1
    world.commit()
    assert (world.host.looked, world.runs()) == ([], [])


def test_what_came_before_it_was_resumed_is_found(world: World, stream: Stream) -> None:
    world.add("T", when="TRUE", state=SUSPENDED)
    stream.rows = 1
    world.settle()
    world.change("T", state=TaskStatus.STARTED)
    world.settle()
    assert world.states() == ["SUCCEEDED"]


def test_what_came_before_a_restart_is_found(world: World, stream: Stream) -> None:
    world.add("T", when="TRUE")
    world.settle()
    stream.rows = 1
    world.restart()
    world.settle()
    assert world.states() == ["SUCCEEDED"]


def test_a_commit_during_the_run_is_looked_at_after_it(world: World, stream: Stream) -> None:
    gate = Gate()

    def body(run: TaskRun, cancel: threading.Event) -> str | None:
        value = stream.consume(run, cancel)
        gate(run, cancel)
        return value

    world.host.bodies["T"] = body
    world.add("T", when="TRUE")
    world.settle()
    stream.rows = 1
    world.scheduler.notify(frozenset({1}))
    gate.await_entry()
    stream.rows = 5
    world.scheduler.notify(frozenset({1}))
    gate.open.set()
    world.settle()
    assert [run.return_value for run in world.runs()] == ["1", "5"]


def test_many_commits_are_looked_at_together(world: World, stream: Stream) -> None:
    looking, go_on = threading.Semaphore(0), threading.Event()

    def condition() -> bool:
        looking.release()
        assert go_on.wait(PATIENCE)
        return stream.has_data()

    world.host.conditions["T"] = condition
    world.add("T", when="TRUE")
    assert looking.acquire(timeout=PATIENCE)
    for _ in range(1000):
        world.scheduler.notify(frozenset({1}))
    stream.rows = 1
    go_on.set()
    world.settle()
    assert len(world.host.looked) <= 50
    assert [run.return_value for run in world.runs()] == ["1"]


def test_the_minimum_interval(world: World, stream: Stream) -> None:
    world.add("T", when="TRUE", minimum_trigger_seconds=30)
    world.settle()
    stream.rows = 1
    world.commit()
    world.clock.advance(10)
    stream.rows = 2
    world.commit()
    assert [run.return_value for run in world.runs()] == ["1"]
    world.advance(19)
    assert len(world.runs()) == 1
    world.advance(1)
    assert [run.return_value for run in world.runs()] == ["1", "2"]


def test_a_body_that_consumes_nothing_runs_at_commits_and_each_half_minute(world: World, stream: Stream) -> None:
    """As on an account, where half a minute is the shortest interval; never in a loop without a pause."""
    world.host.bodies["T"] = lambda run, cancel: None
    world.add("T", when="TRUE")
    world.settle()
    stream.rows = 1
    world.commit()
    world.advance(29)
    assert len(world.runs()) == 1
    world.advance(1)
    assert len(world.runs()) == 2
    world.commit()
    assert len(world.runs()) == 3
    world.advance(29)
    assert len(world.runs()) == 3
    world.advance(1)
    assert len(world.runs()) == 4


def test_a_task_suspended_while_its_condition_is_evaluated_does_not_run(world: World, stream: Stream) -> None:
    looking, go_on = threading.Semaphore(0), threading.Event()

    def slow() -> bool:
        looking.release()
        return go_on.wait(PATIENCE)

    world.host.conditions["T"] = slow
    world.add("T", when="TRUE")
    assert looking.acquire(timeout=PATIENCE)
    world.change("T", state=SUSPENDED)
    go_on.set()
    world.settle()
    assert world.runs() == []


def test_no_run_begins_while_the_task_is_being_suspended_for_its_failures(world: World, stream: Stream) -> None:
    world.host.bodies["T"] = fail()
    world.add("T", when="TRUE", suspend_after_failures=1)
    world.settle()
    stream.rows = 1
    suspend = world.host.suspend

    def late(task: FullName, reason: str) -> None:
        """Others go on before the suspension is written."""
        world.scheduler.notify(frozenset({1}))
        world.scheduler.tasks_changed()
        world.scheduler.settle(0.2, running=True)
        suspend(task, reason)

    world.host.suspend = late  # type: ignore[method-assign]
    world.commit()
    world.advance(60)
    assert world.states() == ["FAILED_AND_AUTO_SUSPENDED"]


def test_a_broken_condition_fails_and_suspends_in_the_end(world: World) -> None:
    def broken() -> bool:
        raise SqlError("no such stream", 2003)

    world.host.conditions["T"] = broken
    world.add("T", when="SYSTEM$STREAM_HAS_DATA('GONE')", suspend_after_failures=2)
    world.settle()
    world.commit()
    world.commit()
    assert world.states() == ["FAILED", "FAILED_AND_AUTO_SUSPENDED"]
    assert world.runs()[0].error_message == "no such stream"


def test_failing_bodies_suspend_the_task(world: World, stream: Stream) -> None:
    world.host.bodies["T"] = fail()
    world.add("T", when="TRUE", suspend_after_failures=2)
    world.settle()
    stream.rows = 1
    for _ in range(4):
        world.commit()
    assert world.states() == ["FAILED", "FAILED_AND_AUTO_SUSPENDED"]


def test_execute_evaluates_the_condition(world: World, stream: Stream) -> None:
    world.add("T", when="TRUE", state=SUSPENDED)
    world.execute("T")
    stream.rows = 1
    world.execute("T")
    assert world.states() == ["SKIPPED", "SUCCEEDED"]


def test_a_slow_condition_does_not_hold_up_schedules(world: World) -> None:
    looking, go_on = threading.Event(), threading.Event()

    def condition() -> bool:
        looking.set()
        return not go_on.wait(PATIENCE)

    world.host.conditions["SLOW"] = condition
    ran = threading.Event()
    world.host.bodies["T"] = lambda run, cancel: ran.set()
    world.add("T", schedule="1 MINUTE")
    world.settle()
    world.add("SLOW", when="TRUE")
    assert looking.wait(PATIENCE)
    world.clock.advance(60)
    assert ran.wait(PATIENCE)
    go_on.set()


def test_a_scheduled_task_with_a_condition_is_not_triggered(world: World, stream: Stream) -> None:
    world.add("T", when="TRUE", schedule="1 HOUR")
    world.settle()
    stream.rows = 1
    world.commit()
    assert world.runs() == []


def test_children_follow_a_triggered_root(world: World, stream: Stream) -> None:
    world.add("T", when="TRUE")
    world.add("A", after=["T"])
    world.settle()
    stream.rows = 1
    world.commit()
    assert world.host.names == ["T", "A"]


def test_a_dropped_triggered_task_is_not_looked_at(world: World, stream: Stream) -> None:
    world.add("T", when="TRUE")
    world.settle()
    del world.host.all[full("T")]
    world.scheduler.tasks_changed()
    world.settle()
    looked = len(world.host.looked)
    world.commit()
    assert len(world.host.looked) == looked
