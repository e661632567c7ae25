"""The `snowmelt` command."""

from __future__ import annotations

import sys

import typer
from rich.console import Console
from snowflake.connector.errors import Error as ConnectorError

from snowmelt import __version__
from snowmelt.base.errors import SqlError
from snowmelt.cli.console import console
from snowmelt.cli.demo import demo
from snowmelt.cli.deploy import deploy
from snowmelt.cli.init import init
from snowmelt.cli.profile import connection
from snowmelt.cli.serve import serve
from snowmelt.cli.sql import sql

app = typer.Typer(
    help="Snowflake ML pipelines on one's own machine.", no_args_is_help=True, pretty_exceptions_enable=False
)


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"snowmelt {__version__}")
        raise typer.Exit


@app.callback()
def options(
    version: bool = typer.Option(False, "--version", callback=_version, is_eager=True, help="Print the version."),
) -> None:
    """Snowflake ML pipelines on one's own machine: genuine clients, one process, embedded storage."""


for command in (serve, console, sql, connection, deploy, init, demo):
    app.command()(command)


def main() -> None:
    """Run the command line; a statement's or a connection's error is a message, not a traceback."""
    try:
        app()
    except (ConnectorError, SqlError) as error:
        Console(stderr=True).print(str(error), style="red", markup=False)
        sys.exit(1)
