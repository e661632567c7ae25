"""Graphs at work: order, values handed on, finalizers, retries, suspension."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import timedelta

import pytest
from tasks_fakes import START, Body, Gate, World, fail, full

from snowmelt.base.errors import SqlError
from snowmelt.catalog.objects import TaskStatus
from snowmelt.tasks.runs import Origin, TaskRun

SUSPENDED = TaskStatus.SUSPENDED


@pytest.fixture
def world() -> Iterator[World]:
    made = World()
    made.scheduler.start()
    yield made
    made.scheduler.stop(0)


def diamond(world: World, **root: object) -> None:
    """R, then A and B, then C; F at the end."""
    world.add("R", **root)
    world.add("A", after=["R"])
    world.add("B", after=["R"])
    world.add("C", after=["A", "B"])
    world.add("F", finalize="R")


def fails_times(count: int) -> Body:
    """A body that fails `count` times, then succeeds."""
    left = iter(range(count))

    def body(run: TaskRun, cancel: threading.Event) -> str | None:
        if next(left, None) is not None:
            raise SqlError("not yet", 100051)
        return "done"

    return body


def final(world: World) -> dict[str, str]:
    """The state of each task's latest run."""
    return {run.name: run.state.value for run in world.runs()}


def test_a_graph_runs_in_order(world: World) -> None:
    diamond(world, schedule="1 MINUTE")
    world.advance(60)
    names = world.host.names
    assert (names[0], sorted(names[1:3]), names[3:]) == ("R", ["A", "B"], ["C", "F"])
    runs = world.runs()
    assert {run.state.value for run in runs} == {"SUCCEEDED"}
    assert len({run.group for run in runs}) == len({run.run_id for run in runs}) == 1
    assert {(run.root.name, run.root_id) for run in runs} == {("R", 1)}
    assert {run.name: run.next_scheduled_time is not None for run in runs if run.name in "RC"} == {
        "R": True,
        "C": False,
    }


def test_children_run_in_parallel(world: World) -> None:
    gates = {name: Gate() for name in "AB"}
    world.host.bodies.update(gates)
    diamond(world)
    world.scheduler.execute(full("R"))
    for gate in gates.values():
        gate.await_entry()
    for gate in gates.values():
        gate.open.set()
    world.settle()
    assert final(world)["C"] == "SUCCEEDED"


def test_return_values_and_configuration_reach_the_children(world: World) -> None:
    seen: dict[str, TaskRun] = {}

    def body(run: TaskRun, cancel: threading.Event) -> str | None:
        seen[run.name] = run
        return f"from {run.name}" if run.name in "RA" else None

    world.host.bodies = dict.fromkeys("RABCF", body)
    diamond(world, config='{"rate": 1, "dir": "/out"}')
    world.execute("R", config='{"rate": 2}')
    assert seen["R"].predecessors == {}
    assert seen["A"].predecessor_return_value() == "from R"
    assert seen["C"].predecessors == {"A": "from A", "B": None}
    assert seen["F"].predecessors == {}
    for run in seen.values():
        assert (run.graph_config("rate"), run.graph_config("dir")) == ("2", "/out")
    with pytest.raises(SqlError, match="Error parsing JSON"):
        world.scheduler.execute(full("R"), config="{")


def test_what_follows_a_failure_does_not_run_but_the_finalizer_does(world: World) -> None:
    world.host.bodies["A"] = fail()
    diamond(world)
    world.execute("R")
    assert final(world) == {"R": "SUCCEEDED", "A": "FAILED", "B": "SUCCEEDED", "F": "SUCCEEDED"}
    assert world.host.names[-1] == "F"


def test_a_failed_root(world: World) -> None:
    world.host.bodies["R"] = fail()
    diamond(world)
    world.execute("R")
    assert final(world) == {"R": "FAILED", "F": "SUCCEEDED"}


def test_a_skipped_root_takes_everything_with_it(world: World) -> None:
    world.host.conditions["R"] = lambda: False
    diamond(world, when="FALSE", schedule="1 MINUTE")
    world.advance(60)
    assert final(world) == {"R": "SKIPPED"}


def test_a_skipped_child(world: World) -> None:
    world.host.conditions["B"] = lambda: False
    diamond(world)
    world.change("B", when="FALSE")
    world.execute("R")
    assert final(world) == {"R": "SUCCEEDED", "A": "SUCCEEDED", "B": "SKIPPED", "C": "SUCCEEDED", "F": "SUCCEEDED"}


def test_suspended_children_are_passed_over(world: World) -> None:
    diamond(world)
    world.change("A", state=SUSPENDED)
    world.change("F", state=SUSPENDED)
    world.execute("R")
    assert world.host.names == ["R", "B", "C"]


def test_a_graph_runs_as_it_was_when_it_began(world: World) -> None:
    gate = world.host.bodies["R"] = Gate()
    diamond(world)
    world.scheduler.execute(full("R"))
    gate.await_entry()
    world.change("A", state=SUSPENDED)
    gate.open.set()
    world.settle()
    assert "A" in world.host.names


def test_the_next_graph_run_waits_for_the_last_child(world: World) -> None:
    gate = world.host.bodies["C"] = Gate()
    diamond(world, schedule="1 MINUTE")
    world.settle()
    world.turn(60)
    gate.await_entry()
    world.turn(60)
    gate.open.set()
    world.settle()
    assert world.host.names.count("R") == 1


def test_versions_of_a_graph(world: World) -> None:
    diamond(world)
    world.execute("R")
    world.execute("R")
    world.change("C", body="another body")
    world.execute("R")
    world.change("C", state=SUSPENDED)
    world.execute("R")
    assert [run.graph_version for run in world.runs("R")] == [1, 1, 2, 2]


# --- retries ---------------------------------------------------------------------------------------------------------


def test_automatic_retries_go_on_from_what_failed(world: World) -> None:
    world.host.bodies["B"] = fails_times(2)
    diamond(world, auto_retries=2)
    world.execute("R")
    assert sorted(world.host.names) == ["A", "B", "B", "B", "C", "F", "F", "F", "R"]
    attempts = [(run.attempt_number, run.state.value, run.scheduled_from) for run in world.runs("B")]
    assert attempts == [
        (1, "FAILED", Origin.EXECUTE_TASK),
        (2, "FAILED", Origin.AUTOMATIC_RETRY),
        (3, "SUCCEEDED", Origin.AUTOMATIC_RETRY),
    ]
    assert len({run.group for run in world.runs()}) == 1
    (last,) = world.runs("C")
    assert (last.attempt_number, last.predecessors) == (3, {"A": None, "B": "done"})
    assert [run.attempt_number for run in world.runs("F")] == [1, 2, 3]


def test_the_finalizer_may_mend_what_the_next_attempt_needs(world: World) -> None:
    world.host.bodies["B"] = fail()

    def mend(run: TaskRun, cancel: threading.Event) -> str | None:
        world.host.bodies.pop("B", None)
        return None

    world.host.bodies["F"] = mend
    diamond(world, auto_retries=2)
    world.execute("R")
    assert world.host.names[-4:] == ["F", "B", "C", "F"]
    assert world.states("B") == ["FAILED", "SUCCEEDED"]


def test_automatic_retries_come_to_an_end(world: World) -> None:
    world.host.bodies["R"] = fail()
    diamond(world, auto_retries=1)
    world.execute("R")
    assert world.states("R") == ["FAILED", "FAILED"]
    assert world.states("F") == ["SUCCEEDED", "SUCCEEDED"]


def test_a_failed_finalizer_is_not_retried_and_fails_the_graph(world: World) -> None:
    world.host.bodies["F"] = fail()
    diamond(world, auto_retries=3, schedule="1 MINUTE", suspend_after_failures=1)
    world.advance(60)
    assert world.states("F") == ["FAILED_AND_AUTO_SUSPENDED"]
    assert world.host.suspended == [("R", "SUSPENDED_DUE_TO_ERRORS")]


def test_retry_last_goes_on_from_what_failed(world: World) -> None:
    world.host.bodies["B"] = fails_times(1)
    diamond(world, config='{"x": 1}')
    world.execute("R", config='{"x": 2}')
    world.clock.advance(5)
    world.host.ran.clear()
    world.execute("R", retry_last=True)
    assert world.host.names == ["B", "C", "F"]
    assert {run.attempt_number for run in world.host.ran} == {2}
    assert {(run.group, run.run_id) for run in world.runs()} == {(world.runs()[0].group, world.runs()[0].run_id)}
    assert world.host.ran[1].predecessors == {"A": None, "B": "done"}
    assert world.host.ran[0].graph_config("x") == "2"


def test_retry_last_of_a_single_task(world: World) -> None:
    world.host.bodies["T"] = fails_times(1)
    world.add("T")
    world.execute("T")
    world.execute("T", retry_last=True)
    assert [(run.attempt_number, run.state.value) for run in world.runs()] == [(1, "FAILED"), (2, "SUCCEEDED")]


@pytest.mark.parametrize(
    ("case", "code"), [("no run", 91457), ("succeeded", 91456), ("modified", 91458), ("too old", 91457)]
)
def test_retry_last_is_refused(world: World, case: str, code: int) -> None:
    world.host.bodies["T"] = fail() if case != "succeeded" else fails_times(0)
    world.add("T")
    if case != "no run":
        world.execute("T")
    if case == "modified":
        world.change("T", body="another body")
    if case == "too old":
        world.clock.advance(timedelta(days=14, seconds=1).total_seconds())
    before = len(world.runs())
    with pytest.raises(SqlError, match="Cannot perform retry") as caught:
        world.scheduler.execute(full("T"), retry_last=True)
    assert caught.value.code == code
    assert len(world.runs()) == before


def test_retry_last_after_a_restart(world: World) -> None:
    world.host.bodies["A"] = fails_times(1)
    diamond(world)
    world.execute("R")
    world.restart()
    world.host.ran.clear()
    world.execute("R", retry_last=True)
    assert world.host.names == ["A", "C", "F"]


# --- suspension, timeouts, cancellation ------------------------------------------------------------------------------


def test_failures_of_any_child_suspend_the_root(world: World) -> None:
    world.host.bodies["A"] = fail()
    diamond(world, schedule="1 MINUTE", suspend_after_failures=2)
    for _ in range(3):
        world.advance(60)
    assert world.states("A") == ["FAILED", "FAILED_AND_AUTO_SUSPENDED"]
    assert world.host.suspended == [("R", "SUSPENDED_DUE_TO_ERRORS")]
    assert world.states("R") == ["SUCCEEDED", "SUCCEEDED"]


def test_the_roots_timeout_is_the_whole_graphs(world: World) -> None:
    gate = world.host.bodies["C"] = Gate()

    def slow(run: TaskRun, cancel: threading.Event) -> str | None:
        world.clock.advance(50)
        return None

    world.host.bodies["R"] = slow
    diamond(world, timeout_ms=60_000)
    world.change("C", timeout_ms=3_600_000)
    world.scheduler.execute(full("R"))
    gate.await_entry()
    world.clock.advance(10)
    world.settle()
    (run,) = world.runs("C")
    assert (run.state.value, run.error_code) == ("FAILED", "000630")
    assert run.completed_time == START + timedelta(seconds=60)
    assert final(world)["F"] == "SUCCEEDED"


def test_a_childs_own_timeout(world: World) -> None:
    gate = world.host.bodies["C"] = Gate()
    diamond(world)
    world.change("C", timeout_ms=5_000)
    world.scheduler.execute(full("R"))
    gate.await_entry()
    world.clock.advance(5)
    world.settle()
    assert "timeout of 5 second(s)" in str(world.runs("C")[0].error_message)


def test_cancelling_the_root_cancels_the_graph(world: World) -> None:
    gates = {name: Gate() for name in "AB"}
    world.host.bodies.update(gates)
    diamond(world, auto_retries=1)
    world.scheduler.execute(full("R"))
    for gate in gates.values():
        gate.await_entry()
    assert world.scheduler.cancel_ongoing(full("R")) == 2
    world.settle()
    assert final(world) == {"R": "SUCCEEDED", "A": "CANCELLED", "B": "CANCELLED", "F": "SUCCEEDED"}


def test_the_latest_success_is_known_to_the_next_run(world: World) -> None:
    world.add("T")
    world.execute("T")
    world.clock.advance(60)
    world.execute("T")
    first, second = world.runs()
    assert first.last_success is None
    assert second.runtime_info("LAST_SUCCESSFUL_TASK_GRAPH_RUN_GROUP_ID") == first.group
    assert second.runtime_info("LAST_SUCCESSFUL_TASK_GRAPH_ORIGINAL_SCHEDULED_TIMESTAMP") == str(START)
