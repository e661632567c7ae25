"""Types of arithmetic: numbers by the rules of `numbers`, and dates with days and intervals."""

from __future__ import annotations

import re
from collections.abc import Callable

from sqlglot import exp

from snowmelt.base.datatypes import DATE, FLOAT, TIMESTAMP_NTZ, DataType, Kind
from snowmelt.sql.rewrite.context import TYPE
from snowmelt.sql.typing import numbers
from snowmelt.sql.typing.date_parts import OF_A_DAY, canonical


def _type(node: exp.Expr) -> DataType | None:
    found: DataType | None = node.meta.get(TYPE)
    return found


ARITHMETIC: dict[type[exp.Expr], Callable[[DataType, DataType], DataType]] = {
    exp.Add: numbers.total,
    exp.Sub: numbers.total,
    exp.Mul: numbers.product,
    exp.Div: numbers.quotient,
    exp.Mod: numbers.remainder,
}
"""The rules of operators: the type of two numbers' result."""


def as_number(data_type: DataType | None) -> DataType | None:
    """The number that an operand of arithmetic is taken for: text and booleans are converted; None when unknown."""
    if data_type is None:
        return None
    if data_type.kind is Kind.TEXT:
        return numbers.number(18, 5)
    if data_type.kind is Kind.BOOLEAN:
        return numbers.number(1, 0)
    return data_type


def binary(node: exp.Expr, rule: Callable[[DataType, DataType], DataType]) -> DataType | None:
    """The type of an operator's result, from the types noted at its operands; None when it is not known."""
    left, right = _type(node.this), _type(node.expression)
    if isinstance(node.expression, exp.Interval) or isinstance(node.this, exp.Interval):
        return _with_interval(node)
    if left is not None and left.kind is Kind.DATE:
        return _date_arithmetic(node, right)
    left, right = as_number(left), as_number(right)
    if left is None or right is None:
        return None
    kinds = {left.kind, right.kind}
    if Kind.VARIANT in kinds and kinds <= {Kind.FIXED, Kind.REAL, Kind.VARIANT}:
        return FLOAT
    if kinds <= {Kind.FIXED, Kind.REAL}:
        return FLOAT if Kind.REAL in kinds else rule(left, right)
    return None


def _with_interval(node: exp.Expr) -> DataType | None:
    """A DATE stays one while only days and longer parts are added."""
    value, interval = (
        (node.expression, node.this) if isinstance(node.this, exp.Interval) else (node.this, node.expression)
    )
    found = _type(value)
    if found is None or found.kind is not Kind.DATE:
        return TIMESTAMP_NTZ if found is not None and found.kind is Kind.TEXT else found
    unit = interval.args.get("unit")
    words = re.findall("[A-Za-z_]+", interval.this.name if unit is None else unit.name)
    return TIMESTAMP_NTZ if not words or any(canonical(word) in OF_A_DAY for word in words) else DATE


def _date_arithmetic(node: exp.Expr, right: DataType | None) -> DataType | None:
    if right is None:
        return None
    if right.kind is Kind.DATE:
        return numbers.number(9, 0)
    return DATE if right.kind is Kind.FIXED else None
