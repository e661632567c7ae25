"""VARIANTs in GROUP BY, DISTINCT and PARTITION BY: equal values are one, whatever their types are.

Source: docs.snowflake.com/en/sql-reference/data-types-semistructured
"""

from __future__ import annotations

from collections.abc import Iterable

from sqlglot import exp

from snowmelt.base.datatypes import VARIANT
from snowmelt.sql.rewrite.context import TYPE, Resolver, engine_call
from snowmelt.sql.rewrite.variant_comparisons import is_variant


def variant_groups(tree: exp.Expr, resolver: Resolver) -> exp.Expr:
    """The text that equal values share stands for them."""
    for node in list(tree.find_all(exp.Select, exp.Count, exp.Window)):
        if isinstance(node, exp.Select):
            _group(node)
            _distinct(node)
        elif isinstance(node, exp.Window):
            _keyed(node.args.get("partition_by") or ())
        elif isinstance(node.this, exp.Distinct):
            _keyed(node.this.expressions)
    return tree


def _keyed(items: Iterable[exp.Expr]) -> None:
    for item in list(items):
        if is_variant(item):
            item.replace(engine_call("snowmelt_key", item.copy()))


def _group(select: exp.Select) -> None:
    """Groups are of equal values, of which any one is shown."""
    group = select.args.get("group")
    for item in list(group.expressions) if group is not None else ():
        grouped = _named(select, item)
        if not is_variant(grouped):
            continue
        same = grouped.copy()
        item.replace(engine_call("snowmelt_key", same.copy()))
        for place in [found for found in select.find_all(type(same)) if found == same]:
            if place.find_ancestor(exp.Select) is select and place.find_ancestor(*_WITHIN) is None:
                shown = exp.AnyValue(this=place.copy())
                shown.meta[TYPE] = VARIANT
                place.replace(shown)


_WITHIN = (exp.Group, exp.AggFunc, exp.Where, exp.From, exp.Join)
"""Where a query's expressions are of its rows and not of its groups."""


def _named(select: exp.Select, item: exp.Expr) -> exp.Expr:
    """What GROUP BY 1, or a name that the select list gives, means."""
    if isinstance(item, exp.Literal) and not item.is_string and 1 <= int(item.name) <= len(select.expressions):
        found: exp.Expr = select.expressions[int(item.name) - 1].unalias()
        return found
    if isinstance(item, exp.Column) and not item.table:
        aliased = (each for each in select.expressions if isinstance(each, exp.Alias) and each.alias == item.name)
        return next((each.this for each in aliased), item)
    return item


def _distinct(select: exp.Select) -> None:
    """SELECT DISTINCT keeps one of equal values."""
    distinct, shown = select.args.get("distinct"), [item.unalias() for item in select.expressions]
    if distinct is None or distinct.args.get("on") is not None or not any(is_variant(item) for item in shown):
        return
    if any(item.is_star for item in shown):
        return
    keys = [engine_call("snowmelt_key", item.copy()) if is_variant(item) else item.copy() for item in shown]
    distinct.set("on", exp.Tuple(expressions=keys))
