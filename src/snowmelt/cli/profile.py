"""`snowmelt connection`: the profile by which every genuine client finds the server.

Source: docs.snowflake.com/en/developer-guide/python-connector/python-connector-connect
"""

from __future__ import annotations

import os
import stat
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

import tomlkit
import typer
from rich.console import Console
from tomlkit.exceptions import TOMLKitError

from snowmelt.cli import connection as connections

DEFAULT_NAME = "snowmelt"


def connection(
    write: Annotated[bool, typer.Option("--write", help="Add the profile to your connections file.")] = False,
    name: Annotated[str, typer.Option(help="What clients call the profile.")] = DEFAULT_NAME,
    host: connections.Host = connections.DEFAULT_HOST,
    port: connections.Port = connections.DEFAULT_PORT,
    user: connections.User = connections.DEFAULT_USER,
    password: connections.Password = None,
    database: connections.Database = None,
    schema: connections.Schema = None,
    data: connections.Data = connections.DEFAULT_DATA,
) -> None:
    """Print a profile for connections.toml, or add it there; clients then connect by its name."""
    target = connections.Target(host, port, user, password, database, schema, data)
    profile = connections.parameters(target)
    if not write:
        typer.echo(tomlkit.dumps({name: profile}), nl=False)
        return
    path = add_profile(name, profile)
    _explain(name, path)


def add_profile(name: str, profile: Mapping[str, str | int]) -> Path:
    """Put `profile` into the file in which the genuine connector looks for connections, and keep all else of it as it
    is. The file holds passwords: it is made readable by its owner only.

    Returns:
        The file that was written.

    Raises:
        typer.BadParameter: the file is no TOML.
    """
    # Imported here, since the connector looks at SNOWFLAKE_HOME as it is imported.
    from snowflake.connector.constants import CONFIG_FILE, CONNECTIONS_FILE

    # Once there is a connections.toml, the connections in config.toml are no longer read.
    in_config = not CONNECTIONS_FILE.exists() and CONFIG_FILE.exists() and "connections" in _document(CONFIG_FILE)
    path = Path(CONFIG_FILE if in_config else CONNECTIONS_FILE)
    document = _document(path)
    place = document["connections"] if in_config else document
    table = tomlkit.table()
    table.update(profile)
    place[name] = table
    _replace(path, tomlkit.dumps(document))
    return path


def _document(path: Path) -> tomlkit.TOMLDocument:
    if not path.exists():
        return tomlkit.document()
    try:
        return tomlkit.parse(path.read_text(encoding="utf-8"))
    except (TOMLKitError, UnicodeDecodeError) as error:
        raise typer.BadParameter(f"{path} cannot be read: {error}") from error


def _replace(path: Path, text: str) -> None:
    """Write a file at once or not at all, for its owner's eyes only."""
    path = path.resolve()
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=path.name)
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
        Path(temporary).chmod(stat.S_IRUSR | stat.S_IWUSR)
        Path(temporary).replace(path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


def _explain(name: str, path: Path) -> None:
    console = Console(stderr=True, highlight=False)
    console.print(f"The connection [bold]{name}[/] is in {path}. Clients find it by its name:", soft_wrap=True)
    for client, call in (
        ("connector", f'snowflake.connector.connect(connection_name="{name}")'),
        ("Snowpark", f'Session.builder.config("connection_name", "{name}").create()'),
        ("SQLAlchemy", f'create_engine("snowflake://", connect_args={{"connection_name": "{name}"}})'),
        ("snow", f'snow sql --connection {name} --query "SELECT CURRENT_VERSION()"'),
    ):
        console.print(f"  [dim]{client:<11}[/]{call}", markup=True, soft_wrap=True)
