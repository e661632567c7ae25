"""The types of function calls, by sqlglot's node or by name.

Source: the page of each function in docs.snowflake.com/en/sql-reference/functions
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from sqlglot import exp

from snowmelt.base.datatypes import (
    ARRAY,
    BINARY,
    BOOLEAN,
    DATE,
    FLOAT,
    NUMBER,
    OBJECT,
    SEMI_STRUCTURED,
    TIME,
    TIMES,
    TIMESTAMP_LTZ,
    TIMESTAMP_NTZ,
    TIMESTAMP_TZ,
    VARCHAR,
    VARIANT,
    DataType,
    Kind,
    parse_type,
)
from snowmelt.sql.rewrite.context import TYPE
from snowmelt.sql.typing import numbers, structured
from snowmelt.sql.typing.date_parts import OF_A_DAY, canonical

Types = Sequence[DataType | None]
Typer = Callable[[exp.Expr, Types], DataType | None]
"""The type of a call, from its node and its arguments' types in order."""

COUNT = numbers.number(18, 0)

NUMBER_OF_TEXT = numbers.number(18, 5)
"""What text is taken for where it is calculated with, or chosen beside exact numbers."""


def common(types: Types) -> DataType | None:
    """The type of a CASE, COALESCE, UNION, ...: None when one is unknown or they do not fit together.

    Raises:
        SqlError: 000002 for a structured type beside any other.
    """
    known = [item for item in types if item is not None]
    if not known:
        return None
    kinds = {item.kind for item in known}
    if len(kinds) == 1:
        kind = known[0].kind
        if kind is Kind.FIXED:
            return numbers.common(known)
        if kind in (Kind.TEXT, Kind.BINARY):
            return max(known, key=lambda item: item.length or 0)
        if kind in SEMI_STRUCTURED:
            structured.check_alike(known)
        return known[0]
    if kinds & SEMI_STRUCTURED:
        structured.check_alike(known)
    if kinds <= {Kind.FIXED, Kind.REAL}:
        return FLOAT
    return None


def beside_text(types: Types) -> DataType | None:
    """What text becomes beside dates, times or truth values; None where there is no text, or anything else."""
    others = [item for item in types if item is not None and item.kind is not Kind.TEXT]
    if not others or len(others) == len(types) or not _all_known(types):
        return None
    kinds = {item.kind for item in others}
    if kinds == {Kind.BOOLEAN} or (len(kinds) == 1 and kinds <= TIMES) or kinds <= TIMES - {Kind.TIME}:
        return max(others, key=lambda item: item.kind is not Kind.DATE)
    return None


def chosen(values: Sequence[exp.Expr]) -> DataType | None:
    """The type of what gives one of `values`, whose types are noted; text beside numbers is one itself."""
    values = [item for item in values if not isinstance(item, exp.Null)]
    types: list[DataType | None] = [item.meta.get(TYPE) for item in values]
    kinds = {item.kind for item in types if item is not None}
    if Kind.TEXT in kinds and len(kinds) > 1 and kinds <= {Kind.TEXT, Kind.FIXED, Kind.REAL}:
        types = [_as_number(*pair) for pair in zip(values, types, strict=True)]
    return common(types) if _all_known(types) else None


def _as_number(node: exp.Expr, found: DataType | None) -> DataType | None:
    if found is None or found.kind is not Kind.TEXT:
        return found
    said = numbers.said(node.name) if isinstance(node, exp.Literal) else None
    return NUMBER_OF_TEXT if said is None else numbers.literal(said)


def _all_known(types: Types) -> Types | None:
    return None if any(item is None for item in types) else types


def always(data_type: DataType) -> Typer:
    return lambda node, types: data_type


def same(node: exp.Expr, types: Types) -> DataType | None:
    """The type of the first argument."""
    return types[0] if types else None


def slides(aggregate: exp.Expr) -> bool:
    """Whether an aggregate is over a window with a frame that has a begin and an end of its own for each row."""
    window = aggregate.parent
    spec = window.args.get("spec") if isinstance(window, exp.Window) else None
    return spec is not None and "UNBOUNDED" not in (spec.args.get("start"), spec.args.get("end"))


def _average(node: exp.Expr, types: Types) -> DataType | None:
    """Over a window whose frame slides, AVG has fewer digits behind the point."""
    more = 3 if slides(node) else 6
    return numeric(lambda values: numbers.average(values, more))(node, types)


def numeric(rule: Callable[[DataType], DataType]) -> Typer:
    """For numbers by `rule`, FLOAT for floating point, otherwise not known."""

    def typer(node: exp.Expr, types: Types) -> DataType | None:
        first = types[0] if types else None
        if first is None:
            return None
        if first.kind is Kind.FIXED:
            return rule(first)
        return FLOAT if first.kind in (Kind.REAL, Kind.TEXT, Kind.VARIANT) else None

    return typer


def _sum(values: DataType) -> DataType:
    return numbers.number(numbers.MAX_DIGITS, values.scale or 0)


def _whole(values: DataType) -> DataType:
    leading, scale = numbers.digits(values)
    return numbers.number(leading + 1 if scale else leading, 0)


def _to_digits(node: exp.Expr, types: Types) -> DataType | None:
    """CEIL and FLOOR: whole numbers, or as many digits behind the point as asked for."""
    digits, first = node.args.get("decimals"), types[0] if types else None
    if digits is None or first is None or first.kind is not Kind.FIXED:
        return numeric(_whole)(node, types)
    scale = first.scale or 0
    sign = digits.this if isinstance(digits, exp.Neg) else digits
    if not isinstance(sign, exp.Literal) or not sign.name.isdigit():
        return numbers.number(numbers.MAX_DIGITS, scale)
    return numbers.number(numbers.MAX_DIGITS, 0 if sign is not digits else min(scale, int(sign.name)))


def _rounded(node: exp.Expr, types: Types) -> DataType | None:
    """ROUND: as many digits behind the point as asked for, and one more before it."""
    digits, first = node.args.get("decimals"), types[0] if types else None
    if first is None or first.kind is not Kind.FIXED:
        return numeric(lambda values: values)(node, types)
    leading, scale = numbers.digits(first)
    if digits is None or isinstance(digits, exp.Neg):
        kept = 0
    else:
        kept = min(scale, int(digits.name)) if isinstance(digits, exp.Literal) and digits.name.isdigit() else scale
    return numbers.number(leading + kept + (1 if kept < scale else 0), kept)


def _truncated(node: exp.Expr, types: Types) -> DataType | None:
    """TRUNC to a number of digits that is a column: the type stays."""
    literal = len(node.expressions) < 2 or isinstance(node.expressions[1], (exp.Literal, exp.Neg))
    return None if literal else numeric(lambda values: values)(node, types)


def _greatest(node: exp.Expr, types: Types) -> DataType | None:
    return chosen([item for item in (node.this, *node.expressions) if isinstance(item, exp.Expr)])


def _date_add(node: exp.Expr, types: Types) -> DataType | None:
    first = types[0] if types else None
    if first is not None and first.kind is Kind.DATE:
        unit = node.args.get("unit")
        smaller = unit is not None and canonical(unit.name) in OF_A_DAY
        return TIMESTAMP_NTZ if smaller else DATE
    return _time(node, types)


def _time(node: exp.Expr, types: Types) -> DataType | None:
    """The type of the first argument, which is a timestamp where it is text."""
    first = types[0] if types else None
    return TIMESTAMP_NTZ if first is not None and first.kind is Kind.TEXT else first


def _timestamp(node: exp.Expr, types: Types) -> DataType | None:
    """What TO_TIMESTAMP... with a format or a scale makes."""
    target, scale = node.args.get("target_type"), node.args.get("scale")
    found = parse_type(target.sql(dialect="snowflake")) if isinstance(target, exp.DataType) else TIMESTAMP_NTZ
    if not isinstance(node, exp.UnixToTime):
        return found
    digits = 0 if scale is None else int(scale.name) if scale.name.isdigit() else 9
    return _of_seconds(DataType(found.kind, scale=min(digits, 9)))(node, types)


def _of_seconds(target: DataType) -> Typer:
    """A timestamp made of a whole number has as many digits of a second as that counts."""

    def typer(node: exp.Expr, types: Types) -> DataType | None:
        first = types[0] if types else None
        whole = first is not None and first.kind is Kind.FIXED and not first.scale
        return target if whole else DataType(target.kind, scale=9)

    return typer


def _convert_timezone(node: exp.Expr, types: Types) -> DataType | None:
    return TIMESTAMP_TZ if node.args.get("source_tz") is None else TIMESTAMP_NTZ


def _best(node: exp.Expr, types: Types) -> DataType | None:
    """MAX_BY and MIN_BY: a value, or with a third argument an ARRAY of them."""
    return same(node, types) if node.args.get("count") is None else ARRAY


def _reduced(node: exp.Expr, types: Types) -> DataType | None:
    """REDUCE gives the type of its initial value."""
    found: DataType | None = node.args["initial"].meta.get(TYPE)
    return found


def _now(node: exp.Expr, types: Types) -> DataType | None:
    return TIMESTAMP_NTZ if node.args.get("sysdate") else TIMESTAMP_LTZ


def _extract(node: exp.Expr, types: Types) -> DataType | None:
    part = canonical(node.name) or ""
    return numbers.number(38 if part.startswith("EPOCH") or part == "NANOSECOND" else 4, 0)


BY_NODE: dict[type[exp.Expr], Typer] = {
    exp.Count: always(COUNT),
    exp.CountIf: always(COUNT),
    exp.ApproxDistinct: always(COUNT),
    exp.RowNumber: always(COUNT),
    exp.Rank: always(COUNT),
    exp.DenseRank: always(COUNT),
    exp.Ntile: always(COUNT),
    exp.PercentRank: always(FLOAT),
    exp.CumeDist: always(FLOAT),
    exp.Sum: numeric(_sum),
    exp.Avg: _average,
    exp.Min: same,
    exp.Max: same,
    exp.AnyValue: same,
    exp.Mode: same,
    exp.Lag: same,
    exp.Lead: same,
    exp.FirstValue: same,
    exp.LastValue: same,
    exp.NthValue: same,
    exp.Abs: numeric(lambda values: values),
    exp.Neg: numeric(lambda values: values),
    exp.Ceil: _to_digits,
    exp.Floor: _to_digits,
    exp.Sign: always(numbers.number(1, 0)),
    exp.Greatest: _greatest,
    exp.Least: _greatest,
    exp.Coalesce: _greatest,
    exp.Nullif: same,
    exp.Median: numeric(numbers.average),
    **dict.fromkeys((exp.Stddev, exp.StddevPop, exp.StddevSamp, exp.Corr, exp.CovarPop), always(FLOAT)),
    **dict.fromkeys((exp.Variance, exp.VariancePop), numeric(numbers.average)),
    exp.Round: _rounded,
    **dict.fromkeys((exp.Sqrt, exp.Exp, exp.Ln, exp.Log, exp.Pow, exp.Sin, exp.Cos, exp.Tan), always(FLOAT)),
    **dict.fromkeys((exp.Upper, exp.Lower, exp.Trim, exp.Replace, exp.Reverse, exp.Initcap), always(VARCHAR)),
    **dict.fromkeys((exp.Concat, exp.ConcatWs, exp.DPipe, exp.GroupConcat, exp.Substring, exp.Left), always(VARCHAR)),
    **dict.fromkeys((exp.Right, exp.Pad, exp.Repeat, exp.RegexpReplace, exp.RegexpExtract), always(VARCHAR)),
    **dict.fromkeys(
        (exp.SplitPart, exp.MD5, exp.SHA, exp.SHA2, exp.Uuid, exp.ToChar, exp.TimeToStr, exp.Randstr), always(VARCHAR)
    ),
    **dict.fromkeys((exp.Length, exp.StrPosition, exp.Levenshtein, exp.RegexpCount), always(numbers.number(18, 0))),
    exp.DateDiff: always(numbers.number(9, 0)),
    exp.DateAdd: _date_add,
    exp.TimeAdd: _date_add,
    exp.TimestampAdd: _date_add,
    exp.TimeSlice: _time,
    exp.AddMonths: _time,
    exp.DateTrunc: _time,
    exp.TimestampTrunc: _time,
    **dict.fromkeys((exp.LastDay, exp.NextDay, exp.PreviousDay, exp.DateFromParts), always(DATE)),
    exp.CurrentDate: always(DATE),
    **dict.fromkeys((exp.CurrentTime, exp.Localtime, exp.TimeFromParts, exp.TsOrDsToTime, exp.Time), always(TIME)),
    exp.CurrentTimestamp: _now,
    **dict.fromkeys((exp.StrToTime, exp.UnixToTime), _timestamp),
    exp.TimestampFromParts: always(TIMESTAMP_NTZ),
    exp.TimestampLtzFromParts: always(TIMESTAMP_LTZ),
    exp.TimestampTzFromParts: always(TIMESTAMP_TZ),
    exp.ConvertTimezone: _convert_timezone,
    exp.MonthsBetween: always(FLOAT),
    **dict.fromkeys((exp.Dayname, exp.Monthname), always(VARCHAR)),
    exp.Extract: _extract,
    **dict.fromkeys((exp.Year, exp.Month, exp.Day, exp.Quarter, exp.Week, exp.DayOfYear), always(numbers.number(4, 0))),
    **dict.fromkeys(
        (exp.YearOfWeek, exp.YearOfWeekIso, exp.WeekOfYear, exp.DayOfWeekIso), always(numbers.number(4, 0))
    ),
    **dict.fromkeys((exp.DayOfWeek, exp.Hour, exp.Minute, exp.Second, exp.DayOfMonth), always(numbers.number(2, 0))),
    exp.TsOrDsToDate: always(DATE),
    exp.ToBoolean: always(BOOLEAN),
    exp.ToDouble: always(FLOAT),
    exp.ParseJSON: always(VARIANT),
    exp.ToVariant: always(VARIANT),
    exp.ToBinary: always(BINARY),
    exp.Kurtosis: numeric(lambda values: numbers.number(numbers.MAX_DIGITS, 12)),
    exp.JSONExtract: structured.taken,
    exp.JSONObject: always(OBJECT),
    exp.ObjectInsert: structured.object_,
    exp.Array: always(ARRAY),
    exp.ArrayAgg: always(ARRAY),
    exp.ArrayUniqueAgg: always(ARRAY),
    exp.ArrayConcat: structured.joined,
    exp.ArraySize: always(numbers.number(9, 0)),
    exp.Seq4: always(numbers.number(10, 0)),
    exp.Seq8: always(numbers.number(19, 0)),
    exp.Rand: always(numbers.number(19, 0)),
    exp.Unhex: always(BINARY),
    exp.HexString: always(BINARY),
    **dict.fromkeys((exp.GetIgnoreCase, exp.StripNullValue), always(VARIANT)),
    exp.GetExtract: structured.taken,
    **dict.fromkeys((exp.ArrayMax, exp.ArrayMin), structured.element),
    **structured.MAP_FUNCTIONS,
    **dict.fromkeys((exp.Struct, exp.StarMap, exp.ObjectAgg), always(OBJECT)),
    **dict.fromkeys((exp.ArrayAppend, exp.ArrayPrepend, exp.ArrayDistinct, exp.ArraySlice), structured.kept),
    **dict.fromkeys((exp.ArraySort, exp.ArrayCompact, exp.ArrayInsert, exp.ArrayRemove), structured.kept),
    **dict.fromkeys((exp.ArrayRemoveAt, exp.ArrayReverse, exp.ArrayFilter), structured.kept),
    **dict.fromkeys((exp.ArrayIntersect, exp.ArrayExcept), structured.joined),
    exp.Flatten: structured.flattened,
    exp.JSONKeys: structured.pairs,
    **dict.fromkeys((exp.ArrayConstructCompact, exp.GenerateSeries, exp.ToArray, exp.Split), always(ARRAY)),
    **dict.fromkeys((exp.StrtokToArray, exp.Transform), always(ARRAY)),
    **dict.fromkeys((exp.ArrayContains, exp.ArrayOverlaps, exp.IsArray, exp.IsNullValue), always(BOOLEAN)),
    **dict.fromkeys((exp.ArrayToString, exp.JSONFormat, exp.CheckJson, exp.Typeof), always(VARCHAR)),
    exp.ArrayPosition: always(numbers.number(9, 0)),
    **dict.fromkeys((exp.ArrayUnionAgg, exp.ApproxTopK, exp.ArraysZip), always(ARRAY)),
    **dict.fromkeys((exp.TryBase64DecodeBinary, exp.TryHexDecodeBinary), always(BINARY)),
    **dict.fromkeys((exp.TryBase64DecodeString, exp.TryHexDecodeString), always(VARCHAR)),
    **dict.fromkeys((exp.ManhattanDistance, exp.EuclideanDistance, exp.DotProduct, exp.CosineDistance), always(FLOAT)),
    exp.ApproxPercentileAccumulate: always(OBJECT),
    exp.ApproxPercentileCombine: always(OBJECT),
    exp.ApproxPercentileEstimate: always(FLOAT),
    exp.ArgMax: _best,
    exp.ArgMin: _best,
    exp.ApproxQuantile: always(FLOAT),
    exp.ParseUrl: always(OBJECT),
    exp.Reduce: _reduced,
    **dict.fromkeys((exp.Contains, exp.StartsWith, exp.EndsWith), always(BOOLEAN)),
    **dict.fromkeys((exp.Sinh, exp.Cosh, exp.Tanh, exp.Cot, exp.Asin, exp.Acos, exp.Atan, exp.Atan2), always(FLOAT)),
    **dict.fromkeys((exp.Asinh, exp.Acosh, exp.Atanh, exp.Degrees, exp.Radians, exp.Cbrt), always(FLOAT)),
    **dict.fromkeys((exp.BitwiseAnd, exp.BitwiseOr, exp.BitwiseXor, exp.BitwiseNot), always(NUMBER)),
    **dict.fromkeys((exp.BitwiseLeftShift, exp.BitwiseRightShift, exp.BitwiseAndAgg), always(NUMBER)),
    **dict.fromkeys((exp.BitwiseOrAgg, exp.BitwiseXorAgg, exp.Getbit), always(NUMBER)),
    **dict.fromkeys((exp.Hll, exp.WidthBucket), always(COUNT)),
    exp.HashAgg: always(numbers.number(19, 0)),
    **dict.fromkeys((exp.Soundex, exp.Strtok, exp.Stuff, exp.Translate, exp.Space), always(VARCHAR)),
}
"""Types of the calls that sqlglot has nodes for."""

BY_NAME: dict[str, Typer] = {
    **dict.fromkeys(
        ("TO_TIMESTAMP", "TO_TIMESTAMP_NTZ", "TRY_TO_TIMESTAMP", "TRY_TO_TIMESTAMP_NTZ"),
        _of_seconds(DataType(Kind.TIMESTAMP_NTZ, scale=0)),
    ),
    **dict.fromkeys(("TO_DATE", "DATE", "TRY_TO_DATE"), always(DATE)),
    **dict.fromkeys(("TO_TIME", "TIME", "TRY_TO_TIME"), always(TIME)),
    **dict.fromkeys(("TO_TIMESTAMP_LTZ", "TRY_TO_TIMESTAMP_LTZ"), _of_seconds(DataType(Kind.TIMESTAMP_LTZ, scale=0))),
    **dict.fromkeys(("TO_TIMESTAMP_TZ", "TRY_TO_TIMESTAMP_TZ"), _of_seconds(DataType(Kind.TIMESTAMP_TZ, scale=0))),
    **dict.fromkeys(("OBJECT_CONSTRUCT", "TO_OBJECT", "AS_OBJECT"), always(OBJECT)),
    **dict.fromkeys(("OBJECT_DELETE", "OBJECT_PICK"), structured.object_),
    "AS_ARRAY": always(ARRAY),
    **dict.fromkeys(
        (
            *("IS_OBJECT", "IS_INTEGER", "IS_DECIMAL", "IS_DOUBLE", "IS_REAL", "IS_VARCHAR", "IS_CHAR", "IS_BOOLEAN"),
            *("IS_DATE", "IS_DATE_VALUE", "IS_TIME", "IS_TIMESTAMP_LTZ", "IS_TIMESTAMP_NTZ", "IS_TIMESTAMP_TZ"),
            "IS_BINARY",
        ),
        always(BOOLEAN),
    ),
    "AS_BINARY": always(BINARY),
    "AS_DATE": always(DATE),
    "AS_TIME": always(TIME),
    "AS_TIMESTAMP_NTZ": always(TIMESTAMP_NTZ),
    "AS_TIMESTAMP_LTZ": always(TIMESTAMP_LTZ),
    "AS_TIMESTAMP_TZ": always(TIMESTAMP_TZ),
    **dict.fromkeys(("OBJECT_CONSTRUCT_KEEP_NULL", "ARRAYS_TO_OBJECT"), always(OBJECT)),
    **dict.fromkeys(("TRUNC", "TRUNCATE"), _truncated),
    "HAVERSINE": always(FLOAT),
    "CONDITIONAL_TRUE_EVENT": always(COUNT),
    "ARRAY_CONSTRUCT": always(ARRAY),
    "HASH": always(numbers.number(19, 0)),
    "BIT_COUNT": always(numbers.number(9, 0)),
    "CEIL": numeric(_whole),
    "ABS": same,
    "RANK": always(COUNT),
    "DENSE_RANK": always(COUNT),
    "ROW_NUMBER": always(COUNT),
    "NTILE": always(COUNT),
    "LAG": same,
    "LEAD": same,
    "FIRST_VALUE": same,
    "LAST_VALUE": same,
    "NTH_VALUE": same,
    "NULLIF": same,
    "MODE": same,
    "AS_INTEGER": always(NUMBER),
    "AS_DOUBLE": always(FLOAT),
    "AS_VARCHAR": always(VARCHAR),
    **dict.fromkeys(("INITCAP", "REVERSE", "CHR", "TYPEOF"), always(VARCHAR)),
    **dict.fromkeys(("SIN", "COS", "TAN", "COT", "ASIN", "ACOS", "ATAN", "ATAN2", "PI", "CBRT"), always(FLOAT)),
}
"""Types of the calls that sqlglot leaves untyped, by upper-case name."""


TABLE_FUNCTIONS: dict[type[exp.Expr], tuple[tuple[str, DataType | None], ...]] = {
    exp.Explode: (
        ("SEQ", NUMBER),
        ("KEY", VARCHAR),
        ("PATH", VARCHAR),
        ("INDEX", NUMBER),
        ("VALUE", VARIANT),
        ("THIS", VARIANT),
    ),
    exp.SplitToTable: (("SEQ", NUMBER), ("INDEX", NUMBER), ("VALUE", VARCHAR)),
}
"""The columns of FLATTEN and SPLIT_TO_TABLE."""
