"""What the tutorial and the how-to pages show works as it stands there."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from snowflake.connector.errors import ProgrammingError

from snowmelt.cli.sqlfile import statements

pytestmark = [pytest.mark.ml, pytest.mark.timeout(240)]

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"


def blocks(page: Path, language: str) -> list[str]:
    """The page's fenced blocks in a language."""
    return re.findall(rf"^```{language}\n(.*?)^```$", page.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)


@pytest.fixture(scope="module")
def lived_in(sql: Any) -> Any:
    """The deployed pipeline with two versions and some gold, as the pages' reader has it."""
    sql("INSERT INTO LANDING_TABLE SELECT * FROM INCOMING_DATA_SOURCE LIMIT 500")
    sql("CALL PREDICT_WRITE_TO_GOLD()")
    sql("CALL TRAIN_SAVE_INS_MODEL('SOURCE_OF_TRUTH', FALSE)")
    return sql


@pytest.mark.parametrize(
    "page",
    ["TUTORIAL.md", "howto/roll-back.md", "howto/backfill.md", "howto/debug-a-procedure.md", "howto/console.md"],
)
def test_the_statements_of_a_page_run(lived_in: Any, page: str) -> None:
    texts = [statement.text for block in blocks(DOCS / page, "sql") for statement in statements(block)]
    assert texts
    wrong = []
    for text in texts:
        try:
            lived_in(text)
        except ProgrammingError as error:
            wrong.append(f"{text}\n{error.msg}")
    assert not wrong, "\n\n".join(wrong)


def run_python(arguments: list[str], directory: Path, **variables: str) -> str:
    """Run Python in a directory where the pipelines are, as in a checkout; give what it prints."""
    (directory / "pipelines").symlink_to(ROOT / "pipelines")
    done = subprocess.run(
        [sys.executable, *arguments],
        cwd=directory,
        env={**os.environ, **variables},
        capture_output=True,
        text=True,
        timeout=200,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.parametrize("page", [DOCS / "howto" / "ci.md", ROOT / "README.md"], ids=lambda page: page.name)
def test_the_tests_of_a_page_pass(page: Path, tmp_path: Path) -> None:
    tests = [block for block in blocks(page, "python") if "def test_" in block]
    assert tests
    for number, text in enumerate(tests):
        (tmp_path / f"test_{number}.py").write_text(text, encoding="utf-8")
    assert f"{len(tests)} passed" in run_python(["-m", "pytest", "-q", "-p", "no:cacheprovider", "."], tmp_path)


def test_a_handler_runs_in_ones_own_process(lived_in: Any, server: dict[str, Any], tmp_path: Path) -> None:
    (text,) = blocks(DOCS / "howto" / "debug-a-procedure.md", "python")
    (tmp_path / "debug.py").write_text(text, encoding="utf-8")
    profile = tmp_path / "connections.toml"
    profile.write_text("[snowmelt]\n" + "".join(f"{name} = {value!r}\n" for name, value in server.items()))
    profile.chmod(0o600)
    lived_in("INSERT INTO LANDING_TABLE SELECT * FROM INCOMING_DATA_SOURCE LIMIT 7")
    printed = run_python(["debug.py"], tmp_path, SNOWFLAKE_HOME=str(tmp_path), PYTHONBREAKPOINT="0")
    assert printed.startswith("7 record(s) inserted")
