"""CREATE: its shared head, and the simple kinds; tables, routines and so on have modules of their own."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypedDict

from snowmelt.base.errors import unsupported
from snowmelt.catalog.names import Name
from snowmelt.catalog.objects import Durability
from snowmelt.sql.cursor import Cursor
from snowmelt.sql.past import parse_moment
from snowmelt.sql.statements import (
    Clone,
    Create,
    CreateDatabase,
    CreateSchema,
    CreateSequence,
    CreateWarehouse,
)


class Flags(TypedDict):
    """The keyword arguments that every `Create` takes."""

    or_replace: bool
    if_not_exists: bool


@dataclass(frozen=True)
class Head:
    """What stands between CREATE and the object's name.

    Attributes:
        kind: the object's kind in upper case, such as ``TABLE`` or ``FILE FORMAT``.
    """

    kind: str
    or_replace: bool
    if_not_exists: bool
    durability: Durability
    or_alter: bool = False
    secure: bool = False
    recursive: bool = False

    @property
    def flags(self) -> Flags:
        """OR REPLACE and IF NOT EXISTS, to be handed on to the statement."""
        return {"or_replace": self.or_replace, "if_not_exists": self.if_not_exists}

    def permanent(self) -> None:
        """Refuse TEMPORARY and TRANSIENT for a kind that has neither."""
        if self.durability is not Durability.PERMANENT:
            raise unsupported(f"CREATE {self.durability} {self.kind}")

    def not_transient(self) -> None:
        """Refuse TRANSIENT for a kind that has only TEMPORARY."""
        if self.durability is Durability.TRANSIENT:
            raise unsupported(f"CREATE TRANSIENT {self.kind}")


Creator = Callable[[Cursor, Head], Create]

_TWO_WORDS = frozenset({("FILE", "FORMAT"), ("EVENT", "TABLE")})

_REFUSED_WORDS = (
    *("ROLE", "USER", "ALERT", "APPLICATION", "COMPUTE", "CORTEX", "DATASET", "GIT"),
    *("IMAGE", "LISTING", "NETWORK", "NOTEBOOK", "NOTIFICATION", "PIPE", "SECRET", "SECURITY"),
    *("SEMANTIC", "SERVICE", "SHARE", "STORAGE", "STREAMLIT", "TAG", "API", "AUTHENTICATION"),
    *("CATALOG", "CONNECTION", "FAILOVER", "MASKING", "MANAGED", "ORGANIZATION", "PASSWORD", "PRIVACY"),
    *("PROJECTION", "REPLICATION", "RESOURCE", "ROW", "SESSION", "AGGREGATION", "PACKAGES", "ACCOUNT"),
    *("FEATURE", "ARTIFACT", "EXPERIMENT", "ONLINE", "GATEWAY", "WORKSPACE", "CLASS", "CONTACT"),
)

_REFUSED = {
    "MATERIALIZED": "MATERIALIZED VIEW",
    "DYNAMIC": "DYNAMIC TABLE",
    "EXTERNAL": "EXTERNAL TABLE | FUNCTION | VOLUME",
    "ICEBERG": "ICEBERG TABLE",
    "HYBRID": "HYBRID TABLE",
    "AGGREGATE": "AGGREGATE FUNCTION",
    **{word: word for word in _REFUSED_WORDS},
}


def create(cursor: Cursor, creators: dict[str, Creator]) -> Create:
    """CREATE [OR REPLACE] [modifiers] kind [IF NOT EXISTS] ...; the rest by `creators`, one for each kind."""
    cursor.expect("CREATE")
    or_replace = cursor.take("OR", "REPLACE")
    or_alter = cursor.take("OR", "ALTER")
    secure = cursor.take("SECURE")
    durability = _durability(cursor)
    recursive = cursor.take("RECURSIVE")
    kind = cursor.word()
    if (kind, cursor.word(1)) in _TWO_WORDS:
        kind = f"{kind} {cursor.word(1)}"
    if secure and kind != "VIEW":
        raise unsupported(f"CREATE SECURE {kind}")
    creator = creators.get(kind)
    if creator is None:
        if kind in _REFUSED:
            second = cursor.word(1) if kind in ("EXTERNAL", "COMPUTE", "NETWORK", "MASKING", "ROW") else ""
            raise unsupported(f"CREATE {kind} {second}".strip() if second else f"CREATE {_REFUSED[kind]}")
        raise cursor.unexpected()
    cursor.expect(*kind.split())
    if or_alter and kind not in ("TABLE", "VIEW", "TASK"):
        raise unsupported(f"CREATE OR ALTER {kind}")
    if (or_replace or or_alter) and cursor.at("IF", "NOT", "EXISTS"):
        raise cursor.unexpected()  # they exclude each other
    head = Head(kind, or_replace, cursor.take("IF", "NOT", "EXISTS"), durability, or_alter, secure, recursive)
    return _clone(cursor, head) or creator(cursor, head)


_CLONED = frozenset(
    {"DATABASE", "SCHEMA", "TABLE", "EVENT TABLE", "STREAM", "SEQUENCE", "FILE FORMAT", "TASK", "STAGE"}
)


def _clone(cursor: Cursor, head: Head) -> Clone | None:
    """name CLONE source [AT | BEFORE (...)] and what may follow; None when the statement is no CLONE.

    Source: docs.snowflake.com/en/sql-reference/sql/create-clone
    """
    if head.kind not in _CLONED:
        return None
    first = cursor.index
    name = cursor.name()
    if not cursor.take("CLONE"):
        cursor.index = first
        return None
    if head.kind in ("EVENT TABLE", "STAGE") or head.or_alter:
        raise unsupported(f"CREATE {head.kind} ... CLONE")
    if head.kind not in ("DATABASE", "SCHEMA", "TABLE"):
        head.permanent()
    source, at, ignore_purged = cursor.name(), parse_moment(cursor), False
    if at is not None and head.kind not in ("DATABASE", "SCHEMA", "TABLE"):
        raise unsupported(f"CREATE {head.kind} ... CLONE ... AT / BEFORE")
    while cursor.word() in ("IGNORE", "INCLUDE", "COPY"):
        if cursor.take("IGNORE", "TABLES", "WITH", "INSUFFICIENT", "DATA", "RETENTION"):
            ignore_purged = True
        elif cursor.take("INCLUDE", "INTERNAL", "STAGES"):
            raise unsupported("CLONE ... INCLUDE INTERNAL STAGES")
        elif not (cursor.take("IGNORE", "HYBRID", "TABLES") or cursor.take("COPY", "GRANTS")):
            raise cursor.unexpected()
    options = take_options(cursor, "COMMENT", refused=f"CREATE {head.kind} ... CLONE")
    return Clone(
        kind=head.kind,
        name=name,
        source=source,
        at=at,
        durability=head.durability,
        ignore_purged=ignore_purged,
        new_comment=options.get("COMMENT"),
        **head.flags,
    )


def _durability(cursor: Cursor) -> Durability:
    scoped = cursor.take_one_of("LOCAL", "GLOBAL", "SCOPED") is not None
    if cursor.take_one_of("TEMP", "TEMPORARY", "VOLATILE"):
        return Durability.TEMPORARY
    if scoped:
        raise cursor.unexpected()
    return Durability.TRANSIENT if cursor.take("TRANSIENT") else Durability.PERMANENT


def take_options(cursor: Cursor, *allowed: str, refused: str) -> dict[str, Any]:
    """The ``KEY = value`` pairs that come next; one outside of `allowed` is refused as an option of `refused`."""
    found = cursor.options()
    for key in found:
        if key not in allowed:
            raise unsupported(f"{refused} {key}")
    return found


def database(cursor: Cursor, head: Head) -> Create:
    """CREATE [TRANSIENT] DATABASE name [DATA_RETENTION_TIME_IN_DAYS = n] [COMMENT = 'text']."""
    name = cursor.name()
    if name.schema is not None:
        cursor.index -= 1
        raise cursor.unexpected()
    if cursor.word() in ("FROM", "AS"):
        raise unsupported(f"CREATE DATABASE ... {cursor.word()}")
    options = take_options(
        cursor,
        "COMMENT",
        "DATA_RETENTION_TIME_IN_DAYS",
        "MAX_DATA_EXTENSION_TIME_IN_DAYS",
        refused="CREATE DATABASE",
    )
    return CreateDatabase(
        name=name.name,
        transient=head.durability is Durability.TRANSIENT,
        retention_days=options.get("DATA_RETENTION_TIME_IN_DAYS"),
        extension_days=options.get("MAX_DATA_EXTENSION_TIME_IN_DAYS"),
        comment=options.get("COMMENT", ""),
        **head.flags,
    )


def schema(cursor: Cursor, head: Head) -> Create:
    """CREATE [TRANSIENT] SCHEMA [db.]name [DATA_RETENTION_TIME_IN_DAYS = n] [COMMENT = 'text']."""
    name = cursor.name()
    if name.database is not None:
        cursor.index -= 1
        raise cursor.unexpected()
    if cursor.at("WITH"):
        raise unsupported(f"CREATE SCHEMA ... {cursor.word()} {cursor.word(1)}")
    options = take_options(
        cursor, "COMMENT", "DATA_RETENTION_TIME_IN_DAYS", "MAX_DATA_EXTENSION_TIME_IN_DAYS", refused="CREATE SCHEMA"
    )
    return CreateSchema(
        name=name,
        transient=head.durability is Durability.TRANSIENT,
        retention_days=options.get("DATA_RETENTION_TIME_IN_DAYS"),
        extension_days=options.get("MAX_DATA_EXTENSION_TIME_IN_DAYS"),
        comment=options.get("COMMENT", ""),
        **head.flags,
    )


def sequence(cursor: Cursor, head: Head) -> Create:
    """CREATE SEQUENCE name [START [=] n] [INCREMENT [BY] [=] n] [ORDER | NOORDER] [COMMENT = 'text']."""
    head.permanent()
    name, start, increment, comment, ordered = cursor.name(), 1, 1, "", False
    while not cursor.done:
        if cursor.take("WITH"):
            continue
        if order := cursor.take_one_of("ORDER", "NOORDER"):
            ordered = order == "ORDER"
        elif cursor.take("START"):
            cursor.take("WITH")
            cursor.take("=")
            start = cursor.integer()
        elif cursor.take("INCREMENT"):
            cursor.take("BY")
            cursor.take("=")
            increment = cursor.integer()
        elif cursor.take("COMMENT", "="):
            comment = cursor.string()
        else:
            raise cursor.unexpected()
    return CreateSequence(name=name, start=start, increment=increment, ordered=ordered, comment=comment, **head.flags)


def warehouse(cursor: Cursor, head: Head) -> Create:
    """CREATE WAREHOUSE name [WITH] properties."""
    head.permanent()
    name: Name = cursor.name()
    cursor.take("WITH")
    options = cursor.options()
    comment = str(options.pop("COMMENT", ""))
    return CreateWarehouse(name=name.name, options=options, comment=comment, **head.flags)
