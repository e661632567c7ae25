"""Values as SQL literals: bind variables from the wire, session variables.

The wire's forms are those of the connector's converter: dates in milliseconds, times and timestamps in nanoseconds.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta, timezone
from decimal import Decimal
from typing import Any

from sqlglot import exp

from snowmelt.base.datatypes import (
    BINARY,
    DATE,
    FLOAT,
    TIME,
    TIMESTAMP_LTZ,
    TIMESTAMP_NTZ,
    TIMESTAMP_TZ,
    Kind,
)
from snowmelt.base.errors import SqlError, unsupported
from snowmelt.base.value import Value
from snowmelt.sql.rewrite.context import TYPE, raw
from snowmelt.sql.typing import numbers
from snowmelt.sql.typing.numbers import MAX_DIGITS

_EPOCH = datetime(1970, 1, 1)
_WIRE_UTC = 1440
"""What the wire calls the offset of UTC."""


def _text(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"


def literal(value: Any) -> exp.Expr:
    """A Python value as a literal of the engine."""
    match value:
        case None:
            return exp.null()
        case bool():
            return exp.true() if value else exp.false()
        case int() | Decimal():
            return raw(str(value))
        case float():
            return raw(f"CAST({_text(repr(value))} AS DOUBLE)")
        case str():
            return exp.Literal.string(value)
        case datetime():
            kind = "TIMESTAMP" if value.tzinfo is None else "TIMESTAMPTZ"
            return raw(f"CAST({_text(value.isoformat(sep=' '))} AS {kind})")
        case date():
            return raw(f"CAST({_text(value.isoformat())} AS DATE)")
        case time():
            return raw(f"CAST({_text(value.isoformat())} AS TIME)")
        case bytes():
            return raw(f"from_hex('{value.hex()}')")
        case list() | dict():
            return raw(f"CAST({_text(json.dumps(value))} AS JSON)")
        case _:
            raise unsupported(f"value of type {type(value).__name__}")


def typed_literal(value: Value) -> exp.Expr:
    """A variable's value as a literal of the engine, with the variable's type."""
    found, data_type = value.value, value.type
    if isinstance(found, str) and data_type.kind is Kind.TEXT:
        return exp.Literal.string(found)
    if data_type.kind is Kind.TIMESTAMP_TZ and found is not None:
        months, days, nanoseconds = found
        text = f"(to_months({months}) + to_days({days}) + to_microseconds({nanoseconds // 1_000}))"
        return raw(text, data_type)
    text = literal(found).sql(dialect="duckdb")
    return raw(f"CAST({text} AS {data_type.duckdb})", data_type)


def wire_value(kind: str, value: str | None) -> Any:
    """A bound value as Python's, from the wire's text; dates and times may also be written out, and stay text then.

    Raises:
        SqlError: 000002 for a kind that is not known, 100038 and its kin for a text that is no value of the kind.
    """
    reader = _READERS.get(kind.upper())
    if reader is None:
        raise unsupported(f"bind variable of type {kind}")
    if value is None:
        return None
    what, code, read = reader
    try:
        return read(value)
    except (ArithmeticError, ValueError) as error:
        raise SqlError(f"{what} '{value}' is not recognized", code, "22018") from error


def _number(text: str) -> Decimal:
    """A number of at most 38 digits."""
    found = Decimal(text)
    if not found.is_finite():
        raise ValueError(text)
    if found.adjusted() >= MAX_DIGITS:
        raise SqlError(f"Numeric value '{text}' is out of range", 100046, "22003")
    return found


def _boolean(text: str) -> bool:
    return {"true": True, "false": False}[text.lower()] if text.lower() in ("true", "false") else bool(int(text))


def _date(text: str) -> date | str:
    return (_EPOCH + timedelta(milliseconds=int(text))).date() if _is_count(text) else text


def _time(text: str) -> time | str:
    return (_EPOCH + timedelta(microseconds=int(text) // 1000)).time() if _is_count(text) else text


def _timestamp(text: str) -> datetime | str:
    return _EPOCH + timedelta(microseconds=int(text) // 1000) if _is_count(text) else text


def _moment(text: str) -> datetime | str:
    """A moment; behind a blank may stand an offset in minutes, 1440 being UTC."""
    nanoseconds, _, offset = text.partition(" ")
    if not _is_count(nanoseconds) or (offset and not _is_count(offset)):
        return text
    zone = timezone(timedelta(minutes=int(offset) - _WIRE_UTC)) if offset else UTC
    moment = _EPOCH + timedelta(microseconds=int(nanoseconds) // 1000)
    return moment.replace(tzinfo=UTC).astimezone(zone)


def _is_count(text: str) -> bool:
    return text.lstrip("-").isdecimal()


_READERS: dict[str, tuple[str, int, Callable[[str], Any]]] = {
    "FIXED": ("Numeric value", 100038, _number),
    "REAL": ("Numeric value", 100038, float),
    "TEXT": ("Text", 100038, str),
    "ANY": ("Text", 100038, str),
    "BOOLEAN": ("Boolean value", 100037, _boolean),
    "DATE": ("Date", 100040, _date),
    "TIME": ("Time", 100108, _time),
    "TIMESTAMP_NTZ": ("Timestamp", 100035, _timestamp),
    "TIMESTAMP_LTZ": ("Timestamp", 100035, _moment),
    "TIMESTAMP_TZ": ("Timestamp", 100035, _moment),
    "BINARY": ("Binary value", 100115, bytes.fromhex),
}
"""By kind: how the value is called in errors, their code, and what reads it."""

BOUND_TYPES = {
    "REAL": FLOAT,
    "BINARY": BINARY,
    "DATE": DATE,
    "TIME": TIME,
    "TIMESTAMP_NTZ": TIMESTAMP_NTZ,
    "TIMESTAMP_LTZ": TIMESTAMP_LTZ,
    "TIMESTAMP_TZ": TIMESTAMP_TZ,
}
"""The types of values whose literal does not tell it."""


def wire_literal(kind: str, value: str | None) -> exp.Expr:
    """A bound value as a literal of the engine, with its Snowflake type.

    Raises:
        SqlError: as `wire_value`.
    """
    found = wire_value(kind, value)
    match found:
        case str() if kind.upper() in BOUND_TYPES:
            to = exp.DataType.build(kind.upper(), dialect="snowflake")
            return exp.Cast(this=exp.Literal.string(found), to=to)
        case Decimal():
            text = f"{found:f}"
            return raw(text, numbers.literal(text))
        case datetime() if kind.upper() == "TIMESTAMP_TZ":
            offset = found.utcoffset() or timedelta()
            moment = (found - offset).replace(tzinfo=None)
            text = f"snowmelt_tz(TIMESTAMP '{moment.isoformat(sep=' ')}', {int(offset.total_seconds()) // 60})"
            return raw(text, TIMESTAMP_TZ)
    made = literal(found)
    if found is not None and kind.upper() in BOUND_TYPES:
        made.meta[TYPE] = BOUND_TYPES[kind.upper()]
    return made
