"""Arguments are converted to what a function takes, and operands to each other's type, as Snowflake does by itself.

Where text stands beside a number, the text becomes the number; a function of numbers takes text as FLOAT, and a
function of texts takes anything but BINARY as VARCHAR.

Source: docs.snowflake.com/en/sql-reference/data-type-conversion (implicit casting)
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from sqlglot import exp

from snowmelt.base.datatypes import FLOAT, TIMES, VARCHAR, DataType, Kind
from snowmelt.sql.rewrite.context import TYPE, Resolver, engine_call
from snowmelt.sql.typing import numbers, type_of
from snowmelt.sql.typing.functions import NUMBER_OF_TEXT, beside_text

_THIS = ("this",)
_BOTH = ("this", "expression")

_NUMERIC: dict[type[exp.Expr], tuple[str, ...]] = {
    **dict.fromkeys((exp.Abs, exp.Round, exp.Sqrt, exp.Ceil, exp.Floor, exp.Sign, exp.Exp, exp.Ln, exp.Cbrt), _THIS),
    **dict.fromkeys((exp.Sin, exp.Cos, exp.Tan, exp.Cot, exp.Asin, exp.Acos, exp.Atan, exp.Sinh, exp.Cosh), _THIS),
    **dict.fromkeys((exp.Tanh, exp.Asinh, exp.Acosh, exp.Atanh, exp.Degrees, exp.Radians, exp.Neg), _THIS),
    **dict.fromkeys((exp.Sum, exp.Avg, exp.Median, exp.Kurtosis, exp.Skewness, exp.ApproxQuantile), _THIS),
    **dict.fromkeys((exp.Stddev, exp.StddevPop, exp.StddevSamp, exp.Variance, exp.VariancePop), _THIS),
    **dict.fromkeys((exp.Pow, exp.Log, exp.Atan2, exp.Corr, exp.CovarPop, exp.CovarSamp), _BOTH),
    **dict.fromkeys((exp.RegrSlope, exp.RegrIntercept, exp.RegrR2, exp.RegrCount, exp.RegrAvgx, exp.RegrAvgy), _BOTH),
    **dict.fromkeys((exp.RegrSxx, exp.RegrSxy, exp.RegrSyy), _BOTH),
}
"""Functions of numbers, and which of their parts are numbers."""

_ARITHMETIC = (exp.Add, exp.Sub, exp.Mul, exp.Div, exp.Mod)

_TEXT: dict[type[exp.Expr], tuple[str, ...]] = {
    **dict.fromkeys((exp.Upper, exp.Lower, exp.Length, exp.Reverse, exp.Repeat, exp.Left, exp.Right), _THIS),
    **dict.fromkeys((exp.Substring, exp.MD5, exp.SHA, exp.SHA2, exp.Ascii, exp.Unicode, exp.Soundex), _THIS),
    **dict.fromkeys((exp.RtrimmedLength, exp.BitLength, exp.ByteLength, exp.Base64Encode, exp.Hex), _THIS),
    **dict.fromkeys((exp.Initcap, exp.Trim, exp.Contains, exp.StartsWith, exp.EndsWith, exp.Split), _BOTH),
    **dict.fromkeys((exp.Levenshtein, exp.RegexpLike, exp.RegexpExtract, exp.RegexpCount, exp.RegexpInstr), _BOTH),
    **dict.fromkeys((exp.Like, exp.ILike, exp.StrtokToArray, exp.JarowinklerSimilarity), _BOTH),
    **dict.fromkeys((exp.Replace, exp.RegexpReplace), ("this", "expression", "replacement")),
    **dict.fromkeys((exp.SplitPart, exp.Strtok), ("this", "delimiter")),
    exp.StrPosition: ("this", "substr"),
    exp.Translate: ("this", "from_", "to"),
    exp.Pad: ("this", "fill_pattern"),
    exp.GroupConcat: ("this", "separator"),
    exp.Stuff: _BOTH,
    exp.Concat: ("expressions",),
    exp.ConcatWs: ("expressions",),
    exp.DPipe: _BOTH,
}
"""Functions of texts, and which of their parts are texts."""

_WHOLE: dict[type[exp.Expr], tuple[str, ...]] = {
    exp.Substring: ("start", "length"),
    **dict.fromkeys((exp.Left, exp.Right, exp.Pad), ("expression",)),
    exp.Repeat: ("times",),
    **dict.fromkeys((exp.SplitPart, exp.Strtok), ("part_index",)),
    exp.StrPosition: ("position",),
    exp.Stuff: ("start", "length"),
    **dict.fromkeys((exp.Space, exp.Factorial, exp.Ntile), _THIS),
    exp.Chr: ("expressions",),
    **dict.fromkeys((exp.Lag, exp.Lead, exp.NthValue), ("offset",)),
    **dict.fromkeys((exp.RegexpExtract, exp.RegexpInstr, exp.RegexpCount), ("position", "occurrence", "group")),
}
"""Positions, lengths and counts, for which the engine wants integers of its own."""

_BOTH_NUMBERS = (Kind.FIXED, Kind.REAL)
_COMPARISONS = (exp.EQ, exp.NEQ, exp.GT, exp.GTE, exp.LT, exp.LTE, exp.NullSafeEQ, exp.NullSafeNEQ, exp.EqualNull)
_CHOICES = (exp.Coalesce, exp.Greatest, exp.Least, exp.Case, exp.If, exp.Nvl2)

COMPARED = DataType(Kind.FIXED, 38, 9)
"""What text is taken for where it is compared with exact numbers."""


def implicit_casts(tree: exp.Expr, resolver: Resolver) -> exp.Expr:
    """Write out the conversions of arguments, compared operands and branches."""
    kinds = (*_NUMERIC, *_ARITHMETIC, *_TEXT, *_WHOLE, *_COMPARISONS, *_CHOICES, exp.In, exp.Between, exp.Values)
    for node in list[exp.Expr](tree.find_all(*kinds)):
        for operand in _parts(node, _WHOLE.get(type(node), ())):
            if not isinstance(operand, (exp.Literal, exp.Neg)) and _kind(operand) in (Kind.FIXED, Kind.REAL, Kind.TEXT):
                operand.replace(engine_call("snowmelt_integer", operand.copy()))
        if isinstance(node, _COMPARISONS):
            _alike([node.this, node.expression], COMPARED)
            if isinstance(node.expression, (exp.All, exp.Any)):  # NOT IN is <> ALL
                _alike_query(node.this, node.expression.this)
        elif isinstance(node, exp.In):
            _alike([node.this, *node.expressions], COMPARED)
            _alike_query(node.this, node.args.get("query"))
        elif isinstance(node, exp.Between):
            _alike([node.this, node.args["low"], node.args["high"]], COMPARED)
        elif isinstance(node, exp.Values):
            _columns(node)
        elif isinstance(node, _CHOICES):
            _alike(_branches(node), NUMBER_OF_TEXT)
        elif isinstance(node, _ARITHMETIC):
            for operand in (node.this, node.expression):
                if _kind(operand) is Kind.VARIANT:
                    cast(operand, FLOAT)
        elif type(node) in _NUMERIC:
            for operand in _parts(node, _NUMERIC[type(node)]):
                if _kind(operand) in (Kind.TEXT, Kind.VARIANT):
                    cast(operand, FLOAT)
        elif not (isinstance(node, exp.GroupConcat) and node.find(exp.Distinct)):
            for operand in _parts(node, _TEXT.get(type(node), ())):
                kind = _kind(operand)
                if kind is Kind.VARIANT or (kind in (Kind.FIXED, Kind.REAL, Kind.BOOLEAN) or kind in TIMES):
                    cast(operand, VARCHAR)
    return tree


def _columns(node: exp.Values) -> None:
    """Text in a column of VALUES becomes what the others there are, when these are dates, times or truth values."""
    rows = [row.expressions if isinstance(row, exp.Tuple) else [row] for row in node.expressions]
    if any(len(row) != len(rows[0]) for row in rows):
        return
    for column in zip(*rows, strict=True):
        target = beside_text([type_of(item) for item in column if not isinstance(item, exp.Null)])
        for item in column:
            if target is not None and _kind(item) is Kind.TEXT:
                cast(item, target)


def cast(operand: exp.Expr, target: DataType) -> None:
    """Put a cast of `operand` in its place."""
    made = exp.Cast(this=operand.copy(), to=exp.DataType.build(target.sql, dialect="snowflake"))
    made.meta[TYPE] = target
    operand.replace(made)


def _kind(node: exp.Expr) -> Kind | None:
    found = type_of(node)
    return None if found is None else found.kind


def _parts(node: exp.Expr, keys: Sequence[str]) -> Iterator[exp.Expr]:
    for key in keys:
        value = node.args.get(key)
        for item in value if isinstance(value, list) else [value]:
            if isinstance(item, (exp.Any, exp.All)):
                # LIKE ANY (...): each of the patterns.
                yield from item.this.expressions if isinstance(item.this, exp.Tuple) else ()
            elif isinstance(item, exp.Distinct):
                yield from item.expressions
            elif isinstance(item, exp.Order):
                yield from item.this.expressions if isinstance(item.this, exp.Distinct) else (item.this,)
            elif isinstance(item, exp.Expr):
                yield item


def _branches(node: exp.Expr) -> list[exp.Expr]:
    """The values of which a node gives one."""
    if isinstance(node, exp.Case):
        values = [item.args["true"] for item in node.args["ifs"]] + [node.args.get("default")]
    elif isinstance(node, (exp.If, exp.Nvl2)):
        values = [node.args["true"], node.args.get("false")]
    else:
        values = [node.this, *node.expressions]
    return [item for item in values if isinstance(item, exp.Expr)]


def _alike(operands: Sequence[exp.Expr], target: DataType) -> None:
    """Text beside numbers becomes one: a constant what it says, anything else a `target`, or a FLOAT beside a FLOAT."""
    kinds = {_kind(item) for item in operands if not isinstance(item, exp.Null)}
    if not (kinds <= {Kind.TEXT, *_BOTH_NUMBERS} and Kind.TEXT in kinds and len(kinds) > 1):
        return
    for operand in operands:
        if _kind(operand) is Kind.TEXT:
            said = _said(operand)
            if said is not None:
                operand.replace(said)
            else:
                cast(operand, FLOAT if Kind.REAL in kinds else target)


def _alike_query(value: exp.Expr, query: exp.Expr | None) -> None:
    """``number IN (SELECT text)``: the query's texts become numbers."""
    select = query.this if isinstance(query, (exp.Subquery, exp.Paren)) else query
    if not isinstance(select, exp.Query) or len(select.selects) != 1:
        return
    found = type_of(select.selects[0].unalias())
    if query is None or found is None or found.kind is not Kind.TEXT or _kind(value) not in _BOTH_NUMBERS:
        return
    column = exp.column(exp.to_identifier(_TEXT_OF_QUERY, quoted=True))
    column.meta[TYPE] = found
    alias = exp.TableAlias(this=exp.to_identifier(_QUERY, quoted=True), columns=[column.this.copy()])
    rows = exp.Select(expressions=[column]).from_(exp.Subquery(this=select.copy(), alias=alias), copy=False)
    cast(rows.expressions[0], FLOAT if _kind(value) is Kind.REAL else COMPARED)
    query.replace(exp.Subquery(this=rows) if isinstance(query, exp.Subquery) else rows)


_QUERY, _TEXT_OF_QUERY = "snowmelt_query", "snowmelt_text"


def _said(operand: exp.Expr) -> exp.Expr | None:
    """The number that a constant text says, when it is an exact one."""
    text = numbers.said(operand.name) if isinstance(operand, exp.Literal) and operand.is_string else None
    if text is None:
        return None
    found = numbers.literal(text)
    made: exp.Expr = exp.Literal.number(text.lstrip("-"))
    made.meta[TYPE] = found
    if text.startswith("-"):
        made = exp.Neg(this=made)
        made.meta[TYPE] = found
    return made
