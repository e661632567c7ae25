"""kill -9 while changes are made and old ones pruned: what is kept of the past is whole."""

from __future__ import annotations

import random
import subprocess
import sys
import time
from pathlib import Path

import pruner
import pytest
from pruner import ROWS, clock_at, run

from snowmelt.base.settings import Settings
from snowmelt.runtime import Runtime
from snowmelt.session.pruning import prune


def prepare(data: Path) -> None:
    runtime = Runtime.open(Settings(data=data, password="p"), clock_at(0))
    session = runtime.open_session("SNOWMELT")
    for text in (
        "CREATE DATABASE D",
        f"CREATE TABLE T AS SELECT SEQ4() AS K, 0::NUMBER AS V FROM TABLE(GENERATOR(ROWCOUNT => {ROWS}))",
        "CREATE TABLE SEEN AS SELECT 0::NUMBER AS V",
        "CREATE STREAM S ON TABLE T",
    ):
        run(session, text)
    session.close()
    runtime.close(0)


def work_and_kill(data: Path, day: int, lines: int, pause: float) -> tuple[int, int, int]:
    """Let the pruner work until it has printed so many lines and a moment longer; what it printed last."""
    process = subprocess.Popen(
        [sys.executable, pruner.__file__, str(data), str(day)], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    seen = [process.stdout.readline() for _ in range(lines)]
    time.sleep(pause)  # the moment of the kill is what is random here
    process.kill()
    seen += process.stdout.read().splitlines(keepends=True)
    process.wait()
    whole = [line for line in seen if line.endswith("\n")]
    assert whole, "the pruner ended before it had done anything"
    now, begun, day = map(int, whole[-1].split())
    return now, begun, day


def check(data: Path, now: int, begun: int, day: int) -> None:
    """Everything that was acknowledged is there, and the past that must be kept can be read."""
    runtime = Runtime.open(Settings(data=data, password="p"), clock_at(day + 1))
    session = runtime.open_session("SNOWMELT")
    run(session, "USE SCHEMA D.PUBLIC")
    ((count, least, present),) = run(session, "SELECT COUNT(*), MIN(V), MAX(V) FROM T")
    assert count == ROWS
    assert least == present
    assert present in (now, now + 1)
    ((first,),) = run(session, "SELECT MAX(V) FROM SEEN")
    assert first in (begun, present)
    for _ in range(2):
        delta = run(session, 'SELECT "METADATA$ACTION", MIN(V), MAX(V), COUNT(*) FROM S GROUP BY 1 ORDER BY 1')
        pair = [("DELETE", first, first, ROWS), ("INSERT", present, present, ROWS)]
        assert delta == (pair if first != present else [])
        past = "SELECT COUNT(*), MIN(V), MAX(V) FROM T AT (OFFSET => -80000)"
        ((count, least, then),) = run(session, past)
        assert (count, least) == (ROWS, then)
        assert present - 2 <= then <= present  # type: ignore[operator]
        for _ in prune(runtime.services):
            pass
    session.close()
    runtime.close(0)


def kill_while_pruning(data: Path, times: int, seed: int) -> None:
    chance = random.Random(seed)
    prepare(data)
    day = 0
    for _ in range(times):
        now, begun, day = work_and_kill(data, day + 1, chance.randrange(1, 12), chance.uniform(0, 0.15))
        check(data, now, begun, day)


def test_a_few_kills_while_pruning(tmp_path: Path) -> None:
    kill_while_pruning(tmp_path / "data", 3, seed=1)


@pytest.mark.long
@pytest.mark.timeout(3_600)
def test_a_hundred_kills_while_pruning(tmp_path: Path) -> None:
    kill_while_pruning(tmp_path / "data", 100, seed=random.randrange(2**32))
