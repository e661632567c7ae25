"""User-defined functions in queries: the engine hands each vector of arguments to a resident worker."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import TYPE_CHECKING

from sqlglot import exp

from snowmelt.base.datatypes import SEMI_STRUCTURED, TIMESTAMP_LTZ, DataType, Kind
from snowmelt.base.errors import canceled
from snowmelt.base.late import pyarrow as pa
from snowmelt.base.result import arrow_type
from snowmelt.catalog.objects import Function
from snowmelt.procs.messages import FunctionSpec, HandlerCode
from snowmelt.procs.pool import HandlerCanceled, HandlerError
from snowmelt.session.handler_errors import interpreter_error
from snowmelt.session.services import Services
from snowmelt.sql.rewrite.context import TYPE, engine_call, raw
from snowmelt.sql.rewrite.variants import as_json

if TYPE_CHECKING:
    from snowmelt.session.session import Session


def ensure_function(session: Session, function: Function, arguments: list[exp.Expr]) -> exp.Expr:
    """The engine's call of a user-defined function, which is made known to the engine first."""
    from snowmelt.session.routines import handler_code

    name = f"udf_{function.id}"
    # Sessions that are the first to use it at the same time make it once.
    with session.services.functions_lock:
        if name not in session.services.functions:
            _make(session, function, name, handler_code(session, function))
            session.services.functions.add(name)
    casts = [
        exp.Cast(this=_argument(given, argument.type), to=_argument_type(argument.type))
        for given, argument in zip(arguments, function.arguments, strict=True)
    ]
    # The last argument says whose statement it is, and its vector how many rows there are.
    call: exp.Expr = exp.Anonymous(this=name, expressions=[*casts, raw(f"CAST({session.core.id} AS BIGINT)")])
    if function.returns.kind in SEMI_STRUCTURED:
        # Not a cast: rules would take its type for Snowflake's.
        call = engine_call("snowmelt_json", call)
    call.meta[TYPE] = function.returns
    if function.returns.kind is Kind.TIMESTAMP_TZ:
        return engine_call("snowmelt_to_tz", call, data_type=function.returns)
    return call


def _make(session: Session, function: Function, name: str, code: HandlerCode) -> None:
    """Make a function known to the engine under `name`."""
    spec = FunctionSpec(
        code=code,
        kind="udf",
        result=arrow_type(function.returns),
        name=function.name,
        semi_structured=frozenset(
            i for i, argument in enumerate(function.arguments) if argument.type.kind in SEMI_STRUCTURED
        ),
        strict=function.strict,
        arguments=len(function.arguments),
        semi_results=frozenset({0} if function.returns.kind in SEMI_STRUCTURED else ()),
    )
    types = [*(_vector_type(argument.type) for argument in function.arguments), "BIGINT"]
    run = _caller(session.services, name, spec, function, len(types))
    session.core.connection.create_function(name, run, types, _vector_type(function.returns))


def _argument(given: exp.Expr, data_type: DataType) -> exp.Expr:
    """An argument as it is handed over: a handler knows nothing of marks."""
    return engine_call("snowmelt_plain", as_json(given)) if data_type.kind in SEMI_STRUCTURED else given.copy()


def _argument_type(data_type: DataType) -> exp.Expr:
    """What an argument is cast to: Snowflake's type, for the rules to go on with, or the engine's for JSON as text."""
    if data_type.kind in SEMI_STRUCTURED:
        return raw(_vector_type(data_type))
    if data_type.kind is Kind.TIMESTAMP_TZ:
        data_type = TIMESTAMP_LTZ
    return exp.DataType.build(data_type.sql, dialect="snowflake")


def _vector_type(data_type: DataType) -> str:
    """The engine's type of a vector on its way to or from Python: semi-structured values travel as JSON text,
    moments without their offset."""
    if data_type.kind is Kind.TIMESTAMP_TZ:
        return TIMESTAMP_LTZ.duckdb
    return "VARCHAR" if data_type.kind in SEMI_STRUCTURED else data_type.duckdb


def _caller(
    services: Services, name: str, spec: FunctionSpec, function: Function, parameters: int
) -> Callable[..., pa.Array]:
    """What the engine calls with a vector for each argument, and one with the number of the session."""

    def run(*columns: pa.Array) -> pa.Array:
        table = pa.table({str(i): column for i, column in enumerate(columns)})
        cancel = services.cancellations.get(columns[-1][0].as_py()) if table.num_rows else None
        try:
            return services.pool.resident(f"{name}:", spec).apply(table, cancel=cancel).column(0).combine_chunks()
        except HandlerCanceled as error:
            raise canceled() from error
        except HandlerError as error:
            raise interpreter_error(error, function.name, function.handler) from error

    # The engine counts the parameters that a function has by its signature.
    run.__signature__ = inspect.Signature(  # type: ignore[attr-defined]
        [inspect.Parameter(f"_{i}", inspect.Parameter.POSITIONAL_ONLY) for i in range(parameters)]
    )
    return run
