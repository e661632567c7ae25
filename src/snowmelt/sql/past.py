"""AT, BEFORE, CHANGES and END: which point in time, or between which points, a statement means.

Source: docs.snowflake.com/en/sql-reference/constructs/at-before, .../changes
"""

from __future__ import annotations

from dataclasses import dataclass

from sqlglot import exp

from snowmelt.base.errors import syntax_error
from snowmelt.sql.cursor import Cursor

_KINDS = ("TIMESTAMP", "OFFSET", "STATEMENT", "STREAM")


@dataclass(frozen=True)
class Moment:
    """A point in time.

    Attributes:
        before: BEFORE; AT and END include what happened at that very moment.
        kind: TIMESTAMP, OFFSET, STATEMENT or STREAM.
        value: the expression behind the arrow.
    """

    before: bool
    kind: str
    value: exp.Expr


@dataclass(frozen=True)
class Interval:
    """CHANGES: what happened after `start`, up to and including `end` or until now.

    Attributes:
        append_only: INFORMATION => APPEND_ONLY, only rows that were inserted.
    """

    append_only: bool
    start: Moment
    end: Moment | None


Past = Moment | Interval


def past_of(table: exp.Expr) -> Past | None:
    """What a name in FROM says about time; None for the present.

    Raises:
        SqlError: 001003 when CHANGES lacks its AT or BEFORE.
    """
    when, changes = table.args.get("when"), table.args.get("changes")
    if changes is None:
        return None if when is None else _moment(when)
    start, end = changes.args.get("at_before"), changes.args.get("end")
    information = changes.args["information"].name.upper()
    if start is None or information not in ("DEFAULT", "APPEND_ONLY"):
        raise syntax_error("unexpected 'CHANGES'")
    return Interval(information == "APPEND_ONLY", _moment(start), None if end is None else _moment(end))


def _moment(node: exp.Expr) -> Moment:
    kind = str(node.args["kind"]).upper()
    if kind not in _KINDS:
        raise syntax_error(f"unexpected '{kind}'")
    return Moment(str(node.this).upper() == "BEFORE", kind, node.expression)


def parse_moment(cursor: Cursor) -> Moment | None:
    """AT | BEFORE (kind => value), if it comes next, outside of queries."""
    side = cursor.take_one_of("AT", "BEFORE")
    if side is None:
        return None
    cursor.expect("(")
    kind = cursor.take_one_of(*_KINDS)
    if kind is None:
        raise cursor.unexpected()
    cursor.expect("=>")
    value = cursor.expression()
    cursor.expect(")")
    return Moment(side == "BEFORE", kind, value)
