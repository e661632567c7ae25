"""`snowmelt sql`: run statements through the genuine connector and print what they answer."""

from __future__ import annotations

import csv
import json
import sys
from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, TextIO

import typer
from rich.console import Console
from rich.table import Table
from snowflake.connector.errors import Error as ConnectorError

from snowmelt.cli import connection as connections
from snowmelt.cli.sqlfile import Statement, statements


class Format(StrEnum):
    """How results are printed."""

    TABLE = "table"
    CSV = "csv"
    JSON = "json"


def sql(
    query: Annotated[str | None, typer.Option("--query", "-q", help="The text to run.")] = None,
    file: Annotated[
        Path | None, typer.Option("--file", "-f", help="A file of statements.", exists=True, dir_okay=False)
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
    """Run SQL and print its results; the first statement that fails ends the run."""
    if (query is None) == (file is None):
        raise typer.BadParameter("give either --query or --file")
    text = file.read_text(encoding="utf-8") if file else query or ""
    target = connections.Target(host, port, user, password, database, schema, data, named)
    with connections.open_connection(target) as connection, connection.cursor() as cursor:
        for statement in statements(text):
            try:
                cursor.execute(statement.text)
            except ConnectorError as error:
                _complain(file, statement, error)
                raise typer.Exit(1) from error
            show([column.name for column in cursor.description or []], cursor.fetchall(), output, sys.stdout)


def _complain(file: Path | None, statement: Statement, error: ConnectorError) -> None:
    place = f"{file}:{statement.line}: " if file else ""
    Console(stderr=True).print(f"{place}{error.msg or error}", style="red", markup=False)


def show(names: Sequence[str], rows: Sequence[Any], output: Format, target: TextIO) -> None:
    """Print one result: a table for people, CSV, or JSON with one array of objects."""
    match output:
        case Format.CSV:
            writer = csv.writer(target)
            writer.writerow(names)
            writer.writerows(rows)
        case Format.JSON:
            json.dump([dict(zip(names, row, strict=True)) for row in rows], target, default=str, indent=2)
            target.write("\n")
        case Format.TABLE:
            table = Table(*names, header_style="bold")
            for row in rows:
                table.add_row(*("[dim]NULL[/]" if value is None else _escaped(value) for value in row))
            Console(file=target).print(table)


def _escaped(value: object) -> str:
    return str(value).replace("[", r"\[")
