"""How commands print results and errors."""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Sequence
from decimal import Decimal
from enum import StrEnum
from typing import Any, TextIO

from rich import box
from rich.console import Console
from rich.table import Table
from snowflake.connector.errors import Error as ConnectorError

_PLACE = re.compile(r"line (\d+) at position (\d+)")


class Format(StrEnum):
    """How results are printed."""

    TABLE = "table"
    CSV = "csv"
    JSON = "json"


def complain(error: ConnectorError, text: str, place: str = "") -> None:
    """Print a statement's error on standard error, after `place`, and the line of `text` that it is about."""
    console = Console(stderr=True, highlight=False)
    message = str(error.raw_msg or error.msg or error)
    console.print(f"{place}{message}", style="red", markup=False, soft_wrap=True)
    found = _PLACE.search(message)
    lines = text.splitlines()
    if found and 0 < int(found[1]) <= len(lines) and int(found[2]) <= len(lines[int(found[1]) - 1]):
        console.print("  " + lines[int(found[1]) - 1], style="dim", markup=False, soft_wrap=True)
        console.print("  " + " " * int(found[2]) + "^", style="red", markup=False, soft_wrap=True)


def show(names: Sequence[str], rows: Sequence[Any], output: Format, target: TextIO) -> None:
    """Print one result: a table for people, CSV, or JSON with one array of objects. BINARY is shown as hex."""
    rows = [[_readable(value) for value in row] for row in rows]
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


def _readable(value: object) -> object:
    return value.hex().upper() if isinstance(value, (bytes, bytearray)) else value


def _table(names: Sequence[str], rows: Sequence[Any]) -> Table:
    table = Table(box=box.ROUNDED, header_style="bold", border_style="dim")
    for i, name in enumerate(names):
        numbers = all(isinstance(row[i], (int, float, Decimal)) for row in rows[:100] if row[i] is not None)
        table.add_column(_escaped(name), justify="right" if rows and numbers else "left")
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
