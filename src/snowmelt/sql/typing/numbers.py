"""Precision and scale of computed numbers.

Source: docs.snowflake.com/en/sql-reference/operators-arithmetic
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from snowmelt.base.datatypes import FLOAT, DataType, Kind

MAX_DIGITS = 38


def number(precision: int, scale: int) -> DataType:
    """NUMBER with that many digits, at most 38."""
    return DataType(Kind.FIXED, max(min(precision, MAX_DIGITS), scale, 1), min(scale, MAX_DIGITS - 1))


def digits(data_type: DataType) -> tuple[int, int]:
    """Digits before and after the point."""
    scale = data_type.scale or 0
    return (data_type.precision or MAX_DIGITS) - scale, scale


def literal(text: str) -> DataType:
    """The type of a numeric constant: as many digits as are written, FLOAT when it has an exponent."""
    if "e" in text.lower():
        return FLOAT
    whole, _, fraction = text.lstrip("+-").partition(".")
    if len(whole) + len(fraction) > MAX_DIGITS:
        return FLOAT
    leading = len(whole.lstrip("0"))
    return number(leading + len(fraction), len(fraction))


_SAID = re.compile(r"\s*([-+]?)(\d+(?:\.\d*)?|\.\d+)\s*")


def said(text: str) -> str | None:
    """The exact number that a constant text says, without a plus; None when it says none."""
    match = _SAID.fullmatch(text)
    if match is None or len(match.group(2)) > MAX_DIGITS:
        return None
    return match.group(1).strip("+") + match.group(2)


def total(left: DataType, right: DataType) -> DataType:
    """A sum or difference."""
    (l1, s1), (l2, s2) = digits(left), digits(right)
    return number(max(l1, l2) + max(s1, s2) + 1, max(s1, s2))


def product(left: DataType, right: DataType) -> DataType:
    """A product: the sum of the scales, but no more than 12 unless an operand has more."""
    (l1, s1), (l2, s2) = digits(left), digits(right)
    scale = min(s1 + s2, max(s1, s2, 12))
    return number(l1 + l2 + scale, scale)


def quotient(dividend: DataType, divisor: DataType) -> DataType:
    """A quotient: six digits more than the dividend, but no more than 12 unless the dividend has more."""
    (l1, s1), (_, s2) = digits(dividend), digits(divisor)
    scale = max(s1, min(s1 + 6, 12))
    return number(l1 + s2 + scale, scale)


def remainder(dividend: DataType, divisor: DataType) -> DataType:
    """What MOD gives."""
    (l1, s1), (l2, s2) = digits(dividend), digits(divisor)
    scale = max(s1, s2)
    return number(max(l1, l2) + scale, scale)


def average(values: DataType, more: int = 6) -> DataType:
    """AVG: the scale of a quotient, which has `more` digits than what is divided."""
    _, scale = digits(values)
    return number(MAX_DIGITS, max(scale, min(scale + more, 12)))


def wider(types: Iterable[DataType]) -> DataType | None:
    """The type that holds numbers of all of `types`, if it would need more than 38 digits."""
    pairs = [digits(item) for item in types]
    leading, scale = max(pair[0] for pair in pairs), max(pair[1] for pair in pairs)
    return number(leading + scale, scale) if leading + scale > MAX_DIGITS else None


def common(types: Iterable[DataType]) -> DataType:
    """The type that holds values of all of `types`, which are numbers."""
    pairs = [digits(item) for item in types]
    leading, scale = max(pair[0] for pair in pairs), max(pair[1] for pair in pairs)
    return number(leading + scale, scale)
