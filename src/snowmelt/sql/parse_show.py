"""SHOW and DESCRIBE. Source: docs.snowflake.com/en/sql-reference/sql/show, .../desc"""

from __future__ import annotations

from snowmelt.base.errors import unsupported
from snowmelt.catalog.names import Name
from snowmelt.sql.cursor import Cursor
from snowmelt.sql.parse_routine import signature
from snowmelt.sql.statements import Describe, Show, Statement

_SHOW_ENDS = ("HISTORY", "LIKE", "IN", "FOR", "STARTS", "LIMIT", "FROM", "ON", "TO", "OF", "ROOT", "WITH", "FOLD")

_SHOW_KINDS = frozenset(
    {
        *(
            "OBJECTS",
            "TABLES",
            "VIEWS",
            "SCHEMAS",
            "DATABASES",
            "COLUMNS",
            "STREAMS",
            "TASKS",
            "PROCEDURES",
            "FUNCTIONS",
        ),
        *("STAGES", "FILE FORMATS", "SEQUENCES", "MODELS", "VERSIONS", "WAREHOUSES", "PARAMETERS", "VARIABLES"),
        *("EVENT TABLES", "USER FUNCTIONS", "USER PROCEDURES", "BUILTIN FUNCTIONS", "REGIONS", "ROLES", "USERS"),
        "INTEGRATIONS",
        *("PRIMARY KEYS", "IMPORTED KEYS", "EXPORTED KEYS", "UNIQUE KEYS", "TRANSACTIONS", "LOCKS", "TERSE"),
        *("EXTERNAL FUNCTIONS", "MATERIALIZED VIEWS", "DYNAMIC TABLES", "EXTERNAL TABLES", "ICEBERG TABLES", "PIPES"),
    }
)
"""What Snowmelt may have an answer for; which of them it has is the session's business."""

_SCOPES = (
    *("ACCOUNT", "DATABASE", "SCHEMA", "TABLE", "VIEW", "MODEL", "SESSION", "WAREHOUSE", "USER", "TASK", "STREAM"),
    *("APPLICATION", "CLASS", "FAILOVER", "SHARE", "SERVICE", "DATASET"),
)

_UNNAMED_SCOPES = ("ACCOUNT", "SESSION")


def show(cursor: Cursor) -> Statement:
    """SHOW [TERSE] kind [HISTORY] [LIKE 'x'] [IN scope name] [STARTS WITH 'x'] [ROOT ONLY] [LIMIT n]."""
    cursor.expect("SHOW")
    terse = cursor.take("TERSE")
    kind = _show_kind(cursor)
    history = cursor.take("HISTORY")
    like = cursor.string() if cursor.take("LIKE") else None
    scope, scope_name, scope_version = _scope(cursor, kind)
    starts_with = cursor.string() if cursor.take("STARTS", "WITH") else None
    root_only = kind == "TASKS" and cursor.take("ROOT", "ONLY")
    limit = cursor.integer() if cursor.take("LIMIT") else None
    limit_from = cursor.string() if limit is not None and cursor.take("FROM") else None
    if not cursor.done and cursor.word() in ("FROM", "ROOT", "WITH", "LIKE"):
        raise unsupported(f"SHOW {kind} ... {cursor.word()}")
    return Show(
        kind=kind,
        like=like,
        scope=scope,
        scope_name=scope_name,
        scope_version=scope_version,
        starts_with=starts_with,
        limit=limit,
        limit_from=limit_from,
        terse=terse,
        history=history,
        root_only=root_only,
    )


def _show_kind(cursor: Cursor) -> str:
    first = cursor.index
    words: list[str] = []
    while cursor.word() and cursor.word() not in _SHOW_ENDS and len(words) < 4:
        words.append(cursor.step().text.upper())
    kind = " ".join(words)
    known = [count for count in range(1, len(words)) if " ".join(words[:count]) in _SHOW_KINDS]
    if kind not in _SHOW_KINDS and known:
        cursor.index = first + known[-1]
        raise cursor.unexpected()
    if kind not in _SHOW_KINDS:
        if words and words[0].isalpha():
            raise unsupported(f"SHOW {kind}")
        cursor.index = first
        raise cursor.unexpected()
    return kind


def _scope(cursor: Cursor, kind: str) -> tuple[str, Name | None, str | None]:
    """IN [scope] [name] [VERSION v]: the scope's kind ('' when there is none), name and version."""
    if not cursor.take_one_of("IN", "FOR"):
        return "", None, None
    scope = cursor.take_one_of(*_SCOPES)
    if scope in _UNNAMED_SCOPES:
        return scope, None, None
    if scope is None:
        name = cursor.name()
        return _implied_scope(kind, name), name, None
    if cursor.done or cursor.at("STARTS", "WITH") or cursor.at("LIMIT"):
        return scope, None, None  # IN SCHEMA: the session's
    name = cursor.name()
    return scope, name, cursor.identifier() if cursor.take("VERSION") else None


def _implied_scope(kind: str, name: Name) -> str:
    """What a bare name after IN means."""
    if kind.endswith("KEYS") or kind == "COLUMNS":
        return "TABLE"
    if kind == "VERSIONS":
        return "MODEL"
    return "DATABASE" if kind == "SCHEMAS" and name.schema is None else "SCHEMA"


_DESCRIBED = (
    *("TABLE", "VIEW", "SCHEMA", "DATABASE", "STREAM", "TASK", "PROCEDURE", "FUNCTION", "STAGE", "SEQUENCE", "MODEL"),
    *("WAREHOUSE", "RESULT", "USER"),
)


def describe(cursor: Cursor) -> Statement:
    """DESCRIBE | DESC kind name [(types)] [TYPE = COLUMNS]; DESCRIBE RESULT 'query id'; DESCRIBE TRANSACTION id."""
    cursor.step()
    if cursor.take("FILE", "FORMAT"):
        return Describe(kind="FILE FORMAT", name=cursor.name())
    if cursor.at("EVENT", "TABLE"):
        cursor.index += 1
    if cursor.take("TRANSACTION"):
        return Describe(kind="TRANSACTION", name=Name(str(cursor.integer())))
    kind = cursor.take_one_of(*_DESCRIBED)
    if kind is None:
        if cursor.word().isalpha() and not cursor.done:
            raise unsupported(f"DESCRIBE {cursor.word()}")
        raise cursor.unexpected()
    if kind == "RESULT":
        if cursor.at("LAST_QUERY_ID"):
            raise unsupported("DESCRIBE RESULT LAST_QUERY_ID()")
        return Describe(kind=kind, name=Name(cursor.string()))
    name = cursor.name()
    arguments = signature(cursor) if kind in ("PROCEDURE", "FUNCTION") else None
    if kind in ("TABLE", "VIEW") and cursor.take("TYPE", "="):
        cursor.expect("COLUMNS")
    return Describe(kind=kind, name=name, arguments=arguments)
