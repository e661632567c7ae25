"""Dates: what Snowflake keeps as DATE where the engine makes a timestamp.

Source: docs.snowflake.com/en/sql-reference/functions/dateadd, .../date_trunc
"""

from __future__ import annotations

from sqlglot import exp

from snowmelt.base.datatypes import Kind
from snowmelt.sql.rewrite.context import Resolver
from snowmelt.sql.typing import type_of


def dates(tree: exp.Expr, resolver: Resolver) -> exp.Expr:
    """Adding days or more to a DATE, or cutting one, gives a DATE."""
    for node in list(tree.find_all(exp.DateAdd, exp.DateTrunc, exp.TimestampTrunc, exp.AddMonths)):
        found = type_of(node)
        if found is not None and found.kind is Kind.DATE:
            node.replace(exp.Cast(this=node.copy(), to=exp.DataType.build("DATE", dialect="snowflake")))
    return tree
