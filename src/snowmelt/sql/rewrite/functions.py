"""Function calls: context and system functions, user-defined functions, and a wall before the engine's own.

Only functions that Snowflake has get through: those that sqlglot's Snowflake dialect knows, those listed here, and
those the session resolves. Anything else is refused as Snowflake does, even where the engine happens to have it.
"""

from __future__ import annotations

from collections.abc import Callable

from sqlglot import exp

from snowmelt.base.errors import unknown_function
from snowmelt.sql.rewrite.context import TYPE, Resolver, is_engine_call

SAME_IN_ENGINE = frozenset(
    {
        *("ABS", "CEIL", "PI", "CBRT", "FACTORIAL", "DEGREES", "RADIANS", "BIT_COUNT", "HASH"),
        *("SIN", "COS", "TAN", "COT", "ASIN", "ACOS", "ATAN", "ATAN2", "SINH", "COSH", "TANH"),
        *("REVERSE", "CHR", "UNICODE", "INITCAP", "NULLIF"),
        *("KURTOSIS", "SKEW", "MODE", "REGR_SLOPE", "REGR_INTERCEPT", "REGR_R2", "REGR_COUNT"),
        *("RANK", "DENSE_RANK", "PERCENT_RANK", "CUME_DIST", "NTILE", "ROW_NUMBER"),
        *("FIRST_VALUE", "LAST_VALUE", "NTH_VALUE", "LAG", "LEAD"),
    }
)
"""Functions that sqlglot leaves untyped and that mean the same in DuckDB."""

_ENGINE_ONLY = tuple(getattr(exp, name) for name in ("ReadCSV", "ReadParquet", "Columns") if hasattr(exp, name))


def returned_types(tree: exp.Expr, resolver: Resolver) -> exp.Expr:
    """Note what users' functions return, so that what is around a call is typed as around any other."""
    for call in tree.find_all(exp.Anonymous):
        name, target = _named_call(call)
        found = resolver.returned(name, len(call.expressions))
        if found is not None:
            call.meta[TYPE] = target.meta[TYPE] = found
    return tree


def resolve_functions(tree: exp.Expr, resolver: Resolver) -> exp.Expr:
    """Resolve calls through the session, translate the ones of `_CALLS`, refuse the unknown; innermost first."""
    for call in list(tree.find_all(exp.Func, bfs=False))[::-1]:
        if isinstance(call, (exp.Cast, exp.Connector, exp.Case, exp.If)) or is_engine_call(call):
            continue
        if isinstance(call, _ENGINE_ONLY):
            raise unknown_function(call.sql_name())
        if isinstance(call, exp.Anonymous):
            _resolve_anonymous(call, resolver)
        else:
            replacement = resolver.function(call.sql_name(), [])
            if replacement is not None:
                call.replace(replacement)
    return tree


def _named_call(call: exp.Anonymous) -> tuple[str, exp.Expr]:
    """The name of what is called, with that of its schema, and the node that is the whole call."""
    name = str(call.this).upper() if isinstance(call.this, str) else call.this.name
    target: exp.Expr = call
    dotted = call.parent if isinstance(call.parent, exp.Dot) and call.parent.expression is call else None
    while dotted is not None:
        target = dotted
        parent = dotted.parent
        dotted = parent if isinstance(parent, exp.Dot) and parent.expression is dotted else None
    if target is not call:
        name = f"{target.this.sql(dialect='snowflake')}.{name}"
    return name, target


def _resolve_anonymous(call: exp.Anonymous, resolver: Resolver) -> None:
    name, target = _named_call(call)
    replacement = resolver.function(name, call.expressions)
    if replacement is not None:
        if replacement is not target:
            target.replace(replacement)
        return
    make = _CALLS.get(name)
    if make is not None:
        target.replace(make(call.expressions))
    elif name not in SAME_IN_ENGINE:
        raise unknown_function(name)


Maker = Callable[[list[exp.Expr]], exp.Expr]


def _named(name: str) -> Maker:
    return lambda arguments: exp.Anonymous(this=name, expressions=[argument.copy() for argument in arguments])


_CALLS: dict[str, Maker] = {
    "OBJECT_CONSTRUCT_KEEP_NULL": _named("json_object"),
}
"""Snowflake functions that sqlglot does not know, and how each is written for the engine."""


def sequences(tree: exp.Expr, resolver: Resolver) -> exp.Expr:
    """``ROW_NUMBER() OVER (ORDER BY SEQ8())``: rows in the order in which they are made, which is the engine's own."""
    for window in list(tree.find_all(exp.Window)):
        order = window.args.get("order")
        for sequence in list(order.find_all(exp.Seq1, exp.Seq2, exp.Seq4, exp.Seq8)) if order else ():
            sequence.replace(exp.Null())
    return tree
