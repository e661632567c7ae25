"""The functions of MAP, whose values are JSON objects.

Source: docs.snowflake.com/en/sql-reference/functions-semistructured#label-functions-map
"""

from __future__ import annotations

from collections.abc import Sequence

from sqlglot import exp

from snowmelt.base.datatypes import VARIANT, DataType, Kind
from snowmelt.base.errors import unsupported
from snowmelt.sql.held_types import type_tree
from snowmelt.sql.rewrite.context import TYPE, engine_call
from snowmelt.sql.rewrite.parts import required_part, written
from snowmelt.sql.typing import type_of
from snowmelt.sql.typing.structured import MAP_FUNCTIONS, called, wrong_arguments

MAPS = tuple(MAP_FUNCTIONS)
"""Nodes of the functions of MAP."""


def map_call(node: exp.Expr) -> exp.Expr:
    """The engine's call for a function of MAPs.

    Raises:
        SqlError: 001044 for a key or value of another type than the MAP's, 000002 for a MAP whose type is not known.
    """
    value = node.args["key" if isinstance(node, exp.MapContainsKey) else "this"]
    holder = type_of(value)
    if holder is None or holder.parts is None:
        raise unsupported(f"{called(node)} of a value whose type is not known")
    made = _made(node, value.copy(), holder)
    found = type_of(node)
    if found is not None:
        made.meta[TYPE] = found
    return made


def _made(node: exp.Expr, value: exp.Expr, holder: DataType) -> exp.Expr:
    assert holder.parts is not None
    match node:
        case exp.MapCat():
            return engine_call("snowmelt_map_cat", value, node.expression.copy())
        case exp.MapContainsKey():
            return engine_call("snowmelt_map_has", _key(node, node.this, holder), value)
        case exp.MapDelete():
            return engine_call("snowmelt_map_without", value, _keys(node, holder, node.expressions))
        case exp.MapPick():
            return engine_call("snowmelt_map_pick", value, _keys(node, holder, node.expressions))
        case exp.MapInsert():
            flag = node.args.get("update_flag")
            replaces = flag.copy() if isinstance(flag, exp.Expr) else exp.false()
            key = _key(node, node.args["key"], holder)
            return engine_call("snowmelt_map_insert", value, key, _value(node, node.args["value"], holder), replaces)
        case exp.MapKeys():
            whole = holder.parts[0].kind is Kind.FIXED
            return engine_call("snowmelt_map_whole_keys" if whole else "snowmelt_map_keys", value)
        case _:
            return engine_call("snowmelt_map_size", value)


def _keys(node: exp.Expr, holder: DataType, keys: Sequence[exp.Expr]) -> exp.Expr:
    """The keys as a list of texts; MAP_PICK takes an ARRAY of them, too."""
    first = type_of(keys[0])
    if isinstance(node, exp.MapPick) and len(keys) == 1 and first is not None and first.kind is Kind.ARRAY:
        return engine_call("snowmelt_key_list", keys[0].copy())
    return engine_call("list_value", *(_key(node, key, holder) for key in keys))


def _key(node: exp.Expr, key: exp.Expr, holder: DataType) -> exp.Expr:
    """A key as text."""
    assert holder.parts is not None
    wanted, found = holder.parts[0], type_of(key)
    if found is not None and found.kind is not wanted.kind:
        raise wrong_arguments(called(node), holder, found)
    if wanted.kind is Kind.TEXT:
        return key.copy()
    return exp.Cast(this=_cast(key, wanted), to=exp.DataType.build("VARCHAR", dialect="snowflake"))


def _value(node: exp.Expr, value: exp.Expr, holder: DataType) -> exp.Expr:
    """A value for a MAP as JSON."""
    assert holder.parts is not None
    wanted, found = holder.parts[1], type_of(value)
    if isinstance(value, exp.Null):
        return required_part(value.copy(), holder, 1)
    if wanted.parts is not None and found != wanted:
        raise wrong_arguments(called(node), holder, found or VARIANT)
    return required_part(written(value.copy(), wanted), holder, 1)


def _cast(value: exp.Expr, target: DataType) -> exp.Expr:
    made = exp.Cast(this=value.copy(), to=type_tree(target))
    made.meta[TYPE] = target
    return made
