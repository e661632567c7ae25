"""Dates and times beside values of other types, and what TIMESTAMP means in the session.

Source: docs.snowflake.com/en/sql-reference/data-type-conversion (implicit casting)
and docs.snowflake.com/en/sql-reference/parameters#timestamp-type-mapping
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from sqlglot import exp

from snowmelt.base.datatypes import TIMES, TIMESTAMP_TZ, TIMESTAMPS, DataType, Kind
from snowmelt.sql.rewrite.clocks import kind_of
from snowmelt.sql.rewrite.context import TYPE, Resolver
from snowmelt.sql.rewrite.date_texts import from_text, text_of
from snowmelt.sql.typing import type_of

_COMPARISONS = (exp.EQ, exp.NEQ, exp.GT, exp.GTE, exp.LT, exp.LTE, exp.NullSafeEQ, exp.NullSafeNEQ)
_CHOICES = (exp.Coalesce, exp.Greatest, exp.Least)
_TEXT_TAKERS = (
    *(exp.Upper, exp.Lower, exp.Trim, exp.Length, exp.Like, exp.ILike, exp.Substring, exp.Replace, exp.Left, exp.Right),
    *(exp.SplitPart, exp.StartsWith, exp.EndsWith, exp.RegexpLike, exp.RegexpReplace, exp.RegexpExtract),
    *(exp.GroupConcat, exp.StrPosition, exp.Pad, exp.Contains),
)


def timestamp_types(tree: exp.Expr, resolver: Resolver) -> exp.Expr:
    """TIMESTAMP and TO_TIMESTAMP stand for one of the three types, by TIMESTAMP_TYPE_MAPPING."""
    mapping = str(resolver.parameter("TIMESTAMP_TYPE_MAPPING")).upper()
    if mapping == "TIMESTAMP_NTZ":
        return tree
    for node in tree.find_all(exp.DataType):
        if node.this is exp.DType.TIMESTAMP:
            node.set("this", exp.DataType.build(mapping, dialect="snowflake").this)
    for call in tree.find_all(exp.Anonymous):
        name = str(call.this).upper()
        if name.removeprefix("TRY_") == "TO_TIMESTAMP":
            call.set("this", name.replace("TO_TIMESTAMP", f"TO_{mapping}"))
    return tree


def date_comparisons(tree: exp.Expr, resolver: Resolver) -> exp.Expr:
    """Text beside a time is read as one; beside a TIMESTAMP_TZ all else becomes one."""
    for node in list(tree.find_all(*_COMPARISONS, exp.In, exp.Between, *_CHOICES)):
        if isinstance(node, exp.In):
            _alike([node.this, *node.expressions], resolver)
        elif isinstance(node, exp.Between):
            _alike([node.this, node.args["low"], node.args["high"]], resolver)
        elif isinstance(node, _CHOICES):
            _alike([node.this, *node.expressions], resolver)
        else:
            _alike([node.this, node.expression], resolver)
    return tree


def date_operands(tree: exp.Expr, resolver: Resolver) -> exp.Expr:
    """Times become text where a function takes text."""
    for node in list(tree.find_all(*_TEXT_TAKERS)):
        for value in _values(node):
            if kind_of(value) in TIMES:
                value.replace(text_of(value, resolver))
    return tree


def _values(node: exp.Expr) -> Iterator[exp.Expr]:
    """The operands of a node, through what only says how they are taken."""
    for child in list(node.iter_expressions()):
        if isinstance(child, (exp.Distinct, exp.Order)):
            yield child.expressions[0] if isinstance(child, exp.Distinct) else child.this
        elif isinstance(child, exp.Expr):
            yield child


def _alike(operands: Sequence[exp.Expr], resolver: Resolver) -> None:
    found = [type_of(item) for item in operands]
    times = [item for item in found if item is not None and item.kind in TIMES]
    if not times:
        return
    zoned = any(item.kind is Kind.TIMESTAMP_TZ for item in times)
    for operand in operands:
        kind = kind_of(operand)
        if zoned and kind in TIMESTAMPS | {Kind.DATE, Kind.TEXT}:
            _convert(operand, TIMESTAMP_TZ, resolver)
        elif kind is Kind.TEXT:
            _convert(operand, times[0], resolver)


def _convert(operand: exp.Expr, target: DataType, resolver: Resolver) -> None:
    if kind_of(operand) is target.kind:
        return
    made = from_text(operand, target, resolver, tolerant=False)
    made.meta[TYPE] = target
    operand.replace(made)
