"""Aggregate functions, also as windows, that the engine has in another shape.

Source: docs.snowflake.com/en/sql-reference/functions-aggregation and functions-analytic
"""

from __future__ import annotations

from collections.abc import Callable

from sqlglot import exp

from snowmelt.base.datatypes import ARRAY, FLOAT, OBJECT, VARCHAR, DataType, Kind
from snowmelt.base.errors import unsupported
from snowmelt.sql.rewrite.context import engine_call, raw
from snowmelt.sql.rewrite.scalar_calls import Maker, cast, hashed, refused_names, refused_nodes
from snowmelt.sql.rewrite.variants import is_whole, marked_items
from snowmelt.sql.typing import numbers, type_of
from snowmelt.sql.typing.annotate import STAR

Around = Callable[[exp.Expr, exp.Expr], exp.Expr | None]
"""What stands for an aggregate with its window, filter and order, from the aggregate and that whole; None leaves it."""


def whole(node: exp.Expr) -> exp.Expr:
    """The aggregate with its FILTER, WITHIN GROUP and OVER."""
    while (
        isinstance(node.parent, (exp.Filter, exp.Window, exp.WithinGroup, exp.IgnoreNulls)) and node.parent.this is node
    ):
        node = node.parent
    return node


def _with(node: exp.Expr, target: exp.Expr, inner: exp.Expr) -> exp.Expr:
    """A copy of `target` in which `inner` stands in the place of the aggregate `node`."""
    if target is node:
        return inner
    depth, place = 0, node
    while place is not target:
        depth, place = depth + 1, place.parent or target
    copy = target.copy()
    found = copy
    for _ in range(depth):
        found = found.this
    found.replace(inner)
    return copy


def _array_agg(node: exp.Expr, target: exp.Expr) -> exp.Expr:
    copy = target.copy()
    for extract in [
        item for item in copy.find_all(exp.JSONExtract) if isinstance(item.parent, (exp.ArrayAgg, exp.Distinct))
    ]:
        # Written without parentheses it would take the filter of nulls for a part of its path.
        extract.replace(exp.paren(extract.copy()))
    return engine_call("snowmelt_array_agg", _elements(node, copy), data_type=ARRAY)


def _extreme(name: str) -> Maker:
    """MAX and MIN of a VARIANT go by value."""

    def make(node: exp.Expr) -> exp.Expr:
        if _kind(node.this) is not Kind.VARIANT:
            return node.copy()
        return engine_call(name, node.this.copy(), engine_call("snowmelt_order", node.this.copy()))

    return make


def _elements(node: exp.Expr, values: exp.Expr) -> exp.Expr:
    """A list of what the aggregate `node` collects, as the elements of an ARRAY."""
    collected = node.this.expressions[0] if isinstance(node.this, exp.Distinct) else node.this
    collected = collected.this if isinstance(collected, exp.Order) else collected
    return marked_items(values, type_of(collected))


def _union(node: exp.Expr, target: exp.Expr) -> exp.Expr:
    lists = _with(node, target, engine_call("list", node.this.copy()))
    return engine_call("snowmelt_array_union", lists, data_type=ARRAY)


def _top_k(node: exp.Expr, target: exp.Expr) -> exp.Expr:
    value = node.this.copy()
    if is_whole(type_of(value)):
        value = engine_call("snowmelt_wide", value)
    counts = _with(node, target, engine_call("histogram", value))
    return engine_call("snowmelt_top_k", counts, node.expression.copy(), data_type=ARRAY)


def _several_best(node: exp.Expr, target: exp.Expr) -> exp.Expr | None:
    """MAX_BY and MIN_BY with a number of rows give an ARRAY."""
    if node.args.get("count") is None:
        return None
    name = "max_by" if isinstance(node, exp.ArgMax) else "min_by"
    arguments = (node.this.copy(), node.expression.copy(), node.args["count"].copy())
    values = _with(node, target, engine_call(name, *arguments))
    return engine_call("to_json", _elements(node, values), data_type=ARRAY)


def _hash_agg(node: exp.Expr, target: exp.Expr) -> exp.Expr:
    """A sum of hashes does not depend on the order of rows."""
    distinct = isinstance(node.this, exp.Distinct)
    values = list(node.this.expressions) if distinct else [node.this, *node.expressions]
    each: exp.Expr = engine_call("snowmelt_wide", hashed(values))
    total = engine_call("sum", exp.Distinct(expressions=[each]) if distinct else each)
    return engine_call("snowmelt_hash_aggregate", _with(node, target, total))


def _exact(node: exp.Expr, target: exp.Expr) -> exp.Expr | None:
    """VARIANCE of exact numbers is an exact number."""
    found = type_of(node)
    return cast(target.copy(), found) if found is not None and found.kind is Kind.FIXED else None


def _root(squares: type[exp.AggFunc]) -> Around:
    """STDDEV of exact numbers is the root of their variance, which has six digits more than they."""

    def make(node: exp.Expr, target: exp.Expr) -> exp.Expr | None:
        found = type_of(node.this)
        if found is None or found.kind is not Kind.FIXED:
            return None
        variance = _with(node, target, squares(this=node.this.copy()))
        return engine_call("sqrt", cast(variance, numbers.average(found)), data_type=FLOAT)

    return make


def _listagg(node: exp.Expr, target: exp.Expr) -> exp.Expr | None:
    """LISTAGG of nothing is an empty text. LISTAGG(DISTINCT x) goes in the order of x, which need not be text."""
    ordered = node.this.this if isinstance(node.this, exp.Order) else node.this
    if not isinstance(ordered, exp.Distinct) or _kind(ordered.expressions[0]) in (Kind.TEXT, None):
        return exp.Coalesce(this=target.copy(), expressions=[exp.Literal.string("")])
    separator = node.args.get("separator") or exp.Literal.string("")
    items = _with(node, target, engine_call("list", node.this.copy()))
    return engine_call("snowmelt_joined", items, separator.copy(), data_type=VARCHAR)


def _kind(node: exp.Expr) -> Kind | None:
    found = type_of(node)
    return None if found is None else found.kind


def _quantiles(node: exp.Expr, target: exp.Expr) -> exp.Expr:
    """APPROX_PERCENTILE_ACCUMULATE: all values where they are few, or a thousand quantiles that stand for them."""
    value = engine_call("snowmelt_double", node.this.copy())
    smallest = _with(node, target, engine_call("min", value.copy(), raw("1001")))
    points = _with(node, target, engine_call("quantile_cont", value, raw("[i / 1000.0 FOR i IN range(1001)]")))
    count = _with(node, target, exp.Count(this=node.this.copy()))
    return engine_call("snowmelt_digest_of", smallest, points, count, data_type=OBJECT)


def _combined(node: exp.Expr, target: exp.Expr) -> exp.Expr:
    states = _with(node, target, engine_call("list", node.this.copy()))
    return engine_call("snowmelt_digest_from", states, data_type=OBJECT)


AROUND: dict[type[exp.Expr], Around] = {
    exp.ArrayAgg: _array_agg,
    exp.ArrayUniqueAgg: _array_agg,
    exp.ArrayUnionAgg: _union,
    exp.ApproxTopK: _top_k,
    exp.ArgMax: _several_best,
    exp.ArgMin: _several_best,
    exp.HashAgg: _hash_agg,
    exp.ApproxPercentileAccumulate: _quantiles,
    exp.ApproxPercentileCombine: _combined,
    exp.Variance: _exact,
    exp.VariancePop: _exact,
    exp.Kurtosis: _exact,
    exp.Stddev: _root(exp.Variance),
    exp.StddevPop: _root(exp.VariancePop),
    exp.GroupConcat: _listagg,
}
"""Aggregates whose result is made of what the engine's aggregate gives."""


def _bits(name: str) -> Maker:
    return lambda node: engine_call(name, engine_call("snowmelt_bigint", node.this.copy()))


def _approximate_count(node: exp.Expr) -> exp.Expr:
    if isinstance(node.this, exp.Star):
        raise unsupported("HLL(*)")
    values = [item.copy() for item in (node.this, *node.expressions)]
    return exp.ApproxDistinct(this=values[0] if len(values) == 1 else engine_call("row", *values))


def _quantile(node: exp.Expr) -> exp.Expr:
    copy = node.copy()
    found = type_of(node.this)
    if found is not None and found.kind is Kind.FIXED:
        copy.set("this", cast(copy.this.copy(), FLOAT))
    return copy


def _count(node: exp.Expr) -> exp.Expr:
    """COUNT of several values, or of all of a table, counts the rows in which none is null."""
    distinct = isinstance(node.this, exp.Distinct)
    values = node.this.expressions if distinct else [node.this, *node.expressions]
    if len(values) == 1 and isinstance(values[0], exp.Column) and values[0].is_star:
        values = _columns_of(values[0])
    elif len(values) == 1:
        return node.copy()
    known = exp.and_(*(exp.Not(this=exp.Is(this=value.copy(), expression=exp.Null())) for value in values))
    shown = engine_call("row", *(value.copy() for value in values)) if distinct else exp.Literal.number(1)
    counted: exp.Expr = exp.Case(ifs=[exp.If(this=known, true=shown)])
    return exp.Count(this=exp.Distinct(expressions=[counted]) if distinct else counted)


def _columns_of(star: exp.Column) -> list[exp.Expr]:
    visible: list[tuple[str, str, DataType | None]] | None = star.meta.get(STAR)
    if visible is None:
        raise unsupported("COUNT of all columns of what is not known before it runs")
    table = star.args["table"]
    return [exp.column(exp.to_identifier(name, quoted=True), table=table.copy()) for _, name, _ in visible]


def _count_if(node: exp.Expr) -> exp.Expr:
    """A count, for of no rows the engine's own function gives null."""
    return exp.Count(this=exp.Case(ifs=[exp.If(this=node.this.copy(), true=exp.Literal.number(1))]))


def _true_events(node: exp.Expr) -> exp.Expr:
    """How often the condition has been true up to the row: a count over the rows before, ties apart."""
    window = node.parent
    if not isinstance(window, exp.Window) or window.args.get("order") is None or len(node.expressions) != 1:
        raise unsupported("CONDITIONAL_TRUE_EVENT without OVER (... ORDER BY ...)")
    window.set(
        "spec",
        exp.WindowSpec(kind="ROWS", start="UNBOUNDED", start_side="PRECEDING", end="CURRENT ROW"),
    )
    return exp.CountIf(this=node.expressions[0].copy())


_REFUSED = (
    *("APPROX_TOP_K_ACCUMULATE", "APPROX_TOP_K_COMBINE", "APPROX_TOP_K_ESTIMATE"),
    *("HLL_ACCUMULATE", "HLL_COMBINE", "HLL_ESTIMATE", "HLL_EXPORT", "HLL_IMPORT"),
    *("BITMAP_COUNT", "BITMAP_OR_AGG", "BITMAP_AND_AGG", "CONDITIONAL_CHANGE_EVENT"),
    *("INTERPOLATE_LINEAR", "INTERPOLATE_FFILL", "INTERPOLATE_BFILL"),
)
"""Functions of Snowflake's that are not supported."""

BY_NODE: dict[type[exp.Expr], Maker] = {
    exp.BitwiseAndAgg: _bits("bit_and"),
    exp.BitwiseOrAgg: _bits("bit_or"),
    exp.BitwiseXorAgg: _bits("bit_xor"),
    exp.Count: _count,
    exp.CountIf: _count_if,
    exp.Hll: _approximate_count,
    exp.Max: _extreme("max_by"),
    exp.Min: _extreme("min_by"),
    exp.ApproxPercentileEstimate: lambda node: engine_call(
        "snowmelt_quantile_of", node.this.copy(), node.args["percentile"].copy()
    ),
    exp.ApproxQuantile: _quantile,
    **refused_nodes(_REFUSED),
}
"""Functions that sqlglot has nodes for."""

BY_NAME: dict[str, Maker] = {
    "CONDITIONAL_TRUE_EVENT": _true_events,
    **refused_names(_REFUSED),
}
"""Functions that sqlglot leaves anonymous."""
