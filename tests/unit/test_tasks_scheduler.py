"""Single tasks: schedules, EXECUTE TASK, conditions, failures, timeouts, stopping and crashes."""

from __future__ import annotations

import dataclasses
import threading
from collections.abc import Iterator
from datetime import datetime, timedelta

import pytest
from tasks_fakes import PATIENCE, START, Gate, World, fail, full

from snowmelt.base.errors import SqlError
from snowmelt.catalog.objects import TaskStatus
from snowmelt.tasks.runs import Origin, RunState, TaskRun
from snowmelt.tasks.scheduler import Scheduler
from snowmelt.testing.clock import ManualClock

SUSPENDED = TaskStatus.SUSPENDED


@pytest.fixture
def world() -> Iterator[World]:
    made = World()
    made.scheduler.start()
    yield made
    made.scheduler.stop(0)


# --- schedules -------------------------------------------------------------------------------------------------------


def test_a_suspended_task_does_not_run(world: World) -> None:
    world.add("T", schedule="1 MINUTE", state=SUSPENDED)
    world.advance(3600)
    assert world.host.names == []


def test_the_interval_starts_when_the_task_is_resumed(world: World) -> None:
    world.add("T", schedule="1 MINUTE", state=SUSPENDED)
    world.advance(45)
    world.change("T", state=TaskStatus.STARTED, last_committed_on=world.clock.now())
    world.advance(59)
    assert world.host.names == []
    world.advance(1)
    (run,) = world.runs()
    assert run.state is RunState.SUCCEEDED
    assert run.scheduled_time == run.query_start_time == run.completed_time == START + timedelta(seconds=105)
    assert run.next_scheduled_time == START + timedelta(seconds=165)
    assert (run.scheduled_from, run.query_text, run.attempt_number) == (Origin.SCHEDULE, "body of T", 1)


def test_it_runs_again_and_again_until_it_is_suspended(world: World) -> None:
    world.add("T", schedule="10 SECONDS")
    for _ in range(3):
        world.advance(10)
    assert len(world.host.ran) == 3
    world.change("T", state=SUSPENDED)
    world.advance(60)
    assert len(world.host.ran) == 3


def test_missed_intervals_do_not_pile_up(world: World) -> None:
    world.add("T", schedule="1 MINUTE")
    world.advance(600)
    assert [run.scheduled_time for run in world.runs()] == [START + timedelta(minutes=1)]
    world.advance(60)
    assert [run.scheduled_time for run in world.runs()][1:] == [START + timedelta(minutes=11)]


def test_a_cron_schedule(world: World) -> None:
    world.add("T", schedule="USING CRON 0 15 * * * Europe/Berlin")
    world.advance(2 * 3600 - 1)
    assert world.host.names == []
    world.advance(1)
    assert world.host.names == ["T"]
    world.advance(24 * 3600)
    assert world.host.names == ["T", "T"]


@pytest.mark.parametrize(
    ("schedule", "start", "due"),
    [
        # 2:30 is left out on 8 March, 1:30 comes twice on 1 November.
        ("USING CRON 30 2 * * * America/Los_Angeles", "2026-03-07T00:00Z", ["03-07T10:30", "03-09T09:30"]),
        (
            "USING CRON 30 1 * * * America/Los_Angeles",
            "2026-10-31T12:00Z",
            ["11-01T08:30", "11-01T09:30", "11-02T09:30"],
        ),
    ],
)
def test_a_cron_schedule_across_a_turn_of_the_clock(schedule: str, start: str, due: list[str]) -> None:
    world = World(ManualClock(datetime.fromisoformat(start)))
    world.scheduler.start()
    world.add("T", schedule=schedule)
    for _ in range(60):
        world.advance(3_600)
    world.scheduler.stop(0)
    assert [f"{run.scheduled_time:%m-%dT%H:%M}" for run in world.runs()] == due


def test_a_new_schedule_counts_from_the_resumption(world: World) -> None:
    world.add("T", schedule="1 HOUR")
    world.advance(1800)
    world.change("T", state=SUSPENDED)
    world.change("T", schedule="1 MINUTE", state=TaskStatus.STARTED, last_committed_on=world.clock.now())
    world.advance(60)
    assert world.host.names == ["T"]


def test_the_next_run_is_in_the_history_as_scheduled(world: World) -> None:
    world.add("LATE", schedule="1 HOUR")
    world.add("SOON", schedule="1 MINUTE")
    world.add("NEVER", schedule="1 MINUTE", state=SUSPENDED)
    world.settle()
    upcoming = [(run.name, run.state.value, run.scheduled_time) for run in world.scheduler.history()]
    assert upcoming == [
        ("LATE", "SCHEDULED", START + timedelta(hours=1)),
        ("SOON", "SCHEDULED", START + timedelta(minutes=1)),
    ]


def test_a_dropped_task_is_forgotten(world: World) -> None:
    world.add("T", schedule="1 MINUTE")
    world.advance(60)
    del world.host.all[full("T")]
    world.scheduler.tasks_changed()
    world.advance(120)
    assert len(world.host.ran) == 1
    assert world.store.state_documents == {}


def test_due_times_survive_a_restart(world: World) -> None:
    world.add("T", schedule="1 HOUR")
    world.advance(1800)
    world.restart()
    world.advance(1799)
    assert world.host.names == []
    world.advance(1)
    assert world.host.names == ["T"]


def test_what_was_due_while_the_server_was_off_runs_once(world: World) -> None:
    world.add("T", schedule="1 HOUR")
    world.settle()
    world.scheduler.stop(0)
    world.clock.advance(5 * 3600 + 60)
    world.restart()
    world.settle()
    assert [run.scheduled_time for run in world.runs()] == [START + timedelta(hours=1)]
    world.advance(59 * 60)
    assert [run.scheduled_time for run in world.runs()][1:] == [START + timedelta(hours=6)]


# --- overlap ---------------------------------------------------------------------------------------------------------


def test_a_time_that_comes_during_a_run_is_left_out(world: World) -> None:
    gate = world.host.bodies["T"] = Gate()
    world.add("T", schedule="1 MINUTE")
    world.settle()
    world.turn(60)
    gate.await_entry()
    world.turn(60)
    gate.open.set()
    world.settle()
    assert len(world.host.ran) == 1
    world.advance(60)
    assert len(world.host.ran) == 2


def test_runs_overlap_when_that_is_allowed(world: World) -> None:
    gate = world.host.bodies["T"] = Gate()
    world.add("T", schedule="1 MINUTE", allow_overlap=True, overlap_roots=True)
    world.settle()
    for _ in range(2):
        world.clock.advance(60)
        gate.await_entry()
    assert world.states() == ["EXECUTING", "EXECUTING"]
    gate.open.set()
    world.settle()
    assert world.states() == ["SUCCEEDED", "SUCCEEDED"]


def test_overlap_of_children_lets_one_root_run_at_a_time(world: World) -> None:
    root = world.host.bodies["R"] = Gate()
    child = world.host.bodies["C"] = Gate()
    world.add("R", schedule="1 MINUTE", allow_overlap=True)
    world.add("C", after=["R"])
    world.settle()
    world.turn(60)
    root.await_entry()
    world.turn(60)
    root.open.set()
    child.await_entry()
    assert world.host.names == ["R", "C"]
    world.turn(60)
    child.await_entry()
    assert world.host.names == ["R", "C", "R", "C"]
    assert world.states("C") == ["EXECUTING", "EXECUTING"]
    child.open.set()
    world.settle()


# --- EXECUTE TASK ----------------------------------------------------------------------------------------------------


def test_execute_works_on_a_suspended_task_and_does_not_wait(world: World) -> None:
    gate = world.host.bodies["T"] = Gate()
    world.add("T", state=SUSPENDED)
    returned = world.scheduler.execute(full("T"))
    assert returned.state is RunState.SCHEDULED
    assert [run.uid for run in world.runs()] == [returned.uid]
    gate.await_entry()
    (executing,) = world.runs()
    assert (executing.state, executing.completed_time) == (RunState.EXECUTING, None)
    assert executing.query_id is not None
    gate.open.set()
    world.settle()
    (ended,) = world.runs()
    assert (ended.uid, ended.state, ended.scheduled_from) == (returned.uid, RunState.SUCCEEDED, Origin.EXECUTE_TASK)
    assert (ended.query_id, ended.return_value) == (executing.query_id, None)


def test_execute_stores_the_run_before_it_returns(world: World) -> None:
    gate = world.host.bodies["T"] = Gate()
    world.add("T")
    run = world.scheduler.execute(full("T"))
    assert run.uid in world.store.run_documents
    gate.open.set()


def test_execute_during_a_run_waits_for_its_end(world: World) -> None:
    gate = world.host.bodies["T"] = Gate()
    world.add("T")
    for _ in range(2):
        world.scheduler.execute(full("T"))
    gate.await_entry()
    assert sorted(world.states()) == ["EXECUTING", "SCHEDULED"]
    assert len(world.host.ran) == 1
    gate.open.set()
    world.settle()
    assert world.states() == ["SUCCEEDED"] * 2


def test_a_run_that_waits_gives_way_to_a_later_one(world: World) -> None:
    gate = world.host.bodies["T"] = Gate()
    world.add("T", config='{"n": 0}')
    world.scheduler.execute(full("T"))
    gate.await_entry()
    for number in (1, 2):
        world.scheduler.execute(full("T"), config=f'{{"n": {number}}}')
    assert world.states() == ["EXECUTING", "SCHEDULED"]
    gate.open.set()
    world.settle()
    assert [run.graph_config("n") for run in world.runs()] == ["0", "2"]
    assert len(world.store.run_documents) == 2


def test_a_run_that_waits_is_cancelled_when_its_task_is_dropped(world: World) -> None:
    gate = world.host.bodies["T"] = Gate()
    world.add("T")
    world.scheduler.execute(full("T"))
    gate.await_entry()
    world.scheduler.execute(full("T"))
    del world.host.all[full("T")]
    world.scheduler.tasks_changed()
    gate.open.set()
    world.settle()
    assert world.states() == ["SUCCEEDED", "CANCELLED"]
    assert world.runs()[-1].error_message == "The task was dropped."


def test_a_task_that_is_gone_when_it_is_due_does_not_run(world: World) -> None:
    world.add("T", schedule="1 MINUTE")
    world.settle()
    # The scheduler has not been told yet.
    dropped = world.host.all.pop(full("T"))
    world.advance(60)
    assert world.host.names == []
    world.put(dropped)
    world.advance(60)
    assert world.host.names == ["T"]


def test_execute_refuses_what_is_no_root(world: World) -> None:
    world.add("R")
    world.add("A", after=["R"])
    world.add("F", finalize="R")
    for name in ("A", "F"):
        with pytest.raises(SqlError, match=r"it is not a root task\. Execute D\.S\.R instead") as caught:
            world.scheduler.execute(full(name))
        assert caught.value.code == 91086
    with pytest.raises(SqlError, match=r"Task 'D\.S\.GONE' does not exist"):
        world.scheduler.execute(full("GONE"))
    assert world.runs() == []


def test_the_return_value_is_in_the_history(world: World) -> None:
    world.host.bodies["T"] = lambda run, cancel: "42 rows"
    world.add("T")
    world.execute("T")
    assert world.runs()[0].return_value == "42 rows"


# --- conditions ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("manual", [True, False])
def test_a_false_condition_skips_the_run(world: World, manual: bool) -> None:
    world.host.conditions["T"] = lambda: False
    world.add("T", schedule="1 MINUTE", when="SYSTEM$STREAM_HAS_DATA('S')")
    world.execute("T") if manual else world.advance(60)
    (run,) = world.runs()
    assert (run.state.value, run.error_code) == ("SKIPPED", "0040003")
    assert run.error_message == "Conditional expression for task evaluated to false."
    assert run.condition_text == "SYSTEM$STREAM_HAS_DATA('S')"
    assert (run.query_id, run.query_start_time, world.host.names) == (None, None, [])


def test_a_condition_that_cannot_be_evaluated_fails_the_run(world: World) -> None:
    def broken() -> bool:
        raise SqlError("Stream 'S' does not exist", 2003)

    world.host.conditions["T"] = broken
    world.add("T", when="SYSTEM$STREAM_HAS_DATA('S')", schedule="1 MINUTE")
    world.advance(60)
    (run,) = world.runs()
    assert (run.state.value, run.error_code, run.error_message) == ("FAILED", "002003", "Stream 'S' does not exist")


# --- failures --------------------------------------------------------------------------------------------------------


def test_a_failure_keeps_the_whole_message(world: World) -> None:
    world.host.bodies["T"] = fail("Traceback (most recent call last):\n  line 1\nValueError: no", 100357)
    world.add("T")
    world.execute("T")
    (run,) = world.runs()
    assert (run.state.value, run.error_code) == ("FAILED", "100357")
    assert run.error_message == "Traceback (most recent call last):\n  line 1\nValueError: no"
    assert run.completed_time is not None


def test_an_internal_error_fails_the_run_and_is_logged(world: World, caplog: pytest.LogCaptureFixture) -> None:
    def body(run: TaskRun, cancel: threading.Event) -> str | None:
        raise KeyError("gone")

    world.host.bodies["T"] = body
    world.add("T")
    world.execute("T")
    (run,) = world.runs()
    assert (run.state.value, run.error_code) == ("FAILED", "000603")
    assert run.error_message == "Processing aborted by error: KeyError: 'gone'"
    assert "task D.S.T failed with an internal error" in caplog.text


def test_too_many_failures_suspend_the_task(world: World) -> None:
    world.host.bodies["T"] = fail()
    world.add("T", schedule="1 MINUTE", suspend_after_failures=3)
    for _ in range(5):
        world.advance(60)
    assert world.states() == ["FAILED", "FAILED", "FAILED_AND_AUTO_SUSPENDED"]
    assert world.host.suspended == [("T", "SUSPENDED_DUE_TO_ERRORS")]
    world.change("T", state=TaskStatus.STARTED, last_committed_on=world.clock.now())
    world.advance(60)
    assert world.states()[3:] == ["FAILED"]


def test_a_success_ends_a_row_of_failures_and_a_skipped_run_does_not(world: World) -> None:
    bodies = iter([fail(), fail(), lambda run, cancel: None, fail(), fail()])
    world.host.bodies["T"] = lambda run, cancel: next(bodies)(run, cancel)
    conditions = iter([True, False, True, True, True, True])
    world.host.conditions["T"] = lambda: next(conditions)
    world.add("T", schedule="1 MINUTE", when="TRUE", suspend_after_failures=3)
    for _ in range(6):
        world.advance(60)
    assert world.states() == ["FAILED", "SKIPPED", "FAILED", "SUCCEEDED", "FAILED", "FAILED"]
    assert world.host.suspended == []


def test_failures_are_counted_across_a_restart(world: World) -> None:
    world.host.bodies["T"] = fail()
    world.add("T", schedule="1 MINUTE", suspend_after_failures=2)
    world.advance(60)
    world.restart()
    world.advance(60)
    assert world.states() == ["FAILED", "FAILED_AND_AUTO_SUSPENDED"]


def test_zero_means_that_failures_never_suspend(world: World) -> None:
    world.host.bodies["T"] = fail()
    world.add("T", schedule="1 MINUTE", suspend_after_failures=0)
    for _ in range(12):
        world.advance(60)
    assert world.states() == ["FAILED"] * 12


def test_failures_of_a_suspended_task_are_not_counted(world: World) -> None:
    world.host.bodies["T"] = fail()
    world.add("T", state=SUSPENDED, suspend_after_failures=1)
    world.execute("T")
    assert (world.states(), world.host.suspended) == (["FAILED"], [])


# --- timeouts and cancellation ---------------------------------------------------------------------------------------


def test_a_run_that_takes_too_long_is_aborted_and_failed(world: World) -> None:
    gate = world.host.bodies["T"] = Gate()
    world.add("T", timeout_ms=90_000)
    world.scheduler.execute(full("T"))
    gate.await_entry()
    world.turn(89)
    assert world.states() == ["EXECUTING"]
    world.clock.advance(1)
    world.settle()
    (run,) = world.runs()
    assert (run.state.value, run.error_code) == ("FAILED", "000630")
    assert run.error_message == "Statement reached its statement or warehouse timeout of 90 second(s) and was canceled."
    assert run.completed_time == START + timedelta(seconds=90)


def test_an_hour_is_the_longest_run_by_default(world: World) -> None:
    gate = world.host.bodies["T"] = Gate()
    world.add("T")
    world.scheduler.execute(full("T"))
    gate.await_entry()
    world.clock.advance(3600)
    world.settle()
    assert "timeout of 3,600 second(s)" in str(world.runs()[0].error_message)


def test_a_timeout_of_zero_is_a_week(world: World) -> None:
    gate = world.host.bodies["T"] = Gate()
    world.add("T", timeout_ms=0)
    world.scheduler.execute(full("T"))
    gate.await_entry()
    world.turn(7 * 86_400 - 1)
    assert world.states() == ["EXECUTING"]
    world.clock.advance(1)
    world.settle()
    assert "timeout of 604,800 second(s)" in str(world.runs()[0].error_message)


def test_cancelling_aborts_what_runs_and_what_waits(world: World) -> None:
    gate = world.host.bodies["T"] = Gate()
    world.add("T", schedule="1 HOUR", suspend_after_failures=1)
    world.settle()
    world.scheduler.execute(full("T"))
    world.scheduler.execute(full("T"))
    gate.await_entry()
    assert world.scheduler.cancel_ongoing(full("T")) == 1
    world.settle()
    assert [(run.state.value, run.error_code) for run in world.runs()] == [("CANCELLED", "000604")] * 2
    assert len(world.host.ran) == 1
    assert world.host.suspended == []
    assert world.scheduler.cancel_ongoing(full("T")) == 0


def test_a_run_that_ends_well_in_spite_of_its_abortion_has_succeeded(world: World) -> None:
    gate = world.host.bodies["T"] = Gate(stubborn=True)
    world.add("T")
    world.scheduler.execute(full("T"))
    gate.await_entry()
    world.scheduler.cancel_ongoing(full("T"))
    gate.open.set()
    world.settle()
    assert world.states() == ["SUCCEEDED"]


# --- the end, and crashes --------------------------------------------------------------------------------------------


def test_stopping_aborts_after_the_grace(world: World) -> None:
    gate = world.host.bodies["T"] = Gate()
    world.add("T")
    world.scheduler.execute(full("T"))
    world.scheduler.execute(full("T"))
    gate.await_entry()
    world.scheduler.stop(0)
    assert [(run.state.value, run.error_message) for run in world.runs()] == [
        ("CANCELLED", "The server was stopped."),
        ("CANCELLED", "The server was stopped."),
    ]
    with pytest.raises(SqlError, match="stopping"):
        world.scheduler.execute(full("T"))


def test_stopping_gives_running_tasks_their_grace(world: World) -> None:
    gate = world.host.bodies["R"] = Gate()
    world.add("R")
    world.add("A", after=["R"])
    world.scheduler.execute(full("R"))
    gate.await_entry()
    stopping = threading.Thread(target=world.scheduler.stop, args=(10,))
    stopping.start()
    gate.open.set()
    stopping.join(PATIENCE)
    assert not stopping.is_alive()
    # What was running ended well. What followed may have begun before the stop, but not after it.
    assert world.states("R") == ["SUCCEEDED"]
    assert set(world.states("A")) <= {"SUCCEEDED"}


def test_a_stopped_scheduler_starts_nothing(world: World) -> None:
    world.add("T", schedule="1 MINUTE")
    world.settle()
    world.scheduler.stop(0)
    world.clock.advance(3600)
    world.scheduler.notify(frozenset({1}))
    assert world.host.names == []


def test_runs_that_a_crash_left_are_failed_at_the_start() -> None:
    world = World()
    world.add("T")
    template = TaskRun("u0", full("T"), full("T"), 1, "select 1", START, 0, "g")
    world.store.save(dataclasses.replace(template, uid="u1", state=RunState.EXECUTING, query_id="q"))
    world.store.save(dataclasses.replace(template, uid="u2", state=RunState.SCHEDULED))
    world.store.save(dataclasses.replace(template, uid="u3", state=RunState.SUCCEEDED, completed_time=START))
    scheduler = Scheduler(world.host, world.store, world.clock)
    scheduler.start()
    try:
        ended = {run.uid: run for run in scheduler.history()}
        assert {uid: run.state.value for uid, run in ended.items()} == {
            "u1": "FAILED",
            "u2": "FAILED",
            "u3": "SUCCEEDED",
        }
        assert ended["u1"].error_message == "Processing aborted: the server ended while the task was running."
        assert ended["u2"].error_message == "Processing aborted: the server ended before the task began."
        assert ended["u1"].completed_time == START
        assert {run.uid: run.state for run in world.store.runs()} == {uid: run.state for uid, run in ended.items()}
        assert world.host.names == []
    finally:
        scheduler.stop(0)


def test_an_error_of_the_host_does_not_end_the_scheduler(world: World, caplog: pytest.LogCaptureFixture) -> None:
    world.settle()
    failed = threading.Event()
    tasks = world.host.tasks

    def broken() -> dict[object, object]:
        failed.set()
        raise RuntimeError("no catalog")

    world.host.tasks = broken  # type: ignore[method-assign, assignment]
    world.scheduler.tasks_changed()
    assert failed.wait(PATIENCE)
    world.host.tasks = tasks  # type: ignore[method-assign]
    world.add("T", schedule="1 MINUTE")
    world.advance(60)
    assert world.host.names == ["T"]
    assert "the task scheduler had an internal error" in caplog.text


def test_tasks_go_on_when_their_records_cannot_be_written(world: World, caplog: pytest.LogCaptureFixture) -> None:
    def full_disk(*arguments: object) -> None:
        raise SqlError("No space left on device", 603)

    world.store.save = full_disk  # type: ignore[method-assign]
    world.store.save_state = full_disk  # type: ignore[method-assign]
    world.add("T", schedule="1 MINUTE")
    world.add("A", after=["T"])
    for _ in range(2):
        world.advance(60)
    assert world.host.names == ["T", "A"] * 2
    assert world.states() == ["SUCCEEDED"] * 4
    assert "could not be stored" in caplog.text


class HastyClock(ManualClock):
    """A clock that is turned, once asked to, just before somebody begins to wait."""

    hurry = 0.0

    def wait_until(self, event: threading.Event, moment: datetime | None) -> bool:
        seconds, self.hurry = self.hurry, 0.0
        if seconds:
            self.advance(seconds)
        return super().wait_until(event, moment)


def test_a_clock_turned_before_the_scheduler_waits_is_noticed() -> None:
    clock = HastyClock(START)
    world = World(clock)
    world.scheduler.start()
    world.add("T", schedule="30 SECONDS")
    world.settle()
    clock.hurry = 30
    world.scheduler.tasks_changed()
    deadline = START + timedelta(seconds=30)
    while clock.now() < deadline:
        threading.Event().wait(0.001)
    world.settle()
    world.scheduler.stop(0)
    assert world.host.names == ["T"]


def test_tasks_that_could_not_be_read_are_read_again(world: World) -> None:
    world.settle()
    tasks, failed = world.host.tasks, threading.Event()

    def broken() -> dict[object, object]:
        world.host.tasks = tasks  # type: ignore[method-assign]
        failed.set()
        raise RuntimeError("no catalog")

    world.host.tasks = broken  # type: ignore[method-assign, assignment]
    world.add("T", schedule="1 MINUTE")
    assert failed.wait(PATIENCE)
    world.clock.advance(60)
    world.settle()
    world.advance(60)
    assert world.host.names == ["T"]
