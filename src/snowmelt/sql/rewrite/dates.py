"""Functions of dates and times, written with the engine's macros (storage/sql/times.sql).

Days and longer parts follow the wall clock of a value's time zone; hours and shorter ones are added to the moment.

Source: docs.snowflake.com/en/sql-reference/functions-date-time
"""

from __future__ import annotations

import re
from collections.abc import Callable

from sqlglot import exp

from snowmelt.base.datatypes import TIMES, Kind
from snowmelt.base.errors import SqlError, unsupported
from snowmelt.sql.rewrite.clocks import converted, first_day, kind_of, like, not_a_part, operand, part_of, utc, wall
from snowmelt.sql.rewrite.context import TYPE, Resolver, engine_call, raw
from snowmelt.sql.rewrite.date_fields import FIELDS
from snowmelt.sql.typing import type_of
from snowmelt.sql.typing.date_parts import OF_A_DAY, canonical

Maker = Callable[[exp.Expr, Resolver], exp.Expr]

_MONTHS = {"YEAR": 12, "QUARTER": 3, "MONTH": 1}
_DAYS = {"WEEK": 7, "DAY": 1}
_MICROSECONDS = {
    "HOUR": 3_600_000_000,
    "MINUTE": 60_000_000,
    "SECOND": 1_000_000,
    "MILLISECOND": 1_000,
    "MICROSECOND": 1,
}


def argument_order(tree: exp.Expr, resolver: Resolver) -> exp.Expr:
    """``DATE_TRUNC(x, 'month')`` means what ``DATE_TRUNC('month', x)`` means."""
    for node in list(tree.find_all(exp.TimestampTrunc)):
        given, unit = node.this, node.args["unit"]
        if isinstance(given, exp.Literal) and canonical(given.name):
            value = exp.column(unit.name) if isinstance(unit, exp.Var) else unit.copy()
            node.set("this", value)
            node.set("unit", exp.var(given.name.upper()))
    return tree


def dates(tree: exp.Expr, resolver: Resolver) -> exp.Expr:
    """Calls become the engine's; innermost first."""
    for node in list(tree.find_all(*_MAKERS, bfs=False))[::-1]:
        make = _MAKERS[type(node)]
        made = make(node, resolver)
        if made is node:
            continue
        found = type_of(node)
        if found is not None:
            made.meta[TYPE] = found
        node.replace(made)
    return tree


# --- adding ----------------------------------------------------------------------------------------------------------


def _number(value: int) -> exp.Expr:
    return exp.Literal.number(value)


def _times(number: exp.Expr, factor: int) -> exp.Expr:
    return number if factor == 1 else engine_call("multiply", number, _number(factor))


def _plus(node: exp.Expr, part: str, number: exp.Expr, function: str) -> exp.Expr:
    """`node` and `number` times a part."""
    if part in _MONTHS:
        return engine_call("snowmelt_add_months", operand(node), _times(number, _MONTHS[part]))
    if part in _DAYS:
        return engine_call("snowmelt_add_days", operand(node), _times(number, _DAYS[part]))
    whole = engine_call("snowmelt_bigint", number)
    if part in _MICROSECONDS:
        micros = _times(whole, _MICROSECONDS[part])
    elif part == "NANOSECOND":
        micros = engine_call("divide", whole, _number(1_000))
    else:
        raise not_a_part(part, function)
    moved = engine_call("add", utc(node), engine_call("to_microseconds", micros))
    return moved if kind_of(node) is Kind.TIMESTAMP_NTZ else engine_call("snowmelt_from_utc", moved, operand(node))


def _date_add(node: exp.Expr, resolver: Resolver) -> exp.Expr:
    return _plus(node.this, part_of(node.args.get("unit"), "DATEADD"), node.expression.copy(), "DATEADD")


def _add_months(node: exp.Expr, resolver: Resolver) -> exp.Expr:
    return like(engine_call("snowmelt_month_end", wall(node.this), node.expression.copy()), node.this)


_INTERVAL_PART = re.compile(r"\s*([+-]?\d+(?:\.\d+)?)\s*([A-Za-z_]*)\s*(?:,|$)")


def _interval_parts(interval: exp.Interval) -> list[tuple[str, str]]:
    """Numbers with their parts, in the order given.

    Raises:
        SqlError: 001003 for text that is no interval, 000002 for one that is not constant.
    """
    text, unit = interval.this, interval.args.get("unit")
    if not isinstance(text, exp.Literal):
        raise unsupported("INTERVAL of an expression")
    if unit is not None:
        return [(text.name, part_of(unit, "INTERVAL"))]
    found, position = [], 0
    while position < len(text.name):
        match = _INTERVAL_PART.match(text.name, position)
        part = canonical(match.group(2) or "SECOND") if match else None
        if match is None or part is None or match.end() == position:
            raise SqlError(f"SQL compilation error:\nInvalid interval literal '{text.name}'.", 1003, "42000")
        found.append((match.group(1), part))
        position = match.end()
    return found


def _sum(node: exp.Expr, resolver: Resolver) -> exp.Expr:
    """``x + INTERVAL '...'``, and what can be subtracted at all."""
    left, right = node.this, node.expression
    sign = "-" if isinstance(node, exp.Sub) else ""
    if isinstance(left, exp.Interval) and not sign:
        left, right = right, left
    if not isinstance(right, exp.Interval):
        if sign and kind_of(left) in TIMES - {Kind.DATE} and kind_of(right) in TIMES:
            raise _invalid_types("-", [left, right])
        return node
    made: exp.Expr = left
    for number, part in _interval_parts(right):
        found = type_of(made)
        made = _plus(made, part, exp.Literal.number(number) if not sign else exp.Neg(this=_literal(number)), "INTERVAL")
        if found is not None:
            made.meta[TYPE] = found
    return made


def _literal(number: str) -> exp.Expr:
    return exp.Paren(this=exp.Literal.number(number))


def _invalid_types(function: str, arguments: list[exp.Expr]) -> SqlError:
    kinds = ", ".join(found.sql if (found := type_of(item)) else "?" for item in arguments)
    return SqlError(
        f"SQL compilation error:\nInvalid argument types for function '{function}': ({kinds})", 1044, "42P13"
    )


# --- differences, beginnings, ends -----------------------------------------------------------------------------------


def _date_diff(node: exp.Expr, resolver: Resolver) -> exp.Expr:
    part = part_of(node.args.get("unit"), "DATEDIFF")
    early, late = node.expression, node.this
    if part == "WEEK":
        ends = [engine_call("snowmelt_week", wall(item), first_day(resolver)) for item in (early, late)]
        return engine_call("divide", engine_call("date_diff", exp.Literal.string("day"), *ends), _number(7))
    if part not in OF_A_DAY | {"YEAR", "QUARTER", "MONTH", "DAY"}:
        raise not_a_part(part, "DATEDIFF")
    zoned = {kind_of(early), kind_of(late)} & {Kind.TIMESTAMP_LTZ, Kind.TIMESTAMP_TZ}
    if part in OF_A_DAY and zoned:
        values: list[exp.Expr] = [engine_call("snowmelt_moment", operand(item)) for item in (early, late)]
    else:
        values = [wall(item) for item in (early, late)]
    if part == "NANOSECOND":
        return _times(engine_call("date_diff", exp.Literal.string("microsecond"), *values), 1_000)
    return engine_call("date_diff", exp.Literal.string(part.lower()), *values)


def _date_trunc(node: exp.Expr, resolver: Resolver) -> exp.Expr:
    part = part_of(node.args.get("unit"), "DATE_TRUNC")
    if part == "WEEK":
        return like(engine_call("snowmelt_week", wall(node.this), first_day(resolver)), node.this)
    if part == "NANOSECOND":
        return operand(node.this)
    if part not in OF_A_DAY | {"YEAR", "QUARTER", "MONTH", "DAY"}:
        raise not_a_part(part, "DATE_TRUNC")
    return like(engine_call("date_trunc", exp.Literal.string(part.lower()), wall(node.this)), node.this)


def _last_day(node: exp.Expr, resolver: Resolver) -> exp.Expr:
    unit = node.args.get("unit")
    part = "MONTH" if unit is None else part_of(unit, "LAST_DAY")
    time = wall(node.this)
    if part == "MONTH":
        return engine_call("last_day", time)
    if part == "WEEK":
        start = engine_call("snowmelt_week", time, first_day(resolver))
        return _as_date(engine_call("add", start, engine_call("to_days", _number(6))))
    if part not in ("YEAR", "QUARTER"):
        raise not_a_part(part, "LAST_DAY")
    start = engine_call("date_trunc", exp.Literal.string(part.lower()), time)
    months = engine_call("to_months", _number(_MONTHS[part] - 1))
    return engine_call("last_day", engine_call("add", start, months))


def _as_date(time: exp.Expr) -> exp.Expr:
    return exp.Cast(this=time, to=raw("DATE"))


def _of_wall(name: str) -> Maker:
    """A macro of the wall clock's time and the other argument."""
    return lambda node, resolver: engine_call(name, wall(node.this), node.expression.copy())


def _months_between(node: exp.Expr, resolver: Resolver) -> exp.Expr:
    return engine_call("snowmelt_months_between", wall(node.this), wall(node.expression))


def _name(form: str) -> Maker:
    return lambda node, resolver: engine_call("strftime", wall(node.this), exp.Literal.string(form))


def _time_slice(node: exp.Expr, resolver: Resolver) -> exp.Expr:
    part = part_of(node.args.get("unit"), "TIME_SLICE")
    length = node.expression
    if not isinstance(length, exp.Literal) or length.is_string or int(length.name) < 1:
        raise SqlError("SQL compilation error:\nslice length of TIME_SLICE must be a constant >= 1", 1003, "42000")
    count = int(length.name)
    origin = "TIMESTAMP '1970-01-01'"
    if part in _MONTHS:
        width = engine_call("to_months", _number(count * _MONTHS[part]))
    elif part in _DAYS:
        width = engine_call("to_days", _number(count * _DAYS[part]))
        if part == "WEEK":
            origin = f"(TIMESTAMP '1969-12-29' + to_days({first_day(resolver).name} - 1))"
    elif part in ("HOUR", "MINUTE", "SECOND"):
        width = engine_call("to_microseconds", _number(count * _MICROSECONDS[part]))
    else:
        raise not_a_part(part, "TIME_SLICE")
    start = engine_call("time_bucket", width, wall(node.this), raw(origin))
    kind = node.args.get("kind")
    if kind is not None and kind.name.upper() == "END":
        start = engine_call("add", start, width.copy())
    return like(start, node.this)


# --- from parts ------------------------------------------------------------------------------------------------------


def _date_from_parts(node: exp.Expr, resolver: Resolver | None = None) -> exp.Expr:
    return engine_call("snowmelt_date_of", *(node.args[key].copy() for key in ("year", "month", "day")))


def _micros(node: exp.Expr) -> exp.Expr:
    parts = [node.args.get(key) for key in ("hour", "min", "sec", "nano")]
    return engine_call("snowmelt_micros_of", *(_number(0) if part is None else part.copy() for part in parts))


def _time_from_parts(node: exp.Expr, resolver: Resolver) -> exp.Expr:
    return engine_call("add", raw("TIME '00:00:00'"), _micros(node))


def _from_parts(kind: Kind) -> Maker:
    def make(node: exp.Expr, resolver: Resolver) -> exp.Expr:
        if node.args.get("year") is None:
            day, time = converted(node.this, Kind.DATE), converted(node.expression, Kind.TIME)
            made = engine_call("add", day, time)
        else:
            day = exp.Cast(this=_date_from_parts(node), to=raw("TIMESTAMP"))
            made = engine_call("add", day, _micros(node))
        zone = node.args.get("zone")
        if kind is Kind.TIMESTAMP_TZ and zone is not None:
            moment = engine_call("timezone", raw("'UTC'"), engine_call("timezone", zone.copy(), made))
            return engine_call("snowmelt_tz", moment, engine_call("snowmelt_zone_minutes", zone.copy(), moment.copy()))
        name = {Kind.TIMESTAMP_LTZ: "snowmelt_to_ltz", Kind.TIMESTAMP_TZ: "snowmelt_to_tz"}.get(kind)
        return made if name is None else engine_call(name, made)

    return make


def _convert_timezone(node: exp.Expr, resolver: Resolver) -> exp.Expr:
    source, target, value = node.args.get("source_tz"), node.args["target_tz"], node.args["timestamp"]
    if source is not None and kind_of(value) in (Kind.TIMESTAMP_LTZ, Kind.TIMESTAMP_TZ):
        raise _invalid_types("CONVERT_TIMEZONE", [source, target, value])
    if source is not None:
        moment = engine_call("timezone", source.copy(), wall(value))
        return engine_call("timezone", target.copy(), moment)
    zoned = converted(value, Kind.TIMESTAMP_TZ) if kind_of(value) is Kind.TEXT else operand(value)
    moment = engine_call("snowmelt_moment", zoned)
    return engine_call("snowmelt_tz", moment, engine_call("snowmelt_zone_minutes", target.copy(), moment.copy()))


_MAKERS: dict[type[exp.Expr], Maker] = {
    **FIELDS,
    exp.DateAdd: _date_add,
    exp.TimeAdd: _date_add,
    exp.TimestampAdd: _date_add,
    exp.Add: _sum,
    exp.Sub: _sum,
    exp.AddMonths: _add_months,
    exp.DateDiff: _date_diff,
    exp.TimestampTrunc: _date_trunc,
    exp.DateTrunc: _date_trunc,
    exp.LastDay: _last_day,
    exp.NextDay: _of_wall("snowmelt_next_day"),
    exp.PreviousDay: _of_wall("snowmelt_previous_day"),
    exp.MonthsBetween: _months_between,
    exp.Dayname: _name("%a"),
    exp.Monthname: _name("%b"),
    exp.TimeSlice: _time_slice,
    exp.DateFromParts: _date_from_parts,
    exp.TimeFromParts: _time_from_parts,
    exp.TimestampFromParts: _from_parts(Kind.TIMESTAMP_NTZ),
    exp.TimestampLtzFromParts: _from_parts(Kind.TIMESTAMP_LTZ),
    exp.TimestampTzFromParts: _from_parts(Kind.TIMESTAMP_TZ),
    exp.ConvertTimezone: _convert_timezone,
}
