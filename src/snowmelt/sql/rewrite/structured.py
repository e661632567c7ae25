"""Casts to structured ARRAY and MAP, which convert each element, and the elements of such values.

The values are JSON as those of semi-structured types are.

Source: docs.snowflake.com/en/sql-reference/data-types-structured
"""

from __future__ import annotations

from sqlglot import exp

from snowmelt.base.datatypes import SEMI_STRUCTURED, VARIANT, DataType
from snowmelt.base.errors import unsupported
from snowmelt.sql.rewrite.context import TYPE, Resolver, engine_call
from snowmelt.sql.rewrite.variants import as_json
from snowmelt.sql.typing import type_of
from snowmelt.sql.typing.structured import NAMES, parsed_type


def structured(tree: exp.Expr, resolver: Resolver) -> exp.Expr:
    """``x::ARRAY(NUMBER)`` converts each element as a cast of its own would, and its elements are numbers.

    Raises:
        SqlError: 000002 for parts that are not supported, for TRY_CAST, and for what is not semi-structured.
    """
    for cast in list(tree.find_all(exp.Cast, exp.TryCast, exp.Bracket, exp.JSONExtract, bfs=False))[::-1]:
        if not isinstance(cast, (exp.Cast, exp.TryCast)):
            _element(cast)
            continue
        to = cast.args["to"]
        if not isinstance(to, exp.DataType) or to.this not in NAMES or not to.expressions:
            continue
        target, source = parsed_type(to), type_of(cast.this)
        if isinstance(cast, exp.TryCast) or source is None or source.kind not in SEMI_STRUCTURED:
            raise unsupported(f"{cast.key.upper()} of this value to {target.sql}")
        made = _converted(cast.this.copy(), target, 0)
        made.meta[TYPE] = target
        cast.replace(made)
    return tree


def _converted(value: exp.Expr, target: DataType, depth: int) -> exp.Expr:
    """JSON of a semi-structured value converted to a type."""
    if target.parts is None:
        if target.kind in SEMI_STRUCTURED:
            return value
        cast = exp.Cast(this=value, to=exp.DataType.build(target.sql, dialect="snowflake"))
        cast.meta[TYPE] = target
        return as_json(cast)
    wanted, shown = ("OBJECT", "MAP") if target.is_map else ("ARRAY", "ARRAY")
    held = engine_call("snowmelt_structured", value, exp.Literal.string(wanted), exp.Literal.string(shown))
    element = exp.Identifier(this=f"snowmelt_e{depth}", quoted=False)
    if not target.is_map:
        body = _converted(_variant(element.copy()), target.parts[0], depth + 1)
        items = engine_call("snowmelt_list", held)
        function = exp.Lambda(this=body, expressions=[element])
        return engine_call("to_json", engine_call("list_transform", items, function), data_type=target)
    body = _converted(_variant(element.copy()), target.parts[1], depth + 1)
    values = engine_call(
        "list_transform", engine_call("snowmelt_values", held), exp.Lambda(this=body, expressions=[element])
    )
    pairs = engine_call("snowmelt_object_keep_null", engine_call("json_keys", held.copy()), values)
    known = exp.Not(this=exp.Is(this=held.copy(), expression=exp.Null()))
    return exp.Case(ifs=[exp.If(this=known, true=pairs)])


def _element(node: exp.Expr) -> None:
    """An element has the type that the structured type gives it.

    Raises:
        SqlError: 000002 for ``x:y`` of structured values.
    """
    holder = type_of(node.this)
    if holder is None or holder.parts is None:
        return
    if isinstance(node, exp.JSONExtract):
        raise unsupported(f"a path in a value of type {holder.sql}")
    found = holder.parts[-1]
    if found.kind not in SEMI_STRUCTURED:
        cast = exp.Cast(this=_variant(node.copy()), to=exp.DataType.build(found.sql, dialect="snowflake"))
        cast.meta[TYPE] = found
        node.replace(cast)


def _variant(node: exp.Expr) -> exp.Expr:
    node.meta[TYPE] = VARIANT
    return node
