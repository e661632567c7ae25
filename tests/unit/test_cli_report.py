"""The demo's report, and waiting for a task's run."""

from __future__ import annotations

import io
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from snowmelt.cli.demo_report import BatchTiming, ModelVersionRow, Report
from snowmelt.cli.demo_terminal import render
from snowmelt.cli.taskrun import TaskFailed, run_task

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)


def test_the_report_shows_what_happened() -> None:
    report = Report(
        counts={"INSURANCE_GOLD": 969_000},
        versions=[ModelVersionRow("V1", False, 0.0203, 90_000.0), ModelVersionRow("V2", True, 0.02, 88_000.0)],
        decisions=[{"CHALLENGER_VERSION": "V2", "DECISION": "PROMOTED", "REASON": "promoted: not worse"}],
        quarantine=[{"REASON": "AGE is missing", "FOUND": 1}],
        tasks=[{"NAME": "PREDICT_WRITE_TASK", "STATE": "SUCCEEDED", "RUNS": 11}],
        spans=[{"SPAN": "fit_pipeline", "SPANS": 3, "MILLISECONDS": 2500.4}],
        alerts=[{"KIND": "PSI", "COLUMN_NAME": "AGE", "VALUE": 8.31, "ALERT_ABOVE": 0.25}],
        small={1: 0.14, 1000: 0.21},
        timings=[BatchTiming(100_000, 2.0), BatchTiming(100_000, 3.0), BatchTiming(50_000, 1.0)],
        seconds=95.0,
    )
    target = io.StringIO()
    Console(file=target, width=160).print(render(report, Path(".snowmelt")))
    text = target.getvalue()
    for expected in (
        "969,000",
        "2.03%",
        "promoted: not worse",
        "41,667",
        "2.00 s",
        "3.00 s",
        "2,500 ms",
        "95 s",
        "0.21 s",
        "8.31",
        "AGE is missing",
    ):
        assert expected in text


class Server:
    """Stands for a connection: TASK_HISTORY holds one more of `runs` after each EXECUTE TASK."""

    def __init__(self, *runs: tuple[Any, ...]) -> None:
        self._coming: Iterator[tuple[Any, ...]] = iter(runs)
        self._history: list[tuple[Any, ...]] = []
        self.executed: list[str] = []

    def __enter__(self) -> Server:
        return self

    def __exit__(self, *_: object) -> None:
        return None

    def cursor(self) -> Server:
        return self

    def execute(self, text: str) -> None:
        if text.startswith("EXECUTE TASK"):
            self.executed.append(text)
            self._history.extend([run] if (run := next(self._coming, None)) else [])

    def fetchall(self) -> list[tuple[Any, ...]]:
        return list(self._history)


def history_row(state: str, error: str | None = None) -> tuple[Any, ...]:
    return (state, "3 record(s) inserted", error, NOON, NOON + timedelta(seconds=2))


def test_a_finished_run_is_waited_for() -> None:
    server: Any = Server(history_row("SUCCEEDED"))
    run = run_task(server, "T")
    assert (run.seconds, run.return_value, server.executed) == (2.0, "3 record(s) inserted", ["EXECUTE TASK T"])


def test_a_failed_run_raises_its_error() -> None:
    server: Any = Server(history_row("FAILED", "no such model"))
    with pytest.raises(TaskFailed, match="ended as FAILED: no such model"):
        run_task(server, "T")


def test_a_run_that_does_not_end_raises() -> None:
    server: Any = Server()
    with pytest.raises(TaskFailed, match="not ended within 0 seconds"):
        run_task(server, "T", timeout=0)
