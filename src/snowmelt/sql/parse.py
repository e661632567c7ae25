"""Snowflake text to statements: the entry points, and the list of all statement kinds.

A statement's first word chooses its parser in `STATEMENTS`; CREATE goes on by the object's kind in `CREATORS`, ALTER in
`ALTERERS`. To add a statement, write a parser of a `Cursor` and name it in one of the three. What is in none of them
is refused: by name when Snowflake has it, as a syntax error otherwise. Nothing is passed on unparsed.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial

from sqlglot import exp
from sqlglot.tokenizer_core import Token, TokenType

from snowmelt.base.datatypes import DataType
from snowmelt.base.errors import SqlError, unsupported
from snowmelt.catalog.names import Name
from snowmelt.sql import (
    parse_alter,
    parse_alter_table,
    parse_create,
    parse_model,
    parse_objects,
    parse_routine,
    parse_session,
    parse_show,
    parse_split,
    parse_stage,
    parse_table,
    parse_task,
    parse_view,
)
from snowmelt.sql import parse_block as parse_block_module
from snowmelt.sql import parse_query as parse_query_module
from snowmelt.sql.blocks import Block
from snowmelt.sql.cursor import NOTHING, Cursor, Outside
from snowmelt.sql.dialect import parse_expression_tree, tokenize, unexpected
from snowmelt.sql.limits import too_deep
from snowmelt.sql.statements import Statement


def parse(text: str, outside: Outside = NOTHING) -> list[Statement]:
    """The statements of `text`, each with its own source text.

    `outside` gives the binds and session variables that stand for names, as in ``CREATE STAGE IDENTIFIER(?)``; binds
    inside of queries stay placeholders in the tree.

    Raises:
        SqlError: 001003 for what is no Snowflake statement, 000002 for what Snowmelt does not support, 002049 for a
            bind that stands for a name and is not set.
    """
    return [_parse(text, tokens, outside) for tokens in parse_split.statements(tokenize(text))]


def parse_one(text: str, outside: Outside = NOTHING) -> Statement:
    """The only statement of `text`.

    Raises:
        SqlError: as `parse`; 000900 when there is none, 000006 when there are several.
    """
    found = list(parse_split.statements(tokenize(text)))
    if not found:
        raise SqlError("SQL compilation error:\nEmpty SQL statement.", 900, "42601")
    if len(found) > 1:
        raise SqlError(f"Actual statement count {len(found)} did not match the desired statement count 1.", 8, "0A000")
    return _parse(text, found[0], outside)


def split(text: str) -> list[str]:
    """The source texts of the statements of `text`; they are not parsed.

    Raises:
        SqlError: 001003 for quotes or comments that do not end.
    """
    return [_source(text, tokens) for tokens in parse_split.statements(tokenize(text))]


def parse_block(text: str) -> Block:
    """The block that a text holds, such as a procedure's body.

    Raises:
        SqlError: 001003 when it holds none, 000002 for what Snowmelt does not support.
    """
    try:
        return parse_block_module.parse_block(Cursor(text, tokenize(text)), _statement)
    except RecursionError as error:
        raise too_deep() from error


def parse_embedded(text: str, outside: Outside) -> Statement:
    """A statement of a block, when the binds that stand for names in it are known.

    Raises:
        SqlError: as `parse`.
    """
    return parse_block_module.embedded(text, tokenize(text), _statement, outside)


def parse_query(text: str) -> exp.Query:
    """The tree of a single query.

    Raises:
        SqlError: 001003 when `text` is none.
    """
    return parse_query_module.query(Cursor(text, _single(text))).tree


def parse_expression(text: str) -> exp.Expression:
    """The tree of a single expression.

    Raises:
        SqlError: 001003 when `text` is none.
    """
    return parse_expression_tree(text, _single(text))


def parse_routine_name(text: str) -> tuple[Name, tuple[DataType, ...] | None]:
    """A procedure's or function's name and the argument types behind it, None when there are no parentheses.

    Raises:
        SqlError: 001003 for anything else.
    """
    cursor = Cursor(text, _single(text))
    name = cursor.name()
    types = parse_routine.signature(cursor) if cursor.at("(") else None
    cursor.end()
    return name, types


def _single(text: str) -> list[Token]:
    found = list(parse_split.statements(tokenize(text)))
    if len(found) > 1:
        raise unexpected(text, found[1][0])
    return found[0] if found else []


def _source(text: str, tokens: list[Token]) -> str:
    return text[tokens[0].start : tokens[-1].end + 1]


def _parse(text: str, tokens: list[Token], outside: Outside) -> Statement:
    if any(token.token_type is TokenType.DARROW for token in tokens):
        raise unsupported("the pipe operator ->>")
    try:
        return replace(_statement(Cursor(text, tokens, outside)), text=_source(text, tokens))
    except RecursionError as error:
        raise too_deep() from error


def _statement(cursor: Cursor) -> Statement:
    """The statement that reaches from the cursor to its end."""
    word = cursor.word()
    parser = STATEMENTS.get(word)
    if parser is None:
        if word in _REFUSED:
            raise unsupported(_REFUSED[word])
        raise cursor.unexpected()
    statement = parser(cursor)
    cursor.end()
    return statement


def _with(cursor: Cursor) -> Statement:
    return parse_routine.anonymous(cursor) if parse_routine.is_anonymous(cursor) else parse_query_module.query(cursor)


def _begin(cursor: Cursor) -> Statement:
    """A block, or the begin of a transaction."""
    if parse_block_module.starts_block(cursor):
        return parse_block_module.block_statement(_statement, cursor)
    return parse_session.begin(cursor)


def _execute(cursor: Cursor) -> Statement:
    if cursor.at("EXECUTE", "IMMEDIATE"):
        return parse_block_module.execute_immediate(cursor)
    return parse_task.execute(cursor)


CREATORS: dict[str, parse_create.Creator] = {
    "DATABASE": parse_create.database,
    "SCHEMA": parse_create.schema,
    "SEQUENCE": parse_create.sequence,
    "WAREHOUSE": parse_create.warehouse,
    "TABLE": parse_table.table,
    "EVENT TABLE": parse_table.table,
    "VIEW": parse_view.view,
    "STAGE": parse_stage.stage,
    "FILE FORMAT": parse_stage.create_file_format,
    "STREAM": parse_task.stream,
    "TASK": partial(parse_task.task, _statement),
    "PROCEDURE": parse_routine.routine,
    "FUNCTION": parse_routine.routine,
    "MODEL": parse_model.model,
}

ALTERERS: dict[str, Callable[[Cursor], Statement]] = {
    "TABLE": parse_alter_table.alter_table,
    "TASK": partial(parse_task.alter_task, _statement),
    "MODEL": parse_model.alter_model,
    "SESSION": parse_session.alter_session,
    "ACCOUNT": parse_session.alter_account,
    "USER": parse_session.alter_user,
    **parse_alter.OBJECT_ALTERERS,
}

STATEMENTS: dict[str, Callable[[Cursor], Statement]] = {
    "SELECT": parse_query_module.query,
    "VALUES": parse_query_module.query,
    "(": parse_query_module.query,
    "WITH": _with,
    "INSERT": parse_query_module.insert,
    "UPDATE": parse_query_module.update,
    "DELETE": parse_query_module.delete,
    "MERGE": parse_query_module.merge,
    "TRUNCATE": parse_query_module.truncate,
    "CREATE": lambda cursor: parse_create.create(cursor, CREATORS),
    "ALTER": partial(parse_objects.alter, ALTERERS),
    "DROP": parse_objects.drop,
    "UNDROP": parse_objects.undrop,
    "COMMENT": parse_objects.comment,
    "EXECUTE": _execute,
    "CALL": parse_routine.call,
    "PUT": parse_stage.put,
    "GET": parse_stage.get,
    "LIST": parse_stage.list_files,
    "LS": parse_stage.list_files,
    "REMOVE": parse_stage.remove_files,
    "RM": parse_stage.remove_files,
    "COPY": parse_stage.copy,
    "USE": parse_session.use,
    "SET": parse_session.set_variable,
    "UNSET": parse_session.unset_variable,
    "BEGIN": _begin,
    "DECLARE": lambda cursor: parse_block_module.block_statement(_statement, cursor),
    "START": parse_session.begin,
    "COMMIT": partial(parse_session.finish, "COMMIT"),
    "ROLLBACK": partial(parse_session.finish, "ROLLBACK"),
    "SHOW": parse_show.show,
    "DESCRIBE": parse_show.describe,
    "DESC": parse_show.describe,
    "EXPLAIN": partial(parse_session.explain, _statement),
}

_REFUSED = {
    "GRANT": "GRANT",
    "REVOKE": "REVOKE",
    **dict.fromkeys(("LET", "RETURN", "IF", "FOR", "WHILE", "LOOP", "REPEAT", "CASE"), "Snowflake Scripting"),
}
