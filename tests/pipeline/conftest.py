"""The insurance pipeline on a server of its own, deployed, with small tables and a trained model."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from snowflake.connector import SnowflakeConnection, connect
from snowflake.connector.pandas_tools import write_pandas

from snowmelt.cli.demo_data import pipeline_directory
from snowmelt.cli.deploy import run
from snowmelt.cli.manifest import actions_of
from snowmelt.testing.server import running_server

#: Rows to train on: enough for a model that is clearly better than a bad one.
TRAINING, FEED = 1_500, 3_000


class Sql:
    """Runs statements on one connection."""

    def __init__(self, connection: SnowflakeConnection) -> None:
        self.connection = connection

    def __call__(self, text: str, *values: Any) -> list[tuple[Any, ...]]:
        with self.connection.cursor() as cursor:
            return cursor.execute(text, values or None).fetchall()  # type: ignore[return-value, union-attr]

    def one(self, text: str, *values: Any) -> Any:
        return self(text, *values)[0][0]

    def frame(self, text: str) -> Any:
        with self.connection.cursor() as cursor:
            return cursor.execute(text).fetch_pandas_all()  # type: ignore[union-attr]


@pytest.fixture(scope="module")
def data() -> Any:
    """Generated people: the first to train on, the others to land."""
    sys.path.insert(0, str(pipeline_directory() / "python"))
    import insurance_data

    return insurance_data.generate(TRAINING + FEED, seed=7)


@pytest.fixture(scope="module")
def server() -> Iterator[dict[str, Any]]:
    with running_server() as running:
        yield running.parameters


@pytest.fixture(scope="module")
def sql(server: dict[str, Any], data: Any) -> Iterator[Sql]:
    """A connection to the deployed pipeline. Tasks are suspended: tests run them when they want them."""
    with connect(**server) as connection:
        run(connection, actions_of(pipeline_directory()))
        execute = Sql(connection)
        execute("USE SCHEMA INSURANCE.ML_PIPE")
        execute("ALTER TASK PREDICT_WRITE_TASK SUSPEND")
        execute("ALTER TASK TRAIN_SAVE_TASK SUSPEND")
        for table, rows in {"SOURCE_OF_TRUTH": data[:TRAINING], "INCOMING_DATA_SOURCE": data[TRAINING:]}.items():
            write_pandas(connection, rows.reset_index(drop=True), table, quote_identifiers=False)
        execute("CALL TRAIN_SAVE_INS_MODEL('SOURCE_OF_TRUTH', FALSE)")
        yield execute


@pytest.fixture
def score(sql: Sql) -> Iterator[Any]:
    """Scores what has landed; before and after the test landing, gold and quarantine are empty."""
    clear(sql)
    yield lambda: sql.one("CALL PREDICT_WRITE_TO_GOLD()")
    clear(sql)


def clear(sql: Sql) -> None:
    sql("DELETE FROM LANDING_TABLE")
    sql("CREATE OR REPLACE STREAM STREAM_ON_LANDING ON TABLE LANDING_TABLE")
    for table in ("INSURANCE_GOLD", "INSURANCE_QUARANTINE", "MODEL_DRIFT"):
        sql(f"DELETE FROM {table}")


def manifest(name: str) -> Path:
    """A file of the pipeline."""
    return pipeline_directory() / name
