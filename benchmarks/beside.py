"""fakesnow's server beside Snowmelt's: the same statements by the same connector, in turns.

fakesnow needs other versions of libraries than Snowmelt, so it runs in an environment of its own, whose Python the
environment variable `SNOWMELT_FAKESNOW` names: ``python -m venv V && V/bin/pip install 'fakesnow[server]'``, with a
snowflake-connector-python below 5. Nothing is durable there: its databases are in memory.
"""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Callable
from dataclasses import dataclass
from statistics import median
from typing import Any

import snowflake.connector
from snowflake.connector.cursor import SnowflakeCursor

from benchmarks.process import fakesnow_server, snowmelt_server

PYTHON = "SNOWMELT_FAKESNOW"


@dataclass(frozen=True)
class Beside:
    """One statement's median milliseconds on both servers; None where it cannot be run."""

    name: str
    snowmelt: float | None
    fakesnow: float | None


@dataclass(frozen=True)
class Case:
    """Something to measure.

    Attributes:
        before: statements that come first and are not measured.
        statement: what is measured; `{n}` is the number of the turn.
        times: how often.
    """

    name: str
    statement: str
    times: int = 10
    before: tuple[str, ...] = ()


_ROWS = "SELECT SEQ8() AS ID, MOD(SEQ8(), 500) AS K, 'NOTE' AS NOTE FROM TABLE(GENERATOR(ROWCOUNT => {}))"
CASES = (
    Case("SELECT 1", "SELECT 1", 100),
    Case("INSERT of one row", "INSERT INTO ONE VALUES ({n}, 'x')", 50, ("CREATE TABLE ONE (ID INT, NOTE VARCHAR)",)),
    Case("CREATE OR REPLACE TABLE", "CREATE OR REPLACE TABLE MADE (ID INT, NOTE VARCHAR)", 30),
    Case("aggregate over 1,000,000 rows", "SELECT K, COUNT(*), SUM(ID) FROM BIG GROUP BY K ORDER BY K"),
    Case("100,000 rows to the client", "SELECT * FROM BIG WHERE ID < 100000 ORDER BY ID", 5),
    Case("UPDATE of 2,000 in 1,000,000", "UPDATE BIG SET NOTE = 'n{n}' WHERE K = {n}", 5),
    Case(
        "MERGE of 10,000 into 1,000,000",
        "MERGE INTO BIG AS T USING (SELECT ID, K FROM BIG WHERE ID < 10000) AS S ON T.ID = S.ID "
        "WHEN MATCHED THEN UPDATE SET NOTE = 'm{n}' WHEN NOT MATCHED THEN INSERT (ID, K) VALUES (S.ID, S.K)",
        5,
    ),
    Case("FLATTEN of 10,000 arrays", "SELECT COUNT(*) FROM DOCS, LATERAL FLATTEN(INPUT => DOC) AS F"),
)
PREPARED = (
    f"CREATE TABLE BIG AS {_ROWS.format(1_000_000)}",
    "CREATE TABLE DOCS AS SELECT PARSE_JSON('[1, 2, {\"a\": 3}]') AS DOC FROM TABLE(GENERATOR(ROWCOUNT => 10000))",
)


def measure_beside() -> list[Beside] | None:
    """Both servers' figures; None where no environment with fakesnow is named."""
    python = os.environ.get(PYTHON)
    if not python:
        return None
    with snowmelt_server() as ours, fakesnow_server(python, _free_port()) as other:
        cursors = [_cursor(ours.parameters), _cursor(other.parameters)]
        for statement in PREPARED:
            for cursor in cursors:
                cursor.execute(statement)
        return [_measured(case, cursors) for case in CASES]


def _cursor(parameters: dict[str, Any]) -> SnowflakeCursor:
    cursor = snowflake.connector.connect(**parameters).cursor()
    cursor.execute("CREATE DATABASE BENCH")
    cursor.execute("CREATE SCHEMA BENCH.S")
    cursor.execute("USE SCHEMA BENCH.S")
    return cursor


def _measured(case: Case, cursors: list[SnowflakeCursor]) -> Beside:
    """The servers take turns, so that the machine's noise is in both figures."""
    runs = [_Runs(cursor, case) for cursor in cursors]
    for number in range(case.times):
        for each in runs:
            each.once(number)
    return Beside(case.name, *(each.milliseconds for each in runs))


class _Runs:
    """A case on one server; the first error ends it."""

    def __init__(self, cursor: SnowflakeCursor, case: Case) -> None:
        self._cursor, self._case = cursor, case
        self._seconds: list[float] = []
        self._able = self._attempt(lambda: [cursor.execute(text) for text in case.before])

    def once(self, number: int) -> None:
        """Run the statement, if the server can."""
        if not self._able:
            return
        text = self._case.statement.replace("{n}", str(number))
        started = time.perf_counter()
        self._able = self._attempt(lambda: self._cursor.execute(text).fetchall())  # type: ignore[union-attr]
        self._seconds.append(time.perf_counter() - started)

    @property
    def milliseconds(self) -> float | None:
        """The median, or None."""
        return median(self._seconds) * 1000 if self._able else None

    @staticmethod
    def _attempt(work: Callable[[], object]) -> bool:
        try:
            work()
        except snowflake.connector.errors.Error:
            return False
        return True


def _free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])
