"""Parentheses around what stands in FROM: the engine knows them only around queries and joins.

Source: docs.snowflake.com/en/sql-reference/constructs/from
"""

from __future__ import annotations

from sqlglot import exp

from snowmelt.sql.rewrite.context import Resolver

_RELATIONS = (exp.Table, exp.TableFromRows, exp.Subquery, exp.Values, exp.Lateral)
_CLAUSES = ("pivots", "laterals", "sample")


def parentheses(tree: exp.Expr, resolver: Resolver) -> exp.Expr:
    """``FROM (t)`` becomes ``FROM t``, and ``FROM (a JOIN b) JOIN c`` becomes ``FROM a JOIN b JOIN c``."""
    for around in reversed(list(tree.find_all(exp.Subquery))):
        inner = around.this
        if not isinstance(inner, _RELATIONS) or not isinstance(around.parent, (exp.From, exp.Join, exp.Subquery)):
            continue
        if inner.args.get("joins"):
            _hoist(around, inner)
        else:
            _unwrap(around, inner)
    return tree


def _unwrap(around: exp.Subquery, inner: exp.Expr) -> None:
    """Put the only thing in the parentheses in their place; an alias behind them is the one that counts."""
    alias = around.args.get("alias")
    if any(around.args.get(key) and inner.args.get(key) for key in _CLAUSES) or (
        alias is not None and (inner.args.get("alias") is not None or inner.args.get("pivots"))
    ):
        around.set("this", exp.select("*").from_(inner.copy()))
        return
    for key in ("alias", "joins", *_CLAUSES):
        if around.args.get(key):
            inner.set(key, around.args[key])
    around.replace(inner)


def _hoist(around: exp.Subquery, inner: exp.Expr) -> None:
    """A join in parentheses that begins the FROM of a SELECT needs none."""
    joins = inner.args["joins"]
    for join in joins:
        if not (join.args.get("on") or join.args.get("using") or join.kind or join.side or join.method):
            # A comma.
            join.set("kind", "CROSS")
    from_ = around.parent
    select = from_.parent if isinstance(from_, exp.From) else None
    if not isinstance(select, exp.Select) or any(around.args.get(key) for key in ("alias", *_CLAUSES)):
        return
    inner.set("joins", None)
    select.set("joins", [*joins, *(around.args.get("joins") or ()), *(select.args.get("joins") or ())])
    around.replace(inner)
