"""How long a data directory with many tables and a long change log takes to open: `python -m benchmarks.opening`."""

from __future__ import annotations

import tempfile
import time
import uuid
from pathlib import Path

from snowmelt.base.request import Request
from snowmelt.base.settings import Settings
from snowmelt.runtime import Runtime

TABLES = 1_000
ROWS = 100_000
UPDATES = 10


def fill(data: Path) -> None:
    """Make `TABLES` tables and log `ROWS` times `UPDATES` changes."""
    runtime = Runtime.open(Settings(data=data, password="p"))
    session = runtime.open_session("SNOWMELT")

    def run(text: str) -> None:
        session.execute(Request(text, str(uuid.uuid4())))

    run("CREATE DATABASE BENCH")
    for number in range(TABLES):
        run(f"CREATE TABLE T{number} (ID NUMBER, A VARCHAR, B NUMBER, C TIMESTAMP_NTZ)")
    run(f"INSERT INTO T0 SELECT SEQ4(), 'x', 1, NULL FROM TABLE(GENERATOR(ROWCOUNT => {ROWS}))")
    for _ in range(UPDATES):
        run("UPDATE T0 SET B = B + 1")
    session.close()
    runtime.close(0)


def measure(data: Path) -> float:
    """Seconds from opening the directory to the first answer."""
    started = time.perf_counter()
    runtime = Runtime.open(Settings(data=data, password="p"))
    session = runtime.open_session("SNOWMELT")
    session.execute(Request("SELECT COUNT(*) FROM BENCH.PUBLIC.T1", str(uuid.uuid4())))
    took = time.perf_counter() - started
    session.close()
    runtime.close(0)
    return took


def opening() -> float:
    """Seconds to open a directory of `TABLES` tables and a log of `ROWS` times `UPDATES` images."""
    with tempfile.TemporaryDirectory() as directory:
        fill(Path(directory))
        return measure(Path(directory))


if __name__ == "__main__":
    print(f"opening {TABLES:,} tables and {ROWS * UPDATES:,} changes: {opening():.2f} s")
