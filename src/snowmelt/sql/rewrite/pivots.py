"""PIVOT whose columns are found by looking, and what stands for nulls in them.

Source: docs.snowflake.com/en/sql-reference/constructs/pivot
"""

from __future__ import annotations

import re

from sqlglot import exp

from snowmelt.base.datatypes import Kind
from snowmelt.base.errors import unsupported
from snowmelt.sql.held_types import plain_type
from snowmelt.sql.rewrite.context import Resolver, raw

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
                if len(fields) == 1:
                    _name_casts(pivot, field)
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


def _name_casts(pivot: exp.Pivot, field: exp.In) -> None:
    """Columns of values that are casts, ``1::INT``, are called by them as Snowflake writes them."""
    names = list(pivot.args.get("columns") or ())
    if len(names) != len(field.expressions):
        return
    for place, value in enumerate(field.expressions):
        if isinstance(value, exp.Cast):
            name = exp.to_identifier(_cast_name(value), quoted=True)
            if value.to.this is exp.DType.DATE:
                value.set("to", raw("DATE"))  # the engine's own cast: it wants constants
            value.replace(exp.PivotAlias(this=value.copy(), alias=name))
            names[place] = name.copy()
    pivot.set("columns", names)


def _cast_name(cast: exp.Cast) -> str:
    inner, target = cast.this.sql("snowflake"), plain_type(cast.to)
    if isinstance(cast.this, exp.Null) or target.kind is Kind.TEXT:
        return str(inner)
    return f"TO_DATE({inner})" if target.kind is Kind.DATE else f"CAST({inner} AS {target.sql})"


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
