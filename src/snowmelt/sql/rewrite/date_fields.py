"""The parts of dates and times: DATE_PART, EXTRACT, YEAR, WEEKISO, ...

Source: docs.snowflake.com/en/sql-reference/functions/date_part and .../functions-date-time#calendar-weeks-and-weekdays
"""

from __future__ import annotations

from collections.abc import Callable

from sqlglot import exp

from snowmelt.base.datatypes import Kind
from snowmelt.sql.rewrite.clocks import first_day, kind_of, not_a_part, operand, part_of, utc, wall
from snowmelt.sql.rewrite.context import Resolver, engine_call

_PLAIN = {
    "YEAR": "year",
    "QUARTER": "quarter",
    "MONTH": "month",
    "DAY": "day",
    "DAYOFYEAR": "dayofyear",
    "DAYOFWEEKISO": "isodow",
    "HOUR": "hour",
    "MINUTE": "minute",
    "SECOND": "second",
}
_EPOCHS = {"EPOCH_SECOND": 1_000_000, "EPOCH_MILLISECOND": 1_000, "EPOCH_MICROSECOND": 1}


def field(node: exp.Expr, part: str, resolver: Resolver, function: str = "DATE_PART") -> exp.Expr:
    """The part called `part` of a date, time or timestamp.

    Raises:
        SqlError: 001045 for what cannot be extracted.
    """
    if part in _PLAIN:
        return engine_call(_PLAIN[part], wall(node))
    if part in _EPOCHS:
        micros = engine_call("epoch_us", utc(node))
        return micros if part == "EPOCH_MICROSECOND" else _floor(micros, _EPOCHS[part])
    if part.startswith("TIMEZONE"):
        return _offset(node, part)
    match part:
        case "NANOSECOND":
            return engine_call("multiply", _modulo(engine_call("epoch_us", wall(node)), 1_000_000), _number(1_000))
        case "EPOCH_NANOSECOND":
            return engine_call("multiply", engine_call("epoch_us", utc(node)), _number(1_000))
        case "DAYOFWEEK" if not resolver.parameter("WEEK_START"):
            return engine_call("dayofweek", wall(node))
        case "DAYOFWEEK":
            return engine_call("snowmelt_week_day", wall(node), first_day(resolver))
        case "WEEK" | "YEAROFWEEK":
            return _week(node, part, resolver)
        case "WEEKISO":
            return engine_call("snowmelt_week_number", wall(node), _number(1))
        case "YEAROFWEEKISO":
            return engine_call("snowmelt_week_year", wall(node), _number(1))
        case _:
            raise not_a_part(part, function)


def _week(node: exp.Expr, part: str, resolver: Resolver) -> exp.Expr:
    first = first_day(resolver)
    if not resolver.parameter("WEEK_OF_YEAR_POLICY"):
        name = "snowmelt_week_number" if part == "WEEK" else "snowmelt_week_year"
        return engine_call(name, wall(node), first)
    return (
        engine_call("snowmelt_week_of_january", wall(node), first) if part == "WEEK" else field(node, "YEAR", resolver)
    )


def _offset(node: exp.Expr, part: str) -> exp.Expr:
    if kind_of(node) in (Kind.DATE, Kind.TIME):
        raise not_a_part(part, "DATE_PART")
    # What has no time zone is at no distance from UTC.
    minutes = engine_call("coalesce", engine_call("snowmelt_minutes", operand(node)), _number(0))
    if kind_of(node) is Kind.TIMESTAMP_TZ or kind_of(node) is Kind.TIMESTAMP_LTZ:
        minutes = engine_call("snowmelt_minutes", operand(node))
    if part == "TIMEZONE_HOUR":
        return engine_call("divide", minutes, _number(60))
    return engine_call("mod", minutes, _number(60))


def _number(value: int) -> exp.Expr:
    return exp.Literal.number(value)


def _floor(value: exp.Expr, divisor: int) -> exp.Expr:
    return engine_call("snowmelt_floor_div", value, _number(divisor))


def _modulo(value: exp.Expr, divisor: int) -> exp.Expr:
    return engine_call(
        "mod", engine_call("add", engine_call("mod", value, _number(divisor)), _number(divisor)), _number(divisor)
    )


def _named(part: str) -> Callable[[exp.Expr, Resolver], exp.Expr]:
    return lambda node, resolver: field(node.this, part, resolver)


def _extract(node: exp.Expr, resolver: Resolver) -> exp.Expr:
    return field(node.expression, part_of(node.this, "DATE_PART"), resolver)


FIELDS: dict[type[exp.Expr], Callable[[exp.Expr, Resolver], exp.Expr]] = {
    exp.Extract: _extract,
    exp.Year: _named("YEAR"),
    exp.YearOfWeek: _named("YEAROFWEEK"),
    exp.YearOfWeekIso: _named("YEAROFWEEKISO"),
    exp.Quarter: _named("QUARTER"),
    exp.Month: _named("MONTH"),
    exp.Week: _named("WEEK"),
    exp.WeekOfYear: _named("WEEKISO"),
    exp.Day: _named("DAY"),
    exp.DayOfMonth: _named("DAY"),
    exp.DayOfWeek: _named("DAYOFWEEK"),
    exp.DayOfWeekIso: _named("DAYOFWEEKISO"),
    exp.DayOfYear: _named("DAYOFYEAR"),
    exp.Hour: _named("HOUR"),
    exp.Minute: _named("MINUTE"),
    exp.Second: _named("SECOND"),
}
"""The calls that extract a part."""
