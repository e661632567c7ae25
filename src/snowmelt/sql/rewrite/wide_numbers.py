"""Numbers that come together in one column or expression and together need more than 38 digits.

The engine would give up digits behind the point; Snowflake keeps them, and says so when a number has too many before.

Source: docs.snowflake.com/en/sql-reference/data-type-conversion
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

from sqlglot import exp

from snowmelt.base.datatypes import DataType, Kind
from snowmelt.sql.rewrite.context import TYPE, Resolver
from snowmelt.sql.typing import numbers, type_of
from snowmelt.sql.typing.annotate import COLUMNS
from snowmelt.sql.typing.scopes import Columns

_CHOICES = (exp.Coalesce, exp.Greatest, exp.Least, exp.Case, exp.If, exp.Nvl2, exp.DecodeCase, exp.Lag, exp.Lead)
_TOGETHER = (exp.SetOperation, exp.Values, exp.Pivot, exp.In)
_SIDE = "snowmelt_side"


def wide_numbers(tree: exp.Expr, resolver: Resolver) -> exp.Expr:
    """Casts to the type with all digits behind the point."""
    for node in list[exp.Expr](tree.find_all(*_TOGETHER, *_CHOICES, bfs=False))[::-1]:
        match node:
            case exp.SetOperation():
                _sides(node)
            case exp.Values():
                _values(node)
            case exp.Pivot():
                _unpivoted(node)
            case exp.In():
                _in_query(node)
            case _:
                _alike(_branches(node))
    return tree


def _wider(types: Sequence[DataType | None]) -> DataType | None:
    known = [found for found in types if found is not None]
    if len(known) < 2 or len(known) < len(types) or any(found.kind is not Kind.FIXED for found in known):
        return None
    return numbers.wider(known) if len({numbers.digits(found) for found in known}) > 1 else None


def _cast(node: exp.Expr, target: DataType) -> exp.Expr:
    made = exp.Cast(this=node.copy(), to=exp.DataType.build(target.sql, dialect="snowflake"))
    made.meta[TYPE] = target
    return made


def _alike(values: Sequence[exp.Expr]) -> None:
    values = [item for item in values if not isinstance(item, exp.Null)]
    target = _wider([type_of(item) for item in values])
    if target is not None:
        for item in values:
            item.replace(_cast(item, target))


def _branches(node: exp.Expr) -> list[exp.Expr]:
    """The values of which a node gives one."""
    match node:
        case exp.Case():
            values = [item.args["true"] for item in node.args["ifs"]] + [node.args.get("default")]
        case exp.If() | exp.Nvl2():
            values = [node.args["true"], node.args.get("false")]
        case exp.DecodeCase():
            _, *rest = node.expressions
            values = [*rest[1::2], *(rest[-1:] if len(rest) % 2 else ())]
        case exp.Lag() | exp.Lead():
            values = [node.this, node.args.get("default")]
        case _:
            values = [node.this, *node.expressions]
    return [item for item in values if isinstance(item, exp.Expr)]


def _values(node: exp.Values) -> None:
    rows = [row.expressions if isinstance(row, exp.Tuple) else [row] for row in node.expressions]
    if node.meta.get(COLUMNS) is not None:
        for column in zip(*rows, strict=True):
            _alike(column)


def _unpivoted(pivot: exp.Pivot) -> None:
    """UNPIVOT puts numbers of several columns into one."""
    source, columns = pivot.parent, cast("Columns | None", pivot.meta.get(COLUMNS))
    fields = list[exp.Expr](pivot.args.get("fields") or [])
    if not pivot.args.get("unpivot") or columns is None or not isinstance(source, exp.Subquery) or len(fields) != 1:
        return
    types = dict(columns)
    named = [column for column in fields[0].expressions if isinstance(column, exp.Column) and column.name in types]
    target = _wider([types[column.name] for column in named])
    if target is None:
        return
    replaced = []
    for column in named:
        value = exp.column(column.this.copy())
        value.meta[TYPE] = types[column.name]
        replaced.append(exp.alias_(_cast(value, target), column.this.copy()))
    inner = exp.Select(expressions=[exp.Star(replace=replaced)])
    source.set("this", inner.from_(exp.Subquery(this=source.this), copy=False))


def _in_query(node: exp.In) -> None:
    query = node.args.get("query")
    select = query.this if isinstance(query, exp.Subquery) else query
    if not isinstance(select, exp.Query) or len(select.selects) != 1 or query is None:
        return
    found = type_of(select.selects[0].unalias())
    target = _wider([type_of(node.this), found])
    if target is not None:
        node.this.replace(_cast(node.this, target))
        rows = _converted(select, (("", found),), [target])
        query.replace(exp.Subquery(this=rows) if isinstance(query, exp.Subquery) else rows)


def _sides(node: exp.SetOperation) -> None:
    known = cast("tuple[Columns, Columns] | None", node.meta.get(COLUMNS))
    if known is None:
        return
    targets = [_wider([left, right]) for (_, left), (_, right) in zip(*known, strict=True)]
    if any(target is not None for target in targets):
        for side, columns in zip((node.this, node.expression), known, strict=True):
            side.replace(exp.Subquery(this=_converted(side, columns, targets)))


def _converted(query: exp.Expr, columns: Columns, targets: Sequence[DataType | None]) -> exp.Select:
    """The rows of a query, with casts to the types that are given."""
    names = [exp.to_identifier(f"C{place}", quoted=True) for place in range(len(columns))]
    items: list[exp.Expr] = []
    for name, (shown, found), target in zip(names, columns, targets, strict=True):
        column: exp.Expr = exp.column(name.copy())
        if found is not None:
            column.meta[TYPE] = found
        value = column if target is None else _cast(column, target)
        items.append(exp.alias_(value, exp.to_identifier(shown, quoted=True)) if shown else value)
    inner = query.this.copy() if isinstance(query, exp.Subquery) and not query.args.get("alias") else query.copy()
    alias = exp.TableAlias(this=exp.to_identifier(_SIDE, quoted=True), columns=names)
    return exp.Select(expressions=items).from_(exp.Subquery(this=inner, alias=alias), copy=False)
