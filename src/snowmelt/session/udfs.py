"""User-defined functions in queries: the engine hands each vector of arguments to a resident worker."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pyarrow as pa
from sqlglot import exp

from snowmelt.base.datatypes import SEMI_STRUCTURED
from snowmelt.base.errors import SqlError
from snowmelt.base.result import arrow_type
from snowmelt.catalog.objects import Function
from snowmelt.procs.messages import FunctionSpec
from snowmelt.procs.pool import HandlerError
from snowmelt.sql.rewrite.context import raw

if TYPE_CHECKING:
    from snowmelt.session.session import Session


def ensure_function(session: Session, function: Function, arguments: list[exp.Expr]) -> exp.Expr:
    """The engine's call of a user-defined function, which is made known to the engine first."""
    from snowmelt.session.routines import handler_code

    name = f"udf_{function.id}"
    if name not in session.services.functions:
        spec = FunctionSpec(
            code=handler_code(session, function),
            kind="udf",
            result=arrow_type(function.returns),
            name=function.name,
            semi_structured=frozenset(
                i for i, argument in enumerate(function.arguments) if argument.type.kind in SEMI_STRUCTURED
            ),
            strict=function.strict,
        )
        pool = session.services.pool

        def run(*columns: pa.Array) -> pa.Array:
            table = pa.table({str(i): column for i, column in enumerate(columns)})
            try:
                return pool.resident(name, spec).apply(table).column(0).combine_chunks()
            except HandlerError as error:
                raise SqlError(
                    f"Python Interpreter Error:\n{error.traceback_text}\n in function {function.name} with handler "
                    f"{function.handler}",
                    100357,
                    "P0000",
                ) from error

        types = [argument.type.duckdb for argument in function.arguments]
        session.core.connection.create_function(name, run, types, function.returns.duckdb)
        session.services.functions.add(name)
    casts = [
        exp.Cast(this=given.copy(), to=raw(argument.type.duckdb))
        for given, argument in zip(arguments, function.arguments, strict=True)
    ]
    return exp.Anonymous(this=name, expressions=casts)
