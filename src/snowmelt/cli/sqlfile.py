"""SQL files as a deployment reads them: statements with their lines, and ``<% name %>`` places for variables.

The places are those of Snowflake's own CLI (https://docs.snowflake.com/en/developer-guide/snowflake-cli/sql/execute-sql),
so that ``snow sql -f FILE -D name=value`` runs the same files.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from io import StringIO

from snowflake.connector.util_text import split_statements
from typer import BadParameter

from snowmelt.base.errors import SqlError
from snowmelt.sql import parse_split
from snowmelt.sql.dialect import tokenize

_PLACE = re.compile(r"<%\s*(\w+)\s*%>")
_LEADING_COMMENTS = re.compile(r"(\s+|--[^\n]*(\n|$)|//[^\n]*(\n|$)|/\*.*?\*/)*", re.DOTALL)


@dataclass(frozen=True)
class Statement:
    """One statement of a file; `line` is where it starts, counted from 1, comments before it left out."""

    text: str
    line: int


def render(text: str, variables: Mapping[str, str]) -> str:
    """Fill the places of `text`.

    Raises:
        KeyError: a place names a variable that has no value.
    """
    return _PLACE.sub(lambda match: variables[match[1]], text)


def places(text: str) -> set[str]:
    """The names of the variables for which `text` has places."""
    return set(_PLACE.findall(text))


def variables(pairs: Iterable[str] | None) -> dict[str, str]:
    """The values that ``name=value`` on a command line gives.

    Raises:
        BadParameter: one is written otherwise.
    """
    found = {}
    for pair in pairs or ():
        name, equals, value = pair.partition("=")
        if not equals:
            raise BadParameter(f"--variable {pair}: write name=value")
        found[name] = value
    return found


def _is_open(text: str) -> bool:
    """Whether a block begins in `text` and does not end in it."""
    if "BEGIN" not in text.upper() and "DECLARE" not in text.upper():
        return False
    try:
        return parse_split.is_open(tokenize(text))
    except SqlError:
        return False  # the server says what is wrong with it


def statements(text: str) -> list[Statement]:
    """The statements of a file, split as the genuine connector splits them, but that a block of Snowflake Scripting is
    one; pieces of mere comment are left out.
    """
    found: list[Statement] = []
    cursor, open_from = 0, None
    for part, _ in split_statements(StringIO(text), remove_comments=False):
        if not part:
            continue
        start = text.index(part, cursor)
        cursor = start + len(part)
        start = start if open_from is None else open_from
        piece = text[start:cursor]
        open_from = start if _is_open(piece) and text[cursor:].strip() else None
        if open_from is not None:
            continue
        comments = _LEADING_COMMENTS.match(piece)
        skipped = comments.end() if comments else 0
        body = piece[skipped:]
        if body.strip(" \n\t;"):
            found.append(Statement(body, text.count("\n", 0, start + skipped) + 1))
    return found
