"""Frames of windows: those that Snowflake refuses, and RANK within a frame.

Source: docs.snowflake.com/en/sql-reference/functions-window-syntax, .../functions/rank
"""

from __future__ import annotations

from sqlglot import exp

from snowmelt.base.datatypes import Kind
from snowmelt.base.errors import SqlError
from snowmelt.sql.rewrite.context import Resolver, engine_call, raw
from snowmelt.sql.typing import type_of

_HEAD = "SQL compilation error:\n"


def frames(tree: exp.Expr, resolver: Resolver) -> exp.Expr:
    """Look at each frame's bounds.

    Raises:
        SqlError: 002305 for a frame that ends before it begins, 002308 for bounds that do not fit to each other or to
            the order.
    """
    for spec in list(tree.find_all(exp.WindowSpec)):
        start, end = _place(spec, "start"), _place(spec, "end")
        if spec.args.get("end") is not None and start > end:
            raise SqlError(f"{_HEAD}Invalid window frame", 2305, "42601")
        bounds = [bound for key in ("start", "end") if isinstance(bound := spec.args.get(key), exp.Expr)]
        intervals = [isinstance(bound, exp.Interval) for bound in bounds]
        if any(intervals):
            if not all(intervals):
                raise SqlError(f"{_HEAD}Mixing numeric and interval frames is not supported", 2308, "42601")
            _check_order(spec)
        if (
            isinstance(spec.parent, exp.Window)
            and isinstance(spec.parent.this, exp.Rank)
            and spec.args["kind"] == "ROWS"
        ):
            _rank_within(spec.parent, spec)
    return tree


def _rank_within(window: exp.Window, spec: exp.WindowSpec) -> None:
    """The engine ranks a row among all of its partition, Snowflake among the rows of its frame."""
    bound = spec.args["start"]
    if bound == "UNBOUNDED" or _place(spec, "start") > 0:
        return
    place = window.copy()
    place.set("spec", None)
    rank, number = place.copy(), place.copy()
    number.set("this", exp.RowNumber())
    first: exp.Expr = number
    if isinstance(bound, exp.Expr):
        first = engine_call("greatest", engine_call("subtract", number, bound.copy()), raw("1"))
    rows_before = engine_call("subtract", first, raw("1"))
    found = engine_call("subtract", engine_call("greatest", rank, first.copy()), rows_before, data_type=type_of(window))
    window.replace(found)


def _place(spec: exp.WindowSpec, key: str) -> int:
    """Where a bound lies: before the row, at it or after it."""
    if spec.args.get(key) == "CURRENT ROW":
        return 0
    return -1 if str(spec.args.get(f"{key}_side")).upper() == "PRECEDING" else 1


def _check_order(spec: exp.WindowSpec) -> None:
    window = spec.parent
    order = window.args.get("order") if window is not None else None
    found = type_of(order.expressions[0].this) if order is not None else None
    if found is not None and found.kind in (Kind.FIXED, Kind.REAL):
        raise SqlError(f"{_HEAD}numeric ORDER BY clause only allows numeric window frame boundaries", 2308, "42601")
