"""VALUES of many rows that are constants, such as `executemany` of a client that writes the values out: as a relation.

To rewrite thousands of rows and to have the engine read them as text takes ten times as long as all the rest of the
INSERT. Only what means the same either way is taken: numbers for numeric columns, texts for columns that are made from
text, truth values for BOOLEAN.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal

from sqlglot import exp

from snowmelt.base.datatypes import BOOLEAN, TIMES, VARCHAR, Kind
from snowmelt.base.late import pyarrow as pa
from snowmelt.catalog.objects import TableColumn
from snowmelt.plan.dml import target_columns, target_table
from snowmelt.session.array_binds import number_column, relation
from snowmelt.session.planner import SessionPlanner
from snowmelt.sql.rewrite.names import table_name
from snowmelt.sql.statements import Insert
from snowmelt.sql.typing.numbers import MAX_DIGITS

MANY = 100
"""Rows from which on a relation is quicker."""

_FROM_TEXT = TIMES | {Kind.TEXT, Kind.BINARY}
_NUMERIC = frozenset({Kind.FIXED, Kind.REAL})

Constant = str | Decimal | bool | None


def tabulated(planner: SessionPlanner, statement: Insert) -> Insert:
    """An INSERT whose rows stand in a relation, if that is worth it and changes nothing but the time it takes."""
    source = statement.source
    if not isinstance(source, exp.Values) or len(source.expressions) < MANY:
        return statement
    columns = target_columns(planner.table(table_name(target_table(statement.target))), statement.columns)
    made = _columns(columns, source)
    if made is None:
        return statement
    rows, name = relation(planner.session, made)
    planner.registered.append(name)
    items = [exp.column(exp.to_identifier(column.name, quoted=True)) for column, _ in made]
    return replace(statement, source=exp.Select(expressions=items).from_(rows))


def _columns(columns: Sequence[TableColumn], values: exp.Values) -> list[tuple[TableColumn, pa.Array]] | None:
    """The columns of the relation, each of one type; None where a value is no constant, or not of its column's kind."""
    rows = [row.expressions if isinstance(row, exp.Tuple) else [row] for row in values.expressions]
    if any(len(row) != len(columns) for row in rows):
        return None
    made: list[tuple[TableColumn, pa.Array]] = []
    for number, column in enumerate(columns):
        try:
            constants = [_constant(row[number]) for row in rows]
        except ValueError:
            return None
        found = _column(f"C{number}", column.type.kind, constants)
        if found is None:
            return None
        made.append(found)
    return made


def _column(name: str, kind: Kind, constants: list[Constant]) -> tuple[TableColumn, pa.Array] | None:
    types = {type(value) for value in constants} - {type(None)}
    if types <= {Decimal} and kind in _NUMERIC:
        column, array = number_column(name, constants)  # type: ignore[arg-type]
        return (column, array) if column.type.kind is Kind.FIXED else None
    if types <= {str} and kind in _FROM_TEXT:
        return TableColumn(name, VARCHAR), pa.array(constants, pa.string())
    if types <= {bool} and kind is Kind.BOOLEAN:
        return TableColumn(name, BOOLEAN), pa.array(constants, pa.bool_())
    return None


def _constant(node: exp.Expr) -> Constant:
    """The value of a constant.

    Raises:
        ValueError: it is none, or a number that is not exact.
    """
    if isinstance(node, exp.Literal):
        return str(node.this) if node.is_string else _number(node.this)
    if isinstance(node, exp.Null):
        return None
    if isinstance(node, exp.Boolean):
        return bool(node.this)
    if isinstance(node, exp.Neg) and isinstance(node.this, exp.Literal) and not node.this.is_string:
        return -_number(node.this.this)
    raise ValueError(node)


def _number(text: str) -> Decimal:
    if not text.replace(".", "", 1).isdecimal() or len(text) > MAX_DIGITS:
        raise ValueError(text)
    return Decimal(text)
