"""kill -9 in the middle of scoring: the next run finishes the work, nothing lost, nothing twice."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from processes import ServerProcess
from snowflake.connector import SnowflakeConnection
from snowflake.connector.errors import Error

from snowmelt.cli import demo_data
from snowmelt.cli.deploy import run
from snowmelt.cli.manifest import actions_of
from snowmelt.cli.taskrun import run_task

pytestmark = [
    pytest.mark.ml,
    pytest.mark.timeout(400),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning"),
]

LANDED = 30_000
PLACE = {"database": "INSURANCE", "schema": "ML_PIPE"}


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A data directory with the pipeline deployed and a model trained."""
    directory = tmp_path_factory.mktemp("scoring") / "data"
    server = ServerProcess(directory)
    with server.connect() as connection:
        run(connection, actions_of(demo_data.pipeline_directory()))
        connection.cursor().execute("ALTER TASK PREDICT_WRITE_TASK SUSPEND")
        frame = demo_data.generated_rows(demo_data.TRAINING_ROWS + LANDED, directory)
        demo_data.load(connection, frame, lambda _: None)
    with server.connect(**PLACE) as connection:
        connection._network_timeout = None
        run_task(connection, "TRAIN_SAVE_TASK")
    server.stop()
    yield directory


def one(connection: SnowflakeConnection, query: str) -> int:
    with connection.cursor() as cursor:
        return int(cursor.execute(query).fetchone()[0])  # type: ignore[index, union-attr]


def descendants(pid: int) -> set[int]:
    """All processes below `pid`, by Linux's process table."""
    parents = {}
    for path in Path("/proc").glob("[0-9]*/stat"):
        with suppress(FileNotFoundError, ProcessLookupError):
            after_name = path.read_text().rpartition(")")[2].split()
            parents[int(path.parent.name)] = int(after_name[1])
    found, grew = {pid}, True
    while grew:
        more = {child for child, parent in parents.items() if parent in found} - found
        found |= more
        grew = bool(more)
    return found - {pid}


def score(server: ServerProcess, statement: str) -> threading.Thread:
    """Run a statement in the background; its connection dies with the server."""

    def work() -> None:
        with suppress(Error), server.connect(**PLACE) as connection:
            connection._network_timeout = None
            connection.cursor().execute(statement)

    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    return thread


def wait_until(condition: object, seconds: float) -> bool:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if condition():  # type: ignore[operator]
            return True
        time.sleep(0.02)
    return False


@pytest.mark.parametrize(
    ("statement", "delay"),
    [
        pytest.param("CALL PREDICT_WRITE_TO_GOLD()", 0.2, id="as it begins"),
        pytest.param("EXECUTE TASK PREDICT_WRITE_TASK", 1.0, id="as it scores"),
        pytest.param("CALL PREDICT_WRITE_TO_GOLD()", 1.6, id="as it writes"),
    ],
)
def test_a_killed_scoring_is_finished_by_the_next_run(data: Path, statement: str, delay: float) -> None:
    server = ServerProcess(data)
    with server.connect(**PLACE) as connection:
        before = one(connection, "SELECT COUNT(*) FROM INSURANCE_GOLD")
        landed = before + demo_data.land(connection, LANDED // 3, before)
    idle = len(descendants(server.pid))
    score(server, statement)
    assert wait_until(lambda: len(descendants(server.pid)) > idle, 30), "no worker has started"
    time.sleep(delay)
    workers = descendants(server.pid)
    server.kill()
    assert wait_until(lambda: not any(Path(f"/proc/{pid}").exists() for pid in workers), 20), "a worker lives on"

    server = ServerProcess(data)
    with server.connect(**PLACE) as connection:
        connection._network_timeout = None
        assert one(connection, "SELECT COUNT(*) FROM INSURANCE_GOLD") in (before, landed), "half a scoring was kept"
        if statement.startswith("EXECUTE"):
            unfinished = "STATE IN ('EXECUTING', 'SCHEDULED') AND NAME = 'PREDICT_WRITE_TASK'"
            history = "TABLE(INFORMATION_SCHEMA.TASK_HISTORY(TASK_NAME => 'PREDICT_WRITE_TASK'))"
            assert one(connection, f"SELECT COUNT(*) FROM {history} WHERE {unfinished}") == 0
        connection.cursor().execute("CALL PREDICT_WRITE_TO_GOLD()")
        assert one(connection, "SELECT COUNT(*) FROM INSURANCE_GOLD") == landed
        assert one(connection, 'SELECT COUNT(DISTINCT "METADATA$ROW_ID") FROM INSURANCE_GOLD') == landed
        assert one(connection, "SELECT COUNT(*) FROM INSURANCE_GOLD WHERE PREDICTED_CHARGES IS NULL") == 0
        columns = "AGE, BMI, CHARGES, CHILDREN"
        left = f"(SELECT {columns} FROM LANDING_TABLE EXCEPT SELECT {columns} FROM INSURANCE_GOLD)"
        assert one(connection, f"SELECT COUNT(*) FROM {left}") == 0
    server.stop()
