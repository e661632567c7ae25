"""PIVOT whose columns are found by looking, and what stands for nulls in them.

Source: docs.snowflake.com/en/sql-reference/constructs/pivot
"""

from __future__ import annotations

import re

from sqlglot import exp

from snowmelt.base.errors import unsupported
from snowmelt.sql.rewrite.context import Resolver

_VALUE = "SNOWMELT_VALUE"


def pivots(tree: exp.Expr, resolver: Resolver) -> exp.Expr:
    """``IN (ANY)`` and ``IN (SELECT ...)`` become the values that are there now; DEFAULT ON NULL is written out.

    Raises:
        SqlError: 000002 for several FOR columns with such values.
    """
    if not resolver.mentions("PIVOT"):
        return tree
    for pivot in list(tree.find_all(exp.Pivot)):
        fields = [field for field in pivot.args.get("fields") or () if isinstance(field, exp.In)]
        for field in fields:
            query = _wanted(pivot, field)
            if query is None:
                continue
            if len(fields) > 1:
                raise unsupported("PIVOT by several columns with ANY or a subquery")
            found = list({item.sql(): item for item in resolver.values(query)}.values())
            if not found:
                raise unsupported("PIVOT by a column without values")
            columns = [_value(value) for value in found]
            field.set("expressions", columns)
            pivot.set("columns", [column.args["alias"].copy() for column in columns])
        default = pivot.args.get("default_on_null")
        if isinstance(default, exp.Expr):
            pivot.set("default_on_null", None)
            _fill(pivot, default)
    return tree


def _wanted(pivot: exp.Pivot, field: exp.In) -> exp.Expr | None:
    """The query for the values that become columns; None where they are named."""
    value = field.args.get("query") or (field.expressions[0] if len(field.expressions) == 1 else None)
    if isinstance(value, exp.Subquery):
        value = value.this
    if isinstance(value, exp.Query):
        return _beside(pivot, value.copy())
    if not isinstance(value, exp.PivotAny):
        return None
    source = pivot.parent.copy() if pivot.parent is not None else None
    if source is None:
        return None
    source.set("pivots", None)
    select = exp.Select(expressions=[exp.alias_(field.this.copy(), _VALUE, quoted=True)]).from_(source)
    select = select.where(exp.Not(this=exp.Is(this=field.this.copy(), expression=exp.Null())))
    select.set("group", exp.Group(expressions=[field.this.copy()]))
    order = (
        value.this
        if isinstance(value.this, exp.Order)
        else exp.Order(expressions=[exp.Ordered(this=field.this.copy())])
    )
    select.set("order", order.copy())
    return _beside(pivot, select)


def _beside(pivot: exp.Pivot, query: exp.Expr) -> exp.Expr:
    """`query` with the common table expressions that the pivot's source may name."""
    outer = pivot.find_ancestor(exp.Select)
    while outer is not None:
        with_ = outer.args.get("with_")
        if with_ is not None and query.args.get("with_") is None:
            query.set("with_", with_.copy())
        outer = outer.find_ancestor(exp.Select)
    return query


def _value(value: exp.Expr) -> exp.PivotAlias:
    """A value under the name that Snowflake gives its column: the value as it is written, quotes included."""
    text = value.sql(dialect="snowflake")
    quoted = re.search("'.*'", text)
    name = text if quoted is None else quoted.group().replace("''", "'")
    return exp.PivotAlias(this=value, alias=exp.to_identifier(name, quoted=True))


def _fill(pivot: exp.Pivot, default: exp.Expr) -> None:
    """The pivot below a query that puts `default` in the place of nulls."""
    source = pivot.parent
    if source is None:
        return
    names = [name for name in pivot.args.get("columns") or () if isinstance(name, exp.Identifier)]
    alias = pivot.args.get("alias")
    pivot.set("alias", None)
    filled = [
        exp.alias_(exp.Coalesce(this=exp.column(name.copy()), expressions=[default.copy()]), name.copy())
        for name in names
    ]
    inner = exp.Select(expressions=[exp.Star(replace=filled)])
    outer = exp.Subquery(this=inner, alias=alias)
    source.replace(outer)
    inner.set("from_", exp.From(this=source))
