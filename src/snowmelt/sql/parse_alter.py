"""ALTER of everything but tables, tasks and models.

Source: docs.snowflake.com/en/sql-reference/sql/alter
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from snowmelt.base.errors import unsupported
from snowmelt.sql.cursor import Cursor
from snowmelt.sql.parse_routine import signature
from snowmelt.sql.parse_stage import file_format, normal_options
from snowmelt.sql.statements import AlterObject, Statement

_POLICIES = frozenset({"TAG", "MASKING", "ROW", "AGGREGATION", "JOIN", "CONTACT"})


def _object(kind: str, cursor: Cursor) -> Statement:
    """ALTER kind [IF EXISTS] name action."""
    if kind == "FILE FORMAT":
        cursor.expect("FORMAT")
    if_exists = cursor.take("IF", "EXISTS")
    name = cursor.name()
    arguments = signature(cursor) if kind in ("PROCEDURE", "FUNCTION") else None
    action, value = _SPECIAL.get(kind, _common)(cursor)
    return AlterObject(kind=kind, name=name, action=action, value=value, if_exists=if_exists, arguments=arguments)


def _common(cursor: Cursor) -> tuple[str, Any]:
    """RENAME TO name, SET options, UNSET names."""
    if cursor.take("RENAME", "TO"):
        return "RENAME", cursor.name()
    if cursor.word() in ("SET", "UNSET") and cursor.word(1) in _POLICIES:
        raise unsupported(f"ALTER ... {cursor.word()} {cursor.word(1)}")
    if cursor.take("SET"):
        options = cursor.options()
        if not options:
            raise cursor.unexpected()
        return "SET", options
    if cursor.take("UNSET"):
        keys = [cursor.identifier()]
        while cursor.take(","):
            keys.append(cursor.identifier())
        return "UNSET", tuple(keys)
    raise unsupported(f"ALTER ... {cursor.word()}") if cursor.word() else cursor.unexpected()


def _sequence(cursor: Cursor) -> tuple[str, Any]:
    """[SET] [INCREMENT [BY] [=] n], SET [ORDER | NOORDER] [COMMENT = 'text']."""
    if cursor.at("RENAME") or cursor.at("UNSET"):
        return _common(cursor)
    cursor.take("SET")
    found: dict[str, Any] = {}
    while not cursor.done:
        if cursor.take("INCREMENT"):
            cursor.take("BY")
            cursor.take("=")
            found["INCREMENT"] = cursor.integer()
        elif order := cursor.take_one_of("ORDER", "NOORDER"):
            found["ORDER"] = order == "ORDER"
        else:
            cursor.expect("COMMENT", "=")
            found["COMMENT"] = cursor.string()
        cursor.take(",")
    if not found:
        raise cursor.unexpected()
    return "SET", found


def _view(cursor: Cursor) -> tuple[str, Any]:
    """Also SET | UNSET SECURE, and ALTER | MODIFY [COLUMN] name COMMENT 'text' | UNSET COMMENT."""
    if cursor.take("SET", "SECURE"):
        return "SET", {"SECURE": True}
    if cursor.take("UNSET", "SECURE"):
        return "SET", {"SECURE": False}
    if cursor.take_one_of("ALTER", "MODIFY") is None:
        return _common(cursor)
    changes = [_column_comment(cursor)]
    while cursor.take(","):
        changes.append(_column_comment(cursor))
    return "COLUMN COMMENT", tuple(changes)


def _column_comment(cursor: Cursor) -> tuple[str, str]:
    cursor.take("COLUMN")
    name = cursor.identifier()
    if cursor.take("UNSET", "COMMENT"):
        return name, ""
    if cursor.word() in ("SET", "UNSET"):
        raise unsupported(f"ALTER VIEW ... {cursor.word()} {cursor.word(1)}")
    cursor.expect("COMMENT")
    return name, cursor.string()


def _warehouse(cursor: Cursor) -> tuple[str, Any]:
    """Also SUSPEND, RESUME [IF SUSPENDED], ABORT ALL QUERIES."""
    if cursor.take("SUSPEND"):
        return "SUSPEND", None
    if cursor.take("RESUME"):
        return "RESUME", cursor.take("IF", "SUSPENDED")
    if cursor.take("ABORT", "ALL", "QUERIES"):
        raise unsupported("ALTER WAREHOUSE ... ABORT ALL QUERIES")
    return _common(cursor)


def _stage(cursor: Cursor) -> tuple[str, Any]:
    action, value = _common(cursor)
    if action == "SET" and "FILE_FORMAT" in value:
        value["FILE_FORMAT"] = file_format(value["FILE_FORMAT"])
    return action, value


def _file_format(cursor: Cursor) -> tuple[str, Any]:
    action, value = _common(cursor)
    return action, normal_options(value) if action == "SET" else value


def _stream(cursor: Cursor) -> tuple[str, Any]:
    """SET and UNSET of the comment; a stream is not renamed, and what it shows is settled when it is made."""
    if cursor.word() not in ("SET", "UNSET"):
        raise cursor.unexpected()
    return _common(cursor)


_SPECIAL: dict[str, Callable[[Cursor], tuple[str, Any]]] = {
    "SEQUENCE": _sequence,
    "VIEW": _view,
    "WAREHOUSE": _warehouse,
    "STAGE": _stage,
    "FILE FORMAT": _file_format,
    "STREAM": _stream,
}

OBJECT_ALTERERS: dict[str, Callable[[Cursor], Statement]] = {
    kind.split()[0]: partial(_object, kind)
    for kind in (
        *("DATABASE", "SCHEMA", "VIEW", "SEQUENCE", "STAGE", "FILE FORMAT", "STREAM", "WAREHOUSE"),
        *("PROCEDURE", "FUNCTION"),
    )
}
"""By the first word after ALTER."""
