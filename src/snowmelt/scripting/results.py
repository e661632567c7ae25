"""Results of statements as values: rows of cursors, first rows for INTO, counts of changed rows."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from typing import Any

from snowmelt.base.datatypes import Kind
from snowmelt.base.result import Column, Result, StatementType
from snowmelt.base.value import Value

_DML = range(StatementType.DML, StatementType.COPY)
_BATCH = 1_024


def cell(value: Any, column: Column) -> Value:
    """One cell of a result."""
    if isinstance(value, Decimal) and not column.type.scale:
        value = int(value)
    elif isinstance(value, int) and column.type.kind is Kind.FIXED and column.type.scale:
        value = Decimal(value)
    return Value(value, column.type)


def rows(result: Result) -> Iterator[dict[str, Value]]:
    """The rows of a result, each by the columns' names."""
    if result.table is None:
        return
    for batch in result.table.to_batches(_BATCH):
        cells = [batch.column(i).to_pylist() for i in range(len(result.columns))]
        for values in zip(*cells, strict=True):
            yield {c.name: cell(value, c) for c, value in zip(result.columns, values, strict=True)}


def first_row(result: Result) -> list[Value] | None:
    """The cells of the first row; None when there is none."""
    if result.table is None or not result.table.num_rows:
        return None
    values = zip(result.columns, result.table.columns, strict=True)
    return [cell(cells[0].as_py(), column) for column, cells in values]


def changed_rows(result: Result) -> int | None:
    """How many rows DML has changed; None for another statement."""
    if result.table is None or result.statement_type not in _DML:
        return None
    values = zip(result.columns, result.table.columns, strict=True)
    return sum(int(cells[0].as_py()) for c, cells in values if len(cells) and c.name.startswith("number of rows "))
