"""What a statement's text may demand of the parser: checked before parsing, which a hostile text would keep busy for
minutes, or whose stack it would overflow.
"""

from __future__ import annotations

import re

from snowmelt.base.errors import SqlError, unsupported

MAX_NESTING = 1_000
"""Brackets within brackets. The parser follows some 300; beyond some thousands its stack would end the process."""

MAX_PIECES = 500_000
"""Words, numbers, texts and signs in one request. Parsing half a million takes some seconds, in which others wait."""

_SMALL = 1 << 15
_LONG = 10
"""Characters; longer than all the words that count here."""

_OPENING = ("(", "[", "{")
_CLOSING = (")", "]", "}")
_PIECE = re.compile(
    r"""'[^'\\]*(?:\\.[^'\\]*)*' | "[^"]*" | \$\$.*?\$\$ | --[^\n]* | //[^\n]* | /\*.*?\*/ | \w+ | [^\s\w]""",
    re.DOTALL | re.VERBOSE,
)
_FROM_ENDS = frozenset({")", ";", "UNION", "EXCEPT", "MINUS", "INTERSECT"})
_TYPES = frozenset({"STRUCT", "ARRAY", "MAP", "OBJECT"})


def too_deep() -> SqlError:
    """The error of a statement that is nested more deeply than the parser can follow."""
    return SqlError("SQL compilation error:\nThe statement is nested too deeply.", 1003, "42000")


def check(text: str) -> None:
    """Look at a text before it is parsed.

    Raises:
        SqlError: 001003 for what is nested too deeply, 000002 for too many words.
    """
    if len(text) < _SMALL and sum(map(text.count, _OPENING)) <= MAX_NESTING:
        return
    depth = angles = froms = 0
    before = ""
    for number, match in enumerate(_PIECE.finditer(text)):
        piece = match.group()
        piece = piece.upper() if len(piece) < _LONG else ""
        # The parser also nests types in angle brackets, and a FROM behind a FROM.
        if piece in _OPENING:
            depth += 1
        elif piece in _CLOSING:
            depth -= 1
        elif piece == "<" and before in _TYPES:
            angles += 1
        elif piece == ">" and angles:
            angles -= 1
        elif piece == "FROM" and before != "DISTINCT":
            froms += 1
        if piece in _FROM_ENDS:
            froms = 0
        if max(depth, angles, froms) > MAX_NESTING:
            raise too_deep()
        if number >= MAX_PIECES:
            hint = "Load many rows with array binds, or from a stage with COPY INTO."
            raise unsupported(f"statement of more than {MAX_PIECES} words and signs", hint)
        before = piece
