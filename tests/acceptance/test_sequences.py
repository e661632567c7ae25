"""Sequences and AUTOINCREMENT beyond one session: what a restart keeps, and defaults of what clients load."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import snowflake.connector
from harness import Sql
from snowflake.connector import SnowflakeConnection

from snowmelt.base.settings import Settings
from snowmelt.testing.server import running_server

DOCS = "https://docs.snowflake.com/en/user-guide/querying-sequences"


@pytest.mark.parity("Sequences", "values are never given twice, over rollbacks and restarts", DOCS)
def test_values_survive_a_restart(tmp_path: Path) -> None:
    taken: list[int] = []
    for _ in range(2):
        with running_server(Settings(data=tmp_path, port=0)) as server:
            connection = snowflake.connector.connect(**server.parameters)
            sql = Sql(connection)
            sql("CREATE DATABASE IF NOT EXISTS d")
            sql("USE SCHEMA d.public")
            sql("CREATE SEQUENCE IF NOT EXISTS s")
            sql("CREATE TABLE IF NOT EXISTS t (id NUMBER AUTOINCREMENT, n NUMBER)")
            taken.append(sql.one("SELECT s.NEXTVAL"))
            sql("BEGIN")
            taken += sql.column("SELECT s.NEXTVAL FROM TABLE(GENERATOR(ROWCOUNT => 5))")
            sql("INSERT INTO t (n) VALUES (1)")
            sql("ROLLBACK")
            sql("INSERT INTO t (n) VALUES (1)")
            connection.close()
    assert len(set(taken)) == len(taken) == 12


@pytest.mark.parity("Sequences", "sessions that take values at once never get the same", DOCS)
def test_concurrent_sessions(sql: Sql, connect: Callable[..., SnowflakeConnection], database: str) -> None:
    sql("CREATE SEQUENCE s")
    sql("CREATE TABLE t (id NUMBER AUTOINCREMENT, n NUMBER)")
    others = [Sql(connect(database=database, schema="PUBLIC")) for _ in range(4)]

    def work(other: Sql) -> list[int]:
        taken: list[int] = []
        for number in range(10):
            other("BEGIN")
            taken += other.column("SELECT s.NEXTVAL FROM TABLE(GENERATOR(ROWCOUNT => 3))")
            other("INSERT INTO t (n) SELECT s.NEXTVAL FROM TABLE(GENERATOR(ROWCOUNT => 2))")
            other("COMMIT" if number % 2 else "ROLLBACK")
        return taken

    with ThreadPoolExecutor(4) as pool:
        taken = [value for values in pool.map(work, others) for value in values]
    taken += sql.column("SELECT n FROM t")
    assert len(set(taken)) == len(taken) == 4 * 10 * 3 + 4 * 5 * 2
    assert sql.one("SELECT COUNT(DISTINCT id) FROM t") == 40


@pytest.mark.parity("Column defaults", "of columns that write_pandas leaves out", DOCS)
def test_write_pandas_leaves_columns_out(sql: Sql, connection: Any) -> None:
    pandas = pytest.importorskip("pandas")
    from snowflake.connector.pandas_tools import write_pandas

    sql("CREATE TABLE t (id NUMBER AUTOINCREMENT, n NUMBER, s VARCHAR DEFAULT 'x')")
    write_pandas(connection, pandas.DataFrame({"N": [1, 2, 3]}), "T")
    assert sql("SELECT COUNT(DISTINCT id), SUM(n), MIN(s) FROM t") == [(3, 6, "x")]
