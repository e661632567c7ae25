"""The `snowmelt` command."""

from __future__ import annotations

import sys
from importlib import import_module
from typing import Any

import typer
from typer.core import TyperGroup

from snowmelt import __version__
from snowmelt.base.errors import SqlError

COMMANDS = {
    "serve": "snowmelt.cli.serve",
    "console": "snowmelt.cli.console",
    "sql": "snowmelt.cli.sql",
    "connection": "snowmelt.cli.profile",
    "deploy": "snowmelt.cli.deploy",
    "init": "snowmelt.cli.init",
    "demo": "snowmelt.cli.demo",
}
"""Each command, in the order of the help, and the module with the function of that name."""


class _Commands(TyperGroup):
    """Loads a command when it is asked for: with what the others need, each would start a second later."""

    def __init__(self, **attributes: Any) -> None:
        super().__init__(**attributes)
        # Their names are enough for a hint at what a wrong one was meant to be.
        self.commands: dict[str, Any] = dict.fromkeys(COMMANDS)

    def list_commands(self, ctx: Any) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        if cmd_name not in COMMANDS:
            return None
        alone = typer.Typer(add_completion=False)
        alone.command(cmd_name)(getattr(import_module(COMMANDS[cmd_name]), cmd_name))
        return typer.main.get_command(alone)


app = typer.Typer(
    help="Snowflake ML pipelines on one's own machine.",
    cls=_Commands,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
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


def _connector_error() -> type[Exception]:
    """What the connector raises. Looked for only when something was raised: importing it takes most of a second."""
    from snowflake.connector.errors import Error

    error: type[Exception] = Error
    return error


def main() -> None:
    """Run the command line; a statement's or a connection's error is a message, not a traceback."""
    try:
        app()
    except SystemExit:
        raise
    except (_connector_error(), SqlError) as error:
        from rich.console import Console

        Console(stderr=True).print(str(error), style="red", markup=False)
        sys.exit(1)
