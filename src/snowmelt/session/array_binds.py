"""Array binds: many rows for one INSERT, sent with the request or, when there are many, on a stage before it.

The values become a relation, and the INSERT reads its rows from there: ``VALUES (?, UPPER(?))`` is
``SELECT B1, UPPER(B2)`` from it. Those on a stage are files of texts, which are converted as the columns demand.

Source: docs.snowflake.com/en/developer-guide/python-connector/python-connector-example#binding-data
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from sqlglot import exp

from snowmelt.base.datatypes import BOOLEAN, DATE, TIME, TIMES, TIMESTAMP_NTZ, TIMESTAMP_TZ, VARCHAR, DataType, Kind
from snowmelt.base.errors import SqlError, unsupported
from snowmelt.base.late import pyarrow as pa
from snowmelt.base.request import Binding, Request
from snowmelt.base.result import arrow_type
from snowmelt.catalog.objects import TableColumn
from snowmelt.session.bindings import BOUND_TYPES, wire_literal, wire_value
from snowmelt.session.session import Session
from snowmelt.sql.parse import parse_query
from snowmelt.sql.rewrite.context import engine_call, raw_query
from snowmelt.sql.typing.numbers import MAX_DIGITS

_ALIAS = "SNOWMELT_BINDS"
_LARGEST = 2**63

Place = Callable[[exp.Placeholder], exp.Expr]


@dataclass(frozen=True)
class ArraySource:
    """The rows of an INSERT with array binds.

    Attributes:
        query: the query that yields them.
        relation: the engine's relation to drop after the statement; None where the rows are on a stage.
    """

    query: exp.Select
    relation: str | None


def is_array(request: Request) -> bool:
    """Whether the binds of a request are arrays."""
    return request.bind_stage is not None or any(isinstance(item.value, list) for item in request.bindings.values())


def array_source(session: Session, source: exp.Expr, request: Request) -> ArraySource:
    """The rows of ``VALUES (?, ...)`` or ``SELECT ?, ...`` with array binds.

    Raises:
        SqlError: 000002 for another kind of source, arrays of different lengths, or DEFAULT among the values; 100038
            and its kin for a text that is no value of its type.
    """
    if request.bind_stage is not None:
        staged = parse_query(f"SELECT 1 FROM {request.bind_stage}")
        return ArraySource(_reading(source, staged.args["from_"].this, _staged), None)
    arrays: list[tuple[TableColumn, pa.Array]] = []
    places: dict[str, exp.Expr] = {}
    for key, binding in request.bindings.items():
        if not isinstance(binding.value, list):
            places[key] = wire_literal(binding.type, binding.value)
            continue
        made = _columns(f"B{key}", binding)
        arrays += made
        places[key] = _column(made)
    if len({len(array) for _, array in arrays}) > 1:
        raise unsupported("array binds of different lengths")

    def place(node: exp.Placeholder) -> exp.Expr:
        found = places.get(node.name)
        if found is None:
            raise SqlError(f"SQL compilation error:\nBind variable {node.name} not set.", 2049, "42601")
        return found.copy()

    rows, name = relation(session, arrays)
    return ArraySource(_reading(source, rows, place), name)


def relation(session: Session, columns: Sequence[tuple[TableColumn, pa.Array]]) -> tuple[exp.Subquery, str]:
    """Values as a relation, to stand in FROM, and its name, to drop it after the statement."""
    table = pa.table([array for _, array in columns], names=[column.name for column, _ in columns])
    name = session.core.register_rows(table)
    rows = raw_query(f"SELECT * FROM {name}", [column for column, _ in columns])
    rows.set("alias", exp.TableAlias(this=exp.to_identifier(_ALIAS, quoted=True)))
    return rows, name


def _staged(node: exp.Placeholder) -> exp.Expr:
    return exp.Parameter(this=exp.Literal.number(node.name))


def _reading(source: exp.Expr, rows: exp.Expr, place: Place) -> exp.Select:
    """`source` with its binds taken from `rows`."""
    if isinstance(source, exp.Values):
        return _values(source, rows, place)
    if not isinstance(source, exp.Select):
        raise unsupported("array binds outside INSERT of VALUES or of a SELECT")
    query = source.copy()
    clause = query.args.get("from_")
    if clause is None:
        return _filled(query, place).from_(rows)
    if not isinstance(clause.this, exp.Values) or query.args.get("joins"):
        raise unsupported("array binds in a query that reads tables")
    inner = _values(clause.this, rows, place)
    names = [exp.to_identifier(f"COLUMN{number}", quoted=True) for number in range(1, len(inner.expressions) + 1)]
    alias = clause.this.args.get("alias") or exp.TableAlias(this=exp.to_identifier("VALUES", quoted=True))
    named = [exp.alias_(item, name) for item, name in zip(inner.expressions, alias.columns or names, strict=True)]
    inner.set("expressions", named)
    shown = exp.TableAlias(this=alias.this.copy())
    clause.this.replace(exp.Subquery(this=inner, alias=shown))
    return query


def _values(values: exp.Values, rows: exp.Expr, place: Place) -> exp.Select:
    if len(values.expressions) != 1:
        raise unsupported("array binds in VALUES of several rows")
    (row,) = values.expressions
    items = row.expressions if isinstance(row, exp.Tuple) else [row]
    if any(isinstance(item, exp.Var) and item.name.upper() == "DEFAULT" for item in items):
        raise unsupported("DEFAULT beside array binds", "Leave the column out of the INSERT's list.")
    return _filled(exp.Select(expressions=[item.copy() for item in items]), place).from_(rows)


def _filled(query: exp.Select, place: Place) -> exp.Select:
    for node in list(query.find_all(exp.Placeholder)):
        node.replace(place(node))
    return query


# --- values ----------------------------------------------------------------------------------------------------------


def _column(made: Sequence[tuple[TableColumn, pa.Array]]) -> exp.Expr:
    columns = [exp.column(exp.to_identifier(column.name, quoted=True)) for column, _ in made]
    return columns[0] if len(columns) == 1 else engine_call("snowmelt_tz", *columns, data_type=TIMESTAMP_TZ)


def _columns(name: str, binding: Binding) -> list[tuple[TableColumn, pa.Array]]:
    """The columns that hold an array of values: one, or two for moments with an offset."""
    assert isinstance(binding.value, list)
    kind = binding.type.upper()
    values = [wire_value(kind, value) for value in binding.value]
    if kind == "FIXED":
        return [number_column(name, values)]
    data_type = _KINDS.get(kind, VARCHAR)
    if data_type.kind in TIMES and any(isinstance(value, str) for value in values):
        return [(TableColumn(name, VARCHAR), pa.array([None if v is None else str(v) for v in values], pa.string()))]
    if kind == "TIMESTAMP_TZ":
        return _moments(name, values)
    return [(TableColumn(name, data_type), pa.array(values, arrow_type(data_type)))]


_KINDS: Mapping[str, DataType] = {**BOUND_TYPES, "BOOLEAN": BOOLEAN, "DATE": DATE, "TIME": TIME}


def number_column(name: str, values: Sequence[Decimal | None]) -> tuple[TableColumn, pa.Array]:
    """A column of numbers; of texts when no type of the engine holds all of them exactly."""
    known = [value for value in values if value is not None]
    scale = max((max(0, -int(value.as_tuple().exponent)) for value in known), default=0)
    if scale == 0 and all(-_LARGEST <= value < _LARGEST for value in known):
        whole = [None if value is None else int(value) for value in values]
        return TableColumn(name, DataType(Kind.FIXED, MAX_DIGITS, 0)), pa.array(whole, pa.int64())
    scale = min(scale, MAX_DIGITS - 1)
    leading = max((value.adjusted() + 1 for value in known), default=1)
    if leading + scale > MAX_DIGITS:
        # Some are too large for the fractions of others: numbers of the engine would not hold both.
        return TableColumn(name, VARCHAR), pa.array([None if v is None else f"{v:f}" for v in values], pa.string())
    return TableColumn(name, DataType(Kind.FIXED, MAX_DIGITS, scale)), pa.array(
        values, pa.decimal128(MAX_DIGITS, scale)
    )


def _moments(name: str, values: Sequence[datetime | None]) -> list[tuple[TableColumn, pa.Array]]:
    offsets = [None if value is None else (value.utcoffset() or timedelta()) for value in values]
    moments: list[Any] = [
        None if value is None or offset is None else (value - offset).replace(tzinfo=None)
        for value, offset in zip(values, offsets, strict=True)
    ]
    minutes = [None if offset is None else int(offset.total_seconds()) // 60 for offset in offsets]
    return [
        (TableColumn(name, TIMESTAMP_NTZ), pa.array(moments, pa.timestamp("us"))),
        (TableColumn(f"{name}Z", DataType(Kind.FIXED, MAX_DIGITS, 0)), pa.array(minutes, pa.int64())),
    ]
