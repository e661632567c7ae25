"""Aliases of a SELECT list, used further on in the SELECT, become the expressions that they name.

The engine knows such aliases, but not in ON, and not when the expression may raise an error, as casts of text do.

Source: docs.snowflake.com/en/sql-reference/sql/select#parameters
"""

from __future__ import annotations

from sqlglot import exp

from snowmelt.sql.rewrite.context import TYPE, Resolver
from snowmelt.sql.typing.annotate import ALIASED

_MOST = 2_000
"""Nodes of an expression; larger ones are left to the engine, since aliases of aliases multiply."""

_OWN_VALUE = (exp.Query, exp.Rand, exp.Randn, exp.Uuid, exp.Anonymous)
"""What may give something else each time."""


def aliases(tree: exp.Expr, resolver: Resolver) -> exp.Expr:
    """Put expressions in the place of their aliases, where no column has the name."""
    if any(column.meta.get(ALIASED) for column in tree.find_all(exp.Column)):
        for select in tree.find_all(exp.Select):
            _expand(select)
    return tree


def _expand(select: exp.Select) -> None:
    named: dict[str, exp.Expr] = {}
    for projection in list(select.expressions):
        if isinstance(projection, exp.Column) and projection.meta.get(ALIASED) and projection.name in named:
            value = exp.paren(named[projection.name].copy(), copy=False)
            projection.replace(exp.alias_(value, projection.name, quoted=True, copy=False))
            continue
        _replace(projection, select, named)
        if isinstance(projection, exp.Alias) and _repeatable(projection.this):
            named[projection.alias] = projection.this
    conditions = [select.args.get(key) for key in ("where", "having", "qualify")]
    for part in (*conditions, *(join.args.get("on") for join in select.args.get("joins") or ())):
        if part is not None:
            _replace(part, select, named)


def _repeatable(value: exp.Expr) -> bool:
    return value.find(*_OWN_VALUE) is None and sum(1 for _ in value.walk()) <= _MOST


def _replace(part: exp.Expr, select: exp.Select, named: dict[str, exp.Expr]) -> None:
    for column in list(part.find_all(exp.Column)):
        value = named.get(column.name) if column.meta.get(ALIASED) else None
        if value is not None and column.find_ancestor(exp.Select) is select:
            made = exp.paren(value.copy(), copy=False)
            if TYPE in value.meta:
                made.meta[TYPE] = value.meta[TYPE]
            column.replace(made)
