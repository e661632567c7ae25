"""`snowmelt deploy` on a running server: again and again, what it would change, and what that loses."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from snowflake.connector import DictCursor, SnowflakeConnection, connect
from typer.testing import CliRunner

from snowmelt.cli.demo_data import pipeline_directory
from snowmelt.cli.deploy import run
from snowmelt.cli.deploy_plan import Change, Effect, effects
from snowmelt.cli.main import app
from snowmelt.cli.manifest import DeployError, actions_of
from snowmelt.testing.server import RunningServer, running_server


@pytest.fixture(scope="module")
def server() -> Iterator[RunningServer]:
    with running_server() as running:
        yield running


@pytest.fixture
def connection(server: RunningServer) -> Iterator[SnowflakeConnection]:
    with connect(**server.parameters) as opened:
        yield opened
        opened.cursor().execute("DROP DATABASE IF EXISTS PLANNED")


FILES = {
    "manifest.toml": """
[variables]
schedule = "5 MINUTE"
[[step]]
sql = "objects.sql"
[[step]]
put = "*.py"
stage = "@CODE"
[[step]]
sql = "work.sql"
""",
    "objects.sql": """
CREATE DATABASE IF NOT EXISTS PLANNED;
CREATE SCHEMA IF NOT EXISTS PLANNED.S;
USE SCHEMA PLANNED.S;
CREATE STAGE IF NOT EXISTS CODE;
CREATE OR ALTER TABLE T (A INT, B VARCHAR);
CREATE TABLE IF NOT EXISTS "Kept as it is" (A INT);
CREATE STREAM IF NOT EXISTS S ON TABLE T;
CREATE OR REPLACE VIEW V AS SELECT A FROM T;
""",
    "code.py": "def main(session, n):\n    return n\n",
    "work.sql": """
CREATE OR REPLACE PROCEDURE P(N INT) RETURNS INT LANGUAGE PYTHON RUNTIME_VERSION = '3.11'
    PACKAGES = ('snowflake-snowpark-python') IMPORTS = ('@CODE/code.py') HANDLER = 'code.main';
CREATE OR REPLACE TASK K SCHEDULE = '<% schedule %>' AS CALL P(1);
ALTER TASK K RESUME;
""",
}


@pytest.fixture
def pipeline(tmp_path: Path) -> Path:
    for name, text in FILES.items():
        (tmp_path / name).write_text(text)
    return tmp_path


@pytest.fixture
def planned(connection: SnowflakeConnection, pipeline: Path) -> Callable[..., dict[str, Effect]]:
    """What deploying the pipeline would change, by name; `edit` replaces text in one of its files."""

    def plan(file: str = "", old: str = "", new: str = "", **variables: str) -> dict[str, Effect]:
        if file:
            path = pipeline / file
            assert old in path.read_text()
            path.write_text(path.read_text().replace(old, new))
        found = effects(connection, actions_of(pipeline, variables))
        return {effect.name: effect for effect in found if effect.change is not Change.UNCHANGED and effect.kind}

    return plan


def test_everything_is_added_first_and_nothing_changes_the_second_time(
    connection: SnowflakeConnection, pipeline: Path, planned: Any
) -> None:
    first = planned()
    assert {effect.change for effect in first.values()} == {Change.ADDED}
    assert list(first) == [
        "PLANNED",
        "PLANNED.S",
        "PLANNED.S.CODE",
        "PLANNED.S.T",
        'PLANNED.S."Kept as it is"',
        "PLANNED.S.S",
        "PLANNED.S.V",
        "@CODE/code.py",
        "PLANNED.S.P",
        "PLANNED.S.K",
    ]
    assert connection.cursor().execute("SHOW DATABASES LIKE 'PLANNED'").fetchall() == [], "nothing has been done"
    run(connection, actions_of(pipeline))
    assert planned() == {}
    run(connection, actions_of(pipeline))
    assert planned() == {}


@pytest.fixture
def deployed(connection: SnowflakeConnection, pipeline: Path) -> SnowflakeConnection:
    run(connection, actions_of(pipeline))
    connection.cursor().execute("INSERT INTO PLANNED.S.T VALUES (1, 'x'), (2, 'y')")
    return connection


@pytest.mark.parametrize(
    ("edit", "change", "name", "detail", "loses"),
    [
        (("objects.sql", "B VARCHAR", "B VARCHAR, C DATE"), Change.ALTERED, "PLANNED.S.T", "adds C", ""),
        (("objects.sql", ", B VARCHAR", ""), Change.ALTERED, "PLANNED.S.T", "drops B", "B of 2 rows"),
        (
            ("objects.sql", "CREATE STREAM IF NOT EXISTS", "CREATE OR REPLACE STREAM"),
            Change.REPLACED,
            "PLANNED.S.S",
            "",
            "2 unread changes",
        ),
        (
            ("objects.sql", "CREATE OR ALTER TABLE", "CREATE OR REPLACE TABLE"),
            Change.REPLACED,
            "PLANNED.S.T",
            "",
            "2 rows, 2 unread changes of PLANNED.S.S",
        ),
        (("objects.sql", "SELECT A FROM", "SELECT A, B FROM"), Change.REPLACED, "PLANNED.S.V", "", ""),
        (("code.py", "return n", "return n + 1"), Change.REPLACED, "@CODE/code.py", "", ""),
        (("work.sql", "RETURNS INT", "RETURNS VARCHAR"), Change.REPLACED, "PLANNED.S.P", "", ""),
        (("work.sql", "CALL P(1)", "CALL P(2)"), Change.REPLACED, "PLANNED.S.K", "", ""),
        (
            ("work.sql", "ALTER TASK K RESUME", "DROP TABLE T"),
            Change.DROPPED,
            "PLANNED.S.T",
            "",
            "2 rows, 2 unread changes of PLANNED.S.S",
        ),
    ],
    ids=lambda value: value[0] + ": " + value[2] if isinstance(value, tuple) else "",
)
def test_a_plan_says_what_changes_and_what_that_loses(
    deployed: SnowflakeConnection, planned: Any, edit: Any, change: Change, name: str, detail: str, loses: str
) -> None:
    found = planned(*edit)
    assert list(found) == [name]
    effect = found[name]
    assert (effect.change, effect.detail, effect.loses) == (change, detail, loses)


def test_a_plan_knows_the_streams_of_other_schemas(deployed: SnowflakeConnection, planned: Any) -> None:
    deployed.cursor().execute('CREATE SCHEMA IF NOT EXISTS PLANNED."Elsewhere"')
    deployed.cursor().execute('CREATE OR REPLACE STREAM PLANNED."Elsewhere".W ON TABLE PLANNED.S.T')
    deployed.cursor().execute("INSERT INTO PLANNED.S.T VALUES (3, 'z')")
    found = planned("objects.sql", "CREATE OR ALTER TABLE", "CREATE OR REPLACE TABLE")["PLANNED.S.T"]
    unread = {"3 unread changes of PLANNED.S.S", '1 unread change of PLANNED."Elsewhere".W'}
    assert set(found.loses.split(", ")) == {"3 rows", *unread}


def test_a_variable_changes_what_it_stands_in(deployed: SnowflakeConnection, planned: Any) -> None:
    assert list(planned(schedule="9 MINUTE")) == ["PLANNED.S.K"]


def test_a_plan_reads_no_stream_empty(deployed: SnowflakeConnection, planned: Any) -> None:
    planned("objects.sql", "CREATE STREAM IF NOT EXISTS", "CREATE OR REPLACE STREAM")
    assert deployed.cursor().execute("SELECT COUNT(*) FROM PLANNED.S.S").fetchone() == (2,)


def test_a_deployment_that_failed_half_way_is_completed_by_the_next(
    connection: SnowflakeConnection, pipeline: Path
) -> None:
    (pipeline / "code.py").rename(pipeline / "other.py")
    with pytest.raises(DeployError, match=r"(?s)work\.sql:2: CREATE OR REPLACE PROCEDURE.*9 of 12 statements are done"):
        run(connection, actions_of(pipeline))
    connection.cursor().execute("INSERT INTO PLANNED.S.T VALUES (1, 'x')")
    (pipeline / "other.py").rename(pipeline / "code.py")
    run(connection, actions_of(pipeline))
    assert connection.cursor().execute("CALL PLANNED.S.P(7)").fetchone() == (7,)
    assert connection.cursor().execute("SELECT COUNT(*) FROM PLANNED.S.S").fetchone() == (1,)


def test_the_command_opens_the_data_directory_when_no_server_listens(pipeline: Path, tmp_path: Path) -> None:
    data = ["--data", str(tmp_path / "data"), "--port", "1"]
    plan = CliRunner().invoke(app, ["deploy", str(pipeline), "--plan", *data])
    assert plan.exit_code == 0, plan.output
    assert "+ added TABLE PLANNED.S.T" in plan.output
    assert "10 added, 1 run; nothing is lost. Nothing has been done." in plan.output
    done = CliRunner().invoke(app, ["deploy", str(pipeline), *data])
    assert done.exit_code == 0, done.output
    again = CliRunner().invoke(app, ["deploy", str(pipeline), "--plan", *data])
    assert "10 unchanged, 1 run; nothing is lost" in again.output


def test_deploying_the_flagship_again_changes_nothing_and_loses_nothing(server: RunningServer, tmp_path: Path) -> None:
    copy = tmp_path / "insurance"
    shutil.copytree(pipeline_directory(), copy)
    with connect(**server.parameters) as connection:
        run(connection, actions_of(copy))
        cursor = connection.cursor()
        cursor.execute("INSERT INTO LANDING_TABLE (AGE) VALUES (40)")
        run(connection, actions_of(copy))
        again = list(effects(connection, actions_of(copy)))
        assert {effect.change for effect in again if effect.kind} == {Change.UNCHANGED}
        assert not any(effect.loses for effect in again)
        assert cursor.execute("SELECT COUNT(*) FROM STREAM_ON_LANDING").fetchone() == (1,)
        tasks = connection.cursor(DictCursor).execute("SHOW TASKS IN SCHEMA INSURANCE.ML_PIPE")
        assert {task["state"] for task in tasks} == {"started"}
