"""Numbers by which a statement finds the rows that it changes are compared in the type of the table's column.

The engine would widen the column where the other side is wider. Then it could not be told beforehand which of the
column's values the other side has, and all rows of the table would be looked up.
"""

from __future__ import annotations

from collections.abc import Iterator

from sqlglot import exp

from snowmelt.base.datatypes import Kind
from snowmelt.sql.rewrite.context import TYPE, Resolver, is_target
from snowmelt.sql.typing import type_of


def target_keys(tree: exp.Expr, resolver: Resolver) -> exp.Expr:
    """Narrow what a target's column has to equal: a number that is too large for the column becomes null, and equals
    none of its values as before.
    """
    for target in [node for node in tree.find_all(exp.Subquery) if is_target(node)]:
        select = target.find_ancestor(exp.Select)
        if select is None:
            continue
        conditions = [join.args.get("on") for join in select.args.get("joins") or ()]
        where = select.args.get("where")
        for equality in _equalities([*conditions, where and where.this]):
            for column, other in ((equality.this, equality.expression), (equality.expression, equality.this)):
                if isinstance(column, exp.Column) and column.table == target.alias:
                    _narrow(other, column)
    return tree


def _equalities(conditions: list[exp.Expr | None]) -> Iterator[exp.EQ]:
    """The equalities without which a condition is not true; only in these is null as good as false."""
    for condition in conditions:
        if isinstance(condition, exp.Paren):
            yield from _equalities([condition.this])
        elif isinstance(condition, exp.And):
            yield from _equalities([condition.this, condition.expression])
        elif isinstance(condition, exp.EQ):
            yield condition


def _narrow(other: exp.Expr, column: exp.Column) -> None:
    to, found = type_of(column), type_of(other)
    if to is None or found is None or not (to.kind is found.kind is Kind.FIXED) or to.scale != found.scale:
        return
    if (to.precision or 0) < (found.precision or 0) and other.find(exp.Column) is not None:
        made = exp.TryCast(this=other.copy(), to=exp.DataType.build(to.duckdb, dialect="duckdb"))
        made.meta[TYPE] = to
        other.replace(made)
