"""snowflake.core's tasks and task graphs, over the REST API."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from harness import Sql, poll
from snowflake.core import CreateMode, Root
from snowflake.core.exceptions import APIError, ConflictError, NotFoundError, ServerError
from snowflake.core.task import Cron, OverlapPolicy, Task
from snowflake.core.task.context import TaskContext
from snowflake.core.task.dagv1 import DAG, DAGOperation, DAGTask, DAGTaskBranch
from snowflake.snowpark import Session

CORE = "https://docs.snowflake.com/en/developer-guide/snowflake-python-api/snowflake-python-managing-tasks"
REST = "https://docs.snowflake.com/en/developer-guide/snowflake-rest-api/snowflake-rest-api"
PACKAGES = ["snowflake-snowpark-python", "snowflake.core"]


@pytest.fixture
def schema(sql: Sql, database: str) -> Any:
    """The schema PUBLIC as snowflake.core sees it."""
    return Root(sql.connection).databases[database].schemas["PUBLIC"]


@pytest.mark.parity("snowflake.core Task", "create and fetch: every property comes back", CORE)
def test_create_and_fetch(schema: Any, database: str) -> None:
    schema.tasks.create(Task("root_task", "SELECT 1", schedule=timedelta(hours=1)))
    task = Task(
        "t",
        "SELECT 'it''s'",
        warehouse="wh",
        schedule=Cron("0 9-17 * * SUN", "America/Los_Angeles"),
        condition="SYSTEM$STREAM_HAS_DATA('S')",
        config={"environment": "test", "count": 3},
        session_parameters={"TIMEZONE": "Asia/Tokyo", "WEEK_START": 1},
        comment="it's a \\ comment",
        user_task_timeout_ms=5_000,
        suspend_task_after_num_failures=3,
        task_auto_retry_attempts=2,
        overlap_policy=OverlapPolicy.ALLOW_CHILD_OVERLAP,
    )
    schema.tasks.create(task)
    found = schema.tasks["t"].fetch()
    for name in (
        *("definition", "schedule", "condition", "config", "session_parameters", "comment", "user_task_timeout_ms"),
        *("suspend_task_after_num_failures", "task_auto_retry_attempts", "overlap_policy"),
    ):
        assert getattr(found, name) == getattr(task, name), name
    assert (found.name, found.warehouse, found.state) == ("T", "WH", "suspended")
    assert (found.database_name, found.schema_name, found.predecessors) == (database, "PUBLIC", [])


@pytest.mark.parity("snowflake.core Task", "a serverless task keeps its properties", CORE)
def test_serverless(schema: Any) -> None:
    sizes = {"serverless_task_min_statement_size": "SMALL", "serverless_task_max_statement_size": "XLARGE"}
    interval = timedelta(minutes=15)
    schema.tasks.create(Task("t", "SELECT 1", schedule=interval, target_completion_interval=interval, **sizes))
    found = schema.tasks["t"].fetch()
    assert found.target_completion_interval == interval
    assert {name: getattr(found, name) for name in sizes} == sizes


@pytest.mark.parity("snowflake.core Task", "intervals in minutes and seconds", CORE)
@pytest.mark.parametrize("interval", [timedelta(seconds=10), timedelta(seconds=90), timedelta(days=1)])
def test_intervals(schema: Any, interval: timedelta) -> None:
    schema.tasks.create(Task("t", "SELECT 1", schedule=interval))
    assert schema.tasks["t"].fetch().schedule == interval


@pytest.mark.parity("snowflake.core Task", "create modes, conflicts, and tasks that are not there", CORE)
def test_modes(schema: Any) -> None:
    schema.tasks.create(Task("t", "SELECT 1"))
    with pytest.raises(ConflictError):
        schema.tasks.create(Task("t", "SELECT 2"))
    schema.tasks.create(Task("t", "SELECT 2"), mode=CreateMode.if_not_exists)
    assert schema.tasks["t"].fetch().definition == "SELECT 1"
    schema.tasks.create(Task("t", "SELECT 2"), mode=CreateMode.or_replace)
    assert schema.tasks["t"].fetch().definition == "SELECT 2"
    schema.tasks["t"].create_or_alter(Task("t", "SELECT 3", comment="altered"))
    found = schema.tasks["t"].fetch()
    assert (found.definition, found.comment) == ("SELECT 3", "altered")
    schema.tasks["t"].drop()
    with pytest.raises(NotFoundError):
        schema.tasks["t"].fetch()
    with pytest.raises(NotFoundError):
        schema.tasks["t"].drop()
    schema.tasks["t"].drop(if_exists=True)


@pytest.mark.parity("snowflake.core Task", "iter with like, starts_with, root_only and limit", CORE)
def test_iter(schema: Any) -> None:
    schema.tasks.create(Task("a1", "SELECT 1", schedule=timedelta(hours=1)))
    schema.tasks.create(Task("a2", "SELECT 1", predecessors=["a1"]))
    schema.tasks.create(Task('"b/c:d"', "SELECT 1"))

    def names(**arguments: Any) -> list[str]:
        return [task.name for task in schema.tasks.iter(**arguments)]

    assert names() == ["A1", "A2", '"b/c:d"']
    assert names(like="a%") == ["A1", "A2"]
    assert names(starts_with="b") == ['"b/c:d"']
    assert names(root_only=True) == ["A1", '"b/c:d"']
    assert names(limit=1) == ["A1"]
    assert schema.tasks['"b/c:d"'].fetch().name == '"b/c:d"'
    (dependent,) = list(schema.tasks["a1"].fetch_task_dependents())[1:]
    assert (dependent.name, dependent.predecessors) == ("A2", [f"{dependent.database_name}.PUBLIC.A1"])


@pytest.mark.parity("snowflake.core Task", "resume, suspend, execute; graph runs that are over", CORE)
def test_run(schema: Any, sql: Sql) -> None:
    sql("CREATE TABLE steps (name VARCHAR)")
    task = schema.tasks.create(Task("rest_run", "INSERT INTO steps VALUES ('ran')", schedule=timedelta(hours=1)))
    task.resume()
    assert task.fetch().state == "started"
    (due,) = task.get_current_graphs()
    assert (due.root_task_name, due.state) == ("REST_RUN", "SCHEDULED")
    task.suspend()
    assert task.fetch().state == "suspended"
    task.execute()
    (run,) = poll(lambda: list(task.get_complete_graphs(error_only=False)), "the run")
    assert (run.state, run.first_error_code) == ("SUCCEEDED", None)
    assert list(task.get_complete_graphs()) == []
    with pytest.raises(APIError, match="has not failed"):
        task.execute(retry_last=True)


@pytest.mark.parity("snowflake.core DAG", "deploy, run and drop a graph of tasks", CORE)
def test_dag(schema: Any, sql: Sql) -> None:
    sql("CREATE TABLE steps (name VARCHAR)")
    with DAG("my_dag", schedule=timedelta(days=1), config={"a": 1}) as dag:
        first = DAGTask("first", "INSERT INTO steps VALUES ('first')")
        second = DAGTask("second", "INSERT INTO steps VALUES ('second')")
        DAGTask("last", "INSERT INTO steps VALUES ('finalizer')", is_finalizer=True)
        first >> second
    operation = DAGOperation(schema)
    operation.deploy(dag)
    assert sorted((task.name, task.state) for task in schema.tasks.iter()) == [
        ("MY_DAG", "started"),
        ("MY_DAG$FIRST", "started"),
        ("MY_DAG$LAST", "started"),
        ("MY_DAG$SECOND", "started"),
    ]
    assert [run.dag_name for run in operation.get_current_dag_runs(dag)] == ["MY_DAG"]
    operation.run(dag)
    (run,) = poll(lambda: operation.get_complete_dag_runs(dag, error_only=False), "the run")
    assert (run.dag_name, run.state) == ("MY_DAG", "SUCCEEDED")
    assert sql("SELECT name FROM steps") == [("first",), ("second",), ("finalizer",)]
    operation.deploy(dag, mode=CreateMode.or_replace)
    operation.drop(dag, drop_finalizer=True)
    assert list(schema.tasks.iter()) == []


@pytest.mark.parity(
    "snowflake.core DAG", "Python functions as tasks, a branch, and what TaskContext tells them", f"{CORE}#task-context"
)
def test_dag_of_functions(schema: Any, sql: Sql) -> None:
    # Functions of this module would be looked for by its name, which workers do not know.
    def loads(session: Session) -> str:
        context = TaskContext(session)
        return f"{context.get_current_task_short_name()} {context.get_task_graph_config_property('rows')}"

    def chooses(session: Session) -> str:
        return "small" if TaskContext(session).get_predecessor_return_value("loads") == "LOADS 3" else "large"

    def tells(session: Session) -> None:
        context = TaskContext(session)
        names = (context.get_current_task_name(), context.get_current_root_task_name())
        told = " of ".join(name.partition(".")[2] for name in names)
        session.sql("INSERT INTO steps SELECT ?", params=[told]).collect()

    sql("CREATE TABLE steps (name VARCHAR)")
    sql("CREATE STAGE code")
    code = {"stage_location": "@code", "packages": PACKAGES, "use_func_return_value": True}
    with DAG("g", schedule=timedelta(days=1), config={"rows": 3}, **code) as dag:
        first, branch = DAGTask("loads", loads), DAGTaskBranch("chooses", chooses)
        first >> branch >> [DAGTask("small", tells), DAGTask("large", "INSERT INTO steps VALUES ('large')")]
    operation = DAGOperation(schema)
    operation.deploy(dag)
    assert operation.iter_dags(like="g%") == ["G"]
    operation.run(dag)
    (run,) = poll(lambda: operation.get_complete_dag_runs(dag, error_only=False), "the run")
    assert (run.state, run.first_error_message) == ("SUCCEEDED", None)
    assert sql("SELECT name FROM steps") == [("PUBLIC.G$SMALL of PUBLIC.G",)]
    operation.drop("g")
    assert list(schema.tasks.iter()) == []


@pytest.mark.parity("REST API", "all but tasks, databases and schemas is refused by name", REST)
def test_refused(schema: Any, sql: Sql) -> None:
    with pytest.raises(ServerError, match="Unsupported feature 'GET /api/v2/warehouses'"):
        list(Root(sql.connection).warehouses.iter())
    schema.tasks.create(Task("t", "SELECT 1"))
    with pytest.raises(ServerError, match="tasks/t:get-tags"):
        schema.tasks["t"].get_tags()
    with pytest.raises(ServerError, match="tasks/t:set-tags"):
        schema.tasks["t"].set_tags({})
    with pytest.raises(ServerError, match="EXECUTE AS of a task"):
        schema.tasks.create(Task("x", "SELECT 1", execute_as_user="someone"))


@pytest.mark.parity("REST API", "names are names, and never SQL", REST)
def test_hostile_names(schema: Any, sql: Sql) -> None:
    sql("CREATE TABLE precious (n NUMBER)")
    for name in ("t; DROP TABLE precious", "t' OR 1", "a.b.c", "../x"):
        with pytest.raises(APIError):
            schema.tasks[name].fetch()
    assert sql("SELECT COUNT(*) FROM precious") == [(0,)]
