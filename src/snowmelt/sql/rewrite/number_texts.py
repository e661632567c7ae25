"""TO_CHAR of a number with a format, and TO_NUMBER of a text with one.

Source: docs.snowflake.com/en/sql-reference/sql-format-models
"""

from __future__ import annotations

from functools import reduce

from sqlglot import exp

from snowmelt.base.datatypes import SEMI_STRUCTURED, VARCHAR, DataType, Kind
from snowmelt.base.errors import unsupported
from snowmelt.sql import number_formats
from snowmelt.sql.number_formats import DOLLAR, SIGN, NumberFormat, Style
from snowmelt.sql.rewrite.context import TYPE, Resolver, engine_call
from snowmelt.sql.typing import type_of


def number_texts(tree: exp.Expr, resolver: Resolver) -> exp.Expr:
    """Calls with a format become those of the engine's macros (storage/sql/numbers.sql)."""
    for node in list(tree.find_all(exp.ToChar, exp.ToNumber, exp.ToDouble, bfs=False))[::-1]:
        form = node.args.get("format")
        source = type_of(node.this)
        if form is None or (isinstance(node, exp.ToChar) and source is not None and source.kind is Kind.BINARY):
            continue
        if not isinstance(form, exp.Literal):
            raise unsupported("number format that is not constant")
        parsed = number_formats.parse(form.name)
        made = _to_text(node.this, source, parsed) if isinstance(node, exp.ToChar) else _to_number(node, parsed)
        found = type_of(node)
        if found is not None:
            made.meta[TYPE] = found
        node.replace(made)
    return tree


# --- numbers to text -------------------------------------------------------------------------------------------------


def _to_text(value: exp.Expr, source: DataType | None, form: NumberFormat) -> exp.Expr:
    value = value.copy()
    if source is not None and source.kind in SEMI_STRUCTURED:
        value = _cast(value, "FLOAT")
    match form.style:
        case Style.MINIMAL:
            digits = _cast(value, "VARCHAR")
            return _joined([*_plain(form.before), digits, *_plain(form.after)])
        case Style.MINIMAL_SCIENTIFIC:
            digits = engine_call("snowmelt_shortest_scientific", value)
            return _joined([*_plain(form.before), digits, *_plain(form.after)])
        case Style.HEXADECIMAL:
            value = _cast(value, "NUMBER(38, 0)")
            digits = _hexadecimal(value, form)
        case Style.SCIENTIFIC:
            value = _cast(value, "FLOAT")
            spec = exp.Literal.string(f"%.{len(form.fraction)}e")
            text = engine_call("printf", spec, engine_call("abs", value.copy()))
            digits = engine_call("snowmelt_scientific", text, _number(form.exponent))
        case _:
            value = _cast(value, f"NUMBER(38, {len(form.fraction)})")
            digits = _fixed(value, form)
    return _signed(value, digits, form)


def _fixed(value: exp.Expr, form: NumberFormat) -> exp.Expr:
    runs: list[str] = []
    shape = ""
    for position in form.whole:
        if position not in "09":
            shape += position.replace("\\", "\\\\")
        elif shape and shape[-1:].isdigit() and runs and shape.endswith(f"\\{len(runs)}"):
            runs[-1] += "."
        else:
            runs.append(".")
            shape += f"\\{len(runs)}"
    if len(runs) > 9:
        raise unsupported("number format with more than eight separators")
    groups = "^" + "".join(f"({run})" for run in runs) + "$"
    hashes = "".join("#" if position in "09" else position for position in form.whole)
    point = "." if form.point else ""
    return engine_call(
        "snowmelt_fixed",
        value.copy(),
        _number(form.digits),
        exp.Literal.string(groups),
        exp.Literal.string(shape),
        engine_call("list_value", *(_number(count) for count in form.visible)),
        _number(form.first_zero),
        _number(0 if form.blank_zero else 1),
        exp.Literal.string(point),
        _number(len(form.fraction)),
        _number(form.kept_fraction),
        _truth(form.compact),
        exp.Literal.string(hashes + point + "#" * len(form.fraction)),
    )


def _hexadecimal(value: exp.Expr, form: NumberFormat) -> exp.Expr:
    if set(form.whole) > set("0X"):
        raise unsupported("number format of hexadecimal digits with separators")
    leading = form.whole.find("0")
    first_zero = (leading if leading >= 0 else form.digits) + 1
    signed = SIGN in (*form.before, *form.after)
    arguments = [_number(form.digits), _number(first_zero), _truth(form.compact), _truth(signed)]
    return engine_call("snowmelt_hexadecimal", value.copy(), *arguments)


def _signed(value: exp.Expr, digits: exp.Expr, form: NumberFormat) -> exp.Expr:
    """The digits with sign, dollar and literal texts, filled up with spaces on their left."""
    width = len(form.whole) + form.point + len(form.fraction)
    placed = SIGN in (*form.before, *form.after)
    plus = "+" if form.signed == "S" else "" if form.compact else " "
    sign = engine_call("snowmelt_sign", value.copy(), exp.Literal.string(plus))
    dollar = DOLLAR in form.before
    fills = form.style is Style.FIXED and not form.compact
    if not placed and form.style is not Style.HEXADECIMAL and not dollar:
        # A sign that the format does not place stands right before the first digit.
        digits = _joined([sign.copy(), digits])
        width += 1
    if fills:
        digits = engine_call("lpad", digits, _number(width), exp.Literal.string(" "))
    pieces: list[exp.Expr] = []
    for piece in form.before:
        if piece == SIGN:
            pieces.append(sign.copy())
        elif piece == DOLLAR:
            pieces += [exp.Literal.string("$")] if placed else [sign.copy(), exp.Literal.string("$")]
        else:
            pieces.append(exp.Literal.string(piece))
    tail = [sign.copy() if piece == SIGN else exp.Literal.string(piece) for piece in form.after]
    return _joined([*pieces, digits, *tail])


def _plain(pieces: tuple[str, ...]) -> list[exp.Expr]:
    if SIGN in pieces or DOLLAR in pieces:
        raise unsupported("number format TM with a sign or a dollar")
    return [exp.Literal.string(piece) for piece in pieces]


def _joined(pieces: list[exp.Expr]) -> exp.Expr:
    joined = reduce(lambda left, right: engine_call("snowmelt_join", left, right), pieces)
    joined.meta[TYPE] = VARCHAR
    return joined


# --- text to numbers -------------------------------------------------------------------------------------------------


_READERS = {
    Style.HEXADECIMAL: "snowmelt_hexadecimal_of",
    Style.SCIENTIFIC: "snowmelt_scientific_of",
    Style.MINIMAL: "snowmelt_scientific_of",
    Style.MINIMAL_SCIENTIFIC: "snowmelt_scientific_of",
}


def _to_number(node: exp.Expr, form: NumberFormat) -> exp.Expr:
    text = _cast(node.this.copy(), "VARCHAR")
    pattern = exp.Literal.string(number_formats.pattern(form))
    made: exp.Expr = engine_call(_READERS.get(form.style, "snowmelt_number_of"), text, pattern, data_type=VARCHAR)
    if not node.args.get("safe"):
        made = engine_call("snowmelt_must_parse", made, text.copy(), node.args["format"].copy(), data_type=VARCHAR)
    if isinstance(node, exp.ToDouble):
        return _cast(made, "FLOAT", tolerant=bool(node.args.get("safe")))
    precision, scale = (_digits(node.args.get(key)) for key in ("precision", "scale"))
    target = f"NUMBER({38 if precision is None else precision}, {scale or 0})"
    return _cast(made, target, tolerant=bool(node.args.get("safe")))


def _digits(node: exp.Expr | None) -> int | None:
    if node is None:
        return None
    if not isinstance(node, exp.Literal) or node.is_string:
        raise unsupported("TO_NUMBER with a precision or scale that is not constant")
    return int(node.name)


def _cast(value: exp.Expr, kind: str, *, tolerant: bool = False) -> exp.Expr:
    to = exp.DataType.build(kind, dialect="snowflake")
    return exp.TryCast(this=value, to=to) if tolerant else exp.Cast(this=value, to=to)


def _number(value: int) -> exp.Expr:
    return exp.Literal.number(str(value))


def _truth(value: bool) -> exp.Expr:
    return exp.true() if value else exp.false()
