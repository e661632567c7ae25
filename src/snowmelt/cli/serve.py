"""`snowmelt serve`: a server that runs until it is told to stop."""

from __future__ import annotations

import signal
import threading
from pathlib import Path
from typing import Annotated

import typer

from snowmelt.base.settings import Settings
from snowmelt.cli import connection as connections
from snowmelt.cli.embedded import load_rest, running


def serve(
    host: Annotated[str, typer.Option(help="The address to listen on.")] = connections.DEFAULT_HOST,
    port: Annotated[int, typer.Option(help="The port to listen on; 0 takes a free one.")] = connections.DEFAULT_PORT,
    data: connections.Data = connections.DEFAULT_DATA,
    in_memory: Annotated[bool, typer.Option("--in-memory", help="Keep everything in memory only.")] = False,
    user: connections.User = connections.DEFAULT_USER,
    password: connections.Password = None,
    rsa_public_key: Annotated[
        str | None,
        typer.Option(envvar="SNOWMELT_RSA_PUBLIC_KEY", help="A public key for logins by key pair, in base64."),
    ] = None,
) -> None:
    """Serve Snowflake's protocol until Ctrl-C or SIGTERM."""
    directory: Path | None = None if in_memory else data
    settings = Settings(
        data=directory, host=host, port=port, user=user, password=password, rsa_public_key=rsa_public_key
    )
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())

    try:
        with running(settings) as address:
            secret = password_hint(password, directory, address.password)
            typer.echo(f"Snowmelt listens on http://{address.host}:{address.port} (user {user}, {secret})")
            typer.echo(f"The web console is at {address.console}")
            load_rest()
            stop.wait()
    except OSError as error:
        typer.echo(f"The server cannot run on {host}:{port}: {error.strerror or error}", err=True)
        raise typer.Exit(1) from error


def password_hint(given: str | None, data: Path | None, generated: str) -> str:
    """Where the password is to be found; one that nobody gave and nothing keeps is shown itself."""
    if given is not None:
        return "password as given"
    return f"password {generated}" if data is None else f"password in {data / connections.PASSWORD_FILE}"
