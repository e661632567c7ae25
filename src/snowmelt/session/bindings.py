"""Values as SQL literals: bind variables from the wire, session variables, array binds.

The wire's forms are those of the connector's converter: dates in milliseconds, times and timestamps in nanoseconds.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any

from sqlglot import exp

from snowmelt.base.datatypes import TIMESTAMP_TZ
from snowmelt.base.errors import unsupported
from snowmelt.base.request import Binding
from snowmelt.sql.rewrite.context import raw

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


def wire_value(kind: str, value: str | None) -> Any:
    """A bound value as Python's, from the wire's text.

    Raises:
        SqlError: 000002 for a kind that is not known.
    """
    if value is None:
        return None
    match kind.upper():
        case "FIXED":
            return Decimal(value)
        case "REAL":
            return float(value)
        case "TEXT":
            return value
        case "BOOLEAN":
            return value.lower() == "true"
        case "DATE":
            return (_EPOCH + timedelta(milliseconds=int(value))).date() if value.lstrip("-").isdigit() else value
        case "TIME":
            return (_EPOCH + timedelta(microseconds=int(value) // 1000)).time() if value.isdigit() else value
        case "TIMESTAMP_NTZ":
            return _EPOCH + timedelta(microseconds=int(value) // 1000)
        case "TIMESTAMP_LTZ" | "TIMESTAMP_TZ":
            nanoseconds = int(value.split(" ")[0])
            return (_EPOCH + timedelta(microseconds=nanoseconds // 1000)).replace(tzinfo=UTC)
        case "BINARY":
            return bytes.fromhex(value)
        case _:
            raise unsupported(f"bind variable of type {kind}")


def wire_literal(kind: str, value: str | None) -> exp.Expr:
    """A bound value as a literal of the engine."""
    if kind.upper() == "TIMESTAMP_TZ" and value is not None and " " in value:
        nanoseconds, offset = value.split(" ")
        moment = _EPOCH + timedelta(microseconds=int(nanoseconds) // 1000)
        minutes = int(offset) - _WIRE_UTC
        return raw(f"snowmelt_tz(TIMESTAMP '{moment.isoformat(sep=' ')}', {minutes})", TIMESTAMP_TZ)
    return literal(wire_value(kind, value))


def array_length(bindings: Mapping[str, Binding]) -> int | None:
    """How many rows an array bind brings, or None when the bindings are plain."""
    for binding in bindings.values():
        if isinstance(binding.value, list):
            return len(binding.value)
    return None


def expand_values(values: exp.Values, bindings: Mapping[str, Binding], rows: int) -> exp.Values:
    """``VALUES (?, ?)`` with array binds as one literal tuple for each row."""
    template = values.expressions[0]
    tuples = []
    for row in range(rows):
        item = template.copy()
        for node in list(item.find_all(exp.Placeholder)):
            binding = bindings[str(node.args["this"])]
            value = binding.value[row] if isinstance(binding.value, list) else binding.value
            node.replace(wire_literal(binding.type, value))
        tuples.append(item)
    expanded = values.copy()
    expanded.set("expressions", tuples)
    return expanded
