"""How commands reach a server: the genuine connector, with options that every command names alike."""

from __future__ import annotations

import socket
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from snowflake.connector import SnowflakeConnection

Host = Annotated[str, typer.Option(envvar="SNOWMELT_HOST", help="The server's host.")]
Port = Annotated[int, typer.Option(envvar="SNOWMELT_PORT", help="The server's port.")]
User = Annotated[str, typer.Option(envvar="SNOWMELT_USER", help="Login name.")]
Password = Annotated[
    str | None,
    typer.Option(envvar="SNOWMELT_PASSWORD", help="Password; by default the one kept in the data directory."),
]
Data = Annotated[Path, typer.Option(help="The data directory.", file_okay=False)]
Database = Annotated[str | None, typer.Option(help="The current database.")]
Schema = Annotated[str | None, typer.Option(help="The current schema.")]
Named = Annotated[
    str | None,
    typer.Option("--connection", help="A connection of your connections.toml, such as a Snowflake account."),
]

#: The data directory of `snowmelt serve`, `snowmelt demo` and the Makefile.
DEFAULT_DATA = Path(".snowmelt")
DEFAULT_HOST = "127.0.0.1"
DEFAULT_PORT = 8085
DEFAULT_USER = "SNOWMELT"

#: The file in the data directory that keeps the generated password.
PASSWORD_FILE = "password"


@dataclass(frozen=True)
class Target:
    """A server and who logs in there.

    Attributes:
        password: None stands for the password that the data directory keeps.
        named: a connection of the user's connections.toml; it takes the place of host, port, user and password.
    """

    host: str = DEFAULT_HOST
    port: int = DEFAULT_PORT
    user: str = DEFAULT_USER
    password: str | None = None
    database: str | None = None
    schema: str | None = None
    data: Path = DEFAULT_DATA
    named: str | None = None


def parameters(target: Target) -> dict[str, Any]:
    """The connector's parameters for `target`.

    Raises:
        typer.BadParameter: no password is given, and the data directory keeps none.
    """
    context = {"database": target.database, "schema": target.schema}
    chosen = {name: value for name, value in context.items() if value is not None}
    if target.named:
        return {"connection_name": target.named, **chosen}
    return {
        "account": "SNOWMELT",
        "host": target.host,
        "port": target.port,
        "protocol": "http",
        "user": target.user,
        "password": target.password or kept_password(target.data),
        **chosen,
    }


def kept_password(data: Path) -> str:
    """The password that a server generated for the data directory `data`."""
    path = data / PASSWORD_FILE
    if not path.is_file():
        raise typer.BadParameter(f"no --password or SNOWMELT_PASSWORD is given, and there is no {path}")
    return path.read_text(encoding="utf-8").strip()


def open_connection(target: Target) -> SnowflakeConnection:
    """Connect to `target` with the genuine connector.

    Raises:
        OperationalError: nothing listens there; the connector would find out much later, and not say what to do.
    """
    # Here, since it takes most of a second: commands that do not connect need not wait for it.
    from snowflake.connector import connect
    from snowflake.connector.errors import OperationalError

    if not target.named and not listens(target.host, target.port):
        raise OperationalError(
            f"No server listens at http://{target.host}:{target.port}. `snowmelt serve` starts one; --host and --port "
            "name another.",
            errno=250001,
        )
    return connect(**parameters(target))


def listens(host: str, port: int) -> bool:
    """Whether anything takes connections there."""
    try:
        with socket.create_connection((host, port), timeout=5):
            return True
    except OSError:
        return False
