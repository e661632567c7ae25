"""kill -9 while a triggered task moves rows: every acknowledged row arrives by the task alone, exactly once."""

from __future__ import annotations

import random
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest
from processes import ServerProcess
from test_kill9 import Producer, kill_soon, numbers

# The connector's timer thread complains when it cannot abort a statement on a server that is gone.
pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")


def landing(number: int) -> list[str]:
    """A row, now and then by a transaction in which it is changed before it is committed."""
    if number % 4:
        return [f"INSERT INTO T VALUES ({number})"]
    return ["BEGIN", f"INSERT INTO T VALUES (-{number})", "UPDATE T SET K = -K WHERE K < 0", "COMMIT"]


def prepare(server: ServerProcess) -> None:
    with server.connect() as connection, connection.cursor() as cursor:
        for text in (
            "CREATE DATABASE D",
            "CREATE TABLE T (K INT)",
            "CREATE TABLE TARGET (K INT)",
            "CREATE STREAM S ON TABLE T",
            "CREATE TASK MOVE WHEN SYSTEM$STREAM_HAS_DATA('S') AS INSERT INTO TARGET SELECT K FROM S",
            "ALTER TASK MOVE RESUME",
        ):
            cursor.execute(text)


def within(seconds: float, holds: Callable[[], bool]) -> bool:
    """Whether something comes true in time."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if holds():
            return True
        time.sleep(0.05)
    return False


def arrived(server: ServerProcess, expected: Counter[int], seconds: float) -> bool:
    """Whether the task brings everything to the target in time."""
    return within(seconds, lambda: numbers(server, "TARGET") == expected)


def test_a_run_that_a_kill_cuts_off_has_failed_and_left_nothing(tmp_path: Path) -> None:
    server = ServerProcess(tmp_path / "data")
    prepare(server)
    with server.connect() as connection, connection.cursor() as cursor:
        for text in (
            "USE SCHEMA D.PUBLIC",
            "ALTER TASK MOVE SUSPEND",
            "ALTER TASK MOVE MODIFY AS BEGIN BEGIN TRANSACTION; INSERT INTO TARGET SELECT K FROM S; "
            "CALL SYSTEM$WAIT(600); COMMIT; END",
            "INSERT INTO T VALUES (1), (2)",
            "EXECUTE TASK MOVE",
        ):
            cursor.execute(text)
        assert within(20, lambda: states(server) == [("EXECUTING", None)])
    server.kill()
    server = ServerProcess(tmp_path / "data")
    ((state, message),) = states(server)
    assert (state, message) == ("FAILED", "Processing aborted: the server ended while the task was running.")
    assert numbers(server, "TARGET") == Counter()
    with server.connect(database="D", schema="PUBLIC") as connection, connection.cursor() as cursor:
        assert sorted(cursor.execute("SELECT K FROM S").fetchall()) == [(1,), (2,)]
        cursor.execute("ALTER TASK MOVE MODIFY AS INSERT INTO TARGET SELECT K FROM S")
        cursor.execute("EXECUTE TASK MOVE")
    assert arrived(server, Counter({1: 1, 2: 1}), 20)
    server.stop()


def states(server: ServerProcess) -> list[tuple[str, str | None]]:
    """States and messages of the task's runs."""
    with server.connect(database="D", schema="PUBLIC") as connection, connection.cursor() as cursor:
        found = cursor.execute("SELECT STATE, ERROR_MESSAGE FROM TABLE(INFORMATION_SCHEMA.TASK_HISTORY())").fetchall()
    return [(str(state), message) for state, message in found]


def kill_again_and_again(data: Path, times: int, seed: int) -> None:
    chance = random.Random(seed)
    server = ServerProcess(data)
    prepare(server)
    acknowledged: list[int] = []
    for attempt in range(times):
        producer = Producer(server, landing, 1_000_000 * (attempt + 1) + 1)
        producer.start()
        kill_soon(server, producer, chance)
        producer.join(60)
        acknowledged += producer.acknowledged
        server = ServerProcess(data)
        stored, moved = numbers(server, "T"), numbers(server, "TARGET")
        assert not set(acknowledged) - stored.keys(), "an acknowledged row is lost"
        assert set(stored.values()) <= {1}
        assert set(moved.values()) <= {1}, "a row was moved twice"
        assert not moved.keys() - stored.keys(), "a row was moved that is not there"
    stored = numbers(server, "T")
    assert len(stored) >= times, "the server was killed before it had done anything"
    assert arrived(server, stored, 60), "the task has left rows behind"
    server.stop()


def test_a_few_kills_of_a_task(tmp_path: Path) -> None:
    kill_again_and_again(tmp_path / "data", 3, seed=1)


@pytest.mark.long
@pytest.mark.timeout(7_200)
def test_two_hundred_kills_of_a_task(tmp_path: Path) -> None:
    kill_again_and_again(tmp_path / "data", 200, seed=random.randrange(2**32))
