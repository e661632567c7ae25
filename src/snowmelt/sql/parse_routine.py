"""CREATE PROCEDURE and FUNCTION, CALL, and the anonymous procedure WITH p AS PROCEDURE ... CALL p().

Source: docs.snowflake.com/en/sql-reference/sql/create-procedure, .../create-function, .../call-with
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from sqlglot import exp

from snowmelt.base.datatypes import VARCHAR, DataType
from snowmelt.base.errors import unsupported
from snowmelt.catalog.names import Name
from snowmelt.catalog.objects import Argument, Durability
from snowmelt.sql.cursor import Cursor
from snowmelt.sql.parse_create import Head
from snowmelt.sql.statements import Call, Create, CreateRoutine, Statement

_REFUSED = (
    *("ARTIFACT_REPOSITORY", "EXTERNAL_ACCESS_INTEGRATIONS", "SECRETS", "RESOURCE_CONSTRAINT"),
    *("TARGET_PATH", "WITH", "API_INTEGRATION", "HEADERS"),
    *("CONTEXT_HEADERS", "MAX_BATCH_ROWS", "COMPRESSION", "REQUEST_TRANSLATOR"),
    *("RESPONSE_TRANSLATOR"),
)

_LANGUAGES = ("PYTHON", "SQL", "JAVASCRIPT", "JAVA", "SCALA")


def routine(cursor: Cursor, head: Head) -> Create:
    """CREATE PROCEDURE | FUNCTION name (arguments) RETURNS type LANGUAGE ... AS body."""
    head.not_transient()
    name = cursor.name()
    return _routine(cursor, replace(_EMPTY, kind=head.kind, name=name, durability=head.durability, **head.flags))


_EMPTY = CreateRoutine(kind="", name=Name(""), arguments=(), returns=VARCHAR, language="SQL")


def _routine(cursor: Cursor, made: CreateRoutine) -> CreateRoutine:
    """What stands after the name, up to the body or, in the anonymous form, to CALL."""
    made = replace(made, arguments=tuple(_argument(cursor) for _ in cursor.items()))
    cursor.take("COPY", "GRANTS")
    made = _returns(cursor, made)
    while not cursor.done and not cursor.at("AS") and not cursor.at("CALL") and not cursor.at(","):
        made = _property(cursor, made)
    if cursor.take("AS"):
        # A body in quotes, or the rest of the text: BEGIN ... END, or an expression.
        made = replace(made, body=cursor.string() if cursor.at_string() else cursor.rest())
    elif made.language != "PYTHON":
        raise cursor.unexpected()
    if made.language == "PYTHON" and made.handler is None:
        raise cursor.unexpected()
    return made


def _argument(cursor: Cursor) -> Argument:
    if cursor.word() in ("IN", "OUT", "INOUT") and cursor.word(2) not in (",", ")", "(", "DEFAULT"):
        mode = cursor.take_one_of("IN", "OUT", "INOUT")
        if mode != "IN":
            raise unsupported(f"{mode} argument")
    name, data_type = cursor.identifier(), cursor.data_type()
    default = cursor.expression_text(",") if cursor.take("DEFAULT") else None
    return Argument(name, data_type, default)


def _returns(cursor: Cursor, made: CreateRoutine) -> CreateRoutine:
    cursor.expect("RETURNS")
    if cursor.take("TABLE"):
        columns = tuple((cursor.identifier(), cursor.data_type()) for _ in cursor.items())
        return replace(made, returns_table=columns)
    made = replace(made, returns=cursor.data_type())
    if cursor.take("NOT", "NULL"):
        return replace(made, returns_not_null=True)
    cursor.take("NULL")
    return made


def _property(cursor: Cursor, made: CreateRoutine) -> CreateRoutine:
    """`made` with the property that comes next."""
    if cursor.word() in _REFUSED:
        raise unsupported(f"{cursor.word()} of a {made.kind.lower()}")
    if cursor.take("LANGUAGE"):
        language = cursor.take_one_of(*_LANGUAGES)
        if language is None:
            raise cursor.unexpected()
        return replace(made, language=language)
    if cursor.take("STRICT") or cursor.take("RETURNS", "NULL", "ON", "NULL", "INPUT"):
        return replace(made, strict=True)
    if cursor.take("CALLED", "ON", "NULL", "INPUT"):
        return replace(made, strict=False)
    if cursor.take_one_of("VOLATILE", "IMMUTABLE", "MEMOIZABLE"):
        # Permissions to the optimizer to call less often, never used here.
        return made
    if cursor.take("NOT", "NULL"):
        return replace(made, returns_not_null=True)
    if cursor.take("EXECUTE", "AS"):
        if cursor.at("RESTRICTED"):
            raise unsupported("EXECUTE AS RESTRICTED CALLER")
        rights = cursor.take_one_of("CALLER", "OWNER")
        if rights is None:
            raise cursor.unexpected()
        return replace(made, caller_rights=rights == "CALLER")
    return _assigned(cursor, made)


def _assigned(cursor: Cursor, made: CreateRoutine) -> CreateRoutine:
    """`made` with the ``KEY = value`` property that comes next."""
    if cursor.word(1) != "=":
        raise cursor.unexpected()
    key = cursor.identifier()
    cursor.expect("=")
    if key == "RUNTIME_VERSION":
        # As text: the number 3.10 would become 3.1.
        return replace(made, runtime_version=cursor.step().text)
    value = cursor.value()
    match key:
        case "HANDLER":
            return replace(made, handler=str(value))
        case "PACKAGES":
            return replace(made, packages=_texts(cursor, value))
        case "IMPORTS":
            return replace(made, imports=_texts(cursor, value))
        case "COMMENT":
            return replace(made, comment=str(value))
    raise unsupported(f"{key} of a {made.kind.lower()}")


def _texts(cursor: Cursor, value: Any) -> tuple[str, ...]:
    if not isinstance(value, list) or not all(isinstance(each, str) for each in value):
        cursor.index -= 1
        raise cursor.unexpected()
    return tuple(value)


def is_anonymous(cursor: Cursor) -> bool:
    """Does ``WITH p AS PROCEDURE`` come next?"""
    return cursor.at("WITH") and cursor.word(2) == "AS" and cursor.word(3) == "PROCEDURE"


def anonymous(cursor: Cursor) -> Statement:
    """WITH name AS PROCEDURE (arguments) RETURNS ... AS $$...$$ CALL name(values)."""
    cursor.expect("WITH")
    name = Name(cursor.identifier())
    cursor.expect("AS", "PROCEDURE")
    made = replace(_EMPTY, kind="PROCEDURE", name=name, durability=Durability.TEMPORARY)
    procedure = _routine(cursor, made)
    if cursor.at(","):
        raise unsupported("WITH ... AS PROCEDURE with further queries")
    called = call(cursor)
    if called.name != name:
        raise unsupported("CALL of another procedure than the anonymous one")
    return replace(called, procedure=replace(procedure, caller_rights=True))


def call(cursor: Cursor) -> Call:
    """CALL name([argument =>] value, ...)."""
    cursor.expect("CALL")
    name = cursor.name()
    names: list[str | None] = []
    arguments: list[exp.Expression] = []
    for _ in cursor.items():
        named = cursor.word(1) == "=>"
        names.append(cursor.identifier() if named else None)
        if named:
            cursor.expect("=>")
        arguments.append(cursor.expression(","))
    if cursor.at("INTO"):
        raise unsupported("CALL ... INTO")
    return Call(name=name, arguments=tuple(arguments), names=tuple(names))


def signature(cursor: Cursor) -> tuple[DataType, ...]:
    """The parenthesised argument types that follow a routine's name in DROP, DESCRIBE and COMMENT."""
    types: list[DataType] = []
    for _ in cursor.items():
        if cursor.word(1) not in (",", ")", "(", "PRECISION", "VARYING"):
            cursor.identifier()  # DESCRIBE PROCEDURE p(name VARCHAR)
        types.append(cursor.data_type())
    return tuple(types)
