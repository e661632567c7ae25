"""What the past of tables costs: reading a stream, by the size of the change and not of the table, and opening."""

from __future__ import annotations

from statistics import median

import snowflake.connector
from snowflake.connector import SnowflakeConnection

from benchmarks.engine import Figure, seconds
from benchmarks.opening import ROWS, TABLES, UPDATES, opening
from benchmarks.process import snowmelt_server

_ROWS = "SELECT {} AS ID, MOD(ID, 1000) AS K, ID * 0.5::FLOAT AS F, 'note ' || MOD(ID, 5000) AS NOTE FROM {}"
_READ = (
    "SELECT COUNT(*), SUM(ID), SUM(K), SUM(F), COUNT(NOTE), COUNT_IF(METADATA$ISUPDATE), COUNT_IF(METADATA$ACTION = "
    "'INSERT'), MAX(METADATA$ROW_ID) FROM CHANGED"
)
_TIMES = 9


def measure_history() -> list[Figure]:
    """What the log of changes costs: to read a stream, and to open a directory that has much of it."""
    with snowmelt_server() as served, snowflake.connector.connect(**served.parameters) as connection:
        connection.cursor().execute("CREATE DATABASE BENCH")
        figures = net_delta(connection)
    opened = Figure(f"opening {TABLES:,} tables with {ROWS * UPDATES:,} logged changes", opening(), "s", 1)
    return [*figures, opened]


def net_delta(connection: SnowflakeConnection) -> list[Figure]:
    """The net delta of 100,000 inserted and 2,000 updated rows, in a table of 1,000,000 and in one of 10,000,000."""
    small, large = (_delta_ms(connection, rows) for rows in (1_000_000, 10_000_000))
    return [
        Figure("net delta of 102,000 rows in 1,000,000", small, "ms", 60),
        Figure("the same in 10,000,000", large, "ms", 1.5 * 60),
    ]


def _delta_ms(connection: SnowflakeConnection, rows: int) -> float:
    cursor = connection.cursor()
    cursor.execute(f"CREATE OR REPLACE TABLE FED AS {_generated(0, rows)}")
    cursor.execute("CREATE OR REPLACE STREAM CHANGED ON TABLE FED")
    cursor.execute(f"INSERT INTO FED {_generated(rows, 100_000)}")
    cursor.execute(f"UPDATE FED SET F = F + 1 WHERE MOD(ID, {rows // 2000}) = 0 AND ID < {rows}")
    found = cursor.execute(_READ).fetchone()
    assert found is not None
    if (found[0], found[5]) != (104_000, 4_000):
        raise RuntimeError(f"the stream shows {found[0]} rows, {found[5]} of them updated")
    took = median(seconds(lambda: cursor.execute(_READ).fetchall()) for _ in range(_TIMES)) * 1000
    cursor.execute("DROP TABLE FED")
    return took


def _generated(first: int, count: int) -> str:
    return _ROWS.format(f"SEQ8() + {first}", f"TABLE(GENERATOR(ROWCOUNT => {count}))")
