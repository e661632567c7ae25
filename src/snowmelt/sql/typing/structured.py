"""Types of what is taken out of values, and of what functions make of values of structured types.

Source: docs.snowflake.com/en/sql-reference/data-types-structured
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

from sqlglot import exp

from snowmelt.base.datatypes import (
    ARRAY,
    BOOLEAN,
    NUMBER,
    OBJECT,
    SEMI_STRUCTURED,
    VARCHAR,
    VARIANT,
    DataType,
    Kind,
    optional,
)
from snowmelt.base.errors import SqlError, invalid_identifier, unsupported
from snowmelt.sql.rewrite.context import TYPE
from snowmelt.sql.typing import numbers

Types = Sequence[DataType | None]
Typer = Callable[[exp.Expr, Types], DataType | None]

Key = str | int | None
"""What an element is taken by; None when it is no constant."""

TAKERS = (exp.Bracket, exp.JSONExtract, exp.GetExtract)
"""``v[k]``, ``v:path`` and ``GET(v, k)``."""


def taken(node: exp.Expr, types: Types = ()) -> DataType | None:
    """The type of what one of `TAKERS` takes.

    Raises:
        SqlError: 000904 for a key that an OBJECT has not, 001044 for an ARRAY's element by text, 000002 for a key of an
            OBJECT that is no constant.
    """
    found: DataType | None = node.this.meta.get(TYPE)
    if found is not None and found.kind not in SEMI_STRUCTURED | {Kind.VECTOR} and not isinstance(node.this, exp.Null):
        raise wrong_arguments("GET", found, NUMBER if _by_number(node) else VARCHAR)
    if found is None or found.parts is None:
        return VARIANT
    for key in _keys(node):
        found = _part(found, key)
    return found


def _by_number(node: exp.Expr) -> bool:
    """Whether an element is taken by its position, as far as that can be seen."""
    key = node.expressions[0] if isinstance(node, exp.Bracket) else node.expression
    return isinstance(key, exp.Literal) and not key.is_string


def _keys(node: exp.Expr) -> Iterator[Key]:
    if isinstance(node, exp.JSONExtract):
        path = node.expression
        if not isinstance(path, exp.JSONPath):
            raise unsupported("a path in a structured value that is no constant")
        for step in path.expressions[1:]:
            yield step.this
        return
    key = node.expressions[0] if isinstance(node, exp.Bracket) else node.expression
    if not isinstance(key, exp.Literal):
        yield None
    elif key.is_string:
        yield key.name
    else:
        yield int(key.name) if key.name.isdigit() else None


def _part(holder: DataType, key: Key) -> DataType:
    if holder.parts is None:
        return VARIANT
    if holder.names is not None:
        if key is None:
            raise unsupported("a key of a structured OBJECT that is no constant")
        if key not in holder.names:
            raise invalid_identifier(str(key))
        return holder.parts[holder.names.index(str(key))]
    by_text = holder.is_map and holder.parts[0].kind is Kind.TEXT
    if key is not None and isinstance(key, str) is not by_text:
        raise wrong_arguments("GET", holder, VARCHAR if isinstance(key, str) else NUMBER)
    return holder.parts[-1]


def wrong_arguments(function: str, *types: DataType) -> SqlError:
    """The error of a function that does not take values of these types (001044)."""
    message = f"Invalid argument types for function '{function}': ({', '.join(item.sql for item in types)})"
    return SqlError(f"SQL compilation error:\n{message}", 1044, "42P13")


def called(node: exp.Expr) -> str:
    """The name under which Snowflake knows the function that a node calls."""
    return node.sql(dialect="snowflake").split("(")[0].upper()


def kept(node: exp.Expr, types: Types) -> DataType | None:
    """A function of an ARRAY that makes one of the same elements."""
    first = types[0] if types else None
    return first if first is not None and first.parts is not None else ARRAY


def joined(node: exp.Expr, types: Types) -> DataType | None:
    """ARRAY_CAT and its kin: the ARRAYs are all of one type, which the result has."""
    structured = [item for item in types if item is not None and item.parts is not None]
    if not structured:
        return ARRAY
    if len(set(types)) > 1:
        raise wrong_arguments(called(node), *(item for item in types if item is not None))
    return structured[0]


def element(node: exp.Expr, types: Types) -> DataType | None:
    """ARRAY_MAX and ARRAY_MIN: one of the elements."""
    first = types[0] if types else None
    return first.parts[0] if first is not None and first.parts is not None else VARIANT


def flattened(node: exp.Expr, types: Types) -> DataType | None:
    """ARRAY_FLATTEN: the ARRAYs that an ARRAY holds, joined."""
    found = element(node, types)
    return found if found is not None and found.parts is not None else ARRAY


def pairs(node: exp.Expr, types: Types) -> DataType | None:
    """OBJECT_KEYS: the keys are texts."""
    first = types[0] if types else None
    return DataType(Kind.ARRAY, parts=(VARCHAR,)) if first is not None and first.names is not None else ARRAY


def check_alike(types: Sequence[DataType]) -> None:
    """Values of a structured type stand only beside such of the same type.

    Raises:
        SqlError: 000002 for others.
    """
    if any(item.parts is not None for item in types) and len(set(types)) > 1:
        shown = " and ".join(sorted({item.sql for item in types}))
        raise unsupported(f"values of the types {shown} as one")


# --- MAP -------------------------------------------------------------------------------------------------------------


def _map(node: exp.Expr, key: str = "this") -> DataType | None:
    """The type of the MAP that a function of MAPs is given.

    Raises:
        SqlError: 001044 when it is none.
    """
    found: DataType | None = node.args[key].meta.get(TYPE)
    if found is not None and not found.is_map:
        raise wrong_arguments(called(node), found)
    return found


def _same_map(node: exp.Expr, types: Types) -> DataType | None:
    return _map(node)


def _joined_maps(node: exp.Expr, types: Types) -> DataType | None:
    first, second = _map(node), _map(node, "expression")
    if first is not None and second is not None and first != second:
        raise wrong_arguments(called(node), first, second)
    return first


def _map_keys(node: exp.Expr, types: Types) -> DataType | None:
    found = _map(node)
    return None if found is None or found.parts is None else DataType(Kind.ARRAY, parts=found.parts[:1])


def _map_size(node: exp.Expr, types: Types) -> DataType | None:
    return None if _map(node) is None else numbers.number(9, 0)


def _has_key(node: exp.Expr, types: Types) -> DataType | None:
    # The key comes first, which sqlglot takes for the MAP.
    return None if _map(node, "key") is None else BOOLEAN


MAP_FUNCTIONS: dict[type[exp.Expr], Typer] = {
    exp.MapCat: _joined_maps,
    exp.MapContainsKey: _has_key,
    exp.MapDelete: _same_map,
    exp.MapInsert: _same_map,
    exp.MapKeys: _map_keys,
    exp.MapPick: _same_map,
    exp.MapSize: _map_size,
}
"""Types of what the functions of MAP give."""


# --- OBJECT ----------------------------------------------------------------------------------------------------------


def object_(node: exp.Expr, types: Types) -> DataType | None:
    """OBJECT_INSERT, OBJECT_DELETE and OBJECT_PICK: of a structured OBJECT one with other keys.

    Raises:
        SqlError: 000002 for keys that are no constants, 000904 for one that the OBJECT has not, 001044 for a MAP, and
            002023 for a key to insert that it has.
    """
    first = types[0] if types else None
    if first is None or first.parts is None:
        return OBJECT
    if first.names is None:
        raise wrong_arguments(called(node), first)
    if isinstance(node, exp.ObjectInsert):
        return _with_key(node, first)
    keys = _constants(node, node.expressions[1:])
    for key in keys:
        if key not in first.names:
            raise invalid_identifier(key)
    picks = called(node) == "OBJECT_PICK"
    return _reduced(first, [i for i, name in enumerate(first.names) if (name in keys) is picks])


def _constants(node: exp.Expr, keys: Sequence[exp.Expr]) -> list[str]:
    if not all(isinstance(key, exp.Literal) and key.is_string for key in keys):
        raise unsupported(f"{called(node)} of a structured OBJECT by keys that are no constants")
    return [key.name for key in keys]


def _reduced(whole: DataType, places: Sequence[int]) -> DataType:
    """The type of an OBJECT of some of the keys."""
    if not places:
        raise unsupported("structured OBJECT without keys")
    assert whole.parts is not None and whole.names is not None
    return DataType(
        Kind.OBJECT,
        parts=tuple(whole.parts[i] for i in places),
        names=tuple(whole.names[i] for i in places),
        not_null=tuple(new for new, old in enumerate(places) if old in whole.not_null),
    )


def _with_key(node: exp.ObjectInsert, whole: DataType) -> DataType:
    (key,) = _constants(node, [node.args["key"]])
    value: DataType | None = node.args["value"].meta.get(TYPE)
    if value is None:
        raise unsupported("OBJECT_INSERT of a value whose type is not known")
    assert whole.parts is not None and whole.names is not None
    if key not in whole.names:
        return replace(whole, parts=(*whole.parts, optional(value)), names=(*whole.names, key))
    flag = node.args.get("update_flag")
    if not (isinstance(flag, exp.Boolean) and flag.this):
        raise SqlError(f"SQL compilation error:\nDuplicate key '{key}' in function OBJECT_INSERT", 2023, "22000")
    place = whole.names.index(key)
    parts = (*whole.parts[:place], optional(value), *whole.parts[place + 1 :])
    return replace(whole, parts=parts, not_null=tuple(i for i in whole.not_null if i != place))
