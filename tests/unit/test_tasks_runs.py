"""Runs: TASK_HISTORY's rows, documents, what bodies may ask, and the bounded history."""

from __future__ import annotations

import dataclasses
from datetime import timedelta

import pyarrow as pa
import pytest
from tasks_fakes import START, MemoryStore, full

from snowmelt.base.errors import SqlError
from snowmelt.base.result import arrow_type
from snowmelt.tasks.history import History
from snowmelt.tasks.runs import (
    TASK_HISTORY_COLUMNS,
    Origin,
    RunState,
    TaskRun,
    TaskState,
    history_row,
    run_from_document,
    state_from_document,
    to_document,
)
from snowmelt.testing.clock import ManualClock

RUN = TaskRun(
    uid="u1",
    task=full("CHILD"),
    root=full("ROOT"),
    root_id=7,
    query_text="select 'ü'",
    condition_text="TRUE",
    scheduled_time=START,
    run_id=int(START.timestamp() * 1000),
    group="g1",
    state=RunState.FAILED,
    query_id="q1",
    error_code="002003",
    error_message="Traceback:\n  ...",
    query_start_time=START + timedelta(milliseconds=3),
    completed_time=START + timedelta(seconds=1),
    scheduled_from=Origin.EXECUTE_TASK,
    config='{"rate": 0.2, "where": {"dir": "/out"}, "flag": true}',
    predecessors={"A": "one", "lower case": None},
    last_success=("g0", "2025-12-31 12:00:00+00:00"),
)


def test_columns_of_task_history() -> None:
    names = [name for name, _ in TASK_HISTORY_COLUMNS]
    assert " ".join(names) == (
        "QUERY_ID NAME DATABASE_NAME SCHEMA_NAME QUERY_TEXT CONDITION_TEXT STATE ERROR_CODE ERROR_MESSAGE "
        "SCHEDULED_TIME QUERY_START_TIME NEXT_SCHEDULED_TIME COMPLETED_TIME ROOT_TASK_ID GRAPH_VERSION RUN_ID "
        "RETURN_VALUE SCHEDULED_FROM ATTEMPT_NUMBER INSTANCE_ID CONFIG QUERY_HASH QUERY_HASH_VERSION "
        "QUERY_PARAMETERIZED_HASH QUERY_PARAMETERIZED_HASH_VERSION GRAPH_RUN_GROUP_ID "
        "BACKFILL_INFO SCHEDULED_BY_USER SPCS_JOB_ID"
    )
    times = {kind.kind.value for name, kind in TASK_HISTORY_COLUMNS if name.endswith("_TIME")}
    assert times == {"TIMESTAMP_LTZ"}


def test_a_row_fits_the_columns() -> None:
    row = dict(zip([name for name, _ in TASK_HISTORY_COLUMNS], history_row(RUN), strict=True))
    assert (row["NAME"], row["SCHEMA_NAME"], row["DATABASE_NAME"]) == ("CHILD", "S", "D")
    assert (row["STATE"], row["ERROR_CODE"], row["SCHEDULED_FROM"]) == ("FAILED", "002003", "EXECUTE_TASK")
    assert (row["ROOT_TASK_ID"], row["RUN_ID"], row["GRAPH_RUN_GROUP_ID"]) == ("7", 1767268800000, "g1")
    for (_, kind), value in zip(TASK_HISTORY_COLUMNS, row.values(), strict=True):
        assert pa.array([value], type=arrow_type(kind)).null_count == (value is None)


def test_documents() -> None:
    assert run_from_document(to_document(RUN)) == RUN
    assert run_from_document(to_document(RUN).replace("EXECUTE_TASK", "EXECUTE TASK")) == RUN
    state = TaskState("1 MINUTE", START, START + timedelta(minutes=1), 2, 3, "f", ("g", "then"))
    for item in (state, TaskState()):
        assert state_from_document(to_document(item)) == item


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (None, RUN.config),
        ("rate", "0.2"),
        ("where.dir", "/out"),
        ("$.where", '{"dir": "/out"}'),
        ("flag", "true"),
        ("missing", None),
        ("rate.deeper", None),
    ],
)
def test_graph_config(path: str | None, value: str | None) -> None:
    assert RUN.graph_config(path) == value
    assert dataclasses.replace(RUN, config=None).graph_config(path) is None


def test_return_values_of_predecessors() -> None:
    assert RUN.predecessor_return_value("A") == "one"
    assert RUN.predecessor_return_value('D.S."lower case"') is None
    assert dataclasses.replace(RUN, predecessors={"A": "one"}).predecessor_return_value() == "one"
    further = dataclasses.replace(RUN, ancestors={"A": "not this one", "ROOT": "zero"})
    assert [further.predecessor_return_value(name) for name in ("A", "ROOT")] == ["one", "zero"]
    for name in ("B", "a", None):
        with pytest.raises(SqlError, match="has no predecessor"):
            RUN.predecessor_return_value(name)


def test_runtime_info() -> None:
    assert RUN.runtime_info("current_task_name") == "D.S.CHILD"
    assert RUN.runtime_info("CURRENT_ROOT_TASK_NAME") == "D.S.ROOT"
    assert RUN.runtime_info("CURRENT_TASK_GRAPH_RUN_GROUP_ID") == "g1"
    assert RUN.runtime_info("CURRENT_TASK_GRAPH_ORIGINAL_SCHEDULED_TIMESTAMP") == "2026-01-01 12:00:00+00:00"
    assert RUN.runtime_info("LAST_SUCCESSFUL_TASK_GRAPH_RUN_GROUP_ID") == "g0"
    with pytest.raises(SqlError, match="Invalid argument 'NEXT'"):
        RUN.runtime_info("NEXT")


def _ended(number: int, seconds: float, state: RunState = RunState.SUCCEEDED) -> TaskRun:
    return dataclasses.replace(RUN, uid=f"u{number}", scheduled_time=START + timedelta(seconds=seconds), state=state)


def test_the_history_is_newest_first_and_survives() -> None:
    store, clock = MemoryStore(), ManualClock(START)
    history = History(store, clock)
    for number, seconds in [(1, 0), (2, 5), (3, 5), (4, 1)]:
        history.put(_ended(number, seconds))
    assert [run.uid for run in history.newest_first()] == ["u3", "u2", "u4", "u1"]
    history.put(_ended(2, 5, RunState.FAILED))
    assert [run.uid for run in History(store, clock).unfinished()] == []
    assert {run.uid: run.state for run in History(store, clock).newest_first()}["u2"] is RunState.FAILED


def test_the_history_is_bounded_by_number_and_by_age() -> None:
    store, clock = MemoryStore(), ManualClock(START)
    history = History(store, clock, limit=3)
    for number in range(5):
        history.put(_ended(number, number))
    assert sorted(store.run_documents) == ["u2", "u3", "u4"]
    clock.advance(timedelta(days=15).total_seconds())
    history.put(_ended(9, timedelta(days=15).total_seconds()))
    assert sorted(store.run_documents) == ["u9"]


def test_what_still_runs_is_not_forgotten() -> None:
    store = MemoryStore()
    history = History(store, ManualClock(START), limit=1)
    history.put(_ended(1, 0, RunState.EXECUTING))
    history.put(_ended(2, 1))
    assert sorted(store.run_documents) == ["u1", "u2"]
