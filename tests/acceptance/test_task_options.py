"""What the options of tasks do when their graphs run, and what a restart leaves of them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import snowflake.connector
from harness import Sql, poll

from snowmelt.base.settings import Settings
from snowmelt.testing.clock import ManualClock
from snowmelt.testing.server import running_server

DOCS = "https://docs.snowflake.com/en/sql-reference/sql/create-task"
GRAPHS = "https://docs.snowflake.com/en/user-guide/tasks-graphs"
FUNCTIONS = "https://docs.snowflake.com/en/sql-reference/functions"

ENDLESS = "SELECT COUNT(*) FROM TABLE(GENERATOR(ROWCOUNT => 3000000)) a, TABLE(GENERATOR(ROWCOUNT => 3000000)) b"


def runs(sql: Sql, task: str) -> list[dict[str, Any]]:
    """The completed runs of a task, the earliest first."""
    return sql.dicts(
        f"""SELECT * FROM TABLE(INFORMATION_SCHEMA.TASK_HISTORY(TASK_NAME => '{task}'))
            WHERE COMPLETED_TIME IS NOT NULL AND DATABASE_NAME = CURRENT_DATABASE() ORDER BY COMPLETED_TIME"""
    )


def completed(sql: Sql, task: str, count: int = 1) -> list[dict[str, Any]]:
    """Its runs, once there are `count` that have completed."""
    return poll(lambda: len(found := runs(sql, task)) >= count and found, f"run {count} of {task}")


def graphs(sql: Sql, root: str, function: str = "COMPLETE_TASK_GRAPHS") -> list[dict[str, Any]]:
    return sql.dicts(
        f"""SELECT * FROM TABLE(INFORMATION_SCHEMA.{function}(ROOT_TASK_NAME => '{root}'))
            WHERE DATABASE_NAME = CURRENT_DATABASE()"""
    )


@pytest.mark.parity("USER_TASK_TIMEOUT_MS", "a run that takes longer fails, and says why", DOCS)
def test_timeout(sql: Sql) -> None:
    sql(f"CREATE TASK slow SCHEDULE = '60 MINUTE' USER_TASK_TIMEOUT_MS = 300 AS {ENDLESS}")
    sql("EXECUTE TASK slow")
    (run,) = completed(sql, "SLOW")
    assert run["STATE"].startswith("FAILED")
    assert "reached its statement or warehouse timeout" in run["ERROR_MESSAGE"]


@pytest.mark.parity("TASK_AUTO_RETRY_ATTEMPTS", "a graph that failed runs again from the task that failed", GRAPHS)
def test_automatic_retries(sql: Sql) -> None:
    sql("CREATE TABLE marks (name VARCHAR)")
    sql("CREATE TASK root SCHEDULE = '60 MINUTE' TASK_AUTO_RETRY_ATTEMPTS = 2 AS INSERT INTO marks VALUES ('root')")
    sql("CREATE TASK broken AFTER root AS INSERT INTO nowhere VALUES (1)")
    sql("ALTER TASK broken RESUME")
    sql("EXECUTE TASK root")
    completed(sql, "BROKEN", 3)
    attempts = poll(lambda: len(found := graphs(sql, "root")) >= 3 and found, "three attempts")
    assert sorted(item["ATTEMPT_NUMBER"] for item in attempts) == [1, 2, 3]
    assert len({item["GRAPH_RUN_GROUP_ID"] for item in attempts}) == 1
    assert sql("SELECT * FROM marks") == [("root",)], "what succeeded does not run again"


@pytest.mark.parity(
    "SYSTEM$TASK_RUNTIME_INFO",
    "tells a run what it is and which graph run it belongs to",
    f"{FUNCTIONS}/system_task_runtime_info",
)
def test_runtime_information(sql: Sql) -> None:
    sql("CREATE TABLE told (task VARCHAR, root VARCHAR, run_group VARCHAR, scheduled VARCHAR, earlier VARCHAR)")
    place = f"{sql.one('SELECT CURRENT_DATABASE()')}.PUBLIC"
    asked = ", ".join(
        f"SYSTEM$TASK_RUNTIME_INFO('{name}')"
        for name in (
            "CURRENT_TASK_NAME",
            "CURRENT_ROOT_TASK_NAME",
            "CURRENT_TASK_GRAPH_RUN_GROUP_ID",
            "CURRENT_TASK_GRAPH_ORIGINAL_SCHEDULED_TIMESTAMP",
            "LAST_SUCCESSFUL_TASK_GRAPH_RUN_GROUP_ID",
        )
    )
    sql("CREATE TASK root SCHEDULE = '60 MINUTE' AS SELECT 1")
    sql(f"CREATE TASK child AFTER root AS INSERT INTO told SELECT {asked}")
    sql("ALTER TASK child RESUME")
    sql("EXECUTE TASK root")
    completed(sql, "CHILD")
    poll(lambda: graphs(sql, "root"), "the first graph run")
    sql("EXECUTE TASK root")
    first, second = completed(sql, "CHILD", 2)
    rows = sql("SELECT * FROM told ORDER BY scheduled")
    assert [row[:3] for row in rows] == [
        (f"{place}.CHILD", f"{place}.ROOT", first["GRAPH_RUN_GROUP_ID"]),
        (f"{place}.CHILD", f"{place}.ROOT", second["GRAPH_RUN_GROUP_ID"]),
    ]
    assert [row[4] for row in rows] == [None, first["GRAPH_RUN_GROUP_ID"]]


@pytest.mark.parity(
    "SYSTEM$GET_PREDECESSOR_RETURN_VALUE", "in WHEN, with AND, OR and NOT", f"{DOCS}#optional-parameters"
)
def test_predecessors_value_in_a_condition(sql: Sql) -> None:
    sql("CREATE TABLE marks (name VARCHAR)")
    sql("CREATE TASK root SCHEDULE = '60 MINUTE' AS CALL SYSTEM$SET_RETURN_VALUE('go')")
    told = "SYSTEM$GET_PREDECESSOR_RETURN_VALUE('ROOT')"
    sql(f"CREATE TASK yes AFTER root WHEN {told} = 'go' AND NOT {told} = 'no' AS INSERT INTO marks VALUES ('yes')")
    sql(f"CREATE TASK no AFTER root WHEN {told} = 'no' OR {told} = 'never' AS INSERT INTO marks VALUES ('no')")
    sql("SELECT SYSTEM$TASK_DEPENDENTS_ENABLE('root')")
    sql("EXECUTE TASK root")
    (did,), (did_not,) = completed(sql, "YES"), completed(sql, "NO")
    assert (did["STATE"], did_not["STATE"]) == ("SUCCEEDED", "SKIPPED")
    assert sql("SELECT * FROM marks") == [("yes",)]


# --- with a clock that the test turns --------------------------------------------------------------------------------


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def timed(clock: ManualClock) -> Iterator[Sql]:
    """A server of its own whose clock stands still."""
    with running_server(clock=clock) as server, snowflake.connector.connect(**server.parameters) as connection:
        sql = Sql(connection)
        sql("CREATE DATABASE timed")
        yield sql


@pytest.mark.parity("OVERLAP_POLICY", "a graph run waits for the one before it, unless overlap is allowed", DOCS)
@pytest.mark.parametrize(
    ("option", "executing"),
    [
        ("", 1),
        ("OVERLAP_POLICY = NO_OVERLAP", 1),
        ("OVERLAP_POLICY = ALLOW_CHILD_OVERLAP", 2),
        ("ALLOW_OVERLAPPING_EXECUTION = TRUE", 2),
    ],
)
def test_overlap(timed: Sql, clock: ManualClock, option: str, executing: int) -> None:
    timed(f"CREATE TASK root SCHEDULE = '1 MINUTE' {option} AS SELECT 1")
    timed(f"CREATE TASK endless AFTER root AS {ENDLESS}")
    timed("SELECT SYSTEM$TASK_DEPENDENTS_ENABLE('root')")

    def children() -> list[dict[str, Any]]:
        found = graphs(timed, "root", "CURRENT_TASK_GRAPHS")
        return [item for item in found if item["STATE"] == "EXECUTING"]

    poll(lambda: clock.advance(20) or children(), "the first graph run")
    if executing == 2:
        poll(lambda: clock.advance(20) or len(children()) >= 2, "a second graph run beside the first")
    else:
        for _ in range(9):
            clock.advance(20)
            assert (len(runs(timed, "ROOT")), len(children())) == (1, 1)
    timed("ALTER TASK root SUSPEND")
    timed("SELECT SYSTEM$USER_TASK_CANCEL_ONGOING_EXECUTIONS('root')")
    poll(lambda: not children(), "the end of what ran")


@pytest.mark.parity(
    "USER_TASK_MINIMUM_TRIGGER_INTERVAL_IN_SECONDS",
    "a triggered task runs again after that time at the earliest",
    "https://docs.snowflake.com/en/user-guide/tasks-triggered",
)
def test_minimum_trigger_interval(timed: Sql, clock: ManualClock) -> None:
    timed("CREATE TABLE landing (n NUMBER)")
    timed("CREATE TABLE seen (n NUMBER)")
    timed("CREATE STREAM arrivals ON TABLE landing")
    timed(
        "CREATE TASK t USER_TASK_MINIMUM_TRIGGER_INTERVAL_IN_SECONDS = 600 WHEN SYSTEM$STREAM_HAS_DATA('arrivals') "
        "AS INSERT INTO seen SELECT n FROM arrivals"
    )
    timed("ALTER TASK t RESUME")
    timed("INSERT INTO landing VALUES (1)")
    poll(lambda: clock.advance(1) or timed("SELECT * FROM seen") == [(1,)], "the first triggered run")
    timed("INSERT INTO landing VALUES (2)")
    clock.advance(300)
    assert timed("SELECT * FROM seen") == [(1,)], "too early for another run"
    clock.advance(301)
    poll(lambda: len(timed("SELECT * FROM seen")) == 2, "the second triggered run")
    first, second = completed(timed, "T", 2)
    assert (second["QUERY_START_TIME"] - first["QUERY_START_TIME"]).total_seconds() >= 600


@pytest.mark.parity("Tasks and restarts", "definitions, their next run and history are there after a restart", DOCS)
def test_restart(tmp_path: Path, clock: ManualClock) -> None:
    settings = Settings(port=0, data=tmp_path)
    with running_server(settings, clock) as server, snowflake.connector.connect(**server.parameters) as connection:
        sql = Sql(connection)
        sql("CREATE DATABASE kept")
        sql("CREATE TABLE marks (name VARCHAR)")
        sql("CREATE TASK t SCHEDULE = '10 MINUTE' AS INSERT INTO marks VALUES ('ran')")
        sql("ALTER TASK t RESUME")
        before = poll(lambda: clock.advance(300) or runs(sql, "T"), "a run")[0]
    clock.advance(1_800)
    with (
        running_server(settings, clock) as server,
        snowflake.connector.connect(**server.parameters, database="kept", schema="public") as connection,
    ):
        sql = Sql(connection)
        assert sql.column("SHOW TASKS", "state") == ["started"]
        earlier = runs(sql, "T")
        assert before in earlier
        poll(lambda: clock.advance(300) or len(runs(sql, "T")) > len(earlier), "a run after the restart")
        sql("ALTER TASK t SUSPEND")
        poll(lambda: len(sql("SELECT * FROM marks")) == len(runs(sql, "T")), "a mark of each run")
        assert {run["STATE"] for run in runs(sql, "T")} == {"SUCCEEDED"}
