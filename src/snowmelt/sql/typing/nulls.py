"""Which expressions are never null, so that clients are told so.

An expression counts as nullable unless it is certain that it is not.

Source: docs.snowflake.com/en/developer-guide/python-connector/python-connector-api (cursor.description)
"""

from __future__ import annotations

from sqlglot import exp

from snowmelt.base.datatypes import DataType, Kind
from snowmelt.sql.rewrite.context import TYPE

_ALWAYS = (
    *(
        exp.Count,
        exp.CountIf,
        exp.ApproxDistinct,
        exp.RowNumber,
        exp.Rank,
        exp.DenseRank,
        exp.PercentRank,
        exp.CumeDist,
    ),
    *(exp.CurrentDate, exp.CurrentTime, exp.CurrentTimestamp, exp.Boolean, exp.HexString, exp.Uuid, exp.Rand),
    *(exp.Seq1, exp.Seq2, exp.Seq4, exp.Seq8),
)
"""Never null, whatever their parts are."""

_AS_PARTS = (
    *(exp.Add, exp.Sub, exp.Mul, exp.Div, exp.Mod, exp.Neg, exp.DPipe, exp.Concat),
    *(exp.Upper, exp.Lower, exp.Trim, exp.Length, exp.Substring, exp.Left, exp.Right, exp.Replace, exp.Reverse),
    *(exp.Abs, exp.Round, exp.Ceil, exp.Floor, exp.Sign),
    *(exp.DateAdd, exp.DateDiff, exp.DateTrunc, exp.TimestampTrunc, exp.Year, exp.Month, exp.Day, exp.Hour),
    *(exp.Time, exp.Randstr),
)
"""Null only where one of their parts is. Conditions are not among them: to Snowflake they may always be null."""

_SAME = (exp.Paren, exp.Alias, exp.Cast)


def never_null(node: exp.Expr) -> bool:
    """Whether an expression is never null; the types of its parts are noted."""
    if isinstance(node, _ALWAYS):
        return True
    if isinstance(node, exp.Window):
        return isinstance(node.this, _ALWAYS)
    if isinstance(node, _SAME):
        return not isinstance(node, exp.TryCast) and _required(node.this) and not _holds_null(node)
    if isinstance(node, exp.Coalesce):
        return any(_required(item) for item in (node.this, *node.expressions))
    if isinstance(node, (exp.Case, exp.If)):
        branches = node.args.get("ifs") or [node]
        default = node.args.get("default") if isinstance(node, exp.Case) else node.args.get("false")
        return default is not None and _required(default) and all(_required(item.args["true"]) for item in branches)
    if isinstance(node, _AS_PARTS):
        parts = [item for item in node.iter_expressions() if not isinstance(item, (exp.Var, exp.Interval))]
        return bool(parts) and all(_required(item) for item in parts)
    return False


def _required(node: exp.Expr) -> bool:
    found: DataType | None = node.meta.get(TYPE)
    return found is not None and not found.nullable


def _holds_null(node: exp.Expr) -> bool:
    """Whether a cast may make null of what is none: of JSON's null; to Snowflake any cast to BOOLEAN may."""
    if not isinstance(node, exp.Cast):
        return False
    found: DataType | None = node.this.meta.get(TYPE)
    return node.to.this is exp.DType.BOOLEAN or (found is not None and found.kind is Kind.VARIANT)
