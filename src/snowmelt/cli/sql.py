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
            console = Console(file=target)
            if _is_squeezed(names, rows, console.width):
                _print_records(names, rows, console)
            else:
                console.print(_table(names, rows))


def _table(names: Sequence[str], rows: Sequence[Any]) -> Table:
    table = Table(*names, header_style="bold")
    for row in rows:
        table.add_row(*map(_shown, row))
    return table


_READABLE = 12
"""Characters that a column needs at least, unless its values are shorter."""


def _is_squeezed(names: Sequence[str], rows: Sequence[Any], width: int) -> bool:
    """Whether a table of that width would leave its columns too little to be read."""
    longest = [max(len(name), *(len(str(row[i])) for row in rows), 0) for i, name in enumerate(names)]
    return sum(min(length, _READABLE) + 3 for length in longest) + 1 > width


def _print_records(names: Sequence[str], rows: Sequence[Any], console: Console) -> None:
    """Each row as a block of lines, a name and a value in each."""
    for number, row in enumerate(rows, 1):
        console.rule(f"row {number}", align="left", style="dim")
        block = Table.grid(padding=(0, 2))
        block.add_column(style="bold", no_wrap=True)
        block.add_column()
        for name, value in zip(names, row, strict=True):
            block.add_row(_escaped(name), _shown(value))
        console.print(block)
    if not rows:
        console.print(f"no rows; columns: {', '.join(names)}", markup=False)


def _shown(value: object) -> str:
    return "[dim]NULL[/]" if value is None else _escaped(value)


def _escaped(value: object) -> str:
    return str(value).replace("[", r"\[")
