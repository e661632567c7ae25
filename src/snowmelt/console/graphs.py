"""Where the tasks of a graph stand in its picture. The picture itself is SVG, made by a template."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from snowmelt.catalog.names import FullName

WIDTH, HEIGHT = 214, 50
ACROSS, DOWN = 56, 18
MARGIN = 4
BELOW = 12
"""How far below all boxes the line to a finalizer runs."""

LONGEST = 26
"""Characters of a name that fit into its box."""


@dataclass(frozen=True)
class Box:
    """One task.

    Attributes:
        state: how its last run went; empty when there was none.
    """

    name: FullName
    label: str
    x: int
    y: int
    state: str
    asleep: bool
    finalizer: bool


@dataclass(frozen=True)
class Line:
    """From one task to the next, as the `d` of an SVG path."""

    path: str
    finalizer: bool


@dataclass(frozen=True)
class Drawing:
    """A whole graph."""

    width: int
    height: int
    boxes: tuple[Box, ...]
    lines: tuple[Line, ...]


def draw(
    names: Sequence[FullName],
    edges: Sequence[tuple[FullName, FullName]],
    finalizers: set[FullName],
    states: dict[FullName, str],
    asleep: set[FullName],
) -> Drawing:
    """The picture of the tasks `names`: what comes later stands further right, finalizers last."""
    column = _columns(names, edges, finalizers)
    taken: dict[int, int] = {}
    boxes: dict[FullName, Box] = {}
    for name in names:
        row = taken.get(column[name], 0)
        taken[column[name]] = row + 1
        x, y = MARGIN + column[name] * (WIDTH + ACROSS), MARGIN + row * (HEIGHT + DOWN)
        label = name.name if len(name.name) <= LONGEST else name.name[: LONGEST - 1] + "…"
        boxes[name] = Box(name, label, x, y, states[name], name in asleep, name in finalizers)
    width = (max(column.values()) + 1) * (WIDTH + ACROSS) - ACROSS + 2 * MARGIN
    bottom = max(taken.values()) * (HEIGHT + DOWN) - DOWN + MARGIN
    lines = tuple(
        Line(_around(boxes[start], boxes[end], bottom + BELOW), True)
        if end in finalizers
        else Line(_path(boxes[start], boxes[end]), False)
        for start, end in edges
    )
    height = bottom + MARGIN + (BELOW if finalizers else 0)
    return Drawing(width, height, tuple(boxes.values()), lines)


def _columns(
    names: Sequence[FullName], edges: Sequence[tuple[FullName, FullName]], finalizers: set[FullName]
) -> dict[FullName, int]:
    """How many tasks come before each one, by the longest way; graphs have no cycles, and at most 1,000 tasks."""
    column = dict.fromkeys(names, 0)
    inner = [(start, end) for start, end in edges if end not in finalizers]
    for _ in names:
        moved = False
        for start, end in inner:
            if column[end] <= column[start]:
                column[end], moved = column[start] + 1, True
        if not moved:
            break
    last = max(number for name, number in column.items() if name not in finalizers)
    return column | dict.fromkeys(finalizers, last + 1)


def _path(start: Box, end: Box) -> str:
    """A curve from the right side of one box to the left side of another."""
    x1, y1 = start.x + WIDTH, start.y + HEIGHT // 2
    x2, y2 = end.x, end.y + HEIGHT // 2
    bend = max(ACROSS // 2, (x2 - x1) // 2)
    return f"M{x1} {y1} C{x1 + bend} {y1} {x2 - bend} {y2} {x2} {y2}"


def _around(start: Box, end: Box, low: int) -> str:
    """A line from the bottom of one box to that of another, below all that stands between them."""
    return f"M{start.x + WIDTH // 2} {start.y + HEIGHT} V{low} H{end.x + WIDTH // 2} V{end.y + HEIGHT}"
