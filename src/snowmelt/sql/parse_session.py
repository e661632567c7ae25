"""USE, SET, UNSET, ALTER SESSION | ACCOUNT, transactions, EXPLAIN."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

from sqlglot import exp

from snowmelt.base.errors import unsupported
from snowmelt.catalog.names import Name
from snowmelt.sql.cursor import Cursor
from snowmelt.sql.statements import (
    AlterParameters,
    AlterUser,
    Explain,
    SetVariable,
    Statement,
    Transaction,
    UnsetVariable,
    Use,
)


def use(cursor: Cursor) -> Statement:
    """USE [DATABASE | SCHEMA | ROLE | WAREHOUSE] name, USE SECONDARY ROLES ALL | NONE."""
    cursor.expect("USE")
    if cursor.take("SECONDARY", "ROLES"):
        return Use(kind="SECONDARY ROLES", name=Name(cursor.identifier()))
    kind = ""
    if len(cursor.tokens) > cursor.index + 1 and cursor.word(1) != ".":
        kind = cursor.take_one_of("DATABASE", "SCHEMA", "ROLE", "WAREHOUSE") or ""
    return Use(kind=kind, name=cursor.name())


def set_variable(cursor: Cursor) -> Statement:
    """SET name = expression, or SET (a, b) = (x, y)."""
    cursor.expect("SET")
    if not cursor.at("("):
        name = cursor.identifier()
        cursor.expect("=")
        return SetVariable(names=(name,), values=(cursor.expression(),))
    names = cursor.identifiers()
    cursor.expect("=")
    if cursor.word(1) in ("SELECT", "WITH"):
        raise unsupported("SET (a, b) = (SELECT ...)")
    values: tuple[exp.Expression, ...] = tuple(cursor.expression(",") for _ in cursor.items())
    if len(values) != len(names):
        raise cursor.unexpected()
    return SetVariable(names=names, values=values)


def unset_variable(cursor: Cursor) -> Statement:
    """UNSET name, or UNSET (a, b)."""
    cursor.expect("UNSET")
    return UnsetVariable(names=cursor.identifiers() if cursor.at("(") else (cursor.identifier(),))


def alter_parameters(scope: str, cursor: Cursor) -> Statement:
    """ALTER SESSION | ACCOUNT SET key = value ..., or UNSET key, ...."""
    if cursor.take("UNSET"):
        keys = [cursor.identifier()]
        while cursor.take(","):
            keys.append(cursor.identifier())
        return AlterParameters(scope=scope, values=dict.fromkeys(keys))
    cursor.expect("SET")
    if cursor.word() in ("TAG", "PASSWORD", "RESOURCE_MONITOR", "AUTHENTICATION", "SESSION", "PACKAGES"):
        raise unsupported(f"ALTER {scope} SET {cursor.word()}")
    values: dict[str, Any] = cursor.options()
    if not values:
        raise cursor.unexpected()
    return AlterParameters(scope=scope, values={key: _unquoted(value) for key, value in values.items()})


def _unquoted(value: Any) -> Any:
    """A value in double quotes means its text, as one in single quotes does."""
    quoted = isinstance(value, str) and len(value) > 1 and value[0] == value[-1] == '"'
    return value[1:-1].replace('""', '"') if quoted else value


def alter_user(cursor: Cursor) -> Statement:
    """ALTER USER [IF EXISTS] name SET key = value ..., or UNSET key, ...."""
    if_exists = cursor.take("IF", "EXISTS")
    name = cursor.name()
    if cursor.take("UNSET"):
        keys = [cursor.identifier()]
        while cursor.take(","):
            keys.append(cursor.identifier())
        return AlterUser(name=name, values=dict.fromkeys(keys), if_exists=if_exists)
    if not cursor.take("SET"):
        raise unsupported(f"ALTER USER ... {cursor.word()}") if cursor.word() else cursor.unexpected()
    values: dict[str, Any] = cursor.options()
    if not values:
        raise cursor.unexpected()
    return AlterUser(name=name, values=values, if_exists=if_exists)


alter_session = partial(alter_parameters, "SESSION")
alter_account = partial(alter_parameters, "ACCOUNT")


def begin(cursor: Cursor) -> Statement:
    """BEGIN [WORK | TRANSACTION] [NAME x], START TRANSACTION [NAME x]."""
    if cursor.step().text.upper() == "START":
        cursor.expect("TRANSACTION")
    else:
        cursor.take_one_of("WORK", "TRANSACTION")
    name = cursor.identifier() if cursor.take("NAME") else None
    return Transaction(action="BEGIN", name=name)


def finish(action: str, cursor: Cursor) -> Statement:
    """COMMIT [WORK] or ROLLBACK [WORK]."""
    cursor.expect(action)
    cursor.take("WORK")
    return Transaction(action=action)


def explain(nested: Callable[[Cursor], Statement], cursor: Cursor) -> Statement:
    """EXPLAIN [USING TABULAR | JSON | TEXT] statement."""
    cursor.expect("EXPLAIN")
    form = "TABULAR"
    if cursor.take("USING"):
        chosen = cursor.take_one_of("TABULAR", "JSON", "TEXT")
        if chosen is None:
            raise cursor.unexpected()
        form = chosen
    first = cursor.index
    statement = nested(cursor)
    return Explain(form=form, statement=replace(statement, text=cursor.source(first, len(cursor.tokens))))
