"""`snowmelt connection`: what is printed, and what becomes of the user's connections file."""

from __future__ import annotations

import stat
import tomllib
from pathlib import Path

import pytest
import snowflake.connector.constants as places
from typer.testing import CliRunner

from snowmelt.cli.main import app
from snowmelt.cli.profile import add_profile

PROFILE: dict[str, str | int] = {"account": "SNOWMELT", "host": "127.0.0.1", "port": 8085, "password": "p"}


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A directory in which the connector looks for its files."""
    monkeypatch.setattr(places, "CONNECTIONS_FILE", tmp_path / "config" / "connections.toml")
    monkeypatch.setattr(places, "CONFIG_FILE", tmp_path / "config" / "config.toml")
    return tmp_path / "config"


def test_the_profile_is_printed_as_toml() -> None:
    result = CliRunner().invoke(app, ["connection", "--name", "local one", "--password", 'a"b', "--database", "D"])
    profile = tomllib.loads(result.stdout)["local one"]
    assert profile["password"] == 'a"b'
    assert (profile["host"], profile["port"], profile["protocol"]) == ("127.0.0.1", 8085, "http")
    assert profile["database"] == "D"


def test_without_a_password_there_is_no_profile(tmp_path: Path) -> None:
    result = CliRunner().invoke(app, ["connection", "--data", str(tmp_path)])
    assert result.exit_code == 2
    assert "password" in result.output


def test_the_file_is_made_for_its_owner_only(home: Path) -> None:
    path = add_profile("snowmelt", PROFILE)
    assert path == home / "connections.toml"
    assert tomllib.loads(path.read_text()) == {"snowmelt": PROFILE}
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_everything_else_in_the_file_stays(home: Path) -> None:
    home.mkdir()
    before = '# my connections\n[work]  # the big one\naccount = "x"\n\n[snowmelt]\nuser = "old"\n'
    (home / "connections.toml").write_text(before)
    add_profile("snowmelt", PROFILE)
    text = (home / "connections.toml").read_text()
    assert text.startswith('# my connections\n[work]  # the big one\naccount = "x"\n')
    assert tomllib.loads(text) == {"work": {"account": "x"}, "snowmelt": PROFILE}


def test_writing_twice_changes_nothing(home: Path) -> None:
    first = add_profile("snowmelt", PROFILE).read_text()
    assert add_profile("snowmelt", PROFILE).read_text() == first


def test_connections_in_config_toml_are_joined(home: Path) -> None:
    # A connections.toml beside them would hide them from all clients.
    home.mkdir()
    (home / "config.toml").write_text('[connections.work]\naccount = "x"\n')
    assert add_profile("snowmelt", PROFILE) == home / "config.toml"
    found = tomllib.loads((home / "config.toml").read_text())
    assert found == {"connections": {"work": {"account": "x"}, "snowmelt": PROFILE}}


def test_a_file_that_is_no_toml_is_left_alone(home: Path) -> None:
    home.mkdir()
    (home / "connections.toml").write_text("[work\n")
    result = CliRunner().invoke(app, ["connection", "--write", "--password", "p"])
    assert result.exit_code == 2
    assert (home / "connections.toml").read_text() == "[work\n"


def test_a_link_to_the_file_stays_one(home: Path, tmp_path: Path) -> None:
    home.mkdir()
    (tmp_path / "dotfiles").mkdir()
    (home / "connections.toml").symlink_to(tmp_path / "dotfiles" / "c.toml")
    add_profile("snowmelt", PROFILE)
    assert (home / "connections.toml").is_symlink()
    assert tomllib.loads((tmp_path / "dotfiles" / "c.toml").read_text()) == {"snowmelt": PROFILE}
