"""How rules write times for the engine: the wall clock's time of a value, the moment, and the way back.

Source: docs.snowflake.com/en/sql-reference/data-types-datetime
"""

from __future__ import annotations

from sqlglot import exp

from snowmelt.base.datatypes import SEMI_STRUCTURED, DataType, Kind
from snowmelt.base.errors import SqlError
from snowmelt.sql.rewrite.context import Resolver, engine_call, raw
from snowmelt.sql.typing import type_of
from snowmelt.sql.typing.date_parts import canonical

CONVERSIONS = {
    Kind.DATE: "date",
    Kind.TIME: "time",
    Kind.TIMESTAMP_NTZ: "ntz",
    Kind.TIMESTAMP_LTZ: "ltz",
    Kind.TIMESTAMP_TZ: "tz",
}
"""What the macros that convert to a kind are called: ``snowmelt_to_ntz``, ``snowmelt_try_to_ntz``."""


def kind_of(node: exp.Expr) -> Kind | None:
    """The kind of an expression's type, where it is known."""
    found = type_of(node)
    return None if found is None else found.kind


def operand(node: exp.Expr) -> exp.Expr:
    """A copy of an argument; a VARIANT is the text that it holds."""
    if kind_of(node) in SEMI_STRUCTURED:
        return engine_call("snowmelt_time_text", node.copy())
    return node.copy()


def wall(node: exp.Expr) -> exp.Expr:
    """The time that the wall clock shows, as the engine's TIMESTAMP."""
    return node.copy() if kind_of(node) is Kind.TIMESTAMP_NTZ else engine_call("snowmelt_wall", operand(node))


def like(time: exp.Expr, node: exp.Expr) -> exp.Expr:
    """A wall clock's time as a value of the type of `node`."""
    match kind_of(node):
        case Kind.TIMESTAMP_NTZ | Kind.TEXT:
            return time
        case Kind.DATE:
            return exp.Cast(this=time, to=raw("DATE"))
        case _:
            return engine_call("snowmelt_like", time, operand(node))


def utc(node: exp.Expr) -> exp.Expr:
    """The moment in UTC, as the engine's TIMESTAMP; what has no time zone counts as UTC."""
    return node.copy() if kind_of(node) is Kind.TIMESTAMP_NTZ else engine_call("snowmelt_utc", operand(node))


def converted(node: exp.Expr, kind: Kind, *, tolerant: bool = False) -> exp.Expr:
    """A value of any kind as a date, time or timestamp."""
    found = kind_of(node)
    if found is kind:
        return node.copy()
    if found is Kind.VARIANT and kind is Kind.TIMESTAMP_NTZ and not tolerant:
        return engine_call("snowmelt_variant_to_ntz", node.copy())
    prefix = "snowmelt_try_to_" if tolerant and found in {Kind.TEXT, *SEMI_STRUCTURED} else "snowmelt_to_"
    return engine_call(prefix + CONVERSIONS[kind], operand(node))


def cut(node: exp.Expr, data_type: DataType) -> exp.Expr:
    """A time with no more digits of a second than its type has."""
    scale = 9 if data_type.scale is None else data_type.scale
    if scale >= 6 or data_type.kind is Kind.DATE:
        return node
    return engine_call("snowmelt_cut", node, exp.Literal.number(10 ** (6 - scale)))


def part_of(node: exp.Expr | None, function: str) -> str:
    """The date or time part that an argument names, by its full name in upper case.

    Raises:
        SqlError: 001045 when there is no such part.
    """
    name = node.name if node is not None else ""
    found = canonical(name)
    if found is None:
        raise not_a_part(name, function)
    return found


def not_a_part(name: str, function: str) -> SqlError:
    """The error of a date or time part that a function does not take."""
    return SqlError(
        f"SQL compilation error:\n'{name}' is not a valid date/time component for function {function}.", 1045, "22023"
    )


def first_day(resolver: Resolver) -> exp.Expr:
    """The day that weeks begin on, from 1, Monday, to 7."""
    return exp.Literal.number(int(resolver.parameter("WEEK_START")) or 1)
