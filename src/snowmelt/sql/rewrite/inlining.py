"""Functions in SQL: their calls become their bodies, before anything else is resolved."""

from __future__ import annotations

from sqlglot import exp

from snowmelt.sql.rewrite.context import Resolver


def inline_functions(tree: exp.Expr, resolver: Resolver) -> exp.Expr:
    """Replace each call of a function in SQL by its body, innermost first."""
    if not resolver.inlines():
        return tree
    for call in list(tree.find_all(exp.Anonymous, bfs=False))[::-1]:
        if isinstance(call.parent, exp.TableFromRows):
            continue
        target: exp.Expr = call
        while isinstance(target.parent, exp.Dot) and target.parent.expression is target:
            target = target.parent
        if isinstance(target.parent, exp.TableFromRows):
            continue
        body = resolver.inlined(called_name(call, target), call.expressions)
        if body is not None:
            target.replace(body)
    return tree


def called_name(call: exp.Anonymous, target: exp.Expr) -> str:
    """The name of a function as it is written; `target` is the call with the parts before its dots."""
    name = call.this if isinstance(call.this, str) else call.this.sql(dialect="snowflake")
    if isinstance(target, exp.Dot):
        return f"{target.this.sql(dialect='snowflake')}.{name}"
    return name
