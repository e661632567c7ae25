"""kill -9 while rows land, change and are scored by a triggered task: afterwards the books balance."""

from __future__ import annotations

import os
import random
import threading
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from books import PREDICT, VERSIONS, Landing, check, load_models, prepare
from processes import ServerProcess
from snowflake.connector import SnowflakeConnection
from snowflake.connector.errors import Error

pytestmark = [
    pytest.mark.ml,
    pytest.mark.timeout(3_600),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning"),
]

PLACE = {"database": "INSURANCE", "schema": "ML_PIPE"}
#: Seconds from the first change to the kill, at most.
LATEST = 4.0
#: How often the server is killed.
KILLS = int(os.environ.get("SNOWMELT_TEST_KILLS", "50"))


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data directory with the pipeline, two versions of the model, and the scoring task triggered by the stream."""
    directory = tmp_path_factory.mktemp("streaming") / "data"
    server = ServerProcess(directory)
    with server.connect() as connection:
        connection._network_timeout = None
        prepare(connection, directory, 2_000)
        cursor = connection.cursor()
        cursor.execute("ALTER TASK PREDICT_WRITE_TASK UNSET SCHEDULE")
        cursor.execute("ALTER TASK PREDICT_WRITE_TASK RESUME")
        cursor.execute("CREATE TABLE ACKNOWLEDGED (ROUND INT)")
    server.stop()
    return directory


@pytest.fixture(scope="module")
def models(data: Path) -> dict[str, Any]:
    server = ServerProcess(data)
    try:
        with server.connect(**PLACE) as connection:
            connection._network_timeout = None
            return load_models(connection)
    finally:
        server.stop()


def one(connection: SnowflakeConnection, query: str) -> Any:
    return connection.cursor().execute(query).fetchone()[0]  # type: ignore[index, union-attr]


class Producer(threading.Thread):
    """Lands, changes and deletes rows until its server dies; counts the commits that were acknowledged."""

    def __init__(self, server: ServerProcess, seed: int) -> None:
        super().__init__(daemon=True)
        self.server = server
        self.dice = random.Random(seed)
        self.acknowledged = 0

    def run(self) -> None:
        with suppress(Error), self.server.connect(**PLACE) as connection:
            landing = Landing(connection.cursor().execute, self.dice)
            while True:
                connection.cursor().execute("BEGIN")
                landing.step()
                connection.cursor().execute("INSERT INTO ACKNOWLEDGED SELECT COUNT(*) + 1 FROM ACKNOWLEDGED")
                connection.cursor().execute("COMMIT")
                self.acknowledged += 1
                if self.dice.random() < 0.1:
                    landing.serve(self.dice.choice(VERSIONS))


def round_of(data: Path, models: dict[str, Any], seed: int) -> None:
    """Start, stream, kill at a random moment, start again, let the rest be scored, and balance the books."""
    server = ServerProcess(data)
    with server.connect(**PLACE) as connection:
        before = one(connection, "SELECT COUNT(*) FROM ACKNOWLEDGED")
    producer = Producer(server, seed)
    producer.start()
    time.sleep(random.Random(seed).uniform(0.1, LATEST))
    server.kill()
    acknowledged = producer.acknowledged

    server = ServerProcess(data)
    with server.connect(**PLACE) as connection:
        connection._network_timeout = None
        kept = one(connection, "SELECT COUNT(*) FROM ACKNOWLEDGED") - before
        assert acknowledged <= kept <= acknowledged + 1, "what was acknowledged is there, and at most one commit more"
        drain(connection)
        check(connection, models)
    server.stop()


def drain(connection: SnowflakeConnection) -> None:
    """Until the task, or a call beside it, has scored what the stream has."""
    deadline = time.monotonic() + 60
    while one(connection, "SELECT COUNT(*) FROM STREAM_ON_LANDING"):
        assert time.monotonic() < deadline, "the stream is not read empty"
        with suppress(Error):  # the task has the tables' locks
            connection.cursor().execute(PREDICT)


@pytest.mark.long
def test_the_books_balance_after_each_kill(data: Path, models: dict[str, Any]) -> None:
    for seed in range(KILLS):
        round_of(data, models, seed)
