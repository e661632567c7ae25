"""VARIANTs compared with each other and with values of other types, and in order.

Source: docs.snowflake.com/en/sql-reference/data-types-semistructured
"""

from __future__ import annotations

from collections.abc import Sequence

from sqlglot import exp

from snowmelt.base.datatypes import SEMI_STRUCTURED, DataType, Kind
from snowmelt.sql.rewrite.context import Resolver, engine_call
from snowmelt.sql.typing import type_of

_EQUALITIES = (exp.EQ, exp.NEQ, exp.NullSafeEQ, exp.NullSafeNEQ, exp.EqualNull)
_COMPARISONS = (*_EQUALITIES, exp.GT, exp.GTE, exp.LT, exp.LTE)


def coerce_variants(tree: exp.Expr, resolver: Resolver) -> exp.Expr:
    """A VARIANT is converted to the type that it is compared with; beside others its value counts."""
    for node in list(tree.find_all(*_COMPARISONS, exp.In, exp.Between, exp.Ordered)):
        if isinstance(node, _COMPARISONS):
            _compare(node, [node.this, node.expression])
        elif isinstance(node, exp.In):
            _compare(node, [node.this, *node.expressions])
        elif isinstance(node, exp.Between):
            _compare(node, [node.this, node.args["low"], node.args["high"]])
        elif isinstance(node, exp.Ordered) and is_variant(node.this) and _may_order(node):
            node.this.replace(engine_call("snowmelt_order", node.this.copy()))
    return tree


def is_variant(node: exp.Expr) -> bool:
    found = type_of(node)
    return found is not None and found.kind is Kind.VARIANT


# --- order ------------------------------------------------------------------------------------------------


def _may_order(node: exp.Ordered) -> bool:
    if isinstance(node.this, exp.Literal):
        return False
    around = node.find_ancestor(exp.Query, exp.Window)
    if isinstance(around, exp.Select):
        # What DISTINCT leaves can only be ordered by itself, and groups by what they are made of.
        group = around.args.get("group")
        by_name = group is None or (isinstance(node.this, exp.Column) and not group.args.get("all"))
        return not around.args.get("distinct") and by_name
    return isinstance(around, exp.Window)


# --- comparisons -----------------------------------------------------------------------------------------------------


def _compare(node: exp.Expr, operands: Sequence[exp.Expr]) -> None:
    others = [found for item in operands if (found := type_of(item)) is not None and found.kind not in SEMI_STRUCTURED]
    if not others:
        if len(operands) > 1 and all(is_variant(item) for item in operands):
            _by_value(node, operands)
        return
    for operand in operands:
        if is_variant(operand):
            _cast(operand, _comparable(others[0]))


def _by_value(node: exp.Expr, operands: Sequence[exp.Expr]) -> None:
    name = "snowmelt_key" if isinstance(node, (*_EQUALITIES, exp.In)) else "snowmelt_compared"
    for operand in operands:
        operand.replace(engine_call(name, operand.copy()))


def _comparable(other: DataType) -> str:
    # Numbers of a VARIANT may have a fraction where the other side has none.
    return "NUMBER(38, 9)" if other.kind is Kind.FIXED else other.sql if other.kind is not Kind.TEXT else "VARCHAR"


def _cast(operand: exp.Expr, kind: str) -> None:
    operand.replace(exp.Cast(this=operand.copy(), to=exp.DataType.build(kind, dialect="snowflake")))
