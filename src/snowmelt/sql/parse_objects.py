"""What is the same for all kinds of objects: ALTER's dispatch, DROP, UNDROP, COMMENT ON."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from snowmelt.base.errors import unsupported
from snowmelt.catalog.names import Name
from snowmelt.sql.cursor import Cursor
from snowmelt.sql.parse_routine import signature
from snowmelt.sql.statements import Drop, SetComment, Statement, Undrop

_KINDS = (
    *("TABLE", "VIEW", "SCHEMA", "DATABASE", "STREAM", "TASK", "PROCEDURE", "FUNCTION", "STAGE", "SEQUENCE", "MODEL"),
    "WAREHOUSE",
)


def _kind(cursor: Cursor, statement: str) -> str:
    """The kind of object that comes next; a kind that Snowmelt does not have is refused by name."""
    if cursor.take("FILE", "FORMAT"):
        return "FILE FORMAT"
    if cursor.at("EVENT", "TABLE"):
        cursor.index += 1
    kind = cursor.take_one_of(*_KINDS)
    if kind is None:
        if cursor.word().isalpha() and cursor.index + 1 < len(cursor.tokens):
            raise unsupported(f"{statement} {cursor.word()}")
        raise cursor.unexpected()
    return kind


def alter(alterers: Mapping[str, Callable[[Cursor], Statement]], cursor: Cursor) -> Statement:
    """ALTER kind ...: the rest by `alterers`; other kinds are refused by name."""
    cursor.expect("ALTER")
    alterer = alterers.get(cursor.word())
    if alterer is None:
        kind = _kind(cursor, "ALTER")
        raise unsupported(f"ALTER {kind}")
    cursor.step()
    return alterer(cursor)


def drop(cursor: Cursor) -> Statement:
    """DROP kind [IF EXISTS] name [(types)] [CASCADE | RESTRICT]."""
    cursor.expect("DROP")
    kind = _kind(cursor, "DROP")
    if_exists = cursor.take("IF", "EXISTS")
    name = cursor.name()
    arguments = signature(cursor) if kind in ("PROCEDURE", "FUNCTION") else None
    behaviour = cursor.take_one_of("CASCADE", "RESTRICT")
    return Drop(
        kind=kind,
        name=name,
        if_exists=if_exists,
        arguments=arguments,
        cascade=behaviour == "CASCADE",
        restrict=behaviour == "RESTRICT",
    )


def undrop(cursor: Cursor) -> Statement:
    """UNDROP TABLE | SCHEMA | DATABASE name."""
    cursor.expect("UNDROP")
    kind = cursor.take_one_of("TABLE", "SCHEMA", "DATABASE")
    if kind is None:
        raise unsupported(f"UNDROP {cursor.word()}") if cursor.word() else cursor.unexpected()
    return Undrop(kind=kind, name=cursor.name())


def comment(cursor: Cursor) -> Statement:
    """COMMENT [IF EXISTS] ON kind name [(types)] IS 'text'."""
    cursor.expect("COMMENT")
    if_exists = cursor.take("IF", "EXISTS")
    cursor.expect("ON")
    if cursor.take("COLUMN"):
        return _column_comment(cursor, if_exists)
    kind = _kind(cursor, "COMMENT ON")
    name = cursor.name()
    arguments = signature(cursor) if kind in ("PROCEDURE", "FUNCTION") else None
    cursor.expect("IS")
    return SetComment(kind=kind, name=name, comment=cursor.string(), if_exists=if_exists, arguments=arguments)


def _column_comment(cursor: Cursor, if_exists: bool) -> Statement:
    """COMMENT ON COLUMN [[database.]schema.]table.column IS 'text'."""
    parts = [cursor.identifier()]
    while cursor.take("."):
        parts.append(cursor.identifier())
    if not 2 <= len(parts) <= 4:
        raise cursor.unexpected()
    *table, column = parts
    cursor.expect("IS")
    name = Name(*reversed(table))
    return SetComment(kind="COLUMN", name=name, column=column, comment=cursor.string(), if_exists=if_exists)
