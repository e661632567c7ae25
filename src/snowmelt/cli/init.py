"""`snowmelt init`: the flagship's pipeline for a table of one's own."""

from __future__ import annotations

import re
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer
from rich import box
from rich.console import Console
from rich.markup import escape
from rich.table import Table as Grid

from snowmelt.cli.init_files import write_pipeline
from snowmelt.cli.init_read import InitError, read
from snowmelt.cli.init_table import RESERVED, Role, Table, describe


class Kind(StrEnum):
    """What a pipeline learns."""

    REGRESSION = "regression"
    CLASSIFICATION = "classification"


def init(
    name: Annotated[str, typer.Argument(help="The pipeline's name: of its directory, database, procedures and model.")],
    data: Annotated[Path, typer.Option(help="A CSV or Parquet file of rows.", exists=True, dir_okay=False)],
    label: Annotated[str, typer.Option(help="The column to predict.")],
    kind: Annotated[Kind | None, typer.Option(help="By default what the label's values suggest.")] = None,
    into: Annotated[Path | None, typer.Option(help="The directory to write; by default one of the name.")] = None,
) -> None:
    """Write a pipeline like the flagship for your own table: columns, types and categories are found out."""
    try:
        directory = into or Path(name)
        chosen = _checked(name, directory)
        frame = read(data)
        table = describe(frame, label, kind)
        training, feed = write_pipeline(directory, chosen, table, frame)
    except InitError as error:
        Console(stderr=True, soft_wrap=True).print(str(error), style="red", markup=False, highlight=False)
        raise typer.Exit(1) from error
    _explain(Console(soft_wrap=True), chosen, directory, table, training, feed)


def _checked(name: str, directory: Path) -> str:
    if not re.fullmatch(r"[A-Za-z][A-Za-z0-9_]*", name) or name.upper() in RESERVED:
        raise InitError(f"{name} cannot name a pipeline: take letters, digits and underscores, a letter first")
    if directory.exists() and any(directory.iterdir()):
        raise InitError(f"{directory} is there already, and not empty")
    return name.lower()


def _explain(console: Console, name: str, directory: Path, table: Table, training: int, feed: int) -> None:
    grid = Grid("column", "type", "is", "", box=box.SIMPLE_HEAD)
    for column in table.columns:
        match column.role:
            case Role.NUMBER:
                low, high = column.limits
                told = f"from {low:g} to {high:g}" + ("" if column.required else ", may be missing")
            case Role.CATEGORY:
                told = ", ".join(column.categories)
            case Role.LABEL:
                told = ", ".join(table.classes) if table.classes else f"compared by {table.error_metric}"
            case Role.CARRIED:
                told = f"kept, not learned from: {column.why}"
        grid.add_row(column.name, column.type, column.role.value, escape(told))
    console.print(grid)
    for column in table.columns:
        for values in column.alike:
            told = " and ".join(map(repr, values))
            console.print(f"{column.name}: {told} become the same category", style="yellow", markup=False)
    kind = "classification" if table.classes else "regression"
    rows = f"{training:,} rows to train on, {feed:,} in the feed"
    train = f"CALL {name.upper()}.ML_PIPE.TRAIN_SAVE_{name.upper()}_MODEL('SOURCE_OF_TRUTH', FALSE)"
    console.print(f"[green]{directory} is written[/]: a {kind} with {rows}", highlight=False)
    console.print(
        f"{directory}/python/{name}_spec.py says what a sound row is: look at its limits.\n"
        f"Then: snowmelt deploy {directory}\n"
        f'      snowmelt sql -q "{train}"',
        markup=False,
        highlight=False,
    )
