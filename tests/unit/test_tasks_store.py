"""Runs and states in the data directory."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from tasks_fakes import START, full

from snowmelt.session.task_store import StoredRuns
from snowmelt.storage.engine import Engine
from snowmelt.storage.opening import open_store
from snowmelt.tasks.runs import RunState, TaskRun, TaskState
from snowmelt.testing.clock import ManualClock

RUN = TaskRun("u1", full("T"), full("T"), 1, "select 'it''s'", START, 1767268800000, "g1", error_message="ü\n'")


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    made = Engine(open_store(tmp_path, 256), ManualClock(START))
    yield made
    made.close()


def test_runs_are_replaced_and_forgotten(engine: Engine) -> None:
    store = StoredRuns(engine)
    store.save(RUN)
    ended = TaskRun(**{**vars(RUN), "state": RunState.SUCCEEDED, "completed_time": START + timedelta(seconds=1)})
    store.save(ended)
    assert list(store.runs()) == [ended]
    store.forget("u1")
    assert list(store.runs()) == []


def test_states(engine: Engine) -> None:
    store = StoredRuns(engine)
    state = TaskState("1 MINUTE", START, START + timedelta(minutes=1), failures=2)
    store.save_state(7, TaskState())
    store.save_state(7, state)
    assert store.states() == {7: state}
    store.forget_state(7)
    assert store.states() == {}


def test_they_are_there_after_a_restart(tmp_path: Path) -> None:
    engine = Engine(open_store(tmp_path, 256), ManualClock(START))
    store = StoredRuns(engine)
    store.save(RUN)
    store.save_state(7, TaskState(failures=1))
    engine.close()
    engine = Engine(open_store(tmp_path, 256), ManualClock(START))
    try:
        again = StoredRuns(engine)
        assert list(again.runs()) == [RUN]
        assert again.states() == {7: TaskState(failures=1)}
    finally:
        engine.close()


def test_what_is_kept_soon_is_kept_before_what_is_committed_after_it(engine: Engine) -> None:
    """A run that a crash cuts off is known, whatever it had committed by then."""
    store, connection = StoredRuns(engine), engine.connect()
    held, committed = threading.Event(), threading.Event()
    connection.run("CREATE TABLE done (n INTEGER)")

    def commit() -> None:
        connection.begin()
        connection.run("INSERT INTO done VALUES (1)")
        connection.commit()
        committed.set()

    engine.note(lambda: _wait(held))
    store.save_soon(RUN, _unexpected)
    body = threading.Thread(target=commit)
    body.start()
    assert not committed.wait(0.2)
    held.set()
    assert committed.wait(30)
    body.join()
    assert list(store.runs()) == [RUN]


def test_a_later_state_replaces_one_that_was_to_be_kept_soon(engine: Engine) -> None:
    store = StoredRuns(engine)
    held = threading.Event()
    engine.note(lambda: _wait(held))
    store.save_soon(RUN, _unexpected)
    threading.Timer(0.1, held.set).start()
    ended = TaskRun(**{**vars(RUN), "state": RunState.SUCCEEDED})
    store.save(ended)
    assert list(store.runs()) == [ended]


def test_that_a_run_could_not_be_kept_is_told(engine: Engine) -> None:
    store, told = StoredRuns(engine), []
    engine.connect().run("DROP TABLE snowmelt.task_runs")
    store.save_soon(RUN, told.append)
    engine.await_notes()
    assert [type(error).__name__ for error in told] == ["SqlError"]


def _wait(event: threading.Event) -> None:
    assert event.wait(30)


def _unexpected(error: Exception) -> None:
    raise AssertionError(error)
