"""Tasks and streams.

Source: docs.snowflake.com/en/sql-reference/sql/create-task, .../alter-task, .../execute-task, .../create-stream
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from snowmelt.base.errors import unsupported
from snowmelt.catalog.names import fold
from snowmelt.sql.cursor import Cursor
from snowmelt.sql.parse_create import Head, take_options
from snowmelt.sql.past import parse_moment
from snowmelt.sql.statements import AlterTask, Create, CreateStream, CreateTask, ExecuteTask, Statement

Nested = Callable[[Cursor], Statement]
"""Parses the statement that the rest of a cursor holds."""

_REFUSED_OPTIONS = ("ERROR_INTEGRATION", "SUCCESS_INTEGRATION")


def task(nested: Nested, cursor: Cursor, head: Head) -> Create:
    """CREATE TASK name options [AFTER names] [WHEN condition] AS statement, whose syntax is checked."""
    head.permanent()
    made = CreateTask(name=cursor.name(), body="", or_alter=head.or_alter, **head.flags)
    while not cursor.take("AS"):
        made = _clause(cursor, made)
    if made.or_alter and (made.or_replace or made.if_not_exists):
        raise cursor.unexpected()
    first = cursor.index
    nested(cursor)
    return replace(made, body=cursor.source(first, len(cursor.tokens)))


def _clause(cursor: Cursor, made: CreateTask) -> CreateTask:
    """`made` with the clause or the options that come next."""
    if cursor.take("AFTER"):
        return replace(made, after=cursor.names())
    if cursor.take("COPY", "GRANTS"):
        return made
    if cursor.take("WHEN"):
        return replace(made, when=cursor.expression_text("AS"))
    if cursor.at("WITH") or cursor.at("TAG"):
        raise unsupported("CONTACT" if cursor.word(1) == "CONTACT" else "TAG")
    if cursor.at("EXECUTE", "AS"):
        raise unsupported("EXECUTE AS of a task")
    if cursor.take("FINALIZE", "="):
        return replace(made, finalize=cursor.name_or_string())
    options = _options(cursor)
    if not options:
        raise cursor.unexpected()
    schedule = options.pop("SCHEDULE", made.schedule)
    comment = str(options.pop("COMMENT", made.comment))
    return replace(made, schedule=schedule, comment=comment, options={**made.options, **options})


def _options(cursor: Cursor) -> dict[str, Any]:
    """``KEY = value`` pairs up to FINALIZE, whose value is a name."""
    found: dict[str, Any] = {}
    while cursor.word(1) == "=" and not cursor.at("FINALIZE"):
        key = cursor.identifier()
        cursor.expect("=")
        found[key] = cursor.value()
        if key in _REFUSED_OPTIONS:
            raise unsupported(f"{key} of a task")
        if cursor.word(2) == "=":
            cursor.take(",")
    if isinstance(found.get("WAREHOUSE"), str):
        found["WAREHOUSE"] = fold(found["WAREHOUSE"])
    return found


def alter_task(nested: Nested, cursor: Cursor) -> Statement:
    """ALTER TASK [IF EXISTS] name action."""
    if_exists = cursor.take("IF", "EXISTS")
    name = cursor.name()
    action, value = _action(nested, cursor)
    return AlterTask(name=name, action=action, value=value, if_exists=if_exists)


def _action(nested: Nested, cursor: Cursor) -> tuple[str, Any]:
    for word in ("RESUME", "SUSPEND"):
        if cursor.take(word):
            return word, None
    for words in (("ADD", "AFTER"), ("REMOVE", "AFTER")):
        if cursor.take(*words):
            return " ".join(words), cursor.names()
    if cursor.take("REMOVE", "WHEN"):
        return "REMOVE WHEN", None
    if cursor.take("MODIFY", "AS"):
        first = cursor.index
        nested(cursor)
        return "MODIFY AS", cursor.source(first, len(cursor.tokens))
    if cursor.take("MODIFY", "WHEN"):
        return "MODIFY WHEN", cursor.expression_text()
    if cursor.word() in ("SET", "UNSET") and cursor.word(1) in ("TAG", "CONTACT"):
        raise unsupported(f"ALTER TASK ... {cursor.word()} {cursor.word(1)}")
    if cursor.word() in ("SET", "UNSET") and cursor.word(1) == "EXECUTE":
        raise unsupported("EXECUTE AS of a task")
    if cursor.take("SET"):
        return "SET", _settings(cursor)
    cursor.expect("UNSET")
    return "UNSET", _unset(cursor)


def _unset(cursor: Cursor) -> tuple[str, ...]:
    """The names that UNSET lists, with or without commas between."""
    keys = [cursor.identifier()]
    while not cursor.done:
        cursor.take(",")
        keys.append(cursor.identifier())
    for key in keys:
        if key in _REFUSED_OPTIONS:
            raise unsupported(f"{key} of a task")
    return tuple(keys)


def _settings(cursor: Cursor) -> dict[str, Any]:
    """What SET sets; FINALIZE's value is a `Name`."""
    found: dict[str, Any] = {}
    while not cursor.done:
        if cursor.take("FINALIZE", "="):
            found["FINALIZE"] = cursor.name_or_string()
        elif options := _options(cursor):
            found |= options
        else:
            raise cursor.unexpected()
        cursor.take(",")
    if not found:
        raise cursor.unexpected()
    return found


def execute(cursor: Cursor) -> Statement:
    """EXECUTE TASK name [USING CONFIG = 'json' | RETRY LAST | RETRY GRAPH RUN GROUP 'id']; others are refused."""
    cursor.expect("EXECUTE")
    if not cursor.take("TASK"):
        raise unsupported(f"EXECUTE {cursor.word()}") if cursor.word() else cursor.unexpected()
    name = cursor.name()
    if cursor.take("RETRY", "LAST"):
        return ExecuteTask(name=name, retry_last=True)
    if cursor.take("RETRY"):
        cursor.expect("GRAPH", "RUN", "GROUP")
        return ExecuteTask(name=name, retry_group=cursor.string())
    config = None
    if cursor.take("USING"):
        cursor.expect("CONFIG", "=")
        config = cursor.string()
    if cursor.at("AWAIT"):
        raise unsupported("EXECUTE TASK ... AWAIT")
    return ExecuteTask(name=name, config=config)


# --- streams ---------------------------------------------------------------------------------------------------------


def stream(cursor: Cursor, head: Head) -> Create:
    """CREATE STREAM name [COPY GRANTS] ON TABLE | VIEW source [AT | BEFORE (...)] [APPEND_ONLY = b]
    [SHOW_INITIAL_ROWS = b] [COMMENT = 'text'].
    """
    head.permanent()
    name = cursor.name()
    if cursor.at("WITH", "TAG") or cursor.at("TAG"):
        raise unsupported("CREATE STREAM ... TAG")
    cursor.take("COPY", "GRANTS")
    cursor.expect("ON")
    kind = cursor.take_one_of("TABLE", "VIEW")
    if kind is None:
        raise unsupported(f"stream on {cursor.word()}") if cursor.word() else cursor.unexpected()
    source = cursor.name()
    at = parse_moment(cursor)
    options = take_options(cursor, "APPEND_ONLY", "SHOW_INITIAL_ROWS", "COMMENT", refused="CREATE STREAM")
    return CreateStream(
        name=name,
        source=source,
        source_kind=kind,
        append_only=options.get("APPEND_ONLY") is True,
        show_initial_rows=options.get("SHOW_INITIAL_ROWS") is True,
        at=at,
        comment=str(options.get("COMMENT", "")),
        **head.flags,
    )
