"""Bind variables and session variables become literals."""

from __future__ import annotations

from sqlglot import exp

from snowmelt.sql.rewrite.context import Resolver


def bind(tree: exp.Expr, resolver: Resolver) -> exp.Expr:
    """Replace ``?``, ``:1``, ``:name`` by the bound literals and ``$name`` by the session variable's value.

    ``$1`` stays: it is a column by position.
    """
    position = 0
    for node in list(tree.find_all(exp.Placeholder, exp.Parameter, bfs=False)):
        if isinstance(node, exp.Placeholder):
            key = node.args.get("this")
            if key is None or key == "?":
                position += 1
                key = str(position)
            node.replace(resolver.binding(str(key)))
        else:
            name = node.this.name
            if not name.isdigit():
                node.replace(resolver.variable(name.upper()))
    return tree
