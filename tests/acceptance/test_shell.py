"""The prompt of `snowmelt sql`, typed at through a pipe, and its standard input."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from prompt_toolkit.completion import CompleteEvent
from prompt_toolkit.document import Document
from prompt_toolkit.input import create_pipe_input
from prompt_toolkit.output import DummyOutput
from snowflake.connector import SnowflakeConnection
from typer.testing import CliRunner

from snowmelt.cli import shell
from snowmelt.cli.main import app
from snowmelt.cli.results import Format
from snowmelt.testing.server import RunningServer

PAGE = "https://docs.snowflake.com/en/developer-guide/snowflake-cli/sql/execute-sql"

Type = Callable[[str], str]


@pytest.fixture
def typed(
    connection: SnowflakeConnection,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
) -> Type:
    """Types a text at the prompt, then leaves; gives what was printed."""
    monkeypatch.setattr(shell, "history_file", lambda: tmp_path / "history")

    def type_text(text: str) -> str:
        with create_pipe_input() as keys:
            keys.send_text(text + "!quit\n")
            shell.Shell(connection, Format.TABLE, typed=keys, screen=DummyOutput()).run()
        found = capsys.readouterr()
        return found.out + found.err

    return type_text


@pytest.mark.parity(
    "snowmelt sql", "the prompt runs statements that end with a semicolon, on one line or several", PAGE
)
def test_statements(typed: Type) -> None:
    shown = typed("SELECT 40 + 2\n AS answer,\n NULL AS nothing;\n")
    assert "ANSWER" in shown
    assert "42" in shown
    assert "NULL" in shown
    assert "1 row" in shown


def test_several_statements_on_one_line(typed: Type) -> None:
    shown = typed("CREATE TABLE t AS SELECT 7 AS n; SELECT n + 1 AS more FROM t;\n")
    assert "Table T successfully created." in shown
    assert "8" in shown


@pytest.mark.parity("snowmelt sql", "an error shows the line and the place, and the prompt goes on", PAGE)
def test_an_error(typed: Type) -> None:
    shown = typed("SELECT 1,\n  nope;\nSELECT 'still ' || 'here' AS s;\n")
    assert "invalid identifier 'NOPE'" in shown
    assert "    nope;\n    ^" in shown
    assert "still here" in shown


def test_long_results_are_cut(typed: Type) -> None:
    shown = typed("SELECT SEQ4() AS n FROM TABLE(GENERATOR(ROWCOUNT => 1500));\n")
    assert "the first 200 of 1,500 rows" in shown
    assert "│ 199 │" in shown
    assert "│ 200 │" not in shown


def test_the_history_has_what_was_typed_but_no_secret(typed: Type, tmp_path: Path) -> None:
    typed("SELECT 'remember';\nSELECT 'my password';\n")
    kept = (tmp_path / "history").read_text()
    assert "remember" in kept
    assert "my password" not in kept


def test_completion_knows_keywords_and_names(connection: SnowflakeConnection) -> None:
    names = shell.Names(connection)

    def completed(text: str) -> set[str]:
        return {found.text for found in names.get_completions(Document(text), CompleteEvent())}

    assert "SELECT" in completed("SEL")
    assert "select" in completed("sel")
    assert "CUSTOMERS" not in completed("SELECT * FROM CUST")
    connection.cursor().execute("CREATE TABLE customers (loyalty_points NUMBER)")
    names.forget()
    assert "CUSTOMERS" in completed("SELECT * FROM CUST")
    assert "loyalty_points" in completed("select loy")
    assert "LOYALTY_POINTS" in completed("SELECT c.LOY")


@pytest.mark.parity("snowmelt sql", "statements come from standard input when it is no terminal", PAGE)
def test_standard_input(server: RunningServer) -> None:
    login = ["--port", str(server.address.port), "--user", server.address.user, "--password", server.address.password]
    result = CliRunner().invoke(app, ["sql", "--format", "csv", *login], input="SELECT 1 AS a;\nSELECT 2 AS b;\n")
    assert result.exit_code == 0
    assert result.stdout.splitlines() == ["A", "1", "B", "2"]


@pytest.mark.parity("snowmelt sql", "places of a file take the values of --variable, as with `snow sql`", PAGE)
def test_a_file_with_places(server: RunningServer, tmp_path: Path) -> None:
    file = tmp_path / "script.sql"
    file.write_text("SELECT '<% word %>' AS <% name %>;\nSELECT 2 AS <% name %>;\n")
    login = ["--port", str(server.address.port), "--user", server.address.user, "--password", server.address.password]
    command = ["sql", "--format", "csv", "-f", str(file), *login]
    result = CliRunner().invoke(app, [*command, "--variable", "word=a=b", "--variable", "name=C"])
    assert result.stdout.splitlines() == ["C", "a=b", "C", "2"]
    for given, told in (("word=a", "places for name, word; given are word"), ("nonsense", "write name=value")):
        result = CliRunner().invoke(app, [*command, "--variable", given], env={"COLUMNS": "200"})
        assert result.exit_code == 2 and told in result.output
    assert CliRunner().invoke(app, ["sql", "-q", "SELECT 1", "--variable", "a=b", *login]).exit_code == 2


@pytest.mark.parity("snowmelt sql", "a file ends at its first error, which names file and line", PAGE)
def test_a_file_with_an_error(server: RunningServer, tmp_path: Path) -> None:
    file = tmp_path / "script.sql"
    file.write_text("SELECT 1;\n\n-- a comment\nSELECT nope;\nSELECT 3;\n")
    login = ["--port", str(server.address.port), "--user", server.address.user, "--password", server.address.password]
    result = CliRunner().invoke(app, ["sql", "--format", "csv", "-f", str(file), *login])
    assert result.exit_code == 1
    assert f"{file}:4: " in result.output
    assert "3" not in result.stdout
