"""The engine under the pipeline: small statements, loading, fetching, changing and opening, next to DuckDB by itself.

Baselines run in the same process and the same minute as what they are compared with: the machine's noise is in both.
"""

from __future__ import annotations

import json
import re
import socket
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

import duckdb
import numpy as np
import pandas as pd
import snowflake.connector
from snowflake.connector import SnowflakeConnection
from snowflake.connector.pandas_tools import write_pandas

from benchmarks.process import Served, snowmelt_server

ROWS = 1_000_000


@dataclass(frozen=True)
class Figure:
    """One measurement.

    Attributes:
        name: what was measured.
        ours: Snowmelt's value.
        unit: ``ms``, ``s``, ``MiB`` or ``%``.
        limit: what it should not exceed: of `ours`, or of the ratio when there is a baseline; None if it is shown only.
        baseline: DuckDB's own value for the same work, in the same unit.
    """

    name: str
    ours: float
    unit: str
    limit: float | None
    baseline: float | None = None

    @property
    def judged(self) -> float:
        """What is held against the limit."""
        return self.ours if self.baseline is None else self.ours / self.baseline

    @property
    def kept(self) -> bool:
        return self.limit is None or self.judged <= self.limit


def seconds(work: Callable[[], object]) -> float:
    """How long `work` takes."""
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def measure_engine() -> list[Figure]:
    """All figures, on a server of their own."""
    with snowmelt_server() as served, snowflake.connector.connect(**served.parameters) as connection:
        connection.cursor().execute("CREATE DATABASE BENCH")
        return [
            *small_statements(served, connection),
            *loading_and_fetching(connection),
            *changes(connection),
            streaming(served, connection),
        ]


# --- small statements ------------------------------------------------------------------------------------------------


def small_statements(served: Served, connection: SnowflakeConnection, times: int = 300) -> list[Figure]:
    """SELECT 1 by the genuine connector, and the server's share, seen by a bare client. The server asks its engine for
    constants only once; the small table shows what it costs to ask.
    """
    cursor = connection.cursor()
    cursor.execute("CREATE TABLE SMALL_ONE AS SELECT 1 AS N")
    by_connector = [seconds(lambda: cursor.execute("SELECT 1").fetchone()) for _ in range(times)]
    bare = BareClient(served, connection)
    return [
        Figure("SELECT 1, connector", median(by_connector) * 1000, "ms", 6),
        Figure("SELECT 1, server's share", bare.median_ms("SELECT 1", times), "ms", 1.5),
        Figure("SELECT of a small table, server's share", bare.median_ms("SELECT * FROM SMALL_ONE", times), "ms", 6),
        Figure("cached describe, server's share", bare.median_ms("SELECT 1 AS A", times, describeOnly=True), "ms", 0.5),
    ]


class BareClient:
    """The query request and nothing else, over a socket: what it takes is the server's share and a loopback round trip,
    without what an HTTP library spends on the client's side.
    """

    def __init__(self, served: Served, connection: SnowflakeConnection) -> None:
        address = served.parameters["host"], served.parameters["port"]
        self._socket = socket.create_connection(address)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._head = (
            f"Host: {address[0]}:{address[1]}\r\n"
            f'Authorization: Snowflake Token="{connection.rest.token}"\r\n'  # type: ignore[union-attr]
            "Content-Type: application/json\r\nAccept: application/snowflake\r\n"
        )
        self._number = 0

    def median_ms(self, text: str, times: int, **options: object) -> float:
        """Median milliseconds of a statement."""
        body = json.dumps({"sqlText": text, "sequenceId": 1, **options}).encode()
        return median(self._post(body) for _ in range(times)) * 1000

    def _post(self, body: bytes) -> float:
        self._number += 1
        path = f"/queries/v1/query-request?requestId=00000000-0000-0000-0000-{self._number:012}"
        head = f"POST {path} HTTP/1.1\r\n{self._head}Content-Length: {len(body)}\r\n\r\n"
        started = time.perf_counter()
        self._socket.sendall(head.encode() + body)
        answer = self._answer()
        took = time.perf_counter() - started
        if not json.loads(answer)["success"]:
            raise RuntimeError(answer.decode())
        return took

    def _answer(self) -> bytes:
        received = b""
        while b"\r\n\r\n" not in received:
            received += self._socket.recv(1 << 20)
        head, _, body = received.partition(b"\r\n\r\n")
        found = re.search(rb"content-length: *(\d+)", head, re.IGNORECASE)
        assert found is not None
        while len(body) < int(found.group(1)):
            body += self._socket.recv(1 << 20)
        return body


# --- rows in and out -------------------------------------------------------------------------------------------------


def twelve_columns(rows: int) -> pd.DataFrame:
    """Rows as pipelines have them: keys, numbers, categories, texts, times."""
    random = np.random.default_rng(0)
    names = np.array(["ALPHA", "BETA", "GAMMA", "DELTA"], dtype=object)
    return pd.DataFrame(
        {
            "ID": np.arange(rows),
            "K": random.integers(0, 1000, rows),
            **{f"F{i}": random.normal(size=rows) for i in range(5)},
            **{f"C{i}": names[random.integers(0, 4, rows)] for i in range(3)},
            "FLAG": random.integers(0, 2, rows).astype(bool),
            "NOTE": pd.Series(random.integers(0, 10**9, rows)).astype(str),
        }
    )


def loading_and_fetching(connection: SnowflakeConnection) -> list[Figure]:
    """write_pandas's COPY and fetch_pandas_all of 1,000,000 x 12 rows, next to DuckDB's own of the same rows."""
    frame = twelve_columns(ROWS)
    cursor = connection.cursor()
    with tempfile.TemporaryDirectory() as name, duckdb.connect(str(Path(name) / "plain.duckdb")) as plain:
        file = Path(name) / "rows.parquet"
        frame.to_parquet(file, compression="gzip", index=False)
        native_load = seconds(lambda: plain.execute(f"CREATE TABLE t AS SELECT * FROM '{file}'"))
        write_pandas(connection, frame.head(10), "SMALL", auto_create_table=True)
        cursor.execute("CREATE TABLE BIG LIKE SMALL")
        cursor.execute("CREATE STAGE LOADED")
        load = seconds(lambda: _put_and_copy(connection, file))
        whole = seconds(lambda: write_pandas(connection, frame, "BIG", overwrite=True, auto_create_table=True))
        native_fetch = seconds(lambda: plain.execute("SELECT * FROM t").df())
        fetch = seconds(lambda: cursor.execute("SELECT * FROM BIG").fetch_pandas_all())
    return [
        Figure("PUT and COPY of 1,000,000 x 12 rows", load, "s", 2, native_load),
        Figure("write_pandas of the same, with the client's part", whole, "s", None, native_load),
        Figure("1,000,000 x 12 rows to pandas", fetch, "s", 2.5, native_fetch),
    ]


def _put_and_copy(connection: SnowflakeConnection, file: Path) -> None:
    cursor = connection.cursor()
    cursor.execute(f"PUT 'file://{file}' @LOADED AUTO_COMPRESS = FALSE")
    cursor.execute("COPY INTO BIG FROM @LOADED FILE_FORMAT = (TYPE = PARQUET) MATCH_BY_COLUMN_NAME = CASE_SENSITIVE")


# --- changes ---------------------------------------------------------------------------------------------------------

_UPDATE = "UPDATE {} SET F0 = F0 + 1 WHERE K = 7"
# The engine writes nothing for a value that stays as it is, so each turn brings others.
_MERGE = """MERGE INTO {} AS t USING (SELECT ID * 9 + 3 AS ID, F1 + {} AS F1 FROM {} WHERE ID < 100000) AS s
ON t.ID = s.ID WHEN MATCHED THEN UPDATE SET F0 = s.F1 WHEN NOT MATCHED THEN INSERT (ID, F1) VALUES (s.ID, s.F1)"""


def changes(connection: SnowflakeConnection) -> list[Figure]:
    """A tracked UPDATE of 2,000 rows and a MERGE of 100,000 on 1,000,000 rows, next to the same on a plain table."""
    cursor = connection.cursor()
    cursor.execute(f"CREATE OR REPLACE TABLE BIG AS {_generated('SEQ8()', 'TABLE(GENERATOR(ROWCOUNT => 1000000))')}")
    with tempfile.TemporaryDirectory() as name, duckdb.connect(str(Path(name) / "plain.duckdb")) as plain:
        # The same types as Snowflake's: its integers have 38 digits.
        plain.execute(f"CREATE TABLE BIG AS {_generated('i::DECIMAL(38, 0)', 'range(1000000) AS r(i)')}")
        figures = []
        for title, text in (("UPDATE of 2,000 in", _UPDATE), ("MERGE of 100,000 into", _MERGE)):
            # In turn, and the median of several: on a machine that others use, too, three in a row tell little.
            turns = [
                (seconds(lambda: plain.execute(sql)), seconds(lambda: cursor.execute(sql)))  # noqa: B023
                for sql in (text.format("BIG", turn, "BIG") for turn in range(9))
            ]
            native, ours = (median(times) for times in zip(*turns, strict=True))
            figures.append(Figure(f"{title} 1,000,000 rows, change-tracked", ours, "s", 3, native))
    return figures


def _generated(number: str, source: str) -> str:
    numbers = f"SELECT {number} AS N FROM {source}"
    floats = ", ".join(f"CAST(N AS DOUBLE) / {i + 2} AS F{i}" for i in range(5))
    return f"SELECT N AS ID, N % 500 AS K, {floats}, 'ALPHA' AS C0, CAST(N AS VARCHAR) AS NOTE FROM ({numbers}) AS n"


# --- streaming -------------------------------------------------------------------------------------------------------


def streaming(served: Served, connection: SnowflakeConnection) -> Figure:
    """The server's peak memory after 10,000,000 rows went in by COPY and out by batches."""
    cursor = connection.cursor()
    frame = twelve_columns(ROWS)
    cursor.execute("CREATE OR REPLACE TABLE BIG LIKE SMALL")
    cursor.execute("CREATE OR REPLACE STAGE LOADED")
    with tempfile.TemporaryDirectory() as name:
        for number in range(10):
            file = Path(name) / f"rows{number}.parquet"
            frame.assign(ID=frame["ID"] + number * ROWS).to_parquet(file, index=False)
            cursor.execute(f"PUT 'file://{file}' @LOADED AUTO_COMPRESS = FALSE")
            file.unlink()
    cursor.execute("COPY INTO BIG FROM @LOADED FILE_FORMAT = (TYPE = PARQUET) MATCH_BY_COLUMN_NAME = CASE_SENSITIVE")
    fetched = sum(len(batch) for batch in cursor.execute("SELECT * FROM BIG").fetch_pandas_batches())
    if fetched != 10 * ROWS:
        raise RuntimeError(f"{fetched} of {10 * ROWS} rows came back")
    return Figure("peak memory after 10,000,000 rows in and out", served.peak_memory / 2**20, "MiB", 2048)


def as_rows(figures: list[Figure]) -> list[tuple[Any, ...]]:
    """The figures as a table shows them: name, ours, DuckDB's, ratio, limit, kept."""
    rows = []
    for figure in figures:
        baseline = "" if figure.baseline is None else f"{figure.baseline:.3f} {figure.unit}"
        ratio = "" if figure.baseline is None else f"{figure.judged:.2f} x"
        limit = "" if figure.limit is None else f"{figure.limit:.3g} {figure.unit if figure.baseline is None else 'x'}"
        rows.append((figure.name, f"{figure.ours:.3f} {figure.unit}", baseline, ratio, limit, figure.kept))
    return rows
