"""What pages are made of, without a server: pictures of graphs, words for times, values of rows, texts of errors."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from io import StringIO
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pyarrow as pa
import pytest
from furnished import Sql
from rich.console import Console as Terminal
from test_access import enter, target
from visitor import Browser

from snowmelt.base import datatypes as types
from snowmelt.base.result import Column, Result
from snowmelt.catalog.names import FullName
from snowmelt.cli import demo
from snowmelt.cli.embedded import console_address
from snowmelt.console.graphs import HEIGHT, WIDTH, draw
from snowmelt.console.page import link
from snowmelt.console.reader import LONGEST_CELL, grid
from snowmelt.console.templates import gist, moment, plain, seconds, span, tone
from snowmelt.testing.server import RunningServer

BERLIN = ZoneInfo("Europe/Berlin")


def name(text: str) -> FullName:
    return FullName("D", "S", text)


def test_what_comes_later_stands_further_right() -> None:
    """A diamond with a shortcut, and a finalizer, which comes last."""
    names = [name(each) for each in ("A", "B", "C", "D", "END")]
    a, b, c, d, end = names
    edges = [(a, b), (a, c), (b, d), (c, d), (a, d), (a, end)]
    drawing = draw(names, edges, {end}, dict.fromkeys(names, ""), {a})
    boxes = {box.name: box for box in drawing.boxes}
    assert boxes[a].x < boxes[b].x == boxes[c].x < boxes[d].x < boxes[end].x
    assert boxes[b].y != boxes[c].y and boxes[a].asleep and not boxes[b].asleep
    assert [line.finalizer for line in drawing.lines] == [False] * 5 + [True]
    assert max(box.x for box in drawing.boxes) + WIDTH <= drawing.width
    assert max(box.y for box in drawing.boxes) + HEIGHT <= drawing.height


def test_no_two_boxes_overlap() -> None:
    names = [name(f"T{number}") for number in range(60)]
    edges = [(names[(number - 1) // 3], names[number]) for number in range(1, 60)]
    drawing = draw(names, edges, set(), dict.fromkeys(names, ""), set())
    assert len({(box.x, box.y) for box in drawing.boxes}) == 60


def test_long_names_are_cut_in_pictures() -> None:
    long = name("X" * 200)
    (box,) = draw([long], [], set(), {long: ""}, set()).boxes
    assert len(box.label) < 30 and box.name == long


@pytest.mark.parametrize(
    ("length", "told"),
    [
        (None, ""),
        (0.0, "< 1 ms"),
        (0.00003, "30 µs"),
        (0.0042, "4.2 ms"),
        (0.042, "42 ms"),
        (0.42, "0.42 s"),
        (timedelta(seconds=42.04), "42.0 s"),
        (59.99, "1 min 00 s"),
        (3_725.0, "1 h 02 min"),
    ],
)
def test_lengths_of_time(length: float | timedelta | None, told: str) -> None:
    assert seconds(length) == told


def test_moments() -> None:
    at = datetime(2026, 7, 1, 12, 0, 5, 999, UTC)
    assert moment(at, BERLIN) == "2026-07-01 14:00:05" == moment(at.replace(tzinfo=None), BERLIN)
    assert moment(None, BERLIN) == ""
    assert [span(timedelta(seconds=s)) for s in (0.5, 1, 119, 7_199, 172_800)] == [
        *("", "1 second", "1 minute", "1 hour", "2 days"),
    ]


@pytest.mark.parametrize(
    ("message", "told"),
    [
        (None, ""),
        ("SQL compilation error:\nObject 'T' does\nnot exist.", "Object 'T' does not exist."),
        (
            'Python Interpreter Error:\nTraceback (most recent call last):\n  File "x.py", line 1, in run\n'
            "ValueError: no rows\n in function F with handler run",
            "ValueError: no rows",
        ),
        ("Traceback (most recent call last):", "Traceback (most recent call last):"),
    ],
)
def test_the_gist_of_an_error(message: str | None, told: str) -> None:
    assert gist(message) == told


def test_figures_and_tones() -> None:
    assert [plain(each) for each in (1234567, 0.020548873, 154175.4936, True, "x")] == [
        *("1,234,567", "0.020549", "154,175", "True", "x"),
    ]
    assert [tone(each) for each in ("SUCCEEDED", "FAILED_AND_AUTO_SUSPENDED", "EXECUTING", "SKIPPED", "Warn")] == [
        *("good", "bad", "busy", "quiet", "warn"),
    ]


def test_addresses_hold_any_name() -> None:
    odd = FullName("D&", 'S"', "T?#/ü")
    assert link("/table", odd, id=None) == "/console/table?database=D%26&schema=S%22&name=T%3F%23%2F%C3%BC"


@pytest.mark.parametrize(
    ("kind", "value", "told"),
    [
        (types.NUMBER, Decimal(12), "12"),
        (types.DataType(types.Kind.FIXED, 10, 2), Decimal("1.50"), "1.50"),
        (types.BOOLEAN, True, "TRUE"),
        (types.BINARY, b"\x01\xab", "01AB"),
        (types.DATE, date(2026, 2, 3), "2026-02-03"),
        (types.TIME, time(4, 5, 6), "04:05:06"),
        (types.TIMESTAMP_NTZ, datetime(2026, 7, 1, 12), "2026-07-01 12:00:00.000"),
        (types.TIMESTAMP_LTZ, datetime(2026, 7, 1, 12, tzinfo=UTC), "2026-07-01 14:00:00.000+02:00"),
        (types.VARCHAR, "x" * 3_000, "x" * LONGEST_CELL + "…"),
        (types.VARCHAR, None, None),
        (types.VARIANT, '"\\u000B 1.500000000000000e+00"', "1.500000000000000e+00"),
        (types.ARRAY, '["\\u000B","\\u000BD2026-01-02"]', '[undefined,"2026-01-02"]'),
    ],
)
def test_values_as_text(kind: types.DataType, value: Any, told: str | None) -> None:
    result = Result((Column("C", kind),), pa.table({"c": [value]}))
    assert grid(result, 10, BERLIN).rows == [[told]]


def test_only_the_first_rows_are_made_text() -> None:
    result = Result(
        (Column("A", types.NUMBER), Column("A", types.VARCHAR)), pa.table([[1, 2, 3], ["x", "y", "z"]], ["a", "b"])
    )
    shown = grid(result, 2, BERLIN)
    assert shown.rows == [["1", "x"], ["2", "y"]] and shown.total == 3
    assert shown.names == ("A", "A") and shown.numeric == (True, False)


def test_years_beyond_python(sql: Sql, browser: Browser) -> None:
    form = browser.get("/console/worksheet").form("Run")
    page = browser.send(form, text="SELECT DATEADD('year', 9000, '2026-01-02'::TIMESTAMP_NTZ) AS FAR")
    assert page.status == 200 and "11026-01-02" in page.text


def test_the_console_has_an_address_on_this_machine() -> None:
    assert console_address("127.0.0.1", 1) == "http://127.0.0.1:1/console/" == console_address("0.0.0.0", 1)
    assert console_address("::1", 1) == "http://[::1]:1/console/"


# --- the end of the demo ----------------------------------------------------------------------------------------------


def test_the_demo_serves_on_until_enter(server: RunningServer, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []
    monkeypatch.setattr("builtins.input", lambda *prompt: asked.append("input") or "")
    terminal = Terminal(file=StringIO(), width=80)
    demo._serve_on(terminal, target(server), Path("data"))
    assert asked == ["input"]
    (link,) = [line.strip() for line in terminal.file.getvalue().splitlines() if "/console/enter#" in line]
    assert enter(Browser(server), link) == 200


@pytest.mark.parametrize("interruption", [KeyboardInterrupt, EOFError])
def test_the_demo_ends_by_an_interruption(
    server: RunningServer, monkeypatch: pytest.MonkeyPatch, interruption: type[BaseException]
) -> None:
    def interrupted(*prompt: str) -> str:
        raise interruption

    monkeypatch.setattr("builtins.input", interrupted)
    terminal = Terminal(file=StringIO(), width=80)
    demo._serve_on(terminal, target(server), Path("data"))
    assert "/console/enter#" in terminal.file.getvalue()


@pytest.mark.parametrize(
    ("terminal", "keys", "ci", "there"),
    [(True, True, "", True), (False, True, "", False), (True, False, "", False), (True, True, "true", False)],
)
def test_who_is_somebody(monkeypatch: pytest.MonkeyPatch, terminal: bool, keys: bool, ci: str, there: bool) -> None:
    monkeypatch.setattr("sys.stdin.isatty", lambda: keys, raising=False)
    monkeypatch.setenv("CI", ci)
    assert demo._somebody_is_there(Terminal(file=StringIO(), force_terminal=terminal)) is there
