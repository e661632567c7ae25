"""The expressions that loops are made of, computed here: whole numbers, comparisons, AND, OR, NOT, texts put together.

What `compiled` does not take, and every value for which the result would not be plain, is left to the engine.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping
from typing import Any

from sqlglot import exp

from snowmelt.base.datatypes import BOOLEAN, NUMBER, VARCHAR, DataType, Kind
from snowmelt.base.value import Value
from snowmelt.sql.parse_block import variables

Compute = Callable[[Mapping[str, Value]], Any]

_LIMIT = 10**38

_NUMBERS: dict[type, Callable[[Any, Any], Any]] = {
    exp.Add: operator.add,
    exp.Sub: operator.sub,
    exp.Mul: operator.mul,
}
_COMPARISONS: dict[type, Callable[[Any, Any], Any]] = {
    exp.EQ: operator.eq,
    exp.NEQ: operator.ne,
    exp.LT: operator.lt,
    exp.LTE: operator.le,
    exp.GT: operator.gt,
    exp.GTE: operator.ge,
}


class NotPlain(Exception):
    """A value for which the engine has to compute: a null, or a number out of range."""


def compiled(tree: exp.Expr, types: Mapping[str, DataType]) -> Callable[[Mapping[str, Value]], Value] | None:
    """What computes an expression over variables of these types, or None when it is not among the simple ones.

    What it answers with raises `NotPlain`.
    """
    names = {id(node): name for node, name in variables(tree)}
    found = _compiled(tree, types, names)
    if found is None or not names:
        return None
    compute, data_type = found

    def run(values: Mapping[str, Value]) -> Value:
        return Value(compute(values), data_type)

    return run


def _compiled(
    node: exp.Expr, types: Mapping[str, DataType], names: Mapping[int, str]
) -> tuple[Compute, DataType] | None:
    if isinstance(node, exp.Paren):
        return _compiled(node.this, types, names)
    if id(node) in names:
        return _variable(names[id(node)], types)
    if isinstance(node, exp.Literal):
        return _literal(node)
    if isinstance(node, exp.Boolean):
        truth = bool(node.this)
        return (lambda values: truth), BOOLEAN
    if isinstance(node, exp.Not):
        inner = _compiled(node.this, types, names)
        if inner is None or inner[1] is not BOOLEAN:
            return None
        compute = inner[0]
        return (lambda values: not compute(values)), BOOLEAN
    if isinstance(node, (exp.Binary, exp.DPipe)):
        left, right = (_compiled(each, types, names) for each in (node.left, node.right))
        return None if left is None or right is None else _binary(type(node), *left, *right)
    return None


def _variable(name: str, types: Mapping[str, DataType]) -> tuple[Compute, DataType] | None:
    data_type = types.get(name)
    if data_type is None or (data_type.kind is Kind.FIXED and data_type.scale):
        return None
    kind = {Kind.FIXED: NUMBER, Kind.TEXT: VARCHAR, Kind.BOOLEAN: BOOLEAN}.get(data_type.kind)
    return None if kind is None else ((lambda values: _plain(values[name].value)), kind)


def _plain(value: Any) -> Any:
    if value is None:
        raise NotPlain
    return value


def _literal(node: exp.Literal) -> tuple[Compute, DataType] | None:
    if node.is_string:
        text = str(node.this)
        return (lambda values: text), VARCHAR
    if not str(node.this).isdecimal():
        return None
    number = int(node.this)
    return (lambda values: number), NUMBER


def _binary(
    kind: type, left: Compute, left_type: DataType, right: Compute, right_type: DataType
) -> tuple[Compute, DataType] | None:
    if left_type is not right_type:
        return None
    if kind in _NUMBERS and left_type is NUMBER:
        combine = _NUMBERS[kind]
        return (lambda values: _in_range(combine(left(values), right(values)))), NUMBER
    if kind in _COMPARISONS:
        compare = _COMPARISONS[kind]
        return (lambda values: compare(left(values), right(values))), BOOLEAN
    if kind is exp.DPipe and left_type is VARCHAR:
        return (lambda values: left(values) + right(values)), VARCHAR
    if kind is exp.Mod and left_type is NUMBER:
        return (lambda values: _remainder(left(values), right(values))), NUMBER
    # Both sides are computed: a null on either side is the engine's to judge.
    if kind is exp.And and left_type is BOOLEAN:
        return (lambda values: left(values) & right(values)), BOOLEAN
    if kind is exp.Or and left_type is BOOLEAN:
        return (lambda values: left(values) | right(values)), BOOLEAN
    return None


def _in_range(number: int) -> int:
    if not -_LIMIT < number < _LIMIT:
        raise NotPlain
    return number


def _remainder(dividend: int, divisor: int) -> int:
    """The remainder with the dividend's sign, as SQL has it."""
    if divisor == 0:
        raise NotPlain
    found = abs(dividend) % abs(divisor)
    return found if dividend >= 0 else -found
