"""kill -9 while rows are inserted and a consumer moves them on: every acknowledged row arrives, exactly once."""

from __future__ import annotations

import random
import threading
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest
from processes import ServerProcess
from snowflake.connector.errors import Error

# The connector's timer thread complains when it cannot abort a statement on a server that is gone.
pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")

CONSUME = "INSERT INTO TARGET SELECT K FROM S"


class Producer(threading.Thread):
    """Repeats a statement with growing numbers until the server is gone; `acknowledged` is what was answered."""

    def __init__(self, server: ServerProcess, statements: Callable[[int], list[str]], start: int = 0) -> None:
        super().__init__(daemon=True)
        self.acknowledged: list[int] = []
        self._statements = statements
        self._number = start
        self._connection = server.connect(patience=2, database="D", schema="PUBLIC")

    def run(self) -> None:
        try:
            with self._connection.cursor() as cursor:
                while True:
                    for statement in self._statements(self._number):
                        cursor.execute(statement)
                    self.acknowledged.append(self._number)
                    self._number += 1
        except Error:
            return


def consumption(number: int) -> list[str]:
    """Every third time in a transaction, every ninth in one that is undone."""
    if number % 3:
        return [CONSUME]
    return ["BEGIN", CONSUME, "ROLLBACK" if number % 9 == 0 else "COMMIT"]


def production(number: int) -> list[str]:
    """A number into both tables: by one statement, or by a transaction of several that undo each other in part."""
    if number % 2:
        return [f"INSERT ALL INTO T INTO U SELECT {number}"]
    return [
        "BEGIN",
        f"INSERT INTO T VALUES ({number})",
        f"INSERT INTO U SELECT -K FROM T WHERE K = {number}",
        "UPDATE U SET K = -K WHERE K < 0",
        f"INSERT INTO T SELECT -K FROM T WHERE K = {number}",
        "DELETE FROM T WHERE K < 0",
        "COMMIT",
    ]


def numbers(server: ServerProcess, table: str) -> Counter[int]:
    with server.connect(database="D", schema="PUBLIC") as connection, connection.cursor() as cursor:
        return Counter(int(key) for (key,) in cursor.execute(f"SELECT K FROM {table}").fetchall())


def kill_soon(server: ServerProcess, producer: Producer, chance: random.Random) -> None:
    """Kill the server a random moment after a random number of answers to the producer."""
    goal, deadline = chance.randrange(1, 10), time.monotonic() + 30
    while len(producer.acknowledged) < goal and producer.is_alive() and time.monotonic() < deadline:
        time.sleep(0.005)
    time.sleep(chance.uniform(0, 0.1))
    server.kill()


def kill_again_and_again(data: Path, times: int, seed: int) -> None:
    chance = random.Random(seed)
    server = ServerProcess(data)
    with server.connect() as connection, connection.cursor() as cursor:
        for text in (
            "CREATE DATABASE D",
            "CREATE TABLE T (K INT)",
            "CREATE TABLE U (K INT)",
            "CREATE TABLE TARGET (K INT)",
        ):
            cursor.execute(text)
        cursor.execute("CREATE STREAM S ON TABLE T")
    acknowledged: list[int] = []
    for attempt in range(times):
        producer = Producer(server, production, 1_000_000 * (attempt + 1) + 1)
        consumer = Producer(server, consumption)
        producer.start()
        consumer.start()
        kill_soon(server, producer, chance)
        producer.join(60)
        consumer.join(60)
        acknowledged += producer.acknowledged
        server = ServerProcess(data)
        stored, moved = numbers(server, "T"), numbers(server, "TARGET")
        assert not set(acknowledged) - stored.keys(), "an acknowledged row is lost"
        assert set(stored.values()) == {1}
        assert numbers(server, "U") == stored, "half a transaction is there"
        assert set(moved.values()) <= {1}, "a row was moved twice"
    assert len(acknowledged) >= times, "the server was killed before it had done anything"
    with server.connect(database="D", schema="PUBLIC") as connection, connection.cursor() as cursor:
        cursor.execute(CONSUME)
    assert numbers(server, "TARGET") == numbers(server, "T")
    server.stop()


def test_a_few_kills(tmp_path: Path) -> None:
    kill_again_and_again(tmp_path / "data", 4, seed=1)


@pytest.mark.long
@pytest.mark.timeout(3_600)
def test_a_hundred_kills(tmp_path: Path) -> None:
    kill_again_and_again(tmp_path / "data", 100, seed=random.randrange(2**32))
