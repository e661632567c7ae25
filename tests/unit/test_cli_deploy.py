"""What a deployment would run, and how it fails."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from snowflake.connector.errors import ProgrammingError

from snowmelt.cli.demo_data import pipeline_directory
from snowmelt.cli.deploy import run
from snowmelt.cli.manifest import Action, DeployError, actions_of


@pytest.fixture
def pipeline(tmp_path: Path) -> Path:
    (tmp_path / "code.py").write_text("x = 1\n")
    (tmp_path / "a.sql").write_text("-- first\nUSE SCHEMA <% where %>;\nSELECT 1;\n")
    (tmp_path / "manifest.toml").write_text(
        '[variables]\nwhere = "A.B"\n[[step]]\nsql = "a.sql"\n[[step]]\nput = "*.py"\nstage = "@<% where %>.CODE"\n'
    )
    return tmp_path


def test_a_plan_keeps_the_manifests_order(pipeline: Path) -> None:
    assert actions_of(pipeline) == [
        Action("USE SCHEMA A.B;", "a.sql", 2),
        Action("SELECT 1;", "a.sql", 3),
        Action(
            f"PUT 'file://{pipeline.as_posix()}/*.py' @A.B.CODE AUTO_COMPRESS = FALSE OVERWRITE = TRUE",
            "*.py",
            0,
            (pipeline / "code.py",),
            "@A.B.CODE",
        ),
    ]


def test_a_variable_can_be_changed(pipeline: Path) -> None:
    assert actions_of(pipeline, {"where": "C.D"})[0].text == "USE SCHEMA C.D;"


def test_a_variable_that_nothing_uses_is_an_error(pipeline: Path) -> None:
    with pytest.raises(DeployError, match="nothing uses the variable wheer; those in use are where"):
        actions_of(pipeline, {"wheer": "C.D"})


def test_the_flagship_can_be_planned() -> None:
    texts = [action.text for action in actions_of(pipeline_directory())]
    assert texts[0] == "CREATE DATABASE IF NOT EXISTS INSURANCE;"
    assert sum(text.startswith("PUT") for text in texts) == 1
    assert "<%" not in "".join(texts)


@pytest.mark.parametrize(
    ("manifest", "message"),
    [
        (None, "does not exist"),
        ("", "no \\[\\[step\\]\\]"),
        ("[[step", "manifest.toml"),
        ('[[step]]\nsql = "missing.sql"', "missing.sql does not exist"),
        ('[[step]]\nput = "*.none"\nstage = "@S"', "no file matches"),
        ('[[step]]\nrun = "x"', "a step is"),
        ('[[step]]\nsql = "a.sql"', "nothing gives a value to 'where'"),
    ],
)
def test_a_wrong_manifest_is_said(pipeline: Path, manifest: str | None, message: str) -> None:
    path = pipeline / "manifest.toml"
    path.unlink() if manifest is None else path.write_text(manifest)
    with pytest.raises(DeployError, match=message):
        actions_of(pipeline)


class FailingCursor:
    """A cursor on which the second statement fails."""

    def __init__(self) -> None:
        self.executed: list[str] = []

    def __enter__(self) -> FailingCursor:
        return self

    def __exit__(self, *_: object) -> None:
        return None

    def execute(self, text: str) -> None:
        self.executed.append(text)
        if len(self.executed) == 2:
            raise ProgrammingError("Object 'T' does not exist", errno=2003)


class Connection:
    """A connection that always gives the same cursor."""

    def __init__(self) -> None:
        self.only = FailingCursor()

    def cursor(self) -> FailingCursor:
        return self.only


def test_a_failure_names_file_line_and_statement() -> None:
    connection: Any = Connection()
    actions = [Action("USE A;", "a.sql", 1), Action("SELECT *\nFROM T;", "a.sql", 7), Action("SELECT 3;", "a.sql", 9)]
    with pytest.raises(DeployError, match=r"(?s)a\.sql:7: SELECT \*\n.*Object 'T' does not exist"):
        run(connection, actions)
    assert connection.only.executed == ["USE A;", "SELECT *\nFROM T;"]
