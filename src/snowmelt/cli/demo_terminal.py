"""How the demo looks on a terminal: a line for each step, and the report's tables."""

from __future__ import annotations

from pathlib import Path

from rich import box
from rich.console import Console, Group, RenderableType
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from snowmelt.cli.demo_report import Report, Section, sections

#: Words of the tables that have a colour.
_COLOURS = {"default": "green", "SUCCEEDED": "green", "FAILED": "red"}


def step(console: Console, text: str, why: str = "") -> None:
    """Print a step that is done, and what there is to learn from it."""
    line = Table.grid(padding=(0, 1, 0, 0))
    line.add_row("  [green]✓[/]", Text(text))
    if why:
        line.add_row("", Text(why, style="dim"))
    console.print(line)


def render(report: Report, data: Path) -> RenderableType:
    """Lay the report out."""
    counts, speed, *others = map(_table, sections(report))
    beside = Table.grid(padding=(0, 3))
    beside.add_row(counts, speed)
    following = Panel(_next_steps(data), title="Next", title_align="left", border_style="cyan")
    return Group("", beside, *others, following)


def _table(section: Section) -> RenderableType:
    """Quiet lines, so that names keep their whole length on a terminal of 80 columns."""
    table = Table(box=box.SIMPLE_HEAD)
    for heading in section.columns:
        table.add_column(heading.rstrip(">"), justify="right" if heading.endswith(">") else "left")
    for row in section.rows:
        table.add_row(*(Text(cell, style=_COLOURS.get(cell, "")) for cell in row))
    return Group(Text(section.title, style="bold"), Text(section.note, style="dim"), table)


def _next_steps(data: Path) -> str:
    return (
        "[bold]make serve[/] keeps this account running, its web console at http://127.0.0.1:8085/console/\n"
        "[bold].venv/bin/snowmelt console[/] then prints a link that logs you in there\n"
        "[bold].venv/bin/snowmelt sql[/] is a prompt; try SELECT * FROM INSURANCE.ML_PIPE.INSURANCE_GOLD;\n"
        f"Everything is in {data}. The demo can run again: it makes the database anew."
    )
