"""The usage examples of the document that the project began with, in its order, on the deployed flagship."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from snowflake.connector import DictCursor, SnowflakeConnection, connect
from snowflake.connector.pandas_tools import write_pandas

from snowmelt.cli.demo_data import pipeline_directory
from snowmelt.cli.deploy import run
from snowmelt.cli.manifest import actions_of
from snowmelt.cli.sqlfile import statements
from snowmelt.cli.taskrun import finished_runs
from snowmelt.testing.server import running_server

pytestmark = [pytest.mark.ml, pytest.mark.timeout(240)]

TRAINING, FEED = 1_000, 2_000
EXAMPLES = Path(__file__).with_name("usage_examples.sql")


def examples() -> Iterator[tuple[str, list[str]]]:
    """The document's headings, each with its statements."""
    for piece in re.split(r"(?m)^-- # ", EXAMPLES.read_text(encoding="utf-8"))[1:]:
        heading, _, text = piece.partition("\n")
        yield heading, [statement.text for statement in statements(text)]


@pytest.fixture(scope="module")
def connection() -> Iterator[SnowflakeConnection]:
    with running_server() as server, connect(**server.parameters) as opened:
        yield opened


@pytest.fixture(scope="module")
def answers(connection: SnowflakeConnection) -> dict[str, list[list[dict[str, Any]]]]:
    """What each heading's statements answered."""
    found: dict[str, list[list[dict[str, Any]]]] = {}
    for heading, texts in examples():
        found[heading] = []
        for text in texts:
            with connection.cursor(DictCursor) as cursor:
                found[heading].append([dict(row) for row in cursor.execute(text).fetchall()])  # type: ignore[union-attr]
            if text.startswith("EXECUTE TASK"):
                wait_for(connection, text.split()[2].rstrip(";"))
        if heading == "Create database and schema":
            prepare(connection)
    return found


def prepare(connection: SnowflakeConnection) -> None:
    """What the document tells the reader to do before the examples: make the pipeline, load the data."""
    sys.path.insert(0, str(pipeline_directory() / "python"))
    import insurance_data

    run(connection, actions_of(pipeline_directory()))
    # The schedule of a task can be changed while the task is suspended; the document leaves that to the reader.
    connection.cursor().execute("ALTER TASK TRAIN_SAVE_TASK SUSPEND")
    rows = insurance_data.generate(TRAINING + FEED)
    for table, part in {"SOURCE_OF_TRUTH": rows[:TRAINING], "INCOMING_DATA_SOURCE": rows[TRAINING:]}.items():
        columns = [row[0] for row in connection.cursor().execute(f"DESCRIBE TABLE {table}").fetchall()]  # type: ignore[union-attr, index]
        write_pandas(connection, part[columns].reset_index(drop=True), table)


def wait_for(connection: SnowflakeConnection, task: str) -> None:
    """Until the run that has been asked for has ended."""
    import time

    deadline = time.monotonic() + 60
    while not finished_runs(connection, task):
        assert time.monotonic() < deadline, f"{task} has not ended"
        time.sleep(0.1)
    assert finished_runs(connection, task)[-1].state == "SUCCEEDED"


def test_every_example_runs(answers: dict[str, Any]) -> None:
    assert len(answers) == 9
    assert sum(map(len, answers.values())) == 19


def test_training_says_what_it_did(answers: dict[str, Any]) -> None:
    (said,) = answers["Train a New Model"][1][0].values()
    assert "INSURANCE_CHARGES_PREDICTION has been logged with version V1.1 " in said
    (major,), (minor,) = (rows[0].values() for rows in answers["Model Version Control"])
    assert "with version V2 " in major
    assert "with version V2.1 " in minor


def test_what_landed_is_scored_once(answers: dict[str, Any]) -> None:
    assert answers["Simulate Incoming Data"][1] == [{"COUNT(*)": FEED}]
    (said,) = answers["Run Predictions"][1][0].values()
    assert said == "0 record(s) inserted, 0 record(s) updated, 0 record(s) deleted in the INSURANCE_GOLD table"
    rows = answers["Run Predictions"][2]
    assert len(rows) == 100
    assert all(row["PREDICTED_CHARGES"] > 0 and row["METADATA$ACTION"] == "INSERT" for row in rows)


def test_models_and_versions_are_listed(answers: dict[str, Any]) -> None:
    models, versions = answers["View Model Registry"]
    (model,) = models
    assert (model["MODEL_NAME"], model["DEFAULT_VERSION_NAME"]) == ("INSURANCE_CHARGES_PREDICTION", "V1.1")
    assert [version["name"] for version in versions] == ["V1", "V1.1"]


def test_nothing_is_left(connection: SnowflakeConnection, answers: dict[str, Any]) -> None:
    assert connection.cursor().execute("SHOW DATABASES LIKE 'INSURANCE'").fetchall() == []  # type: ignore[union-attr]
