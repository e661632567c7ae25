"""CREATE MODEL and ALTER MODEL.

Source: docs.snowflake.com/en/sql-reference/sql/create-model, .../alter-model
"""

from __future__ import annotations

from typing import Any

from snowmelt.base.errors import unsupported
from snowmelt.catalog.names import fold
from snowmelt.sql.cursor import Cursor
from snowmelt.sql.parse_create import Head, take_options
from snowmelt.sql.statements import AlterModel, Create, CreateModel, Statement


def model(cursor: Cursor, head: Head) -> Create:
    """CREATE MODEL name [WITH VERSION v] FROM @stage/path | FROM MODEL source [VERSION v]."""
    head.permanent()
    name, version = cursor.name(), None
    if cursor.take("WITH"):
        _refuse_live(cursor)
        cursor.expect("VERSION")
        version = cursor.identifier()
    cursor.expect("FROM")
    if not cursor.take("MODEL"):
        source = cursor.location()
        comment = _comment(cursor)
        return CreateModel(name=name, version=version, source=source, comment=comment, **head.flags)
    from_model = cursor.name()
    from_version = cursor.identifier() if cursor.take("VERSION") else None
    return CreateModel(
        name=name,
        version=version,
        source=None,
        from_model=from_model,
        from_version=from_version,
        comment=_comment(cursor),
        **head.flags,
    )


def _comment(cursor: Cursor) -> str:
    return str(take_options(cursor, "COMMENT", refused="CREATE MODEL").get("COMMENT", ""))


def _refuse_live(cursor: Cursor) -> None:
    if cursor.at("LIVE"):
        raise unsupported("LIVE VERSION of a model")


def alter_model(cursor: Cursor) -> Statement:
    """ALTER MODEL [IF EXISTS] name action."""
    if_exists = cursor.take("IF", "EXISTS")
    name = cursor.name()
    action, value = _action(cursor)
    return AlterModel(name=name, action=action, value=value, if_exists=if_exists)


def _action(cursor: Cursor) -> tuple[str, Any]:
    if cursor.take("ADD"):
        return _add_version(cursor)
    if cursor.take("DROP", "VERSION"):
        return "DROP VERSION", _version(cursor)
    if cursor.take("RENAME", "TO"):
        return "RENAME", cursor.name()
    if cursor.take("SET", "DEFAULT_VERSION", "="):
        return "SET DEFAULT_VERSION", _version(cursor)
    if cursor.take("SET", "COMMENT", "="):
        return "SET COMMENT", cursor.string()
    if cursor.take("UNSET", "COMMENT"):
        return "SET COMMENT", ""
    if cursor.take("MODIFY", "VERSION"):
        return _modify_version(cursor)
    if cursor.take("VERSION"):
        version = _version(cursor)
        if cursor.take("UNSET", "ALIAS"):
            return "VERSION UNSET ALIAS", version
        cursor.expect("SET", "ALIAS", "=")
        return "VERSION SET ALIAS", (version, _version(cursor))
    if cursor.at("COMMIT") or cursor.word(1) == "TAG":
        raise unsupported(f"ALTER MODEL ... {cursor.word()} {cursor.word(1)}")
    raise cursor.unexpected()


def _version(cursor: Cursor) -> str:
    """The name or alias of a version, as an identifier or as a string that holds one."""
    return fold(cursor.string()) if cursor.at_string() else cursor.identifier()


def _add_version(cursor: Cursor) -> tuple[str, Any]:
    _refuse_live(cursor)
    cursor.expect("VERSION")
    version = None if cursor.at("FROM") else _version(cursor)
    cursor.expect("FROM")
    if not cursor.take("MODEL"):
        return "ADD VERSION", (version, cursor.location())
    source = cursor.name()
    return "ADD VERSION FROM MODEL", (version, source, _version(cursor) if cursor.take("VERSION") else None)


def _modify_version(cursor: Cursor) -> tuple[str, Any]:
    version = _version(cursor)
    if cursor.take("UNSET"):
        cursor.expect("COMMENT")
        return "MODIFY VERSION", (version, {"COMMENT": ""})
    cursor.expect("SET")
    found = take_options(cursor, "COMMENT", "METADATA", refused="ALTER MODEL ... MODIFY VERSION ... SET")
    if not found:
        raise cursor.unexpected()
    return "MODIFY VERSION", (version, found)
