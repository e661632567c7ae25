"""Numbers: exact quotients and averages with Snowflake's scales, errors for zero divisors, RANDOM(seed).

Source: docs.snowflake.com/en/sql-reference/operators-arithmetic
"""

from __future__ import annotations

from sqlglot import exp

from snowmelt.base.datatypes import DataType, Kind
from snowmelt.sql.rewrite.context import Resolver, raw
from snowmelt.sql.typing import as_number, numbers, type_of
from snowmelt.sql.typing.annotate import STAR
from snowmelt.sql.typing.functions import COUNT, slides

_ENGINE = "duckdb"


def arithmetic(tree: exp.Expr, resolver: Resolver) -> exp.Expr:
    """Quotients, averages, products and RANDOM; operands are final, so that they can be written out."""
    for node in list[exp.Expr](tree.find_all(*_LOOKED_AT, bfs=False))[::-1]:
        match node:
            case exp.Literal():
                _float(node)
            case exp.Div():
                _divide(node)
            case exp.Avg():
                _average(node)
            case exp.Rand():
                _random(node)
            case exp.Binary():
                _widen(node)
    return tree


_LOOKED_AT = (exp.Div, exp.Avg, exp.Mul, exp.Add, exp.Sub, exp.Mod, exp.Rand, exp.Literal)


def _float(literal: exp.Literal) -> None:
    """A number with more digits than a NUMBER has is a FLOAT, also where the engine has a type for it."""
    if len(literal.this) <= numbers.MAX_DIGITS:
        return
    found = type_of(literal)
    if found is not None and found.kind is Kind.REAL and not literal.is_string:
        literal.replace(raw(f"CAST({literal.this} AS DOUBLE)", found))


def _divide(node: exp.Div) -> None:
    left, right = as_number(type_of(node.this)), as_number(type_of(node.expression))
    result = type_of(node)
    if _number(node.expression) == 0:
        # Written to raise an error, if the place is ever come to: the engine must not try it out before.
        # Without a type it would be a null to the operator around it, which then need not ask.
        kind = "DOUBLE" if result is None else result.duckdb
        node.replace(raw(f"CAST(error('Division by zero') AS {kind})", result))
        return
    if left is None or right is None or result is None or not left.kind is right.kind is result.kind is Kind.FIXED:
        if _number(node.expression) is None:
            arguments = [node.this.copy(), node.expression.copy()]
            node.replace(exp.Anonymous(this="snowmelt_divide", expressions=arguments))
        return
    divisor = node.expression.sql(dialect=_ENGINE)
    if _number(node.expression) is None:
        divisor = f"snowmelt_divisor({divisor})"
    node.replace(raw(_quotient(node.this.sql(dialect=_ENGINE), left, divisor, right, result), result))


def _number(value: exp.Expr) -> float | None:
    """What a constant number comes to."""
    value = value.unnest()
    return float(value.name) if isinstance(value, exp.Literal) and not value.is_string else None


def _quotient(
    dividend: str, left: DataType, divisor: str, right: DataType, result: DataType, *, cut: bool = False
) -> str:
    """DuckDB text of an exact quotient. The engine divides decimals as floating point, so this divides integers, to
    one digit more than asked for; by that digit the last step rounds half away from zero. With `cut` it does not.
    """
    scale = result.scale or 0
    if cut:
        shift = 10 ** (scale - (left.scale or 0) + (right.scale or 0))
        whole = f"({_unscaled(dividend, left)} * {shift}::HUGEINT) // {_unscaled(divisor, right)}"
        unit = f"CAST(0.{'0' * (scale - 1)}1 AS DECIMAL({scale}, {scale}))"
        return f"CAST(CAST({whole} AS DECIMAL({38 - scale}, 0)) * {unit} AS DECIMAL(38, {scale}))"
    shift = 10 ** (scale + 1 - (left.scale or 0) + (right.scale or 0))
    whole = f"({_unscaled(dividend, left)} * {shift}::HUGEINT) // {_unscaled(divisor, right)}"
    if scale > _MOST_DIGITS:
        return _in_parts(f"snowmelt_rounded({whole})", scale)
    unit = f"CAST(0.{'0' * scale}1 AS DECIMAL({scale + 1}, {scale + 1}))"
    return f"CAST(CAST({whole} AS DECIMAL({37 - scale}, 0)) * {unit} AS DECIMAL(38, {scale}))"


_MOST_DIGITS = 12
"""Digits behind the point that leave enough of the 38 for those before it."""


def _in_parts(unscaled: str, scale: int) -> str:
    """DuckDB text of an integer as a number with that many digits behind the point. The engine has no product with more
    than 38 digits, so what is before the point and what is behind are made apart.
    """
    before = f"CAST({unscaled} // {10**scale}::HUGEINT AS DECIMAL({38 - scale}, 0))"
    behind = f"{unscaled} % {10**scale}::HUGEINT"
    if 2 * scale <= 38:
        unit = f"CAST(0.{'0' * (scale - 1)}1 AS DECIMAL({scale}, {scale}))"
        behind = f"CAST({behind} AS DECIMAL({scale}, 0)) * {unit}"
    else:
        behind = f"CAST(snowmelt_fraction_text({behind}, {scale}) AS DECIMAL({scale}, {scale}))"
    return f"CAST({before} + CAST({behind} AS DECIMAL({scale}, {scale})) AS DECIMAL(38, {scale}))"


def _unscaled(text: str, data_type: DataType) -> str:
    """The digits of a number, without its point, as an integer."""
    scale = data_type.scale or 0
    if scale == 0:
        return f"CAST({text} AS HUGEINT)"
    if scale > _MOST_DIGITS:
        return f"snowmelt_unscaled(CAST({text} AS DECIMAL(38, {scale})))"
    return f"CAST(CAST({text} AS DECIMAL(38, {scale})) * {10**scale}::DECIMAL({scale + 1}, 0) AS HUGEINT)"


def _average(node: exp.Avg) -> None:
    values, result = type_of(node.this), type_of(node)
    if isinstance(node.this, exp.Distinct) and node.this.expressions:
        values = type_of(node.this.expressions[0])
    if values is None or result is None or values.kind is not Kind.FIXED:
        return
    call: exp.Expr = node
    while isinstance(call.parent, (exp.Filter, exp.Window)) and call.parent.this is call:
        call = call.parent
    total, count = (_with(call, node, kind) for kind in (exp.Sum, exp.Count))
    summed = DataType(Kind.FIXED, 38, values.scale)
    call.replace(raw(_quotient(total, summed, f"nullif({count}, 0)", COUNT, result, cut=slides(node)), result))


def _with(call: exp.Expr, node: exp.Avg, kind: type[exp.Expr]) -> str:
    """The call, its window and filter included, with another aggregate in the place of AVG."""
    other = kind(this=node.this.copy())
    if call is node:
        return other.sql(dialect=_ENGINE)
    copy = call.copy()
    inner = copy
    while not isinstance(inner, exp.Avg):
        inner = inner.this
    inner.replace(other)
    return copy.sql(dialect=_ENGINE)


def _widen(node: exp.Binary) -> None:
    """Products are cut to Snowflake's scale; constants are computed in more than the engine's 32 bits."""
    result = type_of(node)
    for operand in (node.this, node.expression):
        found = type_of(operand)
        if result is not None and found is not None and found.kind in (Kind.TEXT, Kind.BOOLEAN):
            text = f"CAST({operand.sql(dialect=_ENGINE)} AS {(as_number(found) or found).duckdb})"
            operand.replace(raw(text, as_number(found)))
    if result is None or result.kind is not Kind.FIXED:
        return
    if isinstance(node, exp.Mod):
        # The engine takes numbers of different digits for floating point here.
        for operand in (node.this, node.expression):
            operand.replace(raw(f"CAST({operand.sql(dialect=_ENGINE)} AS DECIMAL(38, {result.scale or 0}))", result))
        return
    left, right = node.this.unnest(), node.expression.unnest()
    if isinstance(left, exp.Literal) and isinstance(right, exp.Literal) and not result.scale:
        # Whole numbers of the engine have more than the 38 digits that a NUMBER ends with.
        kind = "DECIMAL(38, 0)" if result.precision == numbers.MAX_DIGITS else "HUGEINT"
        node.set("this", raw(f"CAST({node.this.sql(dialect=_ENGINE)} AS {kind})", type_of(left)))
    if isinstance(node, exp.Mul):
        scales = [(as_number(type_of(item)) or result).scale or 0 for item in (node.this, node.expression)]
        if sum(scales) > (result.scale or 0):
            node.replace(raw(f"CAST({node.sql(dialect=_ENGINE)} AS DECIMAL(38, {result.scale}))", result))


def _random(node: exp.Rand) -> None:
    """RANDOM gives 64-bit integers; with a seed the same ones each time."""
    window = node.find_ancestor(exp.Window)
    if window is not None and isinstance(node.parent, exp.Ordered):
        node.replace(raw(_shuffled(node, window), type_of(node)))
        return
    text = "CAST(random() * 18446744073709551615 - 9223372036854775808 AS BIGINT)"
    if node.this is not None:
        row = f"hash(row_number() OVER () * 2654435761 + {node.this.sql(dialect=_ENGINE)})"
        text = f"CAST(CAST({row} AS HUGEINT) - 9223372036854775808 AS BIGINT)"
    node.replace(raw(text, type_of(node)))


def _shuffled(node: exp.Rand, window: exp.Window) -> str:
    """RANDOM in the order of a window, where the engine wants the same number each time it asks: a hash of the whole
    row and of the moment, or of the seed.
    """
    visible: list[tuple[str, str, DataType | None]] | None = node.meta.get(STAR)
    if visible:
        columns = [
            exp.column(
                exp.to_identifier(name, quoted=True), table=exp.to_identifier(alias, quoted=True) if alias else None
            )
            for alias, name, _ in visible
        ]
    else:
        select = window.find_ancestor(exp.Select)
        columns = [] if select is None else [item.copy() for item in select.find_all(exp.Column) if not item.is_star]
    seed = "now()" if node.this is None else node.this.sql(dialect=_ENGINE)
    arguments = ", ".join([seed, *(column.sql(dialect=_ENGINE) for column in columns)])
    return f"CAST(CAST(hash({arguments}) AS HUGEINT) - 9223372036854775808 AS BIGINT)"
