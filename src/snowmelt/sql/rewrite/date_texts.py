"""Dates and times from text and to text, by the session's formats or by one that is given.

Source: docs.snowflake.com/en/sql-reference/date-time-input-output
"""

from __future__ import annotations

from collections.abc import Callable

from sqlglot import exp

from snowmelt.base.datatypes import (
    DATE,
    TIME,
    TIMES,
    TIMESTAMP_LTZ,
    TIMESTAMP_NTZ,
    TIMESTAMP_TZ,
    VARCHAR,
    DataType,
    Kind,
)
from snowmelt.base.errors import SqlError, unsupported
from snowmelt.sql import time_formats
from snowmelt.sql.rewrite.clocks import converted, cut, kind_of, operand, wall
from snowmelt.sql.rewrite.context import TYPE, Resolver, engine_call, raw
from snowmelt.sql.typing import type_of

_OUTPUT = {
    Kind.DATE: "DATE_OUTPUT_FORMAT",
    Kind.TIME: "TIME_OUTPUT_FORMAT",
    Kind.TIMESTAMP_NTZ: "TIMESTAMP_NTZ_OUTPUT_FORMAT",
    Kind.TIMESTAMP_LTZ: "TIMESTAMP_LTZ_OUTPUT_FORMAT",
    Kind.TIMESTAMP_TZ: "TIMESTAMP_TZ_OUTPUT_FORMAT",
}
_INPUT = {Kind.DATE: "DATE_INPUT_FORMAT", Kind.TIME: "TIME_INPUT_FORMAT"}
_WORDS = {Kind.DATE: "date", Kind.TIME: "time"}


def text_of(node: exp.Expr, resolver: Resolver, form: str | None = None) -> exp.Expr:
    """A date, time or timestamp as text, by `form` or by the session's format of its type."""
    kind = kind_of(node)
    if form is None:
        if kind is None or kind not in _OUTPUT:
            raise AssertionError(f"no date or time: {kind}")
        form = str(resolver.parameter(_OUTPUT[kind]) or resolver.parameter("TIMESTAMP_OUTPUT_FORMAT"))
        if form.upper() == "AUTO":
            form = "YYYY-MM-DD HH24:MI:SS.FF3 TZHTZM"
    if kind is Kind.TIMESTAMP_TZ and not isinstance(node.unnest(), (exp.Column, exp.Identifier)):
        return _once(node, lambda value: text_of(value, resolver, form), VARCHAR)
    minutes = engine_call("snowmelt_minutes", operand(node))
    parts: list[exp.Expr] = []
    plain = ""
    for piece in time_formats.pieces(form):
        if piece.digits is None and not piece.zone:
            plain += piece.text
            continue
        if plain:
            parts.append(_strftime(node, plain))
            plain = ""
        if piece.zone:
            parts.append(engine_call("snowmelt_offset_text", minutes.copy(), exp.Literal.string(piece.text)))
        else:
            parts.append(engine_call("snowmelt_fraction", wall(node), exp.Literal.number(piece.digits or 0)))
    if plain or not parts:
        parts.append(_strftime(node, plain))
    joined = parts[0]
    for part in parts[1:]:
        joined = exp.DPipe(this=joined, expression=part)
    made = exp.Paren(this=joined)
    made.meta[TYPE] = VARCHAR
    return made


def _once(node: exp.Expr, make: Callable[[exp.Expr], exp.Expr], made: DataType) -> exp.Expr:
    """What `make` makes of a value that is long to write: the value is written once, as the one element of a list."""
    value = exp.to_identifier("snowmelt_value")
    found = type_of(node)
    if found is not None:
        value.meta[TYPE] = found
    function = exp.Lambda(this=make(value), expressions=[value.copy()])
    results = engine_call("list_transform", engine_call("list_value", node.copy()), function)
    return engine_call("list_extract", results, exp.Literal.number(1), data_type=made)


def _strftime(node: exp.Expr, form: str) -> exp.Expr:
    return engine_call("strftime", wall(node), exp.Literal.string(form))


def read_as(node: exp.Expr, target: DataType, form: str, *, tolerant: bool, named: bool = True) -> exp.Expr:
    """Text read by `form` as a date, time or timestamp; what does not fit is null, or an error. That tells the format
    if the statement has `named` it (100096), and else only that the text is not recognized.
    """
    how = time_formats.reading(form)
    text = operand(node)
    value = engine_call("snowmelt_without_zone", text.copy()) if how.zone else text.copy()
    if how.morning:
        value = exp.Paren(this=exp.DPipe(this=value, expression=exp.Literal.string(" AM")))
    forms = engine_call("list_value", *(exp.Literal.string(item) for item in how.forms))
    name = "snowmelt_read_fraction" if how.fraction else "snowmelt_read"
    if how.fraction and "." in how.forms[0]:
        name = "snowmelt_read_last_fraction"
    time: exp.Expr = engine_call(name, value, forms)
    if not how.year:
        # Without a year the engine counts from 1900, Snowflake from 1970.
        time = engine_call("add", time, engine_call("to_years", exp.Literal.number(70)))
    minutes: exp.Expr = engine_call("snowmelt_text_minutes", text.copy()) if how.zone else raw("CAST(NULL AS INTEGER)")
    if how.zone:
        time = engine_call("snowmelt_only_with", time, minutes.copy())
    if not tolerant:
        word = _WORDS.get(target.kind, "timestamp")
        if named:
            time = engine_call("snowmelt_parsed", text, time, exp.Literal.string(word), exp.Literal.string(form))
        else:
            time = engine_call("snowmelt_recognized", time, exp.Literal.string(word.title()), text)
    match target.kind:
        case Kind.DATE:
            return exp.Cast(this=time, to=raw("DATE"))
        case Kind.TIME:
            made: exp.Expr = exp.Cast(this=time, to=raw("TIME"))
        case Kind.TIMESTAMP_LTZ:
            made = engine_call("snowmelt_zoned", time, minutes)
        case Kind.TIMESTAMP_TZ:
            made = engine_call("snowmelt_tz_of", time, minutes)
        case _:
            made = time
    return cut(made, target)


def from_text(node: exp.Expr, target: DataType, resolver: Resolver, *, tolerant: bool) -> exp.Expr:
    """Any value as a date, time or timestamp; text by the session's input format."""
    simple = (exp.Column, exp.Identifier, exp.Literal)
    if target.kind is Kind.TIMESTAMP_TZ and not isinstance(node.unnest(), simple) and kind_of(node) not in TIMES:
        return _once(node, lambda value: from_text(value, target, resolver, tolerant=tolerant), target)
    form = str(resolver.parameter(_INPUT.get(target.kind, "TIMESTAMP_INPUT_FORMAT")))
    if kind_of(node) is Kind.TEXT and form.upper() != "AUTO":
        return read_as(node, target, form, tolerant=tolerant, named=False)
    return cut(converted(node, target.kind, tolerant=tolerant), target)


# --- calls -----------------------------------------------------------------------------------------------------------


def date_texts(tree: exp.Expr, resolver: Resolver) -> exp.Expr:
    """TO_DATE, TO_TIME, TO_TIMESTAMP, TO_CHAR of a time, and their kin."""
    for node in list(tree.find_all(*_CALLS, exp.Anonymous, bfs=False))[::-1]:
        if isinstance(node, exp.Anonymous):
            made = _anonymous(node, resolver)
        elif isinstance(node, (exp.ToChar, exp.TimeToStr)):
            made = _to_char(node, resolver)
        else:
            made = _to_time(node, resolver)
        if made is not None:
            found = type_of(node)
            if found is not None:
                made.meta[TYPE] = found
            node.replace(made)
    return tree


def _to_char(node: exp.Expr, resolver: Resolver) -> exp.Expr | None:
    if kind_of(node.this) not in TIMES and not (kind_of(node.this) is None and _is_time_format(node)):
        return None
    return text_of(node.this, resolver, _constant_format(node))


def _is_time_format(node: exp.Expr) -> bool:
    """Whether the format of a value of unknown type is one of times and not of numbers."""
    form = node.args.get("format")
    return isinstance(form, exp.Literal) and any("%" in piece.text for piece in time_formats.pieces(form.name))


def _constant_format(node: exp.Expr) -> str | None:
    form = node.args.get("format")
    if form is None or isinstance(form, exp.Literal):
        return None if form is None else str(form.name)
    raise unsupported("date and time format that is not constant")


def _to_time(node: exp.Expr, resolver: Resolver) -> exp.Expr:
    """TO_DATE(x), TO_TIMESTAMP_NTZ(x, format), TO_TIMESTAMP(x, scale) and the like."""
    target = type_of(node) or TIMESTAMP_NTZ
    tolerant = bool(node.args.get("safe"))
    scale = node.args.get("scale")
    if scale is not None:
        return _scaled(node.this, scale, target)
    form = _constant_format(node)
    if form is None or form.upper() == "AUTO":
        return from_text(node.this, target, resolver, tolerant=tolerant)
    if kind_of(node.this) in TIMES:
        raise SqlError("SQL compilation error:\ntoo many arguments for a conversion of a date or time", 939, "22023")
    return read_as(node.this, target, form, tolerant=tolerant)


def _scaled(value: exp.Expr, scale: exp.Expr, target: DataType) -> exp.Expr:
    """A number of seconds, milliseconds, ... since 1970."""
    digits: exp.Expr = engine_call("snowmelt_bigint", scale.copy())
    moment = engine_call("snowmelt_epoch", operand(value), digits)
    match target.kind:
        case Kind.TIMESTAMP_LTZ:
            return engine_call("timezone", raw("'UTC'"), moment)
        case Kind.TIMESTAMP_TZ:
            return engine_call("snowmelt_tz", moment, exp.Literal.number(0))
        case _:
            return moment


_NAMED: dict[str, DataType] = {
    "TO_TIMESTAMP": TIMESTAMP_NTZ,
    "TO_TIMESTAMP_NTZ": TIMESTAMP_NTZ,
    "TO_TIMESTAMP_LTZ": TIMESTAMP_LTZ,
    "TO_TIMESTAMP_TZ": TIMESTAMP_TZ,
    "TO_DATE": DATE,
    "DATE": DATE,
    "TO_TIME": TIME,
    "TIME": TIME,
}
"""Conversions that sqlglot leaves anonymous where they have one argument, or one of some forms."""


def _anonymous(node: exp.Anonymous, resolver: Resolver) -> exp.Expr | None:
    name = str(node.this).upper()
    tolerant = name.startswith("TRY_")
    target = _NAMED.get(name.removeprefix("TRY_"))
    if target is None or len(node.expressions) != 1:
        return None
    return from_text(node.expressions[0], target, resolver, tolerant=tolerant)


_CALLS = (exp.ToChar, exp.TimeToStr, exp.TsOrDsToDate, exp.TsOrDsToTime, exp.Time, exp.StrToTime, exp.UnixToTime)
