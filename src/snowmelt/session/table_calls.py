"""Calls of table functions in Python: their steps, the texts that read what comes of them, and how they are run.

Source: docs.snowflake.com/en/developer-guide/udf/python/udf-python-tabular-functions
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from snowmelt.base.datatypes import SEMI_STRUCTURED, DataType, Kind
from snowmelt.base.errors import canceled, unsupported
from snowmelt.base.late import compute as pc
from snowmelt.base.late import pyarrow as pa
from snowmelt.base.result import arrow_type
from snowmelt.catalog.names import engine_quote
from snowmelt.catalog.objects import Function, TableColumn
from snowmelt.plan.steps import CallTableFunction
from snowmelt.procs.messages import FunctionSpec
from snowmelt.procs.pool import HandlerCanceled, HandlerError
from snowmelt.session.handler_errors import interpreter_error
from snowmelt.sql.rewrite.rules import rewrite
from snowmelt.sql.rewrite.table_calls import TableCall

if TYPE_CHECKING:
    from snowmelt.session.planner import SessionPlanner
    from snowmelt.session.session import Session


def planned(planner: SessionPlanner, call: TableCall) -> list[str]:
    """The engine's texts of the input's relations and of the function's rows, which a step of the plan will make; in a
    query that is only described they are made of nulls.
    """
    own = _columns(call.function)
    planner.repeatable = False
    if planner.request.describe_only:
        return [_select(columns, None, _null) for columns in (*call.relations, own)]
    types = planner.types
    text = rewrite(call.input, planner)
    planner.types = types
    name = planner.session.core.relation_name()
    widths = tuple(map(len, call.relations))
    planner.calls.append(CallTableFunction(name, text, call.function, widths, call.kept, call.outer))
    relations = [_select(columns, f"{name}_{i}", _as_read) for i, columns in enumerate(call.relations)]
    return [*relations, _select(own, name, _as_given)]


def at_once(planner: SessionPlanner, text: str) -> str:
    """`text`, which is run outside of a plan, after the table functions that it reads have been called.

    Raises:
        SqlError: 000002 when they read a stream, which only a plan opens.
    """
    if planner.calls and planner.streams_read | planner.streams_peeked:
        raise unsupported("a table function of a stream's rows in this place")
    for step in planner.calls:
        for name, table in called(planner.session, step).items():
            planner.session.core.connection.register(name, table)
            planner.registered.append(name)
    planner.calls.clear()
    return text


def _columns(function: Function) -> list[TableColumn]:
    return [TableColumn(name, data_type) for name, data_type in function.returns_table or ()]


def _select(columns: Iterable[TableColumn], source: str | None, value: Callable[[int, DataType], str]) -> str:
    items = ", ".join(f"{value(i, c.type)} AS {engine_quote(c.name)}" for i, c in enumerate(columns))
    return f"SELECT {items}" + (f" FROM {source}" if source else "")


def _as_read(number: int, data_type: DataType) -> str:
    """A column of the input: semi-structured values have gone through Arrow as text."""
    plain = data_type.kind not in SEMI_STRUCTURED or data_type.parts is not None
    return f"c{number}" if plain else f"CAST(c{number} AS {data_type.duckdb})"


def _as_given(number: int, data_type: DataType) -> str:
    """A column that Python has given: moments come without their offset."""
    return f"snowmelt_to_tz(c{number})" if data_type.kind is Kind.TIMESTAMP_TZ else _as_read(number, data_type)


def _null(number: int, data_type: DataType) -> str:
    return f"CAST(NULL AS {data_type.duckdb})"


def called(session: Session, step: CallTableFunction) -> dict[str, pa.Table]:
    """Run a call: the relations that it makes, by name.

    Raises:
        SqlError: 100357 with the Python traceback when the handler raised.
    """
    function = step.function
    _, table = session.core.connection.query(step.input)
    width = sum(step.widths)
    arguments = table.select(range(width, table.num_columns))
    resident = session.services.pool.resident(f"udf_{function.id}:", _spec(session, function))
    try:
        given = resident.apply(arguments, whole=True, cancel=session.core.cancel).column(0).combine_chunks()
    except HandlerCanceled as error:
        raise canceled() from error
    except HandlerError as error:
        raise interpreter_error(error, function.name, function.handler) from error
    rows, ended, *own = given.flatten()
    if step.outer:
        alone = _without_rows(table.num_rows, rows, ended)
        rows = pa.concat_arrays([rows, alone])
        ended = pa.concat_arrays([ended, pa.repeat(False, len(alone))])
        own = [pa.concat_arrays([column, pa.nulls(len(alone), column.type)]) for column in own]
    # Beside rows of the end of a partition only what is the same in all of it has a value.
    emptied = pc.if_else(ended, pa.scalar(None, pa.int64()), rows)
    input_columns = [table.column(i).take(rows if i in step.kept else emptied) for i in range(width)]
    made = {step.name: _table(own)}
    first = 0
    for number, count in enumerate(step.widths):
        made[f"{step.name}_{number}"] = _table(input_columns[first : first + count])
        first += count
    return made


def _without_rows(count: int, rows: pa.Array, ended: pa.Array) -> pa.Array:
    """The rows of the input for which there are none."""
    places = pa.array(range(count), pa.int64())
    return places.filter(pc.invert(pc.is_in(places, rows.filter(pc.invert(ended)))))


def _table(columns: list[pa.Array | pa.ChunkedArray]) -> pa.Table:
    return pa.Table.from_arrays(columns, names=[f"c{i}" for i in range(len(columns))])


def _spec(session: Session, function: Function) -> FunctionSpec:
    from snowmelt.session.routines import handler_code

    columns = _columns(function)
    fields = [pa.field("row", pa.int64()), pa.field("ended", pa.bool_())]
    fields += [pa.field(f"c{i}", arrow_type(column.type)) for i, column in enumerate(columns)]
    return FunctionSpec(
        code=handler_code(session, function),
        kind="table",
        result=pa.struct(fields),
        name=function.name,
        semi_structured=_semi_structured(argument.type for argument in function.arguments),
        strict=function.strict,
        names=tuple(argument.name for argument in function.arguments),
        semi_results=_semi_structured(column.type for column in columns),
    )


def _semi_structured(types: Iterable[DataType]) -> frozenset[int]:
    return frozenset(i for i, data_type in enumerate(types) if data_type.kind in SEMI_STRUCTURED)
