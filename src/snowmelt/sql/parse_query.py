"""Queries and DML: sqlglot makes the trees, this module wraps them."""

from __future__ import annotations

from typing import cast

from sqlglot import exp
from sqlglot.tokenizer_core import TokenType

from snowmelt.base.errors import SqlError
from snowmelt.catalog.names import Name
from snowmelt.sql.cursor import Cursor
from snowmelt.sql.statements import Delete, Insert, Into, Merge, MultiInsert, Query, Statement, Truncate, Update


def query(cursor: Cursor) -> Query:
    """SELECT, VALUES, WITH, a parenthesised query, set operations."""
    if cursor.at("WITH"):
        return Query(tree=_query_with_models(cursor))
    if cursor.at("VALUES"):
        return Query(tree=_values(cursor))
    return Query(tree=cursor.query())


def insert(cursor: Cursor) -> Statement:
    """INSERT [OVERWRITE] INTO target [(columns)] query."""
    if cursor.word(1) in ("ALL", "FIRST") or (cursor.word(1) == "OVERWRITE" and cursor.word(2) in ("ALL", "FIRST")):
        return _multi_insert(cursor)
    tree = cursor.tree()
    if not isinstance(tree, exp.Insert) or not isinstance(tree.expression, (exp.Query, exp.Values)):
        raise cursor.unexpected()
    target, columns = cast(exp.Expression, tree.this), tuple[str, ...]()
    if isinstance(target, exp.Schema):
        columns = tuple(folded(column) for column in target.expressions)
        target = cast(exp.Expression, target.this)
    if not isinstance(target, exp.Table):
        raise cursor.unexpected()
    source = cast(exp.Expression, tree.expression)
    return Insert(target=target, columns=columns, source=source, overwrite=bool(tree.args.get("overwrite")))


def _multi_insert(cursor: Cursor) -> Statement:
    """INSERT [OVERWRITE] ALL | FIRST ...: which INTO clauses belong to which WHEN."""
    overwrite = cursor.word(1) == "OVERWRITE"
    tree = cursor.tree()
    if not isinstance(tree, exp.MultitableInserts) or not isinstance(tree.args.get("source"), exp.Query):
        raise cursor.unexpected()
    first = str(tree.args["kind"]).upper() == "FIRST"
    conditions: list[exp.Expression] = []
    targets: list[Into] = []
    for clause in tree.expressions:
        if clause.args.get("else_"):
            when: int | None = -1
        elif clause.expression is not None:
            conditions.append(clause.expression)
            when = len(conditions) - 1
        else:
            when = targets[-1].when if targets else None
        targets.append(_into(clause.this, when))
    if (conditions and targets[0].when is None) or (first and not conditions):
        raise SqlError("SQL compilation error:\nsyntax error: INSERT FIRST needs WHEN before INTO.", 1003, "42000")
    return MultiInsert(
        first=first,
        overwrite=overwrite,
        conditions=tuple(conditions),
        targets=tuple(targets),
        source=cast(exp.Query, tree.args["source"]),
    )


def _into(clause: exp.Expression, when: int | None) -> Into:
    target, columns = cast(exp.Expression, clause.this), tuple[str, ...]()
    if isinstance(target, exp.Schema):
        columns = tuple(folded(column) for column in target.expressions)
        target = cast(exp.Expression, target.this)
    values = clause.args.get("expression")
    found = None if values is None else tuple(values.expressions[0].expressions)
    return Into(target=target, columns=columns, values=found, when=when)


def update(cursor: Cursor) -> Statement:
    """UPDATE target SET ... [FROM ...] [WHERE ...]."""
    tree = cursor.tree()
    if not isinstance(tree, exp.Update) or not tree.expressions:
        raise cursor.unexpected()
    return Update(tree=tree)


def delete(cursor: Cursor) -> Statement:
    """DELETE FROM target [USING ...] [WHERE ...]."""
    if cursor.word(1) != "FROM":
        cursor.index += 1
        raise cursor.unexpected()
    tree = cursor.tree()
    if not isinstance(tree, exp.Delete):
        raise cursor.unexpected()
    return Delete(tree=tree)


def merge(cursor: Cursor) -> Statement:
    """MERGE INTO target USING source ON ... WHEN ...."""
    tree = cursor.tree()
    if not isinstance(tree, exp.Merge):
        raise cursor.unexpected()
    return Merge(tree=tree)


def truncate(cursor: Cursor) -> Statement:
    """TRUNCATE [TABLE] [IF EXISTS] name."""
    cursor.expect("TRUNCATE")
    cursor.take("TABLE")
    if_exists = cursor.take("IF", "EXISTS")
    return Truncate(target=cursor.name(), if_exists=if_exists)


def folded(identifier: exp.Expression) -> str:
    """The stored form of an identifier in a tree."""
    return str(identifier.name) if identifier.args.get("quoted") else str(identifier.name).upper()


def _values(cursor: Cursor) -> exp.Query:
    """VALUES as a statement of its own, which sqlglot does not count among the queries."""
    tree = cursor.tree()
    if isinstance(tree, exp.Query):
        return tree
    if not isinstance(tree, exp.Values):
        raise cursor.unexpected()
    return exp.Select(expressions=[exp.Star()], from_=exp.From(this=tree))


def _query_with_models(cursor: Cursor) -> exp.Query:
    """A query whose WITH list may name versions of models: ``WITH a AS MODEL m [VERSION v]``.

    The tree has them resolved: ``a!PREDICT(x)`` becomes ``MODEL(m, v)!PREDICT(x)``.
    """
    models: dict[str, exp.Anonymous] = {}
    tokens = cursor.tokens
    index = cursor.index + 1
    while (
        index + 3 < len(tokens)
        and tokens[index + 1].token_type == TokenType.ALIAS
        and tokens[index + 2].text.upper() == "MODEL"
        and tokens[index + 3].token_type != TokenType.L_PAREN
    ):
        inner = Cursor(cursor.text, tokens, cursor.outside)
        inner.index = index
        alias = inner.identifier()
        inner.expect("AS", "MODEL")
        models[alias] = _model(inner.name(), inner.identifier() if inner.take("VERSION") else None)
        index = inner.index
        if not inner.take(","):
            break
        index = inner.index
    if models:
        # What is left of the WITH list keeps its WITH.
        keep = tokens[index - 1].token_type == TokenType.COMMA
        cursor.tokens = [*tokens[: cursor.index], *([tokens[cursor.index]] if keep else []), *tokens[index:]]
    tree = cursor.query()
    for node in list(tree.find_all(exp.ModelAttribute)) if models else []:
        if isinstance(node.this, exp.Identifier) and folded(node.this) in models:
            node.set("this", models[folded(node.this)].copy())
    return tree


def _model(name: Name, version: str | None) -> exp.Anonymous:
    parts = [exp.to_identifier(part, quoted=True) for part in (name.database, name.schema, name.name) if part]
    arguments: list[exp.Expression] = [cast(exp.Expression, exp.Dot.build(parts) if len(parts) > 1 else parts[0])]
    if version is not None:
        arguments.append(exp.to_identifier(version, quoted=True))
    return exp.Anonymous(this="MODEL", expressions=arguments)
