"""Tasks: how soon a triggered task has reacted to a commit, and what tasks cost while nothing happens."""

from __future__ import annotations

import os
import time
from datetime import datetime
from pathlib import Path
from statistics import median, quantiles

import snowflake.connector
from snowflake.connector import SnowflakeConnection
from snowflake.connector.cursor import SnowflakeCursor

from benchmarks.engine import Figure
from benchmarks.process import Served, snowmelt_server

COMMITS = 300
SUSPENDED = 1_000
ACTIVE = 100
QUIET_SECONDS = 30.0
SETTLING_SECONDS = 5.0


def measure_tasks() -> list[Figure]:
    """All figures, on a server of their own."""
    with snowmelt_server() as served, snowflake.connector.connect(**served.parameters) as connection:
        connection.cursor().execute("CREATE DATABASE TASKS")
        return [*reaction(connection), idle(served, connection)]


def reaction(connection: SnowflakeConnection, commits: int = COMMITS) -> list[Figure]:
    """From the commit of one row to the commit of the triggered task's INSERT from the stream, by the server's clock:
    from the end of the statement that committed the row to the end of the task's run.
    """
    with connection.cursor() as cursor:
        for statement in (
            "CREATE TABLE source (n NUMBER)",
            "CREATE TABLE target (n NUMBER)",
            "CREATE STREAM arrivals ON TABLE source",
            "CREATE TASK mover WHEN SYSTEM$STREAM_HAS_DATA('arrivals') AS INSERT INTO target SELECT n FROM arrivals",
            "ALTER TASK mover RESUME",
        ):
            cursor.execute(statement)
        for number in range(commits):
            _move(cursor, number)
        committed = _moments(
            cursor,
            "SELECT end_time FROM TABLE(INFORMATION_SCHEMA.QUERY_HISTORY_BY_SESSION(RESULT_LIMIT => 10000)) "
            "WHERE query_type = 'INSERT' AND query_text LIKE 'INSERT INTO source%' ORDER BY 1",
        )
        moved = _moments(
            cursor,
            "SELECT completed_time FROM TABLE(INFORMATION_SCHEMA.TASK_HISTORY(TASK_NAME => 'MOVER', "
            "RESULT_LIMIT => 10000)) WHERE state = 'SUCCEEDED' ORDER BY 1",
        )
        cursor.execute("ALTER TASK mover SUSPEND")
    took = [(end - start).total_seconds() * 1000 for start, end in zip(committed, moved, strict=True)]
    return [
        Figure("commit of a row to commit of its task, median", median(took), "ms", 50),
        Figure("commit of a row to commit of its task, 99th percentile", quantiles(took, n=100)[98], "ms", 200),
    ]


def _move(cursor: SnowflakeCursor, number: int) -> None:
    """Commit a row and wait until it has been moved."""
    cursor.execute(f"INSERT INTO source VALUES ({number})")
    while cursor.execute("SELECT COUNT(*) FROM target").fetchone() != (number + 1,):  # type: ignore[union-attr]
        time.sleep(0.05)


def _moments(cursor: SnowflakeCursor, query: str) -> list[datetime]:
    return [moment for (moment,) in cursor.execute(query).fetchall()]  # type: ignore[union-attr]


def idle(served: Served, connection: SnowflakeConnection) -> Figure:
    """The share of one core that the server uses while nothing happens but its tasks are there: suspended ones, and
    active ones of which half wait for the clock and half for a stream.
    """
    with connection.cursor() as cursor:
        for number in range(SUSPENDED + ACTIVE):
            when = "WHEN SYSTEM$STREAM_HAS_DATA('arrivals')" if number % 2 else "SCHEDULE = '600 MINUTES'"
            cursor.execute(f"CREATE TASK t{number} {when} AS SELECT 1")
        for number in range(ACTIVE):
            cursor.execute(f"ALTER TASK t{number} RESUME")
    time.sleep(SETTLING_SECONDS)
    before, started = _processor_seconds(served.pid), time.perf_counter()
    time.sleep(QUIET_SECONDS)
    share = (_processor_seconds(served.pid) - before) / (time.perf_counter() - started)
    return Figure(f"{SUSPENDED:,} suspended and {ACTIVE} active tasks, idle, share of a core", share * 100, "%", 1)


def _processor_seconds(pid: int) -> float:
    """What a process has used of all cores so far."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
