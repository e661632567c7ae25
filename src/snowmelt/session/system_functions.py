"""Context functions and SYSTEM$ functions. Each entry answers with the expression that stands for the call.

Source: docs.snowflake.com/en/sql-reference/functions-context and functions-system
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from sqlglot import exp

from snowmelt import __version__
from snowmelt.base.errors import SqlError, canceled, object_missing, unknown_function, unsupported
from snowmelt.catalog.names import display, parse_name
from snowmelt.catalog.objects import Stream, Task
from snowmelt.session.bindings import literal
from snowmelt.session.definitions import existing
from snowmelt.session.get_ddl import get_ddl
from snowmelt.session.stream_reads import has_data
from snowmelt.session.task_functions import enable_dependents
from snowmelt.session.transaction_commands import abort_session, abort_transaction
from snowmelt.sql.rewrite.context import raw
from snowmelt.tasks.runs import TaskRun

if TYPE_CHECKING:
    from snowmelt.session.planner import SessionPlanner

Answer = Callable[["SessionPlanner", Sequence[exp.Expr]], exp.Expr]


def _value(get: Callable[[SessionPlanner], Any]) -> Answer:
    return lambda planner, arguments: raw("NULL") if get(planner) is None else literal(get(planner))


def constant_text(arguments: Sequence[exp.Expr], function: str) -> str:
    """The only argument, which must be a text literal.

    Raises:
        SqlError: 001015 when it is not.
    """
    if len(arguments) != 1 or not (isinstance(arguments[0], exp.Literal) and arguments[0].is_string):
        raise SqlError(f"SQL compilation error:\nargument 1 to function {function} needs to be constant", 1015, "22023")
    return str(arguments[0].name)


def stream_of(planner: SessionPlanner, arguments: Sequence[exp.Expr], function: str) -> Stream:
    """The stream that the only argument names.

    Raises:
        SqlError: 001015 for what is no text literal, 002003 for an unknown stream.
    """
    name = parse_name(constant_text(arguments, function))
    found = planner.session.relation(planner.scope.full(name))
    if not isinstance(found, Stream):
        raise object_missing("Stream", str(name))
    return found


def _stream_has_data(planner: SessionPlanner, arguments: Sequence[exp.Expr]) -> exp.Expr:
    stream = stream_of(planner, arguments, "SYSTEM$STREAM_HAS_DATA")
    before = set(planner.streams_read)
    text = has_data(planner, stream)
    # Looking whether there is data is not reading: it never moves the offset past anything.
    planner.streams_peeked |= planner.streams_read - before
    planner.streams_read = before
    return raw(text)


def _stream_table_timestamp(planner: SessionPlanner, arguments: Sequence[exp.Expr]) -> exp.Expr:
    """The time, in nanoseconds, of the newest version of the table that the stream has read."""
    stream = stream_of(planner, arguments, "SYSTEM$STREAM_GET_TABLE_TIMESTAMP")
    if stream.source_kind == "VIEW":
        raise unsupported("SYSTEM$STREAM_GET_TABLE_TIMESTAMP of a stream on a view")
    text = (
        "SELECT epoch_us(coalesce(max(c.committed_at), any_value(o.moved_at))) FROM snowmelt.offsets AS o "
        "LEFT JOIN snowmelt.commits AS c ON c.ver <= o.ver WHERE o.stream = ?"
    )
    return literal(str(int(planner.session.core.connection.scalar(text, [stream.id])) * 1_000))


def _login_failure(planner: SessionPlanner, arguments: Sequence[exp.Expr]) -> exp.Expr:
    """Why a login by key pair was refused, as JSON; null for an id that is not known."""
    incident = constant_text(arguments, "SYSTEM$GET_LOGIN_FAILURE_DETAILS")
    found = planner.session.services.login_failures.get(incident)
    return raw("NULL") if found is None else literal(json.dumps(found))


def _effect(name: str, act: Callable[[SessionPlanner, tuple[Any, ...]], str | None], most: int = 1) -> Answer:
    """A function of one to `most` arguments that does something: once, when its statement runs, and never when that is
    only described.
    """

    def answer(planner: SessionPlanner, arguments: Sequence[exp.Expr]) -> exp.Expr:
        if not arguments:
            raise SqlError(f"SQL compilation error:\nnot enough arguments for function [{name}()]", 938, "22023")
        if len(arguments) > most:
            raise SqlError(f"SQL compilation error:\ntoo many arguments for function [{name}]", 939, "22023")
        values = tuple(_constant(argument, name) for argument in arguments)
        return literal("" if planner.request.describe_only else act(planner, values))

    return answer


def _constant(argument: exp.Expr, function: str) -> str:
    if not isinstance(argument, exp.Literal):
        raise SqlError(f"SQL compilation error:\narguments of function {function} need to be constant", 1015, "22023")
    return str(argument.name)


def _cancel_query(planner: SessionPlanner, arguments: tuple[Any, ...]) -> str:
    (query_id,) = arguments
    services = planner.session.services
    found = any(session.cancel(query_id) for session in services.tokens.executors())
    found = found or services.tasks.cancel_query(query_id)
    return f"query [{query_id}] terminated." if found else f"query [{query_id}] is not running."


_UNITS = {
    "DAYS": 86_400.0,
    "HOURS": 3_600.0,
    "MINUTES": 60.0,
    "SECONDS": 1.0,
    "MILLISECONDS": 1e-3,
    "MICROSECONDS": 1e-6,
    "NANOSECONDS": 1e-9,
}


def _wait(planner: SessionPlanner, arguments: tuple[Any, ...]) -> str:
    """SYSTEM$WAIT: ends early only when the statement is canceled."""
    amount, unit = (*arguments, "SECONDS")[:2]
    seconds = _UNITS.get(unit.upper())
    if seconds is None or not amount.replace(".", "", 1).isdecimal():
        raise SqlError("SQL compilation error:\nInvalid argument for function SYSTEM$WAIT", 1044, "22023")
    core = planner.session.core
    if core.services.clock.wait(core.cancel, float(amount) * seconds):
        raise canceled()
    return f"waited {amount} {unit.lower()}"


def _cancel_all_queries(planner: SessionPlanner, arguments: tuple[Any, ...]) -> str:
    (session_id,) = arguments
    own = planner.session.core
    canceled = [
        query_id
        for session in planner.session.services.tokens.executors()
        if str(session.id) == session_id and session.core is not own
        for query_id in tuple(session.core.running)
        if session.cancel(query_id)
    ]
    return f"{len(canceled)} queries terminated."


def _task_run(planner: SessionPlanner, function: str) -> Any:
    """The run of the task that the statement belongs to, directly or by way of procedures.

    Raises:
        SqlError: 091093 outside a task's run.
    """
    session = planner.session
    while session.parent is not None:
        session = session.parent
    if session.task_run is None:
        raise SqlError(f"Function {function} must be called from within a task.", 91093, "22023")
    return session.task_run


def _of_task(function: str, get: Callable[..., str | None]) -> Answer:
    return lambda planner, arguments: literal(
        get(_task_run(planner, function), *(_constant(argument, function) for argument in arguments))
    )


def _cancel_task(planner: SessionPlanner, arguments: tuple[Any, ...]) -> str:
    name = existing(planner.session, Task, planner.scope.full(parse_name(arguments[0]))).full_name
    planner.session.services.tasks.cancel_ongoing(name)
    return f"Canceled ongoing executions of task {name}."


def _set_return_value(planner: SessionPlanner, arguments: tuple[Any, ...]) -> str:
    _task_run(planner, "SYSTEM$SET_RETURN_VALUE")
    return planner.session.set_return_value(*arguments)


def _enable_dependents(planner: SessionPlanner, arguments: tuple[Any, ...]) -> str:
    return enable_dependents(planner.session, planner.scope.full(parse_name(arguments[0])))


def _typeof(planner: SessionPlanner, arguments: Sequence[exp.Expr]) -> exp.Expr:
    return exp.Anonymous(this="typeof", expressions=[argument.copy() for argument in arguments])


def _last_query_id(planner: SessionPlanner, arguments: Sequence[exp.Expr]) -> exp.Expr:
    """The n-th query of the session for a positive number; -1, the default, is the last one."""
    core = planner.session.core
    try:
        number = int(arguments[0].sql()) if arguments else -1
    except ValueError as error:
        raise SqlError(
            "SQL compilation error:\nargument 1 to function LAST_QUERY_ID needs to be constant", 1015, "22023"
        ) from error
    return literal(core.nth_query(number))


def _current_schemas(planner: SessionPlanner) -> str:
    parts = [planner.scope.database, planner.scope.schema]
    return json.dumps([".".join(display(part) for part in parts if part)])


def _get_ddl(planner: SessionPlanner, arguments: Sequence[exp.Expr]) -> exp.Expr:
    if len(arguments) not in (2, 3):
        raise SqlError("SQL compilation error:\nwrong number of arguments for function GET_DDL", 938, "22023")
    qualified = len(arguments) == 3 and isinstance(arguments[2], exp.Boolean) and bool(arguments[2].this)
    kind, name = (constant_text([argument], "GET_DDL") for argument in arguments[:2])
    return literal(get_ddl(planner.session, kind, name, qualified=qualified))


FUNCTIONS: dict[str, Answer] = {
    "GET_DDL": _get_ddl,
    "CURRENT_USER": _value(lambda p: p.session.user),
    "CURRENT_ROLE": _value(lambda p: p.session.role),
    "CURRENT_SECONDARY_ROLES": _value(lambda p: '{"roles":"","value":""}'),
    "CURRENT_AVAILABLE_ROLES": _value(lambda p: json.dumps([p.session.role])),
    "CURRENT_ROLE_TYPE": _value(lambda p: "ROLE"),
    "INVOKER_ROLE": _value(lambda p: p.session.role),
    "IS_ROLE_IN_SESSION": lambda p, arguments: literal(
        constant_text(arguments, "IS_ROLE_IN_SESSION").upper() == p.session.role
    ),
    "ALL_USER_NAMES": _value(lambda p: json.dumps([p.session.user])),
    "CURRENT_WAREHOUSE": _value(lambda p: p.session.warehouse),
    "CURRENT_DATABASE": _value(lambda p: p.session.database),
    "CURRENT_SCHEMA": _value(lambda p: p.session.schema),
    "CURRENT_SCHEMAS": _value(_current_schemas),
    "CURRENT_SESSION": _value(lambda p: str(p.session.id)),
    "CURRENT_ACCOUNT": _value(lambda p: p.session.services.settings.account),
    "CURRENT_ACCOUNT_NAME": _value(lambda p: p.session.services.settings.account),
    "CURRENT_ORGANIZATION_NAME": _value(lambda p: "SNOWMELT"),
    "CURRENT_REGION": _value(lambda p: "LOCAL"),
    "CURRENT_VERSION": _value(lambda p: f"10.0.0 snowmelt-{__version__}"),
    "CURRENT_CLIENT": _value(lambda p: "PythonConnector"),
    "CURRENT_STATEMENT": _value(lambda p: p.request.text),
    "CURRENT_TRANSACTION": _value(lambda p: None if (t := p.session.core.transaction) is None else str(t.record.id)),
    "LAST_TRANSACTION": _value(lambda p: p.session.core.last_transaction and str(p.session.core.last_transaction)),
    "CURRENT_IP_ADDRESS": _value(lambda p: "127.0.0.1"),
    "LAST_QUERY_ID": _last_query_id,
    "SYSTEM$STREAM_HAS_DATA": _stream_has_data,
    "SYSTEM$STREAM_GET_TABLE_TIMESTAMP": _stream_table_timestamp,
    "SYSTEM$TYPEOF": _typeof,
    "SYSTEM$GET_LOGIN_FAILURE_DETAILS": _login_failure,
    # No client is named, so none is too old.
    "SYSTEM$CLIENT_VERSION_INFO": _value(lambda p: "[]"),
    # An empty answer makes snowflake-ml use stages for the registry, which is what there is here.
    "SYSTEM$ML_PLATFORM_CAPABILITIES": _value(lambda p: "{}"),
    "SYSTEM$GET_DEFAULT_PYTHON_ARTIFACT_REPOSITORY": _value(lambda p: "snowflake.snowpark.anaconda_shared_repository"),
    "SYSTEM$CANCEL_QUERY": _effect("SYSTEM$CANCEL_QUERY", _cancel_query),
    "SYSTEM$CANCEL_ALL_QUERIES": _effect("SYSTEM$CANCEL_ALL_QUERIES", _cancel_all_queries),
    "SYSTEM$ABORT_TRANSACTION": _effect(
        "SYSTEM$ABORT_TRANSACTION", lambda p, values: abort_transaction(p.session, *values)
    ),
    "SYSTEM$ABORT_SESSION": _effect("SYSTEM$ABORT_SESSION", lambda p, values: abort_session(p.session, *values)),
    "SYSTEM$USER_TASK_CANCEL_ONGOING_EXECUTIONS": _effect("SYSTEM$USER_TASK_CANCEL_ONGOING_EXECUTIONS", _cancel_task),
    "SYSTEM$TASK_DEPENDENTS_ENABLE": _effect("SYSTEM$TASK_DEPENDENTS_ENABLE", _enable_dependents),
    "SYSTEM$SET_RETURN_VALUE": _effect("SYSTEM$SET_RETURN_VALUE", _set_return_value),
    "SYSTEM$WAIT": _effect("SYSTEM$WAIT", _wait, most=2),
    "SYSTEM$GET_TASK_GRAPH_CONFIG": _of_task("SYSTEM$GET_TASK_GRAPH_CONFIG", TaskRun.graph_config),
    "SYSTEM$GET_PREDECESSOR_RETURN_VALUE": _of_task(
        "SYSTEM$GET_PREDECESSOR_RETURN_VALUE", TaskRun.predecessor_return_value
    ),
    "SYSTEM$CURRENT_USER_TASK_NAME": _of_task("SYSTEM$CURRENT_USER_TASK_NAME", lambda run: str(run.task)),
    "SYSTEM$TASK_RUNTIME_INFO": _of_task("SYSTEM$TASK_RUNTIME_INFO", TaskRun.runtime_info),
}
"""Every context and system function, by upper-case name."""


def system_function(planner: SessionPlanner, name: str, arguments: Sequence[exp.Expr]) -> exp.Expr | None:
    """What the call of a context or system function becomes, or None when `name` is none.

    Raises:
        SqlError: 002140 for a SYSTEM$ function that is not known here.
    """
    answer = FUNCTIONS.get(name)
    if answer is not None:
        return answer(planner, arguments)
    if name.startswith("SYSTEM$"):
        raise unknown_function(name)
    return None
