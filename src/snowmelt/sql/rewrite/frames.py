"""Frames of windows that Snowflake refuses.

Source: docs.snowflake.com/en/sql-reference/functions-window-syntax
"""

from __future__ import annotations

from sqlglot import exp

from snowmelt.base.datatypes import Kind
from snowmelt.base.errors import SqlError
from snowmelt.sql.rewrite.context import Resolver
from snowmelt.sql.typing import type_of

_HEAD = "SQL compilation error:\n"


def frames(tree: exp.Expr, resolver: Resolver) -> exp.Expr:
    """Look at each frame's bounds.

    Raises:
        SqlError: 002305 for a frame that ends before it begins, 002308 for bounds that do not fit to each other or to
            the order.
    """
    for spec in tree.find_all(exp.WindowSpec):
        start, end = _place(spec, "start"), _place(spec, "end")
        if spec.args.get("end") is not None and start > end:
            raise SqlError(f"{_HEAD}Invalid window frame", 2305, "42601")
        bounds = [bound for key in ("start", "end") if isinstance(bound := spec.args.get(key), exp.Expr)]
        intervals = [isinstance(bound, exp.Interval) for bound in bounds]
        if any(intervals):
            if not all(intervals):
                raise SqlError(f"{_HEAD}Mixing numeric and interval frames is not supported", 2308, "42601")
            _check_order(spec)
    return tree


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
