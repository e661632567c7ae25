"""What the engine would take, or say in words of its own, and Snowflake refuses.

Source: docs.snowflake.com/en/sql-reference/constructs/group-by, .../functions/grouping, .../functions/coalesce
"""

from __future__ import annotations

from collections.abc import Callable
from typing import cast

from sqlglot import exp

from snowmelt.base.errors import SqlError
from snowmelt.sql.rewrite.context import Resolver

_HEAD = "SQL compilation error:\n"


def checks(tree: exp.Expr, resolver: Resolver) -> exp.Expr:
    """Refuse these, while the tree still has the text's names.

    Raises:
        SqlError: 000979 for aggregates in GROUP BY, 001003 for ROLLUP and CUBE of nothing and for aliases within an
            expression, 000938 for COALESCE of one value, 002307 for GROUPING without GROUP BY.
    """
    for node in tree.find_all(*_CHECKS):
        check = _CHECKS.get(type(node))  # None for a kind of node that is a special one of these
        if check is not None:
            check(node)
    return tree


def _group(group: exp.Expr) -> None:
    for item in group.expressions:
        if isinstance(item, (exp.Rollup, exp.Cube)) and not item.expressions:
            raise SqlError(f"{_HEAD}syntax error: {item.key.upper()} of nothing, unexpected ')'.", 1003, "42000")
        found = item.find(exp.AggFunc)
        if found is not None and not isinstance(found.parent, exp.Window):
            raise SqlError(f"{_HEAD}[{item.sql('snowflake')}] is not a valid group by expression", 979, "42601")


def _grouping(node: exp.Expr) -> None:
    select = node.find_ancestor(exp.Select)
    if select is not None and select.args.get("group") is None:
        raise SqlError(f"{_HEAD}GROUPING function without a GROUP BY", 2307, "42601")


def _coalesce(node: exp.Expr) -> None:
    if not node.expressions:
        call = node.sql("snowflake")
        raise SqlError(f"{_HEAD}not enough arguments for function [{call}] expected 2, got 1", 938, "22023")


def _single(node: exp.Expr) -> None:
    """What takes one value; the engine's own would give so many greatest values."""
    if node.expressions:
        given = [item.sql("snowflake") for item in (node.this, *node.expressions)]
        call = f"{node.key.upper()}({', '.join(given)})"
        raise SqlError(f"{_HEAD}too many arguments for function [{call}] expected 1, got {len(given)}", 939, "22023")


def _alias(node: exp.Expr) -> None:
    """An alias names a projection, and no part of an expression."""
    if isinstance(node.parent, (exp.Paren, exp.Func, exp.Binary)):
        raise SqlError(f"{_HEAD}syntax error unexpected 'AS'.", 1003, "42000")


_CHECKS = cast(
    "dict[type[exp.Expr], Callable[[exp.Expr], None]]",
    {
        exp.Group: _group,
        exp.Grouping: _grouping,
        exp.GroupingId: _grouping,
        exp.Coalesce: _coalesce,
        **dict.fromkeys((exp.Max, exp.Min), _single),
        exp.Alias: _alias,
    },
)
