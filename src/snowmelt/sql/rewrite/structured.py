"""Casts to structured types, which convert each part; the parts of such values, their comparison and their functions.

The values are JSON as those of semi-structured types are: an ARRAY's elements and an OBJECT's values in the order of
the type, a MAP's keys sorted. So values of one type are equal where their texts are.

Source: docs.snowflake.com/en/sql-reference/data-types-structured
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlglot import exp

from snowmelt.base.datatypes import SEMI_STRUCTURED, VARIANT, DataType, Kind
from snowmelt.base.errors import unsupported
from snowmelt.sql.held_types import is_structured, parsed_type
from snowmelt.sql.rewrite.context import TYPE, Resolver, engine_call, raw
from snowmelt.sql.rewrite.maps import MAPS, map_call
from snowmelt.sql.rewrite.parts import object_call, once, read, required_part, unless_null, written
from snowmelt.sql.typing import type_of
from snowmelt.sql.typing.annotate import STRUCTURED
from snowmelt.sql.typing.structured import TAKERS, called, wrong_arguments

_EQUALITIES: dict[type[exp.Expr], str] = {
    exp.EQ: "=",
    exp.NEQ: "<>",
    exp.NullSafeEQ: "IS NOT DISTINCT FROM",
    exp.NullSafeNEQ: "IS DISTINCT FROM",
    exp.EqualNull: "EQUAL_NULL",
    exp.In: "IN",
}
_ORDERINGS = (exp.GT, exp.GTE, exp.LT, exp.LTE, exp.Between, exp.Ordered, exp.Max, exp.Min)
_OF_ELEMENTS = (
    *(exp.ArrayContains, exp.ArrayPosition, exp.ArrayAppend, exp.ArrayPrepend, exp.ArrayInsert, exp.ArrayRemove),
)
"""Functions of an ARRAY and a value, which is converted to the type of the elements."""

_ADDING = (exp.ArrayAppend, exp.ArrayPrepend, exp.ArrayInsert)
"""Those that put the value into the ARRAY."""

_OF_OBJECTS = (exp.ObjectInsert, exp.Anonymous)
_BY_NAME = frozenset({"OBJECT_DELETE", "OBJECT_PICK"})
"""Functions of OBJECTs that give others; some are known by name only."""

_FOUND = (*TAKERS, exp.ArrayMax, exp.ArrayMin)
"""What gives a part of a value."""

_NODES: tuple[type[exp.Expr], ...] = (
    exp.Cast,
    exp.TryCast,
    *_FOUND,
    *_EQUALITIES,
    *_ORDERINGS,
    *_OF_ELEMENTS,
    *_OF_OBJECTS,
    *MAPS,
)


def structured(tree: exp.Expr, resolver: Resolver) -> exp.Expr:
    """``x::ARRAY(NUMBER)`` converts each element as a cast of its own would, and its elements are numbers.

    Raises:
        SqlError: 001044 for values of different types that are compared and for keys that do not fit, 000002 for an
            order of structured values, for TRY_CAST, and for what is not semi-structured.
    """
    if not tree.meta.get(STRUCTURED):
        return tree
    for node in list[exp.Expr](tree.find_all(*_NODES, bfs=False))[::-1]:
        if isinstance(node, (exp.Cast, exp.TryCast)):
            _cast(node)
        elif isinstance(node, _FOUND):
            _part(node)
        elif isinstance(node, MAPS):
            node.replace(map_call(node))
        elif isinstance(node, _OF_OBJECTS):
            _of_object(node)
        elif isinstance(node, _OF_ELEMENTS):
            _with_element(node)
        else:
            _compare(node)
    return tree


# --- casts -----------------------------------------------------------------------------------------------------------


def _cast(cast: exp.Cast) -> None:
    to, source = cast.args["to"], type_of(cast.this)
    if not is_structured(to):
        _loosened(cast, source)
        return
    target = parsed_type(to)
    action = _action(cast, source)
    if isinstance(cast, exp.TryCast) or (source is not None and source.kind not in SEMI_STRUCTURED):
        raise unsupported(f"{cast.key.upper()} of this value to {target.sql}")
    value = cast.this.copy()
    if isinstance(cast.this, exp.Null):
        made = raw("CAST(NULL AS JSON)")
    elif source == target:
        made = exp.Paren(this=value)
    else:
        if source is None:
            value = engine_call("snowmelt_semi", value, exp.Literal.string(target.sql))
        made = _converted(value, target, 0, _Source(source, action))
    made.meta[TYPE] = target
    cast.replace(made)


@dataclass(frozen=True)
class _Source:
    """What is cast.

    Attributes:
        type: its type, where that is a structured one.
        action: RENAME FIELDS, for keys of an OBJECT to be those of the type by their order; ADD FIELDS, for keys that
            it lacks to be null; or nothing.
    """

    type: DataType | None = None
    action: str = ""

    def part(self, position: int) -> _Source:
        """The same of a part."""
        parts = None if self.type is None else self.type.parts
        return _Source(parts[position], self.action) if parts is not None and position < len(parts) else _Source()


def _action(cast: exp.Cast, source: DataType | None) -> str:
    node = cast.args.get("action")
    if node is None:
        return ""
    action = str(node.name).upper()
    if action not in ("RENAME FIELDS", "ADD FIELDS") or source is None or source.parts is None:
        raise unsupported(f"{action} in a cast of what is not structured")
    return action


def _loosened(cast: exp.Cast, source: DataType | None) -> None:
    """A structured OBJECT that becomes a semi-structured value has its keys in alphabetical order."""
    found = type_of(cast)
    if source is not None and source.names is not None and found is not None and found.kind in SEMI_STRUCTURED:
        cast.set("this", engine_call("snowmelt_sorted", cast.this.copy(), data_type=VARIANT))


def _converted(value: exp.Expr, target: DataType, depth: int, source: _Source) -> exp.Expr:
    """JSON of a semi-structured value converted to a type."""
    if target.parts is None:
        return written(value, target)
    wanted = "ARRAY" if target.kind is Kind.ARRAY else "OBJECT"
    held = engine_call("snowmelt_structured", value, exp.Literal.string(wanted), exp.Literal.string(target.sql))
    element = exp.Identifier(this=f"snowmelt_e{depth}", quoted=False)
    if target.names is not None:
        return _object(held, target, element, depth, source)
    last = len(target.parts) - 1
    item = exp.Identifier(this=f"snowmelt_i{depth}", quoted=False)
    part = _part_of(_variant(item.copy()), target, last, depth, source.part(last))
    function = exp.Lambda(this=part, expressions=[item])
    if not target.is_map:
        items = engine_call("list_transform", engine_call("snowmelt_items", held), function)
        return engine_call("to_json", items, data_type=target)
    # Within another value it is short, and the engine takes long over functions in functions.
    whole = held if depth else element
    keys = engine_call("json_keys", whole.copy())
    if target.parts[0].kind is Kind.FIXED:
        keys = engine_call("snowmelt_whole_keys", keys)
    values = engine_call("list_transform", engine_call("snowmelt_values", whole.copy()), function)
    pairs = engine_call("snowmelt_object_keep_null", keys, values)
    return unless_null(whole, pairs) if depth else once(held, element, pairs)


def _object(held: exp.Expr, target: DataType, element: exp.Identifier, depth: int, source: _Source) -> exp.Expr:
    """JSON of an OBJECT with the keys of a type."""
    assert target.names is not None
    given = _given(target, source)
    keys = engine_call("list_value", *(exp.Literal.string(name) for name in given if name is not None))
    held = engine_call("snowmelt_with_keys", held, keys, exp.Literal.string(target.sql))
    known = () if source.type is None else source.type.names or ()
    pairs: list[exp.Expr] = []
    for position, (name, key) in enumerate(zip(target.names, given, strict=True)):
        value = _variant(engine_call("snowmelt_get", element.copy(), exp.Literal.string(key or name)))
        inner = source.part(known.index(key)) if key in known else _Source()
        pairs += (exp.Literal.string(name), _part_of(value, target, position, depth, inner))
    return once(held, element, engine_call("json_object", *pairs))


def _given(target: DataType, source: _Source) -> Sequence[str | None]:
    """The key that the value has for each key of the type; None for one that ADD FIELDS adds.

    Raises:
        SqlError: 001044 when the keys of the source's type do not fit.
    """
    assert target.names is not None
    names = None if source.type is None else source.type.names
    if names is None or source.type is None:
        return target.names
    if source.action == "RENAME FIELDS" and len(names) == len(target.names):
        return names
    added = set(target.names) - set(names)
    if set(names) - set(target.names) or (added and source.action != "ADD FIELDS"):
        raise wrong_arguments("CAST", source.type, target)
    return [None if name in added else name for name in target.names]


def _part_of(value: exp.Expr, target: DataType, position: int, depth: int, source: _Source) -> exp.Expr:
    assert target.parts is not None
    part = target.parts[position]
    return required_part(_converted(value, part, depth + 1, source), target, position)


# --- parts -----------------------------------------------------------------------------------------------------------


def _part(node: exp.Expr) -> None:
    """A part of a value has the type that the structured type gives it."""
    holder, found = type_of(node.this), type_of(node)
    if holder is None or holder.parts is None or found is None or found.kind is Kind.VARIANT:
        return
    node.replace(read(node.copy(), found))


def _variant(node: exp.Expr) -> exp.Expr:
    node.meta[TYPE] = VARIANT
    return node


def _of_object(node: exp.Expr) -> None:
    """OBJECT_INSERT, OBJECT_DELETE or OBJECT_PICK of a structured OBJECT."""
    if isinstance(node, exp.Anonymous) and str(node.this).upper() not in _BY_NAME:
        return
    value = node.this if isinstance(node, exp.ObjectInsert) else node.expressions[0]
    found = type_of(node)
    if found is not None and found.names is not None:
        node.replace(object_call(node, value, found))


def _with_element(node: exp.Expr) -> None:
    """The value that is put into an ARRAY or looked for in it becomes such as the elements are.

    Raises:
        SqlError: 001044 for a structured value of another type.
    """
    holder, value = type_of(node.this), node.expression
    if holder is None or holder.parts is None:
        return
    element, found = holder.parts[0], type_of(value)
    if element.parts is not None and not isinstance(value, exp.Null) and found != element:
        raise wrong_arguments(called(node), holder, found or VARIANT)
    made = value.copy()
    if element.kind not in SEMI_STRUCTURED and not isinstance(value, exp.Null):
        made = written(made, element)
    if isinstance(node, _ADDING):
        # In structured values null is JSON's, as their type is known beside them.
        made = required_part(exp.Coalesce(this=made, expressions=[raw("'null'::JSON")]), holder, 0)
        made.meta[TYPE] = VARIANT
    value.replace(made)


# --- comparison ------------------------------------------------------------------------------------------------------


def _compare(node: exp.Expr) -> None:
    others = node.expressions if isinstance(node, exp.In) else [node.expression]
    first = _projection(node) if isinstance(node, exp.Ordered) else node.this
    types = [type_of(item) for item in (first, *others) if isinstance(item, exp.Expr)]
    known = [found for found in types if found is not None]
    if all(found.parts is None for found in known):
        return
    if isinstance(node, _ORDERINGS):
        raise unsupported("an order of structured values")
    if len(set(known)) > 1:
        raise wrong_arguments(_EQUALITIES[type(node)], *known)


def _projection(node: exp.Ordered) -> exp.Expr:
    """What a row is ordered by; a number means a column of the result."""
    select = node.find_ancestor(exp.Select, exp.Window)
    place = node.this.name if isinstance(node.this, exp.Literal) and not node.this.is_string else ""
    if isinstance(select, exp.Select) and place.isdigit() and 1 <= int(place) <= len(select.expressions):
        found: exp.Expr = select.expressions[int(place) - 1]
        return found
    item: exp.Expr = node.this
    return item
