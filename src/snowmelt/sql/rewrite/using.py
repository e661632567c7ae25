"""Joins with USING: ``SELECT *`` shows the columns named there once, and first.

Source: docs.snowflake.com/en/sql-reference/constructs/join, .../asof-join
"""

from __future__ import annotations

from collections.abc import Sequence

from sqlglot import exp

from snowmelt.sql.rewrite.context import Resolver

_HIDDEN = "~using"
"""Ends the name of a column of the right side of an ASOF JOIN, which a star does not show."""


def using(tree: exp.Expr, resolver: Resolver) -> exp.Expr:
    """Put the columns of USING in their place, and bring them into a form that the engine has for ASOF joins."""
    for select in tree.find_all(exp.Select):
        joins = select.args.get("joins") or ()
        if not any(join.args.get("using") for join in joins):
            continue
        if all(join.args.get("using") for join in joins):
            _columns_first(select, joins)
        for join in joins:
            if join.args.get("using") and join.args.get("match_condition") is not None:
                _asof(select, join)
    return tree


def _columns_first(select: exp.Select, joins: Sequence[exp.Join]) -> None:
    named: dict[str, exp.Expr] = {}
    for join in joins:
        here = {item.name: item for item in join.args["using"]}
        named = here | {name: item for name, item in named.items() if name not in here}
    projections: list[exp.Expr] = []
    for projection in select.expressions:
        if isinstance(projection, exp.Star) and not any(projection.args.get(key) for key in _STAR_CLAUSES):
            left_out = projection.args.get("except_") or []
            without = {item.name for item in left_out}
            shown = [item for name, item in named.items() if name not in without]
            projections += [exp.column(item.copy()) for item in shown]
            projection.set("except_", [*left_out, *(item.copy() for item in shown)])
        projections.append(projection)
    select.set("expressions", projections)


_STAR_CLAUSES = ("replace", "rename", "ilike")


def _asof(select: exp.Select, join: exp.Join) -> None:
    """The engine would take the last column of USING for the one that is to be nearest; so they go to ON, and those
    of the right side to names of their own.
    """
    right, named = join.this, join.args["using"]
    alias = right.alias_or_name
    hidden = {item.name: exp.to_identifier(item.name + _HIDDEN, quoted=True) for item in named}
    for column in list(select.find_all(exp.Column)):
        if column.table == alias and column.name in hidden and column.find_ancestor(exp.Select) is select:
            renamed: exp.Expr = exp.column(hidden[column.name].copy(), table=column.args["table"].copy())
            if column.arg_key == "expressions" and column.parent is select:
                renamed = exp.alias_(renamed, column.name, quoted=True)
            column.replace(renamed)
    star = exp.Star(except_=[item.copy() for item in named])
    inner = exp.Select(expressions=[star, *(exp.alias_(exp.column(i.copy()), hidden[i.name].copy()) for i in named)])
    source = right.copy()
    join.set("this", exp.Subquery(this=inner.from_(source), alias=exp.TableAlias(this=exp.to_identifier(alias, True))))
    on: list[exp.Expr] = []
    for item in named:
        column = exp.column(hidden[item.name].copy(), table=exp.to_identifier(alias, quoted=True))
        on.append(exp.EQ(this=exp.column(item.copy()), expression=column))
    join.set("on", exp.and_(*on))
    join.set("using", None)
    for projection in select.expressions:
        if isinstance(projection, exp.Star):
            projection.set("except_", [*(projection.args.get("except_") or []), *(i.copy() for i in hidden.values())])
