"""The present moment, one for each statement, in the session's time zone.

Source: docs.snowflake.com/en/sql-reference/functions/current_timestamp, .../sysdate, .../parameters#timezone
"""

from __future__ import annotations

from datetime import UTC
from zoneinfo import ZoneInfo

from sqlglot import exp

from snowmelt.base.datatypes import DATE, TIME, TIMESTAMP_LTZ, TIMESTAMP_NTZ, DataType
from snowmelt.sql.rewrite.context import Resolver, raw

_NODES = (exp.CurrentTimestamp, exp.CurrentDate, exp.CurrentTime, exp.Localtime, exp.Localtimestamp)


def moments(tree: exp.Expr, resolver: Resolver) -> exp.Expr:
    """CURRENT_TIMESTAMP, SYSDATE, CURRENT_DATE, CURRENT_TIME and their other names become literals."""
    for node in list(tree.find_all(*_NODES)):
        node.replace(_literal(node, resolver))
    return tree


def _literal(node: exp.Expr, resolver: Resolver) -> exp.Expr:
    now = resolver.now()
    zone = node.this.name if isinstance(node.this, exp.Literal) and node.this.is_string else None
    local = now.astimezone(ZoneInfo(zone or str(resolver.parameter("TIMEZONE")))).replace(tzinfo=None)
    if isinstance(node, exp.CurrentDate):
        return raw(f"DATE '{local.date().isoformat()}'", DATE)
    digits = int(node.this.name) if isinstance(node.this, exp.Literal) and not node.this.is_string else 9
    kept = 10 ** (6 - min(digits, 6))
    if isinstance(node, (exp.CurrentTime, exp.Localtime)):
        local = local.replace(microsecond=local.microsecond // kept * kept)
        return raw(f"TIME '{local.time().isoformat()}'", _scaled(TIME, digits))
    utc = now.astimezone(UTC).replace(tzinfo=None)
    text = utc.replace(microsecond=utc.microsecond // kept * kept).isoformat(sep=" ")
    if node.args.get("sysdate"):
        return raw(f"TIMESTAMP '{text}'", TIMESTAMP_NTZ)
    return raw(f"CAST('{text}+00' AS TIMESTAMPTZ)", _scaled(TIMESTAMP_LTZ, digits))


def _scaled(data_type: DataType, digits: int) -> DataType:
    return DataType(data_type.kind, precision=0, scale=digits)
