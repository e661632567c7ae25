"""Structured types as they are written: ``ARRAY(T)``, ``MAP(K, V)`` and ``OBJECT(k T, ...)``, each with NOT NULL.

sqlglot knows NOT NULL only behind a key of OBJECT. So what an ARRAY or MAP holds and must not be null is put into an
OBJECT with one key before parsing, by which it is known afterwards.

Source: docs.snowflake.com/en/sql-reference/data-types-structured
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cache

from sqlglot import exp
from sqlglot.tokenizer_core import Token, TokenType

from snowmelt.base.datatypes import DataType, Kind, parse_type
from snowmelt.base.errors import SqlError, unsupported

STRUCTURED = frozenset({"ARRAY", "OBJECT", "MAP"})
"""The names of types that are structured when they say what they are made of."""

_HOLDS = re.compile(r"\b(?:array|map)\s*\(|\bobject\s*\(\s*\)")

_REQUIRED = "snowmelt:required"
"""The key of the OBJECT that stands for its value with NOT NULL."""

_NODES = frozenset({exp.DType.ARRAY, exp.DType.OBJECT, exp.DType.MAP})


def may_hold(text: str) -> bool:
    """Whether `marked` may find something to do in a text; a few words are sought first, which is quick."""
    lowered = text.lower()
    return ("array" in lowered or "map" in lowered or "object" in lowered) and _HOLDS.search(lowered) is not None


def marked(tokens: Sequence[Token]) -> list[Token]:
    """`tokens` with what must not be null in ``ARRAY(T NOT NULL)`` and ``MAP(K, V NOT NULL)`` in an OBJECT.

    Raises:
        SqlError: 000002 for ``OBJECT()``, which sqlglot would take for the semi-structured type.
    """
    made: list[Token] = []
    open_: list[int | None] = []  # where the type that is being read begins, for parentheses around types
    for token in tokens:
        if token.token_type == TokenType.R_PAREN and open_:
            first = open_.pop()
            ends = [item.token_type for item in made[-2:]]
            if ends == [TokenType.OBJECT, TokenType.L_PAREN]:
                raise unsupported("structured OBJECT without keys")
            if first is not None and ends == [TokenType.NOT, TokenType.NULL]:
                where = (token.line, token.col, token.start, token.end)
                made[first:first] = [
                    Token(TokenType.OBJECT, "OBJECT", *where),
                    Token(TokenType.L_PAREN, "(", *where),
                    Token(TokenType.IDENTIFIER, _REQUIRED, *where),
                ]
                made.append(Token(TokenType.R_PAREN, ")", *where))
        made.append(token)
        if token.token_type == TokenType.L_PAREN:
            before = made[-2] if len(made) > 1 else None
            of_types = before is not None and before.token_type in (TokenType.ARRAY, TokenType.MAP)
            open_.append(len(made) if of_types else None)
        elif token.token_type == TokenType.COMMA and open_ and open_[-1] is not None:
            open_[-1] = len(made)
    return made


def is_structured(node: exp.Expr | None) -> bool:
    """Whether a parsed type is a structured one."""
    return isinstance(node, exp.DataType) and node.this in _NODES and bool(node.expressions)


def parsed_type(node: exp.DataType) -> DataType:
    """The type that a parsed one names, structured or not.

    Raises:
        SqlError: 000002 for a type that is not supported, or not as a part of a structured one; 001003 for a key that
            comes twice.
    """
    if not is_structured(node):
        return plain_type(node)
    held = [_held(item, node) for item in node.expressions]
    parts = tuple(part for _, part, _ in held)
    not_null = tuple(i for i, (_, _, nullable) in enumerate(held) if not nullable)
    if node.this is exp.DType.ARRAY and len(parts) == 1:
        return DataType(Kind.ARRAY, parts=parts, not_null=not_null)
    if node.this is exp.DType.MAP and len(parts) == 2 and _may_be_key(parts[0]):
        return DataType(Kind.OBJECT, parts=parts, not_null=not_null, is_map=True)
    names = tuple(name for name, _, _ in held if name is not None)
    if node.this is exp.DType.OBJECT and len(names) == len(parts):
        if len(set(names)) < len(names):
            raise SqlError("SQL compilation error:\nduplicate key in the definition of an OBJECT", 1003, "42000")
        return DataType(Kind.OBJECT, parts=parts, names=names, not_null=not_null)
    raise unsupported(f"data type {_shown(node)}")


def plain_type(node: exp.DataType) -> DataType:
    """The type that a parsed one names, which is no structured one.

    Raises:
        SqlError: 000002 for a type that is not supported.
    """
    if node.expressions or node.this is exp.DType.USERDEFINED:
        return parse_type(node.sql(dialect="snowflake"))
    return _without_parameters(node.this)


@cache
def _without_parameters(name: exp.DType) -> DataType:
    return parse_type(exp.DataType(this=name).sql(dialect="snowflake"))


def _may_be_key(data_type: DataType) -> bool:
    return data_type.kind is Kind.TEXT or (data_type.kind is Kind.FIXED and not data_type.scale)


_REFUSED = frozenset({Kind.VECTOR, Kind.TIMESTAMP_TZ, Kind.TIMESTAMP_LTZ, Kind.BINARY})
"""What values of structured types may not be here."""


def _held(node: exp.Expr, holder: exp.DataType) -> tuple[str | None, DataType, bool]:
    """Key, type and whether null is allowed, of a part of a structured type."""
    if isinstance(node, exp.ColumnDef) and isinstance(node.args.get("kind"), exp.DataType):
        found = parsed_type(node.args["kind"])
        required = any(isinstance(each.args.get("kind"), exp.NotNullColumnConstraint) for each in node.constraints)
        name, nullable = node.name, not required
    elif isinstance(node, exp.DataType) and len(node.expressions) == 1 and node.expressions[0].name == _REQUIRED:
        found, name, nullable = parsed_type(node.expressions[0].args["kind"]), None, False
    elif isinstance(node, exp.DataType):
        found, name, nullable = parsed_type(node), None, True
    else:
        raise unsupported(f"data type {_shown(holder)}")
    if found.kind in _REFUSED:
        raise unsupported(f"{found.sql} in a structured type")
    return name, found, nullable


def _shown(node: exp.DataType) -> str:
    return node.sql(dialect="snowflake").replace(f'"{_REQUIRED}" ', "")


def type_tree(data_type: DataType) -> exp.DataType:
    """The parsed type that `parsed_type` makes `data_type` of."""
    if data_type.parts is None:
        return exp.DataType.build(data_type.sql, dialect="snowflake")
    held: list[exp.Expr] = []
    for i, part in enumerate(data_type.parts):
        tree: exp.Expr = type_tree(part)
        if data_type.names is not None:
            tree = _keyed(data_type.names[i], tree, i in data_type.not_null)
        elif i in data_type.not_null:
            tree = exp.DataType(this=exp.DType.OBJECT, expressions=[_keyed(_REQUIRED, tree, True)], nested=True)
        held.append(tree)
    return exp.DataType(this=exp.DType[data_type.wire], expressions=held, nested=True)


def _keyed(name: str, tree: exp.Expr, required: bool) -> exp.ColumnDef:
    constraints = [exp.ColumnConstraint(kind=exp.NotNullColumnConstraint())] if required else []
    return exp.ColumnDef(this=exp.to_identifier(name, quoted=True), kind=tree, constraints=constraints)
