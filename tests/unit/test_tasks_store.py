"""Runs and states in the data directory."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from tasks_fakes import START, full

from snowmelt.session.task_store import StoredRuns
from snowmelt.storage.engine import Engine
from snowmelt.tasks.runs import RunState, TaskRun, TaskState
from snowmelt.testing.clock import ManualClock

RUN = TaskRun("u1", full("T"), full("T"), 1, "select 'it''s'", START, 1767268800000, "g1", error_message="ü\n'")


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    made = Engine(
        tmp_path / "account.duckdb", tmp_path / "files", ManualClock(START), spill=tmp_path / "spill", memory_mb=256
    )
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
    path, files = tmp_path / "account.duckdb", tmp_path / "files"
    engine = Engine(path, files, ManualClock(START), spill=tmp_path / "spill", memory_mb=256)
    store = StoredRuns(engine)
    store.save(RUN)
    store.save_state(7, TaskState(failures=1))
    engine.close()
    engine = Engine(path, files, ManualClock(START), spill=tmp_path / "spill", memory_mb=256)
    try:
        again = StoredRuns(engine)
        assert list(again.runs()) == [RUN]
        assert again.states() == {7: TaskState(failures=1)}
    finally:
        engine.close()
