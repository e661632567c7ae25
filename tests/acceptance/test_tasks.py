"""Tasks: created, resumed, run, and seen in TASK_HISTORY."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
import snowflake.connector
from harness import Sql, poll

from snowmelt.testing.clock import ManualClock
from snowmelt.testing.server import running_server

DOCS = "https://docs.snowflake.com/en/sql-reference/sql"
TASKS = "https://docs.snowflake.com/en/user-guide/tasks-intro"
GRAPHS = "https://docs.snowflake.com/en/user-guide/tasks-graphs"
FUNCTIONS = "https://docs.snowflake.com/en/sql-reference/functions"


def runs(sql: Sql, task: str) -> list[dict[str, Any]]:
    """The completed runs of a task, the latest first."""
    return sql.dicts(
        f"""SELECT * FROM TABLE(INFORMATION_SCHEMA.TASK_HISTORY(TASK_NAME => '{task}'))
            WHERE COMPLETED_TIME IS NOT NULL AND DATABASE_NAME = CURRENT_DATABASE() ORDER BY COMPLETED_TIME DESC"""
    )


def last_run(sql: Sql, task: str, count: int = 1) -> dict[str, Any]:
    """The latest run of a task, once it has completed `count` runs."""
    return poll(lambda: len(found := runs(sql, task)) >= count and found, f"run {count} of {task}")[0]


@pytest.fixture
def steps(sql: Sql) -> Sql:
    """A table where tasks leave their marks."""
    sql("CREATE TABLE steps (name VARCHAR)")
    return sql


@pytest.mark.parity(
    "CREATE TASK", "a new task is suspended; SHOW and DESCRIBE TASK tell its definition", f"{DOCS}/create-task"
)
def test_create_task(steps: Sql, database: str) -> None:
    answer = steps(
        "CREATE TASK nightly WAREHOUSE = w SCHEDULE = 'USING CRON 0 3 * * * UTC' COMMENT = 'each night' "
        "AS INSERT INTO steps VALUES ('ran')"
    )
    assert answer == [("Task NIGHTLY successfully created.",)]
    (shown,) = steps.dicts("SHOW TASKS")
    wanted = {
        "name": "NIGHTLY",
        "database_name": database,
        "state": "suspended",
        "schedule": "USING CRON 0 3 * * * UTC",
        "warehouse": "W",
        "comment": "each night",
        "definition": "INSERT INTO steps VALUES ('ran')",
        "created_by_user": "SNOWMELT",
    }
    assert shown | wanted == shown
    (described,) = steps.dicts("DESCRIBE TASK nightly")
    assert described | wanted == described
    steps.fails("CREATE TASK nightly SCHEDULE = '1 MINUTE' AS SELECT 1", 2002)
    steps("CREATE OR REPLACE TASK nightly SCHEDULE = '1 MINUTE' AS SELECT 1")
    steps("DROP TASK nightly")
    assert steps("SHOW TASKS") == []


@pytest.mark.parity("CREATE TASK", "a schedule or body that is not valid is refused", f"{DOCS}/create-task")
@pytest.mark.parametrize(
    "definition",
    [
        "SCHEDULE = 'sometimes' AS SELECT 1",
        "SCHEDULE = 'USING CRON * * * UTC' AS SELECT 1",
        "SCHEDULE = '1 MINUTE' AS SELEC 1",
    ],
)
def test_invalid_task(steps: Sql, definition: str) -> None:
    steps.fails(f"CREATE TASK t {definition}")
    assert steps("SHOW TASKS") == []


@pytest.mark.parity("ALTER TASK", "RESUME, SUSPEND, SET, MODIFY AS, MODIFY WHEN", f"{DOCS}/alter-task")
def test_alter_task(steps: Sql) -> None:
    steps("CREATE TASK t SCHEDULE = '60 MINUTE' AS SELECT 1")
    steps("ALTER TASK t RESUME")
    assert steps.column("SHOW TASKS", "state") == ["started"]
    steps("ALTER TASK t SUSPEND")
    steps("ALTER TASK t SET SCHEDULE = '30 MINUTE', COMMENT = 'x'")
    steps("ALTER TASK t MODIFY AS INSERT INTO steps VALUES ('changed')")
    steps("ALTER TASK t MODIFY WHEN 1 = 1")
    (shown,) = steps.dicts("SHOW TASKS")
    assert (shown["state"], shown["schedule"], shown["definition"], shown["condition"]) == (
        "suspended",
        "30 MINUTE",
        "INSERT INTO steps VALUES ('changed')",
        "1 = 1",
    )
    steps.fails("ALTER TASK missing RESUME", 2003)
    steps("ALTER TASK IF EXISTS missing RESUME")


@pytest.mark.parity(
    "EXECUTE TASK",
    "runs a suspended task once, asynchronously; TASK_HISTORY tells how it ended",
    f"{DOCS}/execute-task",
)
def test_execute_task(steps: Sql) -> None:
    steps("CREATE TASK t SCHEDULE = '60 MINUTE' AS INSERT INTO steps VALUES ('ran')")
    assert steps("EXECUTE TASK t") == [("Task T is scheduled to run immediately.",)]
    run = last_run(steps, "T")
    assert (run["STATE"], run["ERROR_MESSAGE"], run["QUERY_TEXT"]) == (
        "SUCCEEDED",
        None,
        "INSERT INTO steps VALUES ('ran')",
    )
    assert run["QUERY_ID"] and run["QUERY_START_TIME"] <= run["COMPLETED_TIME"]
    assert (run["SCHEDULED_BY_USER"], run["BACKFILL_INFO"], run["SPCS_JOB_ID"]) == ("SNOWMELT", None, None)
    assert steps("SELECT * FROM steps") == [("ran",)]
    steps.fails("EXECUTE TASK missing", 2003)


@pytest.mark.parity(
    "EXECUTE TASK", "is skipped when WHEN does not hold, and runs when it does", f"{TASKS}#task-conditions"
)
def test_condition(steps: Sql) -> None:
    steps("CREATE TABLE landing (n NUMBER)")
    steps("CREATE STREAM arrivals ON TABLE landing")
    steps(
        "CREATE TASK t SCHEDULE = '60 MINUTE' WHEN SYSTEM$STREAM_HAS_DATA('arrivals') "
        "AS INSERT INTO steps SELECT 'saw ' || n FROM arrivals"
    )
    steps("EXECUTE TASK t")
    assert last_run(steps, "T")["STATE"] == "SKIPPED"
    steps("INSERT INTO landing VALUES (7)")
    steps("EXECUTE TASK t")
    assert last_run(steps, "T", 2)["STATE"] == "SUCCEEDED"
    assert steps("SELECT * FROM steps") == [("saw 7",)]
    assert steps.one("SELECT SYSTEM$STREAM_HAS_DATA('arrivals')") is False


@pytest.mark.parity(
    "TASK_HISTORY",
    "a failed run bears Snowflake's error number and message",
    "https://docs.snowflake.com/en/sql-reference/functions/task_history",
)
def test_failed_run(steps: Sql) -> None:
    steps("CREATE TASK t SCHEDULE = '60 MINUTE' AS INSERT INTO missing VALUES (1)")
    steps("EXECUTE TASK t")
    run = last_run(steps, "T")
    assert run["STATE"].startswith("FAILED")
    assert (int(run["ERROR_CODE"]), "MISSING" in run["ERROR_MESSAGE"]) == (2003, True)


@pytest.mark.parity(
    "TASK_HISTORY",
    "a failed procedure's run shows the Python traceback",
    "https://docs.snowflake.com/en/sql-reference/functions/task_history",
)
def test_failed_procedure_run(steps: Sql) -> None:
    steps(
        """CREATE PROCEDURE fail() RETURNS VARCHAR LANGUAGE PYTHON RUNTIME_VERSION = '3.11'
           PACKAGES = ('snowflake-snowpark-python') HANDLER = 'run' AS $$
def run(session):
    raise ValueError("no such luck")
$$"""
    )
    steps("CREATE TASK t SCHEDULE = '60 MINUTE' AS CALL fail()")
    steps("EXECUTE TASK t")
    run = last_run(steps, "T")
    assert run["STATE"].startswith("FAILED")
    assert "Traceback" in run["ERROR_MESSAGE"] and "ValueError: no such luck" in run["ERROR_MESSAGE"]


@pytest.mark.parity("Task graphs", "AFTER runs children in order, FINALIZE runs last", GRAPHS)
def test_graph(steps: Sql) -> None:
    steps("CREATE TASK root SCHEDULE = '60 MINUTE' AS INSERT INTO steps VALUES ('root')")
    steps("CREATE TASK left_one AFTER root AS INSERT INTO steps VALUES ('left')")
    steps("CREATE TASK right_one AFTER root AS INSERT INTO steps VALUES ('right')")
    steps(
        "CREATE TASK joined AFTER left_one, right_one AS "
        "INSERT INTO steps SELECT 'joined ' || COUNT(*) FROM steps WHERE name IN ('left', 'right')"
    )
    steps("CREATE TASK last_one FINALIZE = root AS INSERT INTO steps SELECT 'final ' || COUNT(*) FROM steps")
    for name in ("last_one", "joined", "right_one", "left_one"):
        steps(f"ALTER TASK {name} RESUME")
    steps("EXECUTE TASK root")
    assert last_run(steps, "LAST_ONE")["STATE"] == "SUCCEEDED"
    assert {name for (name,) in steps("SELECT name FROM steps")} == {"root", "left", "right", "joined 2", "final 4"}
    groups = {runs(steps, name)[0]["GRAPH_RUN_GROUP_ID"] for name in ("ROOT", "LEFT_ONE", "JOINED", "LAST_ONE")}
    assert len(groups) == 1


@pytest.mark.parity("Task graphs", "what follows a failure does not run, the finalizer does", GRAPHS)
def test_failure_in_a_graph(steps: Sql) -> None:
    steps("CREATE TASK root SCHEDULE = '60 MINUTE' AS INSERT INTO missing VALUES (1)")
    steps("CREATE TASK child AFTER root AS INSERT INTO steps VALUES ('child')")
    steps("CREATE TASK last_one FINALIZE = root AS INSERT INTO steps VALUES ('final')")
    steps("ALTER TASK child RESUME")
    steps("ALTER TASK last_one RESUME")
    steps("EXECUTE TASK root")
    last_run(steps, "LAST_ONE")
    assert steps("SELECT * FROM steps") == [("final",)]


@pytest.mark.parity(
    "SYSTEM$SET_RETURN_VALUE",
    "is seen in TASK_HISTORY and by the next task",
    "https://docs.snowflake.com/en/sql-reference/functions/system_set_return_value",
)
def test_return_value(steps: Sql) -> None:
    steps("CREATE TASK root SCHEDULE = '60 MINUTE' AS CALL SYSTEM$SET_RETURN_VALUE('42 rows')")
    steps("CREATE TASK child AFTER root AS INSERT INTO steps SELECT SYSTEM$GET_PREDECESSOR_RETURN_VALUE('ROOT')")
    steps("ALTER TASK child RESUME")
    steps("EXECUTE TASK root")
    last_run(steps, "CHILD")
    assert runs(steps, "ROOT")[0]["RETURN_VALUE"] == "42 rows"
    assert steps("SELECT * FROM steps") == [("42 rows",)]


@pytest.mark.parity(
    "TASK_HISTORY",
    "ERROR_ONLY, RESULT_LIMIT and a range of time",
    "https://docs.snowflake.com/en/sql-reference/functions/task_history",
)
def test_history_arguments(steps: Sql) -> None:
    steps("CREATE TASK t SCHEDULE = '60 MINUTE' AS SELECT 1")
    for count in (1, 2):
        steps("EXECUTE TASK t")
        last_run(steps, "T", count)
    history = "SELECT COUNT(*) FROM TABLE(INFORMATION_SCHEMA.TASK_HISTORY(TASK_NAME => 'T', {}))"
    call = f"{history} WHERE DATABASE_NAME = CURRENT_DATABASE()"
    assert steps.one(call.format("RESULT_LIMIT => 1")) == 1
    assert steps.one(call.format("ERROR_ONLY => TRUE")) == 0
    later = "SCHEDULED_TIME_RANGE_START => DATEADD('hour', 1, CURRENT_TIMESTAMP())"
    assert steps.one(call.format(later)) == 0


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
        sql("CREATE TABLE steps (name VARCHAR)")
        yield sql


def tick_until(clock: ManualClock, look: Callable[[], object], what: str) -> None:
    """Let five minutes pass, again and again, until `look` finds something: as on Snowflake, a time that comes before
    the last run has been put away is left out."""
    poll(lambda: clock.advance(300) or look(), what)


@pytest.mark.parity("CREATE TASK", "SCHEDULE runs a resumed task each time it is due", f"{TASKS}#task-scheduling")
def test_schedule(timed: Sql, clock: ManualClock) -> None:
    timed("CREATE TASK t SCHEDULE = '5 MINUTE' AS INSERT INTO steps VALUES ('tick')")
    clock.advance(3_600)
    timed("ALTER TASK t RESUME")
    assert runs(timed, "T") == []
    tick_until(clock, lambda: len(runs(timed, "T")) >= 2, "two runs")
    assert {(run["STATE"], run["SCHEDULED_BY_USER"]) for run in runs(timed, "T")} == {("SUCCEEDED", None)}
    timed("ALTER TASK t SUSPEND")
    timed("CREATE TASK after_it SCHEDULE = '5 MINUTE' AS SELECT 1")
    timed("ALTER TASK after_it RESUME")
    before = len(runs(timed, "T"))
    tick_until(clock, lambda: runs(timed, "AFTER_IT"), "a run of another task")
    assert len(runs(timed, "T")) <= before + 1, "only what had begun before SUSPEND"


@pytest.mark.parity(
    "CREATE TASK",
    "without SCHEDULE, WHEN SYSTEM$STREAM_HAS_DATA makes it a triggered task",
    "https://docs.snowflake.com/en/user-guide/tasks-triggered",
)
def test_triggered_task(timed: Sql, clock: ManualClock) -> None:
    timed("CREATE TABLE landing (n NUMBER)")
    timed("CREATE STREAM arrivals ON TABLE landing")
    timed("CREATE TASK t WHEN SYSTEM$STREAM_HAS_DATA('arrivals') AS INSERT INTO steps SELECT 'saw ' || n FROM arrivals")
    timed("ALTER TASK t RESUME")
    timed("INSERT INTO landing VALUES (7)")
    tick_until(clock, lambda: runs(timed, "T"), "a triggered run")
    assert last_run(timed, "T")["STATE"] == "SUCCEEDED"
    assert timed("SELECT * FROM steps") == [("saw 7",)]


@pytest.mark.parity(
    "SUSPEND_TASK_AFTER_NUM_FAILURES",
    "suspends a task that fails again and again",
    f"{TASKS}#automatically-suspend-tasks-after-failed-runs",
)
def test_suspended_after_failures(timed: Sql, clock: ManualClock) -> None:
    timed("CREATE TASK t SCHEDULE = '1 MINUTE' SUSPEND_TASK_AFTER_NUM_FAILURES = 2 AS INSERT INTO missing VALUES (1)")
    timed("ALTER TASK t RESUME")
    tick_until(clock, lambda: timed.column("SHOW TASKS", "state") == ["suspended"], "suspension")
    first_to_last = [run["STATE"] for run in reversed(runs(timed, "T"))]
    assert first_to_last[:2] == ["FAILED", "FAILED_AND_AUTO_SUSPENDED"]


@pytest.mark.parity(
    "CREATE TASK",
    "a body that leaves a transaction open has failed, and its changes are rolled back",
    f"{DOCS}/create-task",
)
@pytest.mark.parametrize("first", ["BEGIN TRANSACTION", "ALTER SESSION SET AUTOCOMMIT = FALSE"])
def test_transaction_left_open(steps: Sql, first: str) -> None:
    steps(f"CREATE TASK t AS BEGIN {first}; INSERT INTO steps VALUES ('lost'); END")
    steps("EXECUTE TASK t")
    run = last_run(steps, "T")
    assert (run["STATE"], run["ERROR_CODE"]) == ("FAILED", "090232")
    assert steps("SELECT * FROM steps") == []
    steps(f"ALTER TASK t MODIFY AS BEGIN {first}; INSERT INTO steps VALUES ('kept'); COMMIT; END")
    steps("EXECUTE TASK t")
    assert last_run(steps, "T", 2)["STATE"] == "SUCCEEDED"
    assert steps("SELECT * FROM steps") == [("kept",)]


@pytest.mark.parity(
    "Task graphs",
    "the finalizer ends each attempt, and may mend what the next one needs",
    f"{GRAPHS}#finalizer-task-example-correct-for-errors",
)
def test_finalizer_before_a_retry(steps: Sql) -> None:
    steps("CREATE TASK r TASK_AUTO_RETRY_ATTEMPTS = 2 AS SELECT 1")
    steps("CREATE TASK b AFTER r AS INSERT INTO demo SELECT SYSTEM$TASK_RUNTIME_INFO('current_task_name')")
    steps("CREATE TASK c AFTER b AS INSERT INTO demo SELECT 'then c'")
    steps("CREATE TASK f FINALIZE = r AS CREATE TABLE IF NOT EXISTS demo (name VARCHAR)")
    steps("SELECT SYSTEM$TASK_DEPENDENTS_ENABLE('r')")
    steps("EXECUTE TASK r")
    last_run(steps, "F", 2)
    found = {name: [(run["STATE"], run["ATTEMPT_NUMBER"]) for run in runs(steps, name)] for name in "RBCF"}
    assert found == {
        "R": [("SUCCEEDED", 1)],
        "B": [("SUCCEEDED", 2), ("FAILED", 1)],
        "C": [("SUCCEEDED", 2)],
        "F": [("SUCCEEDED", 2), ("SUCCEEDED", 1)],
    }
    assert sorted(name.rpartition(".")[2] for (name,) in steps("SELECT name FROM demo")) == ["B", "then c"]


@pytest.mark.parity(
    "Task graphs",
    "a finalizer sums up its graph run from TASK_HISTORY, by way of a function in SQL",
    f"{GRAPHS}#finalizer-task-example-send-email-notification",
)
def test_finalizer_sums_up(steps: Sql) -> None:
    steps(
        """CREATE FUNCTION summary(root VARCHAR, since TIMESTAMP_LTZ) RETURNS VARCHAR AS $$
           (SELECT LISTAGG(name || ' ' || state, ', ') WITHIN GROUP (ORDER BY scheduled_time)
            FROM TABLE(INFORMATION_SCHEMA.TASK_HISTORY(ROOT_TASK_ID => root, SCHEDULED_TIME_RANGE_START => since,
                                                       SCHEDULED_TIME_RANGE_END => CURRENT_TIMESTAMP())))::VARCHAR $$"""
    )
    steps("CREATE TASK r AS SELECT 1")
    steps("CREATE TASK b AFTER r AS SELECT 1 / 0")
    scheduled = "SYSTEM$TASK_RUNTIME_INFO('CURRENT_TASK_GRAPH_ORIGINAL_SCHEDULED_TIMESTAMP')"
    steps(
        f"""CREATE TASK f FINALIZE = r AS
           DECLARE root VARCHAR; since TIMESTAMP_LTZ; BEGIN
             root := (SELECT SYSTEM$TASK_RUNTIME_INFO('CURRENT_ROOT_TASK_UUID'));
             since := (SELECT {scheduled}::TIMESTAMP_LTZ);
             LET told := (SELECT summary(:root, :since));
             INSERT INTO steps VALUES (:told);
             CALL SYSTEM$SET_RETURN_VALUE('told');
           END"""
    )
    steps("SELECT SYSTEM$TASK_DEPENDENTS_ENABLE('r')")
    steps("EXECUTE TASK r")
    run = last_run(steps, "F")
    assert (run["STATE"], run["ERROR_MESSAGE"], run["RETURN_VALUE"]) == ("SUCCEEDED", None, "told")
    assert steps("SELECT * FROM steps") == [("R SUCCEEDED, B FAILED, F EXECUTING",)]


@pytest.mark.parity(
    "EXECUTE TASK",
    "USING CONFIG goes over the task's CONFIG, field by field, and a later one over one that still waits",
    f"{DOCS}/execute-task#use-a-dynamic-config",
)
def test_dynamic_configuration(steps: Sql) -> None:
    asked = [f"SYSTEM$GET_TASK_GRAPH_CONFIG('paths.{name}')" for name in ("logs", "results")]
    steps(
        f"""CREATE TASK t CONFIG = '{{"stage": "test", "paths": {{"logs": "/logs", "results": "/results"}}}}'
           AS BEGIN
             INSERT INTO steps SELECT {asked[0]} || {asked[1]};
             CALL SYSTEM$WAIT(2);
           END"""
    )
    for results in ("/one", "/two", "/three"):
        steps(f"""EXECUTE TASK t USING CONFIG = '{{"paths": {{"results": "{results}"}}}}'""")
    last_run(steps, "T", 2)
    assert sorted(steps("SELECT * FROM steps")) == [("/logs/one",), ("/logs/three",)]
    assert len(runs(steps, "T")) == 2


@pytest.mark.parity(
    "EXECUTE TASK", "RETRY GRAPH RUN GROUP takes up an earlier run than the last one", f"{DOCS}/execute-task"
)
def test_retry_of_an_earlier_run(steps: Sql) -> None:
    steps("CREATE TABLE later (n NUMBER)")
    steps("DROP TABLE later")
    steps("CREATE TASK t AS INSERT INTO later VALUES (1)")
    steps("EXECUTE TASK t USING CONFIG = '{\"first\": true}'")
    first = last_run(steps, "T")
    steps("EXECUTE TASK t")
    second = last_run(steps, "T", 2)
    assert [run["STATE"] for run in (first, second)] == ["FAILED", "FAILED"]
    steps.fails("EXECUTE TASK t RETRY GRAPH RUN GROUP 'none such'", 91457)
    steps("UNDROP TABLE later")
    steps(f"EXECUTE TASK t RETRY GRAPH RUN GROUP '{first['GRAPH_RUN_GROUP_ID']}'")
    third = last_run(steps, "T", 3)
    for name in ("GRAPH_RUN_GROUP_ID", "RUN_ID", "CONFIG"):
        assert third[name] == first[name], name
    assert (third["STATE"], third["ATTEMPT_NUMBER"], third["SCHEDULED_FROM"]) == ("SUCCEEDED", 2, "MANUAL RETRY")
    assert steps("SELECT * FROM later") == [(1,)]


@pytest.mark.parity(
    "Tasks and schemas",
    "run where their schema is renamed to, not while it is dropped, and come back suspended",
    f"{DOCS}/undrop-schema",
)
def test_tasks_follow_their_schema(timed: Sql, clock: ManualClock) -> None:
    timed("CREATE SCHEMA first")
    timed("CREATE TABLE marks (name VARCHAR)")
    timed("CREATE TASK t SCHEDULE = '1 MINUTE' AS INSERT INTO marks VALUES ('ran')")
    timed("ALTER TASK t RESUME")
    timed("ALTER SCHEMA first RENAME TO second")
    tick_until(clock, lambda: runs(timed, "T"), "a run after the renaming")
    assert {(run["SCHEMA_NAME"], run["STATE"]) for run in runs(timed, "T")} == {("SECOND", "SUCCEEDED")}
    timed("DROP SCHEMA second")
    timed("USE SCHEMA public")
    timed("CREATE TASK other SCHEDULE = '1 MINUTE' AS SELECT 1")
    timed("ALTER TASK other RESUME")
    before = len(runs(timed, "T"))
    tick_until(clock, lambda: len(runs(timed, "OTHER")) >= 2, "two runs of another task")
    assert len(runs(timed, "T")) <= before + 1, "only what had begun before the schema was dropped"
    assert {run["STATE"] for run in runs(timed, "T")} == {"SUCCEEDED"}
    before = len(runs(timed, "T"))
    timed("UNDROP SCHEMA second")
    timed("USE SCHEMA second")
    (shown,) = timed.dicts("SHOW TASKS")
    assert (shown["state"], shown["last_suspended_reason"]) == ("suspended", "SCHEMA_OR_DATABASE_DELETED")
    timed("ALTER TASK t RESUME")
    tick_until(clock, lambda: len(runs(timed, "T")) > before, "a run in the schema that is back")


def graphs(sql: Sql, root: str, function: str = "COMPLETE_TASK_GRAPHS") -> list[dict[str, Any]]:
    """The runs of a graph that the table function shows for this database."""
    return sql.dicts(
        f"""SELECT * FROM TABLE(INFORMATION_SCHEMA.{function}(ROOT_TASK_NAME => '{root}'))
            WHERE DATABASE_NAME = CURRENT_DATABASE()"""
    )


@pytest.mark.parity(
    "COMPLETE_TASK_GRAPHS",
    "an attempt of a graph run with its first error; RETRY LAST makes another attempt of the same graph run",
    f"{FUNCTIONS}/complete_task_graphs",
)
def test_graph_history(steps: Sql) -> None:
    steps("CREATE TASK graph_root SCHEDULE = '60 MINUTE' CONFIG = '{\"a\": 1}' AS SELECT 1")
    steps("CREATE TASK broken AFTER graph_root AS SELECT * FROM nowhere")
    steps("ALTER TASK broken RESUME")
    steps("EXECUTE TASK graph_root USING CONFIG = '{\"b\": 2}'")
    (failed,) = poll(lambda: graphs(steps, "graph_root"), "the graph run")
    run = last_run(steps, "BROKEN")
    assert (failed["STATE"], failed["FIRST_ERROR_TASK_NAME"], failed["FIRST_ERROR_CODE"]) == ("FAILED", "BROKEN", 2003)
    assert failed["FIRST_ERROR_MESSAGE"] == run["ERROR_MESSAGE"]
    assert (failed["SCHEDULED_FROM"], failed["ATTEMPT_NUMBER"]) == ("EXECUTE_TASK", 1)
    assert failed["CONFIG"] == run["CONFIG"]
    assert failed["COMPLETED_TIME"] == run["COMPLETED_TIME"]
    assert (failed["RUN_ID"], failed["GRAPH_RUN_GROUP_ID"]) == (run["RUN_ID"], run["GRAPH_RUN_GROUP_ID"])
    steps("CREATE TABLE nowhere (n NUMBER)")
    steps("EXECUTE TASK graph_root RETRY LAST")
    again, before = poll(lambda: len(found := graphs(steps, "GRAPH_ROOT")) == 2 and found, "the retry")
    assert (again["STATE"], again["ATTEMPT_NUMBER"], again["SCHEDULED_FROM"]) == ("SUCCEEDED", 2, "MANUAL RETRY")
    assert (again["GRAPH_RUN_GROUP_ID"], before) == (failed["GRAPH_RUN_GROUP_ID"], failed)
    errors = "SELECT ATTEMPT_NUMBER FROM TABLE(INFORMATION_SCHEMA.COMPLETE_TASK_GRAPHS(ERROR_ONLY => TRUE)) "
    assert steps(errors + "WHERE DATABASE_NAME = CURRENT_DATABASE()") == [(1,)]


@pytest.mark.parity(
    "SYSTEM$USER_TASK_CANCEL_ONGOING_EXECUTIONS",
    "aborts a running graph, which is CANCELLED; CURRENT_TASK_GRAPHS shows it while it runs",
    f"{FUNCTIONS}/system_user_task_cancel_ongoing_executions",
)
def test_cancel(steps: Sql) -> None:
    slow = "SELECT COUNT(*) FROM TABLE(GENERATOR(ROWCOUNT => 3000000)) a, TABLE(GENERATOR(ROWCOUNT => 3000000)) b"
    steps(f"CREATE TASK slow SCHEDULE = '60 MINUTE' AS {slow}")
    steps("EXECUTE TASK slow")

    def executing() -> Any:
        found = graphs(steps, "slow", "CURRENT_TASK_GRAPHS")
        return found and found[0]["STATE"] == "EXECUTING" and found[0]["QUERY_START_TIME"]

    poll(executing, "the run")
    steps("SELECT SYSTEM$USER_TASK_CANCEL_ONGOING_EXECUTIONS('slow')")
    assert last_run(steps, "SLOW")["STATE"] == "CANCELLED"
    assert [item["STATE"] for item in graphs(steps, "SLOW")] == ["CANCELLED"]
    assert graphs(steps, "SLOW", "CURRENT_TASK_GRAPHS") == []


@pytest.mark.parity(
    "SYSTEM$GET_PREDECESSOR_RETURN_VALUE",
    "also answers for a task further up; names are case-sensitive",
    f"{FUNCTIONS}/system_get_predecessor_return_value",
)
def test_return_value_of_an_ancestor(steps: Sql) -> None:
    steps("CREATE TASK top SCHEDULE = '60 MINUTE' AS CALL SYSTEM$SET_RETURN_VALUE('from the top')")
    steps("CREATE TASK middle AFTER top AS SELECT 1")
    steps(
        "CREATE TASK bottom AFTER middle WHEN SYSTEM$GET_PREDECESSOR_RETURN_VALUE('TOP') = 'from the top' "
        "AS INSERT INTO steps SELECT SYSTEM$GET_PREDECESSOR_RETURN_VALUE('TOP')"
    )
    steps("SELECT SYSTEM$TASK_DEPENDENTS_ENABLE('top')")
    steps("EXECUTE TASK top")
    assert last_run(steps, "BOTTOM")["STATE"] == "SUCCEEDED"
    assert steps("SELECT name FROM steps") == [("from the top",)]


@pytest.mark.parity("CREATE TASK", "session parameters hold for the task's runs", f"{DOCS}/create-task")
def test_session_parameters_of_a_run(steps: Sql) -> None:
    steps(
        "CREATE TASK t SCHEDULE = '60 MINUTE' TIMEZONE = 'Asia/Tokyo' QUERY_TAG = 'nightly' "
        "AS INSERT INTO steps SELECT TO_CHAR('2026-01-01 00:00:00 +0000'::TIMESTAMP_TZ::TIMESTAMP_LTZ, 'HH24')"
    )
    steps("EXECUTE TASK t")
    assert last_run(steps, "T")["STATE"] == "SUCCEEDED"
    assert steps("SELECT name FROM steps") == [("09",)]
    (shown,) = steps.dicts("SHOW PARAMETERS LIKE 'TIMEZONE' IN TASK t")
    assert (shown["value"], shown["level"]) == ("Asia/Tokyo", "TASK")


@pytest.mark.parity(
    "CREATE TASK",
    "a triggered task may watch a stream on a view",
    "https://docs.snowflake.com/en/user-guide/tasks-triggered",
)
def test_trigger_by_a_stream_on_a_view(steps: Sql) -> None:
    steps("CREATE TABLE orders (n NUMBER)")
    steps("CREATE TABLE other (n NUMBER)")
    steps("CREATE VIEW large AS SELECT * FROM orders WHERE n > 5")
    steps("CREATE STREAM arrivals ON VIEW large")
    steps("CREATE TASK t WHEN SYSTEM$STREAM_HAS_DATA('arrivals') AS INSERT INTO steps SELECT 'saw ' || n FROM arrivals")
    steps("ALTER TASK t RESUME")
    steps("INSERT INTO other VALUES (9)")
    steps("INSERT INTO orders VALUES (8)")
    last_run(steps, "T")
    steps("INSERT INTO orders VALUES (7)")
    assert last_run(steps, "T", 2)["SCHEDULED_FROM"] == "TRIGGER"
    assert steps("SELECT name FROM steps ORDER BY name") == [("saw 7",), ("saw 8",)]


@pytest.mark.parity(
    "CREATE TASK", "a body that is a scripting block; its steps run one after the other", f"{DOCS}/create-task"
)
def test_block_as_body(steps: Sql) -> None:
    steps(
        """CREATE TASK t SCHEDULE = '60 MINUTE' CONFIG = '{"name": "configured"}' AS
        BEGIN
            LET name := (SELECT SYSTEM$GET_TASK_GRAPH_CONFIG('name'));
            INSERT INTO steps VALUES (:name);
            CALL SYSTEM$SET_RETURN_VALUE('two steps');
        END"""
    )
    steps("EXECUTE TASK t")
    run = last_run(steps, "T")
    assert (run["STATE"], run["RETURN_VALUE"]) == ("SUCCEEDED", "two steps"), run["ERROR_MESSAGE"]
    assert steps("SELECT name FROM steps") == [("configured",)]
