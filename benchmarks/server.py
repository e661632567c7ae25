"""What Snowmelt itself takes, measured through the genuine connector on an embedded server."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from snowflake.connector import SnowflakeConnection

from benchmarks.job import Scored
from snowmelt.base.settings import Settings
from snowmelt.cli import connection as connections
from snowmelt.cli import demo_data
from snowmelt.cli.deploy import run
from snowmelt.cli.embedded import running
from snowmelt.cli.manifest import actions_of
from snowmelt.cli.taskrun import finished_runs, run_task

FEED_ROWS = 990_000
BATCH_ROWS = 100_000
#: How often each latency is measured.
ATTEMPTS = 15


@dataclass(frozen=True)
class Measured:
    """One run's figures.

    Attributes:
        select_ms: median milliseconds of ``SELECT 1``.
        train_seconds: how long the training task's run took.
        batch: 100,000 rows from the stream to gold, the median of three such batches.
        feed: 990,000 rows from the stream to gold, in one run.
        later: as `batch`, into a gold table that holds a million rows.
        latency: median seconds from the landing's commit to the commit of the gold table in the run that it triggered,
            by the number of rows landed.
    """

    select_ms: float
    train_seconds: float
    batch: Scored
    feed: Scored
    later: Scored
    latency: dict[int, float]


@contextmanager
def embedded() -> Iterator[SnowflakeConnection]:
    """A server on a data directory of its own, and a connection to it."""
    with tempfile.TemporaryDirectory() as name, running(Settings(data=Path(name), port=0)) as address:
        target = connections.Target(address.host, address.port, address.user, address.password)
        with connections.open_connection(target) as connection:
            yield connection


def measure() -> Measured:
    """Deploy the insurance pipeline on a fresh server, load the full data set and take all measurements."""
    with embedded() as connection:
        select_ms = _select_ms(connection)
        run(connection, actions_of(demo_data.pipeline_directory()))
        connection.cursor().execute("ALTER TASK PREDICT_WRITE_TASK SUSPEND")
        with tempfile.TemporaryDirectory() as name:
            frame = demo_data.generated_rows(demo_data.TRAINING_ROWS + FEED_ROWS, Path(name))
        demo_data.load(connection, frame, lambda _: None)
        train_seconds = run_task(connection, "TRAIN_SAVE_TASK").seconds
        _score(connection, 1_000)  # the workers and the model are warm from here on
        batch = _batches(connection)
        feed = _score(connection, FEED_ROWS)
        later = _batches(connection)
        return Measured(select_ms, train_seconds, batch, feed, later, _latencies(connection))


def _select_ms(connection: SnowflakeConnection, times: int = 200) -> float:
    seconds = []
    with connection.cursor() as cursor:
        for _ in range(times):
            started = time.perf_counter()
            cursor.execute("SELECT 1").fetchone()  # type: ignore[union-attr]
            seconds.append(time.perf_counter() - started)
    return median(seconds) * 1000


def _score(connection: SnowflakeConnection, rows: int) -> Scored:
    """Land `rows` rows, then time the procedure that brings them to gold."""
    before = _gold_rows(connection)
    demo_data.land(connection, rows, 0)
    started = time.perf_counter()
    with connection.cursor() as cursor:
        cursor.execute("CALL PREDICT_WRITE_TO_GOLD()").fetchall()  # type: ignore[union-attr]
    seconds = time.perf_counter() - started
    return Scored(_gold_rows(connection) - before, seconds)


def _batches(connection: SnowflakeConnection) -> Scored:
    """The middle one of three, as one alone takes half as long again when the machine does something else."""
    return sorted((_score(connection, BATCH_ROWS) for _ in range(3)), key=lambda scored: scored.seconds)[1]


def _latencies(connection: SnowflakeConnection) -> dict[int, float]:
    """Have the scoring task follow the stream without a schedule, and land small batches."""
    with connection.cursor() as cursor:
        cursor.execute("ALTER TASK PREDICT_WRITE_TASK UNSET SCHEDULE")
        cursor.execute("ALTER TASK MEASURE_DRIFT_TASK SUSPEND")
        cursor.execute("ALTER TASK PREDICT_WRITE_TASK RESUME")
    return {rows: median(_latency(connection, rows, i) for i in range(ATTEMPTS)) for rows in (1, 1000)}


def _latency(connection: SnowflakeConnection, rows: int, attempt: int) -> float:
    before = len(finished_runs(connection, "PREDICT_WRITE_TASK"))
    demo_data.land(connection, rows, attempt * rows)
    while len(runs := finished_runs(connection, "PREDICT_WRITE_TASK")) <= before:
        # Asking takes time from what is measured: seldom, and after the time in which it should have been done.
        time.sleep(0.25)
    if runs[-1].state != "SUCCEEDED":
        raise RuntimeError(runs[-1].error)
    with connection.cursor() as cursor:
        ((landed, committed),) = cursor.execute(_LANDED_AND_COMMITTED).fetchall()  # type: ignore[union-attr]
    return (committed - landed).total_seconds()


_LANDED_AND_COMMITTED = """
WITH done AS (SELECT query_text, end_time FROM TABLE(INFORMATION_SCHEMA.QUERY_HISTORY(RESULT_LIMIT => 100))),
landed AS (SELECT MAX(end_time) AS at FROM done WHERE query_text LIKE 'INSERT INTO LANDING_TABLE%')
SELECT MAX(landed.at), MIN(end_time) FROM done, landed WHERE query_text = 'COMMIT' AND end_time > landed.at
"""


def _gold_rows(connection: SnowflakeConnection) -> int:
    with connection.cursor() as cursor:
        (count,) = cursor.execute("SELECT COUNT(*) FROM INSURANCE_GOLD").fetchone()  # type: ignore[union-attr, misc]
        return int(count)
