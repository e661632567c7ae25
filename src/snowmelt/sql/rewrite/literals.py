"""Bind variables and session variables become literals, or what stands for them."""

from __future__ import annotations

from collections.abc import Collection

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


def values_only(tree: exp.Expr, keys: Collection[str]) -> bool:
    """Whether a statement that changes rows takes each of the binds `keys` for a column's value as it is, and nothing
    else: it is then carried out in the same way whatever they hold.
    """
    found = list(tree.find_all(exp.Placeholder))
    return {str(node.this) for node in found} == set(keys) and all(map(_is_given, found))


def _is_given(node: exp.Expr) -> bool:
    """``SET a = ?`` or ``INSERT (a) VALUES (?)``."""
    if isinstance(node.parent, exp.EQ):
        return node.arg_key == "expression" and isinstance(node.parent.parent, exp.Update)
    return isinstance(node.parent, exp.Tuple) and isinstance(node.parent.parent, exp.Insert)
