"""The command line itself: options, output formats, where the password comes from."""

from __future__ import annotations

import io
import json
import socket
from decimal import Decimal
from pathlib import Path

import pytest
import typer
from snowflake.connector.errors import OperationalError
from typer.testing import CliRunner

from snowmelt import __version__
from snowmelt.cli.connection import Target, parameters
from snowmelt.cli.main import app
from snowmelt.cli.results import Format, show
from snowmelt.cli.serve import password_hint


def test_the_version_is_printed() -> None:
    result = CliRunner().invoke(app, ["--version"])
    assert result.output.strip() == f"snowmelt {__version__}"


@pytest.mark.parametrize("command", ["serve", "console", "sql", "connection", "deploy", "init", "demo"])
def test_every_command_explains_itself(command: str) -> None:
    result = CliRunner().invoke(app, [command, "--help"])
    assert result.exit_code == 0
    assert command in result.output


def test_sql_wants_one_source(tmp_path: Path) -> None:
    file = tmp_path / "a.sql"
    file.write_text("SELECT 1")
    assert CliRunner().invoke(app, ["sql", "-q", "SELECT 1", "-f", str(file)]).exit_code == 2


def shown(output: Format) -> str:
    target = io.StringIO()
    show(["N", "NAME"], [(Decimal("1"), "a[b]"), (2, None)], output, target)
    return target.getvalue()


def test_csv_output() -> None:
    assert shown(Format.CSV).splitlines() == ["N,NAME", "1,a[b]", "2,"]


def test_json_output() -> None:
    assert json.loads(shown(Format.JSON)) == [{"N": "1", "NAME": "a[b]"}, {"N": 2, "NAME": None}]


def test_table_output_shows_markup_as_text_and_nulls() -> None:
    text = shown(Format.TABLE)
    assert "a[b]" in text
    assert "NULL" in text


@pytest.mark.parametrize("output", list(Format))
def test_binary_is_shown_as_hex(output: Format) -> None:
    target = io.StringIO()
    show(["B"], [(bytearray(b"\xab\x01"),)], output, target)
    assert "AB01" in target.getvalue()
    assert "bytearray" not in target.getvalue()


def test_a_server_that_is_not_there_is_said_at_once() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # and does not listen
        port = taken.getsockname()[1]
        result = CliRunner().invoke(app, ["sql", "--port", str(port), "--password", "p", "-q", "SELECT 1"])
    assert isinstance(result.exception, OperationalError)
    assert f"No server listens at http://127.0.0.1:{port}. `snowmelt serve` starts one" in str(result.exception)


def test_a_result_too_wide_for_a_table_is_shown_row_by_row() -> None:
    names = [f"column_number_{i}" for i in range(20)]
    target = io.StringIO()
    show(names, [[f"value {i}" for i in range(20)], [None] * 20], Format.TABLE, target)
    text = target.getvalue()
    assert "row 1" in text and "row 2" in text
    assert all(f"column_number_{i}" in text and f"value {i}" in text for i in range(20))


def test_the_password_comes_from_the_data_directory(tmp_path: Path) -> None:
    (tmp_path / "password").write_text("hidden\n")
    assert parameters(Target(data=tmp_path))["password"] == "hidden"
    assert parameters(Target(data=tmp_path, password="given"))["password"] == "given"


def test_a_missing_password_is_said(tmp_path: Path) -> None:
    with pytest.raises(typer.BadParameter, match="no --password"):
        parameters(Target(data=tmp_path))


def test_a_named_connection_takes_the_place_of_host_and_user(tmp_path: Path) -> None:
    assert parameters(Target(named="work", database="D", data=tmp_path)) == {
        "connection_name": "work",
        "database": "D",
    }


@pytest.mark.parametrize(
    ("given", "data", "expected"),
    [
        ("x", Path("d"), "password as given"),
        (None, Path("d"), "password in d/password"),
        (None, None, "password s3cret"),
    ],
)
def test_where_the_password_is(given: str | None, data: Path | None, expected: str) -> None:
    assert password_hint(given, data, "s3cret") == expected
