"""Procedures and functions: CREATE, CALL.

Source: docs.snowflake.com/en/sql-reference/sql/create-procedure, .../call
"""

from __future__ import annotations

import dataclasses
import json
import secrets
from collections.abc import Sequence
from datetime import datetime
from decimal import ROUND_HALF_UP, Context, Decimal
from typing import Any

from sqlglot import exp

from snowmelt.base.datatypes import SEMI_STRUCTURED, DataType, Kind
from snowmelt.base.errors import SqlError, canceled, unsupported
from snowmelt.base.late import pyarrow as pa
from snowmelt.base.request import Request
from snowmelt.base.result import Column, Result, StatementType, arrow_type
from snowmelt.catalog.objects import Function, Procedure, Routine
from snowmelt.procs.jsontext import dumps
from snowmelt.procs.messages import ConnectionInfo, HandlerCode, ProcedureCall, TraceContext
from snowmelt.procs.pool import HandlerCanceled, HandlerError
from snowmelt.scripting.results import first_row
from snowmelt.session.bindings import typed_literal
from snowmelt.session.definitions import create_object, is_temporary
from snowmelt.session.handler_errors import interpreter_error
from snowmelt.session.packages import check_packages
from snowmelt.session.planner import SessionPlanner
from snowmelt.session.queries import query, release
from snowmelt.session.session import Session, description
from snowmelt.session.sql_functions import check_body
from snowmelt.session.sql_procedures import body_of, run_procedure
from snowmelt.session.stages import files_at, resolve_location
from snowmelt.session.transactions import undone_on_error
from snowmelt.sql.parse import parse_expression
from snowmelt.sql.rewrite.rules import rewrite
from snowmelt.sql.statements import Call, CreateRoutine, Query


def create_routine(session: Session, statement: CreateRoutine, request: Request) -> Result:
    """CREATE PROCEDURE or FUNCTION; packages and imports must be there, and a body in SQL must be a block."""
    routine = _routine(session, statement)
    return create_object(
        session,
        statement,
        routine,
        temporary=is_temporary(statement.durability),
        message=f"Function {routine.name} successfully created.",
    )


def _routine(session: Session, statement: CreateRoutine) -> Routine:
    if statement.language == "SQL" and statement.kind == "PROCEDURE":
        body_of(statement.body or "")
    elif statement.language == "SQL":
        check_body(statement)
    elif statement.language != "PYTHON":
        raise unsupported(f"{statement.kind} in language {statement.language}")
    elif statement.handler is None:
        raise SqlError("SQL compilation error:\nHandler is required for language PYTHON.", 1003)
    check_packages(statement.packages)
    _import_paths(session, statement.imports)
    cls: type[Procedure] | type[Function] = Procedure if statement.kind == "PROCEDURE" else Function
    routine: Routine = cls(
        session.scope.full(statement.name),
        session.services.engine.next_id(),
        session.services.clock.now(),
        arguments=statement.arguments,
        returns=statement.returns,
        returns_table=statement.returns_table,
        language=statement.language,
        handler=statement.handler,
        body=statement.body,
        packages=statement.packages,
        imports=tuple(_whole_location(session, path) for path in statement.imports),
        runtime_version=statement.runtime_version,
        durability=statement.durability,
        returns_not_null=statement.returns_not_null,
        strict=statement.strict,
        comment=statement.comment,
        owner=session.role or "",
    )
    if isinstance(routine, Procedure):
        routine = dataclasses.replace(routine, caller_rights=statement.caller_rights)
    return routine


def _whole_location(session: Session, text: str) -> str:
    """A stage's path with the stage's whole name: whoever calls the routine may have another current schema."""
    location = resolve_location(session, text)
    return f"@{location.full_name}/{location.path}" if location.shown is not None else text


def _import_paths(session: Session, imports: Sequence[str]) -> tuple[str, ...]:
    """Absolute paths of the staged files that IMPORTS name.

    Raises:
        SqlError: 001044-class error for a file that is not there.
    """
    paths: list[str] = []
    for text in imports:
        location = resolve_location(session, text)
        files = [file for file in files_at(session, location) if file.path == location.path]
        if not files:
            raise SqlError(f"SQL compilation error:\nFile '{text}' for IMPORTS does not exist.", 1044, "42601")
        paths += [str(file.location) for file in files]
    return tuple(paths)


def handler_code(session: Session, routine: Routine) -> HandlerCode:
    """What a worker needs to run a routine."""
    return HandlerCode(
        source=routine.body,
        handler=routine.handler or "",
        imports=_import_paths(session, routine.imports),
        packages=routine.packages,
    )


# --- CALL ------------------------------------------------------------------------------------------------------------


def call(session: Session, statement: Call, request: Request) -> Result:
    """CALL: runs a procedure, in this session and its transaction; one in Python runs in a worker."""
    if statement.name.name.startswith("SYSTEM$"):
        return _call_system_function(session, statement, request)
    if statement.procedure is not None:
        procedure = _routine(session, statement.procedure)
        assert isinstance(procedure, Procedure)
    else:
        procedure = _find(session, statement)
    if request.describe_only:
        return description(_result_columns(procedure), StatementType.CALL)
    if procedure.language == "SQL":
        given = _given(statement, procedure)
        with undone_on_error(session.core), session.core.procedure():
            return run_procedure(session, procedure, given, _result_columns(procedure), request)
    arguments = _arguments(session, statement, procedure, request)
    with undone_on_error(session.core), session.core.procedure():
        value = _run(session, procedure, arguments, request)
    if procedure.returns_table is not None:
        kept = session.services.results.get(str(value))
        if kept is None:
            raise SqlError(f"Procedure {procedure.name} must return a DataFrame.", 100357, "P0000")
        return Result(kept.columns, kept.table, StatementType.CALL)
    return _scalar(procedure, value)


def _call_system_function(session: Session, statement: Call, request: Request) -> Result:
    """CALL SYSTEM$SET_RETURN_VALUE('x'): a system function called as a procedure answers as if it were selected."""
    name = statement.name.name
    given = list(statement.arguments)
    if request.values:
        # Variables of a block: the function asks for constants.
        row = first_row(query(session, Query(exp.select(*given)), request)) if given else None
        given = [typed_literal(value) for value in row or ()]
    called = exp.Anonymous(this=name, expressions=given)
    return query(session, Query(exp.select(exp.alias_(called, name, quoted=True))), request)


def _find(session: Session, statement: Call) -> Procedure:
    full = session.scope.full(statement.name)
    session.services.engine.catalog.schema(full.database, full.schema)
    overloads = session.overloads(Procedure, full)
    given = len(statement.arguments)
    names = {name for name in statement.names if name is not None}
    for item in overloads:
        required = [argument for argument in item.arguments if argument.default is None]
        known = {argument.name for argument in item.arguments}
        if len(required) <= given <= len(item.arguments) and names <= known:
            return item
    if overloads:
        raise SqlError(
            f"SQL compilation error:\nInvalid argument types for function '{statement.name}': {given} argument(s)",
            1044,
            "42P13",
        )
    raise SqlError(f"SQL compilation error:\nUnknown function {statement.name}.", 2140, "42601")


def _given(statement: Call, procedure: Procedure) -> dict[str, exp.Expr]:
    """The expression for each argument by its name: the one that CALL gives, or the default."""
    given: dict[str, exp.Expr] = {}
    for position, (name, value) in enumerate(zip(statement.names, statement.arguments, strict=True)):
        given[name or procedure.arguments[position].name] = value
    for argument in procedure.arguments:
        if argument.name not in given:
            if argument.default is None:
                raise SqlError(f"SQL compilation error:\nMissing argument '{argument.name}'.", 1044, "42P13")
            given[argument.name] = parse_expression(argument.default)
    return given


def _arguments(session: Session, statement: Call, procedure: Procedure, request: Request) -> tuple[Any, ...]:
    given = _given(statement, procedure)
    return tuple(_argument(session, given[each.name], each.type, request) for each in procedure.arguments)


def _argument(session: Session, expression: exp.Expr, data_type: DataType, request: Request) -> Any:
    planner = SessionPlanner(session, request)
    try:
        if data_type.kind is Kind.VARIANT:
            expression = exp.ToVariant(this=expression.copy())  # text is not read as JSON
        text = planner.at_once(rewrite(expression, planner))
        value = f"CAST({text} AS {data_type.duckdb})"
        if data_type.kind in SEMI_STRUCTURED:
            value = f"snowmelt_plain({value})"
        value = session.core.connection.scalar(f"SELECT {value}")
    finally:
        release(session, planner)
    if value is not None and data_type.kind in SEMI_STRUCTURED:
        return json.loads(value)
    if isinstance(value, Decimal) and data_type.scale == 0:
        return int(value)
    return value


def _run(session: Session, procedure: Procedure, arguments: tuple[Any, ...], request: Request) -> Any:
    """Run the handler with a genuine session that joins this one; its names are the procedure's own schema's under
    owner's rights, the caller's under caller's rights."""
    own = procedure.full_name
    frame = (
        session.child(session.database, session.schema)
        if procedure.caller_rights
        else session.child(own.database, own.schema)
    )
    services = session.services
    tokens = services.tokens.issue(frame)
    host, port = services.address
    connection = ConnectionInfo(
        host=host,
        port=port,
        session_token=tokens.session_token,
        master_token=tokens.master_token,
        database=frame.database,
        schema=frame.schema,
        role=frame.role,
        warehouse=frame.warehouse,
        user=frame.user,
        account=services.settings.account,
    )
    frame.trace = _trace_within(session.trace)
    parameters = session.parameters()
    work = ProcedureCall(
        code=handler_code(session, procedure),
        arguments=arguments,
        connection=connection,
        trace=frame.trace,
        name=procedure.name,
        returns_table=procedure.returns_table is not None,
        trace_level=parameters["TRACE_LEVEL"],
        log_level=parameters["LOG_LEVEL"],
    )
    attributes = _resource_attributes(session, procedure, request)
    try:
        nested = session.parent is not None
        done = services.pool.call(work, cancel=session.core.cancel, attributes=attributes, nested=nested)
    except HandlerCanceled as error:
        raise canceled() from error
    except HandlerError as error:
        raise interpreter_error(error, procedure.name, procedure.handler) from error
    finally:
        services.tokens.revoke(frame)
        # What the handler has left running would meet the caller's next statement on the same connection.
        frame.close()
    return done.value


def _trace_within(caller: TraceContext | None) -> TraceContext:
    """The context of a call: in the trace of the procedure that makes it, or in a new one."""
    span = secrets.token_hex(8)
    if caller is None:
        return TraceContext(secrets.token_hex(16), span)
    return TraceContext(caller.trace_id, span, caller.span_id)


def _resource_attributes(session: Session, procedure: Procedure, request: Request) -> dict[str, Any]:
    """What the event table says about where telemetry comes from.

    Source: docs.snowflake.com/en/developer-guide/logging-tracing/event-table-columns
    """
    full = procedure.full_name
    arguments = ", ".join(f"{a.name} {a.type.kind.value}" for a in procedure.arguments)
    return {
        "snow.executable.name": f"{procedure.name}({arguments}):{procedure.returns.kind.value}",
        "snow.executable.type": "PROCEDURE",
        "snow.executable.id": procedure.id,
        "snow.database.name": full.database,
        "snow.schema.name": full.schema,
        "snow.query.id": request.query_id,
        "snow.session.id": session.id,
        "snow.session.role.primary.name": session.role,
        "snow.owner.name": procedure.owner,
        "snow.warehouse.name": session.warehouse,
        "db.user": session.user,
        "telemetry.sdk.language": "python",
    }


def _result_columns(procedure: Procedure) -> tuple[Column, ...]:
    if procedure.returns_table is not None:
        return tuple(Column(name, data_type) for name, data_type in procedure.returns_table)
    return (Column(procedure.name, procedure.returns, nullable=not procedure.returns_not_null),)


def _scalar(procedure: Procedure, value: Any) -> Result:
    """The one-cell result of a procedure."""
    return Result(
        _result_columns(procedure),
        pa.table({"c0": pa.array([converted(value, procedure.returns)], type=arrow_type(procedure.returns))}),
        StatementType.CALL,
    )


def converted(value: Any, data_type: DataType) -> Any:
    """What a handler returned, in the Python form of the declared type.

    Raises:
        SqlError: 100357 when it does not fit.
    """
    if value is None:
        return None
    try:
        match data_type.kind:
            case Kind.TEXT:
                return value if isinstance(value, str) else str(value)
            case Kind.FIXED:
                return Decimal(str(value)).quantize(Decimal(1).scaleb(-(data_type.scale or 0)), context=_WIDE)
            case Kind.REAL:
                return float(value)
            case Kind.VARIANT | Kind.OBJECT | Kind.ARRAY:
                return dumps(value, _json_default)
            case _:
                return value
    except (ValueError, TypeError, ArithmeticError) as error:
        raise SqlError(
            f"The handler returned {value!r}, which is no {data_type.sql}: {error}", 100357, "P0000"
        ) from error


_WIDE = Context(prec=76, rounding=ROUND_HALF_UP)
"""Wide enough for every NUMBER; Snowflake rounds halves away from zero."""


def _json_default(value: Any) -> Any:
    """What JSON has no form for: moments as ISO text."""
    return value.isoformat() if isinstance(value, datetime) else str(value)
