"""The documents name things that exist: files, names in them, settings, parameters, commands, statements."""

from __future__ import annotations

import ast
import dataclasses
import re
import shlex
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import typer

from snowmelt.base.settings import Settings
from snowmelt.cli.main import COMMANDS, app
from snowmelt.session.parameters import DEFAULTS
from snowmelt.sql.parse import parse

ROOT = Path(__file__).parents[2]
ROOMS = ROOT / "src" / "snowmelt"
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
REFERENCE = (ROOT / "docs" / "REFERENCE.md").read_text(encoding="utf-8")
ARCHITECTURE = (ROOT / "docs" / "ARCHITECTURE.md").read_text(encoding="utf-8")

_CODE = re.compile(r"(?<!`)`([^`\n]+)`(?!`)")
_FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_LINK = re.compile(r"!?\[[^\]]*\]\(([^)\s]+)\)")
_TOP = ("src/", "docs/", "tests/", "pipelines/", "benchmarks/")
_MAKE_TARGET = re.compile(r"^([a-z-]+):", re.MULTILINE)

each_page = pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)


def prose(page: Path) -> str:
    """The page without its fenced blocks."""
    return _FENCE.sub("", page.read_text(encoding="utf-8"))


def blocks(page: Path, *languages: str) -> list[str]:
    """The page's fenced blocks in one of the languages."""
    found = _FENCE.findall(page.read_text(encoding="utf-8"))
    return [text for language, text in found if language in languages]


def section(title: str) -> str:
    """The part of the reference below the heading `title`, up to the next heading."""
    found = re.search(rf"^#+ {re.escape(title)}\n(.*?)(?=^#|\Z)", REFERENCE, re.MULTILINE | re.DOTALL)
    assert found is not None, f"the reference has no section {title}"
    return found[1]


def rows(text: str) -> list[list[str]]:
    """The cells of a table's rows, without its head."""
    lines = [line for line in text.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[2:]]


def definitions(path: Path) -> set[str]:
    """Names of functions, methods, classes and module constants that a Python file defines."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        match node:
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
                found.add(name)
            case ast.Assign(targets=[ast.Name(id=name)]) | ast.AnnAssign(target=ast.Name(id=name)):
                found.add(name)
    return found


@each_page
def test_files_and_names_exist(page: Path) -> None:
    for code in _CODE.findall(prose(page)):
        if not code.startswith(_TOP):
            continue
        path, _, name = code.partition(":")
        places = list(ROOT.glob(path)) if "*" in path else [ROOT / path]
        assert places and all(place.exists() for place in places), f"{page.name}: {path} does not exist"
        if name:
            assert name in definitions(ROOT / path), f"{page.name}: {path} defines no {name}"


@each_page
def test_a_name_in_a_file_is_defined_there(page: Path) -> None:
    """As in "`join` in `src/snowmelt/procs/worker.py`"."""
    text = " ".join(prose(page).split())
    for name, path in re.findall(r"`(\w+)`(?: in |, in | of )`(src/[\w/]+\.py)`", text):
        assert name in definitions(ROOT / path), f"{page.name}: {path} defines no {name}"


@each_page
def test_links_lead_somewhere(page: Path) -> None:
    for target in _LINK.findall(prose(page)):
        if target.startswith("http"):
            continue
        path, _, anchor = target.partition("#")
        place = page.parent / path if path else page
        assert place.exists(), f"{page.name}: {target} does not exist"
        if anchor:
            titles = re.findall(r"^#+ (.+)$", place.read_text(encoding="utf-8"), re.MULTILINE)
            assert anchor in {title.lower().replace(" ", "-") for title in titles}, f"{page.name}: no heading {target}"


@each_page
def test_sql_is_understood(page: Path) -> None:
    for text in blocks(page, "sql"):
        assert parse(text), f"{page.name}: no statement in {text}"


@each_page
def test_shell_commands_exist(page: Path) -> None:
    targets = set(_MAKE_TARGET.findall((ROOT / "Makefile").read_text(encoding="utf-8")))
    for words in shell_commands(page):
        match words:
            case ["make", *rest]:
                assert {word for word in rest if "=" not in word} <= targets, f"{page.name}: {words}"
            case [program, name, *rest] if Path(program).name == "snowmelt" and not name.startswith("-"):
                assert name in COMMANDS, f"{page.name}: snowmelt has no command {name}"
                known = {option for item in command(name).params for option in item.opts}
                assert {word for word in rest if re.match(r"--?[a-z]", word)} <= known, f"{page.name}: {words}"


def command(name: str) -> Any:
    """A command of `snowmelt`."""
    group: Any = typer.main.get_command(app)
    return group.get_command(None, name)


def shell_commands(page: Path) -> Iterator[list[str]]:
    """Commands of shell blocks, and those that stand in the text as code."""
    lines = [line for text in blocks(page, "bash", "sh", "shell", "console") for line in text.splitlines()]
    spoken = [code for code in _CODE.findall(prose(page)) if re.match(r"(make|snowmelt|\.venv/bin/snowmelt) ", code)]
    for line in [*lines, *spoken]:
        words = shlex.split(line, comments=True)
        if words:
            yield words


def test_settings_are_documented() -> None:
    described = {row[0].strip("`"): ast.literal_eval(row[1].strip("`")) for row in rows(section("Settings"))}
    assert described == {field.name: field.default for field in dataclasses.fields(Settings)}


def test_parameters_are_documented() -> None:
    described = {row[0].strip("`"): row[1].strip("`") for row in rows(section("Session parameters"))}
    assert described == {name: str(default) for name, default in DEFAULTS.items()}


def test_commands_are_documented() -> None:
    described = set(re.findall(r"^### `snowmelt (\w+)`$", REFERENCE, re.MULTILINE))
    assert described == set(COMMANDS)


@pytest.mark.parametrize("name", COMMANDS)
def test_options_are_documented(name: str) -> None:
    found = command(name)
    table = rows(section(f"`snowmelt {name}`"))
    described = {word for row in table for word in _CODE.findall(row[0])}
    assert described == {
        option for item in found.params for option in (item.opts if item.param_type_name == "option" else [item.name])
    }
    variables = {word for row in table for word in re.findall(r"SNOWMELT_\w+", row[2])}
    assert variables == {item.envvar for item in found.params if item.envvar}


def test_rooms_are_as_described() -> None:
    described = [row for row in rows(ARCHITECTURE.split("## Rooms")[1]) if row[0].startswith("`src/")]
    names = {Path(row[0].strip("`")).name for row in described}
    present = {path.name for path in ROOMS.iterdir() if path.is_dir() and (path / "__init__.py").exists()}
    assert names == present | {"runtime.py", "api.py"}
    for room, files, _ in described:
        for name in _CODE.findall(files):
            if "/" in name or name.endswith(".py"):
                assert list((ROOT / room.strip("`")).glob(name)), f"{room} has no {name}"


def test_layers_are_as_checked() -> None:
    """The line of rooms in the architecture is the one that import-linter keeps."""
    drawn = re.search(r"^    (\w+ > .*?)\n\n", ARCHITECTURE, re.MULTILINE | re.DOTALL)
    assert drawn is not None
    checked = re.search(r"^layers = \[(.*?)\]", (ROOT / "pyproject.toml").read_text(encoding="utf-8"), re.M | re.S)
    assert checked is not None
    # What stands in parentheses need not be there.
    layers = [re.sub(r"(?: \| )?\(\w+\)", "", layer) for layer in re.findall(r'"([^"]+)"', checked[1])]
    layers = [layer for layer in layers if layer]
    assert [" ".join(layer.split()) for layer in drawn[1].split(">")] == layers


def test_headings_do_not_skip_levels() -> None:
    for page in PAGES:
        levels = [len(marks) for marks in re.findall(r"^(#+) ", prose(page), re.MULTILINE)]
        assert levels and levels[0] == 1
        assert all(after <= before + 1 for before, after in pairwise(levels)), page.name
