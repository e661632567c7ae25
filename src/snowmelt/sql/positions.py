"""Where in a statement's text an error lies: errors of compilation are given their place.

It is that of the first thing that the message names, or else of the clause that it is about, or of the statement.
Snowflake says "error line 1 at position 7" for a column that is not there. For other errors it says nothing; there the
place comes after its message, on a line of its own.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

from sqlglot.tokenizer_core import Token, TokenType

from snowmelt.base.errors import NO_CURRENT, SqlError
from snowmelt.catalog.names import split_name
from snowmelt.sql.dialect import place, tokenize

_HEAD = "SQL compilation error:"
_KNOWN = re.compile(r"line \d+ at position \d+")
_NAME = re.compile(r"function \[(\w+)|'((?:[^'\"]|\"[^\"]*\")+)'|(?:[Ff]unction|aggregate) ([\w$]+)")
_ADORNING = frozenset({"OR", "REPLACE", "TEMPORARY", "TEMP", "TRANSIENT", "LOCAL", "GLOBAL", "VOLATILE", "SECURE"})
"""Words between CREATE and the kind of object."""

_CLAUSES: dict[int, tuple[str, ...]] = {
    1008: ("LIMIT", "OFFSET"),
    1789: ("UNION", "INTERSECT", "EXCEPT", "MINUS"),
    2020: ("VALUES", "SELECT"),
    2304: ("QUALIFY",),
}
"""Codes of errors that name nothing, and the words with which the clause begins that they are about."""

_SAID = re.compile(
    r"\b(where|group by|having|order by|order|group|join|limit|qualify|values) (?:clause|by position)", re.I
)
"""What a message says of a clause."""

_WRITTEN = {
    "SUBSTRING": ("SUBSTR",),
    "LENGTH": ("LEN",),
    "GET": (":", "["),
    "TO_CHAR": ("TO_VARCHAR",),
    "CAST": ("::",),
}
"""How else functions are written that messages name."""

_MISSING = 2003
"""The code of what is not there. Where a view names it, or a bind, it has no place in the text; and clients look at how
such messages end.
"""

_PLACED_BY_SNOWFLAKE = frozenset({904, 938, 939, 979, 1044})
"""Codes of messages whose first line tells the place."""


def located(error: SqlError, text: str) -> SqlError:
    """`error` with its line and position in `text`, if it is one of compilation and does not have them yet. What cannot
    be done without a current database is called by its name.
    """
    if error.code in NO_CURRENT.values():
        return _like(error, error.message.replace("this operation", _operation(text), 1))
    if not error.message.startswith(_HEAD + "\n") or _KNOWN.search(error.message):
        return error
    try:
        tokens = tokenize(text)
    except SqlError:
        return error
    if not tokens:
        return error
    offset = _named(error, tokens)
    if offset is None and error.code == _MISSING:
        return error
    line, position = place(text, _clause(error, tokens) if offset is None else offset)
    where = f"error line {line} at position {position}"
    if error.code in _PLACED_BY_SNOWFLAKE:
        message = error.message.replace(_HEAD, f"{_HEAD} {where}", 1)
        return _like(error, message)
    return _like(error, f"{error.message}\n({where})")


def _operation(text: str) -> str:
    """The words that name a statement: ``SELECT``, ``CREATE TABLE``."""
    first, *rest = (token.text.upper() for token in tokenize(text)[:6])
    if first == "WITH":
        return "SELECT"
    if first not in ("CREATE", "ALTER", "DROP", "SHOW", "UNDROP", "TRUNCATE"):
        return first
    kind = next((word for word in rest if word not in _ADORNING), None)
    return first if kind is None else f"{first} {kind}"


def _like(error: SqlError, message: str) -> SqlError:
    made = replace(error, message=message)
    made.__cause__, made.__traceback__ = error.__cause__, error.__traceback__
    return made


def _named(error: SqlError, tokens: Sequence[Token]) -> int | None:
    """Where the first thing stands that a message names."""
    for found in _NAME.finditer(error.message):
        name = next(group for group in found.groups() if group)
        offsets = (_find(each, tokens) for each in (name, name.partition("(")[0], *_WRITTEN.get(name, ())))
        if (offset := next((each for each in offsets if each is not None), None)) is not None:
            return offset
    return None


def _clause(error: SqlError, tokens: Sequence[Token]) -> int:
    """Where the clause begins that an error is about, or else the statement."""
    said = _SAID.search(error.message)
    words = (said.group(1).split()[0].upper(),) if said else _CLAUSES.get(error.code, ())
    clause = (token for word in words for token in tokens if token.text.upper().split()[:1] == [word])
    return int(next(clause, tokens[0]).start)


def _find(name: str, tokens: Sequence[Token]) -> int | None:
    """Where `name`, written as Snowflake shows it, first stands; of a name with parts the last ones do."""
    try:
        wanted = split_name(name)
    except SqlError:  # an operator
        wanted = [name]
    for skipped in range(len(wanted)):
        parts = wanted[skipped:]
        for start in range(len(tokens)):
            if _matches(tokens[start : start + 2 * len(parts) - 1], parts):
                return int(tokens[start].start)
    return None


def _matches(tokens: Sequence[Token], parts: Sequence[str]) -> bool:
    """Whether `tokens` are the names `parts` with dots between them."""
    if len(tokens) != 2 * len(parts) - 1 or any(token.token_type != TokenType.DOT for token in tokens[1::2]):
        return False
    return all(_stored(token) == part for token, part in zip(tokens[::2], parts, strict=True))


def _stored(token: Token) -> str | None:
    """The name that a token stands for; None for a text."""
    if token.token_type == TokenType.STRING:
        return None
    text: str = token.text
    return text if token.token_type == TokenType.IDENTIFIER else text.upper()
