"""Name rules: how identifiers fold, quote and qualify.

Source: docs.snowflake.com/en/sql-reference/identifiers-syntax
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from snowmelt.base.errors import syntax_error

_PLAIN = re.compile(r"[A-Z_][A-Z0-9_$]*")
_TOKEN = re.compile(r'\s*(?:"((?:[^"]|"")+)"|([A-Za-z_][A-Za-z0-9_$]*))\s*')


def fold(identifier: str) -> str:
    """The stored form of an identifier as written: quoted text stays, unquoted text becomes upper case."""
    if len(identifier) >= 2 and identifier[0] == identifier[-1] == '"':
        return identifier[1:-1].replace('""', '"')
    return identifier.upper()


def quote(name: str) -> str:
    """A stored name as SQL text that always denotes it."""
    return '"' + name.replace('"', '""') + '"'


_MARK = "~"
_HIDDEN = frozenset({"_RID", "_INS", "_TX", "_LSN", "_SET", "_TIMES", "_ACT", "_STATEMENT"})
"""Columns that the engine's tables have besides the visible ones."""

_SMALL = re.compile(r"[a-z]")
_ENCODED = re.compile(r"~[0-9a-f]+$")


def engine_name(name: str) -> str:
    """The name by which the engine knows a column or alias. The engine compares names without regard to the case of
    ASCII letters, Snowflake does not: so a name with small letters gets a mark that tells which letters are small. So
    does one that is a hidden column's.

    >>> engine_name("Ab"), engine_name("AB"), engine_name("A~1"), engine_name("_RID")
    ('Ab~2', 'AB', 'A~1~0', '_RID~0')
    """
    small = sum(1 << match.start() for match in _SMALL.finditer(name))
    return f"{name}{_MARK}{small:x}" if small or _MARK in name or name in _HIDDEN else name


def logical_name(name: str) -> str:
    """The name of which `engine_name` made `name`."""
    return _ENCODED.sub("", name)


def engine_quote(name: str) -> str:
    """A column or alias as SQL text of the engine."""
    return quote(engine_name(name))


def display(name: str) -> str:
    """A stored name as Snowflake shows it: quoted only where it must be."""
    return name if _PLAIN.fullmatch(name) else quote(name)


@dataclass(frozen=True)
class Name:
    """A name as a statement gives it, parts already folded; missing parts come from the session.

    Attributes:
        name: the object's own name.
        schema: schema part, or None.
        database: database part, or None.
    """

    name: str
    schema: str | None = None
    database: str | None = None

    def __str__(self) -> str:
        return ".".join(display(part) for part in (self.database, self.schema, self.name) if part is not None)


@dataclass(frozen=True, order=True)
class FullName:
    """A fully qualified name of an object in a schema; parts are stored forms."""

    database: str
    schema: str
    name: str

    def __str__(self) -> str:
        return f"{display(self.database)}.{display(self.schema)}.{display(self.name)}"


def split_name(text: str) -> list[str]:
    """The folded parts of a dotted name such as ``db."My Schema".t`` (``db..t`` means schema PUBLIC).

    Raises:
        SqlError: 001003 when the text is not a dotted name.
    """
    parts: list[str] = []
    position = 0
    while True:
        match = _TOKEN.match(text, position)
        if match is None:
            if parts and text[position : position + 1] == ".":
                parts.append("PUBLIC")
                position += 1
                continue
            raise syntax_error(f"unexpected '{text}'")
        parts.append(match.group(1).replace('""', '"') if match.group(1) is not None else match.group(2).upper())
        position = match.end()
        if position == len(text):
            break
        if text[position] != ".":
            raise syntax_error(f"unexpected '{text[position:]}'")
        position += 1
    return parts


def parse_name(text: str) -> Name:
    """A `Name` from SQL text of one to three parts.

    Raises:
        SqlError: 001003 for anything else.
    """
    parts = split_name(text)
    if len(parts) > 3:
        raise syntax_error(f"unexpected '{text}'")
    reverse = parts[::-1]
    return Name(reverse[0], *reverse[1:])
