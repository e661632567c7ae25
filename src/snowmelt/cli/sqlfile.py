"""SQL files as a deployment reads them: statements with their lines, and ``<% name %>`` places for variables.

The places are those of Snowflake's own CLI (https://docs.snowflake.com/en/developer-guide/snowflake-cli/sql/execute-sql),
so that ``snow sql -f FILE -D name=value`` runs the same files.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from io import StringIO

from snowflake.connector.util_text import split_statements

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


def statements(text: str) -> list[Statement]:
    """The statements of a file, split as the genuine connector splits them; pieces of mere comment are left out."""
    found: list[Statement] = []
    cursor = 0
    for piece, _ in split_statements(StringIO(text), remove_comments=False):
        if not piece:
            continue
        start = text.index(piece, cursor)
        cursor = start + len(piece)
        comments = _LEADING_COMMENTS.match(piece)
        skipped = comments.end() if comments else 0
        body = piece[skipped:]
        if body.strip(" \n\t;"):
            found.append(Statement(body, text.count("\n", 0, start + skipped) + 1))
    return found
