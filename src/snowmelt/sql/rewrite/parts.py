"""Scalars in values of structured types: how they are written into the JSON that holds them, and read again.

Source: docs.snowflake.com/en/sql-reference/data-types-structured
"""

from __future__ import annotations

from sqlglot import exp

from snowmelt.base.datatypes import MAX_TEXT, SEMI_STRUCTURED, VARCHAR, VARIANT, DataType, Kind
from snowmelt.sql.held_types import type_tree
from snowmelt.sql.rewrite.context import TYPE, engine_call, raw
from snowmelt.sql.rewrite.variants import as_json

_TIMES = {Kind.DATE: "date", Kind.TIME: "time", Kind.TIMESTAMP_NTZ: "moment"}
"""What the engine's functions for texts of times are called by."""


def written(value: exp.Expr, target: DataType) -> exp.Expr:
    """JSON of a value converted to a type that is no structured one."""
    if target.kind in SEMI_STRUCTURED:
        return as_json(value, scaled=True)
    limited = target.kind is Kind.TEXT and (target.length or MAX_TEXT) < MAX_TEXT
    made: exp.Expr = exp.Cast(this=value, to=type_tree(VARCHAR if limited else target))
    made.meta[TYPE] = VARCHAR if limited else target
    if target.kind in _TIMES:
        return engine_call(f"snowmelt_{_TIMES[target.kind]}_json", made, data_type=VARIANT)
    if limited:
        made = engine_call("snowmelt_fit", made, exp.Literal.number(str(target.length)), data_type=target)
    return as_json(made, scaled=True)


def read(node: exp.Expr, target: DataType) -> exp.Expr:
    """The value of a type that the JSON in `node` is; that was made by `written` or is a structured value itself."""
    node.meta[TYPE] = VARIANT
    if target.kind in SEMI_STRUCTURED:
        return engine_call("snowmelt_strip_null", node, data_type=target)
    if target.kind in _TIMES:
        # Any other text that a cast would read cannot stand there, and would have it look at the value many times.
        return engine_call(f"snowmelt_{_TIMES[target.kind]}_part", node, data_type=target)
    cast = exp.Cast(this=node, to=type_tree(target))
    cast.meta[TYPE] = target
    return cast


def required_part(made: exp.Expr, holder: DataType, position: int) -> exp.Expr:
    """JSON for a part of a value of a type; an error where it is null and must not be."""
    part = (holder.parts or ())[position]
    if position not in holder.not_null or part.kind is Kind.VARIANT:
        return made
    if isinstance(made, exp.Null):
        # The engine looks at nothing that is made of NULL itself.
        made = raw("CAST(NULL AS JSON)")
    return engine_call("snowmelt_required", made, exp.Literal.string(holder.sql), data_type=VARIANT)


def unless_null(value: exp.Expr, made: exp.Expr) -> exp.Expr:
    """`made`, or null where `value` is null."""
    known = exp.Not(this=exp.Is(this=value.copy(), expression=exp.Null()))
    return exp.Case(ifs=[exp.If(this=known, true=made)])


def once(value: exp.Expr, element: exp.Identifier, made: exp.Expr) -> exp.Expr:
    """`made` of the value that `element` stands for, computed once, since it is in a list of one; null of null."""
    function = exp.Lambda(this=unless_null(element, made), expressions=[element])
    one = engine_call("list_transform", engine_call("list_value", value), function)
    return engine_call("list_extract", one, exp.Literal.number(1))


def object_call(node: exp.Expr, value: exp.Expr, found: DataType) -> exp.Expr:
    """A structured OBJECT with the keys of `found`: those of `value`, and what OBJECT_INSERT puts into it."""
    element = exp.Identifier(this="snowmelt_o", quoted=False)
    inserted = node.args["key"].name if isinstance(node, exp.ObjectInsert) else None
    pairs: list[exp.Expr] = []
    for name, part in zip(found.names or (), found.parts or (), strict=True):
        if name == inserted:
            new = node.args["value"].copy()
            made = as_json(new, scaled=True) if part.parts is not None else written(new, part)
        else:
            made = engine_call("snowmelt_get", element.copy(), exp.Literal.string(name))
        pairs += (exp.Literal.string(name), made)
    whole = once(value.copy(), element, engine_call("json_object", *pairs))
    whole.meta[TYPE] = found
    return whole
