"""The present moment, one for each statement, in the session's time zone.

Source: docs.snowflake.com/en/sql-reference/functions/current_timestamp, .../sysdate, .../parameters#timezone
"""

from __future__ import annotations

from sqlglot import exp

from snowmelt.base.datatypes import DATE, TIME, TIMESTAMP_LTZ, TIMESTAMP_NTZ, DataType
from snowmelt.sql.rewrite.context import Resolver, raw

_NODES = (exp.CurrentTimestamp, exp.CurrentDate, exp.CurrentTime, exp.Localtime, exp.Localtimestamp)


def moments(tree: exp.Expr, resolver: Resolver) -> exp.Expr:
    """CURRENT_TIMESTAMP, SYSDATE, CURRENT_DATE, CURRENT_TIME and their other names become calls that are constant."""
    for node in list(tree.find_all(*_NODES)):
        node.replace(_constant(node, resolver))
    return tree


def _constant(node: exp.Expr, resolver: Resolver) -> exp.Expr:
    given = node.this if isinstance(node.this, exp.Literal) else None
    digits = int(given.name) if given is not None and not given.is_string else 9
    moment, kept = resolver.moment(), 10 ** (6 - min(digits, 6))
    if kept > 1:
        moment = f"({moment} // {kept} * {kept})"
    utc = f"make_timestamp({moment})"
    absolute = f"timezone('UTC', {utc})"
    zone = given.name if given is not None and given.is_string else str(resolver.parameter("TIMEZONE"))
    local = f"timezone({_text(zone)}, {absolute})"
    if isinstance(node, exp.CurrentDate):
        return raw(f"CAST({local} AS DATE)", DATE)
    if isinstance(node, (exp.CurrentTime, exp.Localtime)):
        return raw(f"CAST({local} AS TIME)", _scaled(TIME, digits))
    if node.args.get("sysdate"):
        return raw(utc, TIMESTAMP_NTZ)
    return raw(absolute, _scaled(TIMESTAMP_LTZ, digits))


def _text(zone: str) -> str:
    return "'" + zone.replace("'", "''") + "'"


def _scaled(data_type: DataType, digits: int) -> DataType:
    return DataType(data_type.kind, precision=0, scale=digits)
