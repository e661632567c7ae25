"""Calls of Snowflake's functions become those of the engine's macros, by one table for each family."""

from __future__ import annotations

from collections.abc import Callable

from sqlglot import exp

from snowmelt.sql.rewrite import aggregate_calls, scalar_calls, variants
from snowmelt.sql.rewrite.context import TYPE, Resolver
from snowmelt.sql.typing import type_of

Maker = Callable[[exp.Expr], exp.Expr]

_BY_NODE: dict[type[exp.Expr], Maker] = {**variants.BY_NODE, **scalar_calls.BY_NODE, **aggregate_calls.BY_NODE}
_BY_NAME: dict[str, Maker] = {**variants.BY_NAME, **scalar_calls.BY_NAME, **aggregate_calls.BY_NAME}


def calls(tree: exp.Expr, resolver: Resolver) -> exp.Expr:
    """Rewrite the calls that the tables know, innermost first.

    Raises:
        SqlError: 000002 for functions of Snowflake's that are not supported.
    """
    for node in list(tree.find_all(*_BY_NODE, *aggregate_calls.AROUND, exp.Anonymous, bfs=False))[::-1]:
        around = aggregate_calls.AROUND.get(type(node))
        if around is None:
            make = _BY_NAME.get(str(node.this).upper()) if isinstance(node, exp.Anonymous) else _BY_NODE[type(node)]
            if make is None:
                continue
            target, made = node, make(node)
        else:
            target = aggregate_calls.whole(node)
            found = around(node, target)
            if found is None:
                continue
            made = found
        found_type = type_of(target)
        if found_type is not None:
            made.meta[TYPE] = found_type
        target.replace(made)
    return tree
