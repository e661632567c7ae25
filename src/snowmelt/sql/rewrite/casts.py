"""Casts between Snowflake's types, and the TO_* functions that are casts under another name.

A cast whose operand's type is not known is left to the engine, which converts most values as Snowflake does.

Source: docs.snowflake.com/en/sql-reference/data-type-conversion
"""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal

from sqlglot import exp

from snowmelt.base.datatypes import MAX_TEXT, SEMI_STRUCTURED, TIMES, VARCHAR, DataType, Kind
from snowmelt.base.errors import SqlError, unsupported
from snowmelt.sql.held_types import plain_type
from snowmelt.sql.rewrite.context import TYPE, Resolver
from snowmelt.sql.rewrite.date_texts import from_text, text_of
from snowmelt.sql.rewrite.variants import as_json
from snowmelt.sql.typing import type_of


def conversions(tree: exp.Expr, resolver: Resolver) -> exp.Expr:
    """TO_NUMBER, TO_DOUBLE, TO_BOOLEAN, TO_CHAR and their TRY_ forms without a format are casts."""
    for node in list(tree.find_all(*_TARGETS)):
        target = _TARGETS[type(node)](node)
        if target is None or node.args.get("format") is not None:
            continue
        cast = exp.TryCast if node.args.get("safe") else exp.Cast
        made = cast(this=node.this.copy(), to=exp.DataType.build(target, dialect="snowflake"))
        made.meta[_FUNCTION] = True
        node.replace(made)
    return tree


_FUNCTION = "snowmelt_function"
"""Meta key on casts that were written as functions."""


def _number(node: exp.Expr) -> str | None:
    precision, scale = node.args.get("precision"), node.args.get("scale")
    if not all(isinstance(item, (exp.Literal, type(None))) for item in (precision, scale)):
        return None
    return f"NUMBER({precision.name if precision else 38}, {scale.name if scale else 0})"


_TARGETS: dict[type[exp.Expr], Callable[[exp.Expr], str | None]] = {
    exp.ToNumber: _number,
    exp.ToDouble: lambda node: "FLOAT",
    exp.ToBoolean: lambda node: "BOOLEAN",
    exp.ToChar: lambda node: "VARCHAR",
}


def cast_types(tree: exp.Expr, resolver: Resolver) -> exp.Expr:
    """Casts become the engine's, with what Snowflake does otherwise written out; innermost first."""
    for cast in list(tree.find_all(exp.Cast, exp.TryCast, bfs=False))[::-1]:
        to = cast.args["to"]
        if isinstance(to, exp.DataType):
            target, source = _target(to), type_of(cast.this)
            if isinstance(cast, exp.TryCast) and not cast.meta.get(_FUNCTION):
                _check_text(target, source)
            if not _of_times(cast, target, source, resolver):
                _convert(cast, target, source)
    return tree


def _check_text(target: DataType, source: DataType | None) -> None:
    """TRY_CAST reads text and nothing else.

    Source: docs.snowflake.com/en/sql-reference/functions/try_cast
    """
    if source is not None and source.kind is not Kind.TEXT:
        raise SqlError(
            "SQL compilation error:\n"
            f"Function TRY_CAST cannot be used with arguments of types {source.sql} and {target.sql}",
            1065,
            "22023",
        )


def _of_times(cast: exp.Cast, target: DataType, source: DataType | None, resolver: Resolver) -> bool:
    """Carry out a cast from or to a date or time; False for any other, and for the length of a text to be looked at."""
    if target.kind in TIMES:
        made = from_text(cast.this, target, resolver, tolerant=isinstance(cast, exp.TryCast))
        made.meta[TYPE] = target
        cast.replace(made)
        return True
    if source is not None and source.kind in TIMES and target.kind is Kind.TEXT:
        cast.this.replace(text_of(cast.this, resolver))
        _convert(cast, target, VARCHAR)
        return True
    return False


def _target(data_type: exp.DataType) -> DataType:
    if data_type.this is exp.DType.INTERVAL:
        raise unsupported("data type INTERVAL")
    return plain_type(data_type)


def _convert(cast: exp.Cast | exp.TryCast, target: DataType, source: DataType | None) -> None:
    # A type by name: the engine's own text, which the generator takes as it is.
    cast.set("to", exp.DataType(this=exp.DType.USERDEFINED, kind=target.duckdb))
    if source is None:
        return
    tolerant = isinstance(cast, exp.TryCast)
    found = type_of(cast)
    operand = _prepared(cast.this.copy(), source, target, tolerant)
    result: exp.Expr
    if operand is None:
        result = cast.copy()
        if tolerant and target.kind is Kind.TEXT:
            result = exp.Cast(this=cast.this.copy(), to=cast.args["to"].copy())
    elif target.kind in (Kind.TEXT, Kind.BINARY, Kind.BOOLEAN):
        result = operand
    else:
        result = type(cast)(this=operand, to=cast.args["to"].copy())
    if target.kind is Kind.TEXT and (target.length or MAX_TEXT) < MAX_TEXT and source.kind not in SEMI_STRUCTURED:
        # Text is cut; what is not text must fit.
        name = "left" if source.kind is Kind.TEXT else "snowmelt_fit"
        result = _call(name, result, exp.Literal.number(str(target.length)))
    if found is not None:
        result.meta[TYPE] = found
    cast.replace(result)


def _prepared(operand: exp.Expr, source: DataType, target: DataType, tolerant: bool) -> exp.Expr | None:
    """The operand as the engine's cast needs it, or the whole conversion to text, binary or boolean; None where the
    engine's own cast does what Snowflake's does.
    """
    match source.kind, target.kind:
        case Kind.REAL, Kind.TEXT:
            return _call("snowmelt_float_text", operand)
        case Kind.BINARY, Kind.TEXT:
            return _call("hex", operand)
        case ((Kind.VARIANT | Kind.OBJECT | Kind.ARRAY), Kind.TEXT):
            return _call("snowmelt_text", operand)
        case Kind.VARIANT, Kind.BINARY:
            name = "snowmelt_try_from_hex" if tolerant else "snowmelt_from_hex"
            return _call(name, _call("snowmelt_text", operand))
        case _, Kind.VECTOR if source.kind not in (Kind.ARRAY, Kind.VARIANT, Kind.VECTOR):
            raise _no_cast(source, target)
        case Kind.VECTOR, _ if target.kind not in (Kind.ARRAY, Kind.VARIANT, Kind.VECTOR):
            raise _no_cast(source, target)
        case Kind.VECTOR, (Kind.ARRAY | Kind.VARIANT) if source.element is Kind.REAL:
            return _call("snowmelt_vector_json", operand)
        case ((Kind.VARIANT | Kind.TEXT | Kind.FIXED | Kind.REAL | Kind.BOOLEAN), Kind.ARRAY):
            operand.meta[TYPE] = source
            return _call("snowmelt_to_array", as_json(operand))
        case Kind.VARIANT, Kind.OBJECT:
            return _call("snowmelt_to_object", operand)
        case Kind.TEXT, Kind.BINARY:
            return _call("snowmelt_try_from_hex" if tolerant else "snowmelt_from_hex", operand)
        case (Kind.VARIANT, Kind.BOOLEAN):
            return _call("snowmelt_try_json_boolean" if tolerant else "snowmelt_json_boolean", operand)
        case Kind.TEXT, Kind.BOOLEAN:
            return _call("snowmelt_try_boolean" if tolerant else "snowmelt_boolean", operand)
        case Kind.BOOLEAN, Kind.REAL:
            raise _no_cast(source, target)
        case Kind.REAL, Kind.FIXED if isinstance(operand, exp.Literal):
            # Digits with an exponent: what they say, and not the nearest FLOAT.
            return exp.Literal.number(f"{Decimal(operand.name):f}")
        case Kind.REAL, Kind.FIXED:
            # The engine rounds halves to even.
            return _call("round", operand, exp.Literal.number(str(target.scale or 0)))
        case Kind.BOOLEAN, Kind.FIXED:
            return exp.Cast(this=operand, to=exp.DataType(this=exp.DType.USERDEFINED, kind="INTEGER"))
        case _:
            return None


def _no_cast(source: DataType, target: DataType) -> SqlError:
    return SqlError(
        f"SQL compilation error:\nInvalid argument types for function 'CAST': ({source.sql}, {target.sql})",
        1044,
        "42000",
    )


def texts(tree: exp.Expr, resolver: Resolver) -> exp.Expr:
    """What is put together to a text is first converted as a cast would; BINARY is written in the format named."""
    for node in list(tree.find_all(exp.DPipe, exp.Concat, exp.ConcatWs)):
        for operand in list(node.iter_expressions()):
            found = type_of(operand)
            if found is not None and found.kind in TIMES:
                operand.replace(text_of(operand, resolver))
            elif found is not None and found.kind in (Kind.REAL, Kind.BINARY):
                operand.replace(_prepared(operand.copy(), found, VARCHAR, False) or operand.copy())
    for call in list(tree.find_all(exp.ToBinary, exp.ToChar)):
        _binary_text(call)
    return tree


_BINARY_FORMATS: dict[tuple[type[exp.Expr], str], str] = {
    (exp.ToBinary, "HEX"): "snowmelt_from_hex",
    (exp.ToBinary, "BASE64"): "from_base64",
    (exp.ToBinary, "UTF-8"): "encode",
    (exp.ToChar, "HEX"): "hex",
    (exp.ToChar, "BASE64"): "to_base64",
    (exp.ToChar, "UTF-8"): "decode",
}


def _binary_text(node: exp.Expr) -> None:
    source, wanted = type_of(node.this), node.args.get("format")
    if isinstance(node, exp.ToChar) and (source is None or source.kind is not Kind.BINARY):
        return
    name = "HEX" if wanted is None else wanted.name.upper().replace("UTF8", "UTF-8")
    function = _BINARY_FORMATS.get((type(node), name))
    if function is None:
        raise unsupported(f"binary format {name}")
    if node.args.get("safe"):
        function = "snowmelt_try_from_hex" if name == "HEX" else None
    if function is None:
        raise unsupported(f"TRY_TO_BINARY with format {name}")
    node.replace(_call(function, node.this.copy()))


def type_names(tree: exp.Expr, resolver: Resolver) -> exp.Expr:
    """``SYSTEM$TYPEOF(x)``: the static type and how wide its values are kept.

    Source: docs.snowflake.com/en/sql-reference/functions/system_typeof
    """
    for node in list(tree.find_all(exp.Anonymous)):
        if str(node.this).upper() != "SYSTEM$TYPEOF" or len(node.expressions) != 1:
            continue
        found = type_of(node.expressions[0])
        if found is None:
            raise unsupported("SYSTEM$TYPEOF of an expression whose type is known only when it runs")
        node.replace(exp.Literal.string(f"{found.sql}[{_width(found)}]"))
    return tree


def _width(data_type: DataType) -> str:
    match data_type.kind:
        case Kind.FIXED:
            digits = data_type.precision or 38
            return next((name for name, most in _INTEGERS if digits <= most), "SB16")
        case Kind.REAL:
            return "DOUBLE"
        case Kind.BOOLEAN:
            return "BOOLEAN"
        case Kind.DATE:
            return "SB4"
        case Kind.TIME | Kind.TIMESTAMP_NTZ | Kind.TIMESTAMP_LTZ:
            return "SB8"
        case Kind.TIMESTAMP_TZ:
            return "SB16"
        case _:
            return "LOB"


_INTEGERS = (("SB1", 2), ("SB2", 4), ("SB4", 9), ("SB8", 18))


def _call(name: str, *arguments: exp.Expr) -> exp.Expr:
    return exp.Anonymous(this=name, expressions=list(arguments))
