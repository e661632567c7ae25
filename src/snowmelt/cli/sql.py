"""`snowmelt sql`: run statements through the genuine connector and print what they answer."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer
from snowflake.connector import SnowflakeConnection
from snowflake.connector.errors import Error as ConnectorError

from snowmelt.cli import connection as connections
from snowmelt.cli.results import Format, complain, show
from snowmelt.cli.sqlfile import places, render, statements, variables


def sql(
    query: Annotated[str | None, typer.Option("--query", "-q", help="The text to run.")] = None,
    file: Annotated[
        Path | None, typer.Option("--file", "-f", help="A file of statements.", exists=True, dir_okay=False)
    ] = None,
    variable: Annotated[
        list[str] | None, typer.Option(help="name=value for a <% name %> of the file; may be repeated.")
    ] = None,
    output: Annotated[Format, typer.Option("--format", help="How results are printed.")] = Format.TABLE,
    host: connections.Host = connections.DEFAULT_HOST,
    port: connections.Port = connections.DEFAULT_PORT,
    user: connections.User = connections.DEFAULT_USER,
    password: connections.Password = None,
    database: connections.Database = None,
    schema: connections.Schema = None,
    data: connections.Data = connections.DEFAULT_DATA,
    named: connections.Named = None,
) -> None:
    """Run SQL and print its results: a query, a file, standard input, or what you type at a prompt.

    Except at the prompt, the first statement that fails ends the run.
    """
    if query is not None and file is not None:
        raise typer.BadParameter("give --query or --file, not both")
    if variable and file is None:
        raise typer.BadParameter("--variable is for the places of a --file")
    written = _rendered(file, variables(variable)) if file else query
    target = connections.Target(host, port, user, password, database, schema, data, named)
    with connections.open_connection(target) as connection:
        if written is None and sys.stdin.isatty():
            # Imported here, so that scripts do not wait for what only a terminal needs.
            from snowmelt.cli.shell import Shell

            Shell(connection, output).run()
            return
        _run(connection, sys.stdin.read() if written is None else written, file, output)


def _rendered(file: Path, values: dict[str, str]) -> str:
    """The file's text with its places filled. Without values it is read as it is, whatever looks like a place in it."""
    text = file.read_text(encoding="utf-8")
    if not values:
        return text
    names = places(text)
    if names != set(values):
        told = ", ".join(sorted(names)) or "none"
        raise typer.BadParameter(f"--variable: {file} has places for {told}; given are {', '.join(sorted(values))}")
    return render(text, values)


def _run(connection: SnowflakeConnection, text: str, file: Path | None, output: Format) -> None:
    with connection.cursor() as cursor:
        for statement in statements(text):
            try:
                cursor.execute(statement.text)
            except ConnectorError as error:
                complain(error, statement.text, f"{file}:{statement.line}: " if file else "")
                raise typer.Exit(1) from error
            show([column.name for column in cursor.description or []], cursor.fetchall(), output, sys.stdout)
