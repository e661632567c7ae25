"""Table functions: what ``TABLE(f(...))`` yields. Each entry gives the DuckDB text of a query.

Source: docs.snowflake.com/en/sql-reference/functions-table
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from sqlglot import exp

from snowmelt.base.datatypes import SEMI_STRUCTURED
from snowmelt.base.errors import SqlError, unknown_function, unsupported
from snowmelt.catalog.names import engine_quote
from snowmelt.catalog.objects import TableColumn
from snowmelt.session import query_history
from snowmelt.session.information_schema import arrow_rows
from snowmelt.session.load_history import copy_history, validate
from snowmelt.session.loading import infer_schema_rows
from snowmelt.session.stream_reads import BACKLOG_COLUMNS, backlog
from snowmelt.session.system_functions import stream_of
from snowmelt.session.table_arguments import Arguments, moment, named
from snowmelt.session.task_functions import TASK_FUNCTIONS
from snowmelt.sql.rewrite.rules import rewrite
from snowmelt.storage.loading_infer import INFER_COLUMNS

if TYPE_CHECKING:
    from snowmelt.session.planner import SessionPlanner


Rows = tuple[str, Sequence[TableColumn] | None]
"""DuckDB text of a query, and its columns with their types, if these are not the engine's."""


def _result_scan(planner: SessionPlanner, arguments: Arguments) -> Rows:
    query_id = named(planner, arguments, ("QUERY_ID",)).get("QUERY_ID", -1)
    if not isinstance(query_id, str):
        query_id = planner.session.core.nth_query(int(query_id or 0))
    result = planner.session.services.results.get(str(query_id))
    if result is None or result.table is None:
        raise SqlError(f"SQL compilation error:\nStatement {query_id} not found", 709, "02000")
    names = _distinct([column.name for column in result.columns])
    rows = planner.rows(result.table.rename_columns(names))
    columns = [
        TableColumn(name, column.type, column.nullable) for name, column in zip(names, result.columns, strict=True)
    ]
    # Semi-structured values are kept as text.
    items = ", ".join(
        f"CAST({engine_quote(c.name)} AS {c.type.duckdb}) AS {engine_quote(c.name)}"
        if c.type.kind in SEMI_STRUCTURED and c.type.parts is None
        else engine_quote(c.name)
        for c in columns
    )
    return f"SELECT {items} FROM ({rows})", columns


def _distinct(names: list[str]) -> list[str]:
    """Relations of the engine need distinct names: later repetitions get a number."""
    seen: dict[str, int] = {}
    out = []
    for name in names:
        count = seen.get(name.upper(), 0)
        seen[name.upper()] = count + 1
        out.append(name if count == 0 else f"{name}_{count}")
    return out


def _generator(planner: SessionPlanner, arguments: Arguments) -> str:
    node = arguments[0]
    if node.args.get("timelimit") is not None:
        raise unsupported("GENERATOR(TIMELIMIT)")
    count = node.args.get("rowcount")
    if isinstance(count, exp.Kwarg):
        count = count.expression
    if count is None:
        raise SqlError("SQL compilation error:\nGENERATOR needs ROWCOUNT", 1003)
    return f"SELECT range AS _generated FROM range(CAST({rewrite(count, planner)} AS BIGINT))"


def _query_history(own: str | None = None) -> Callable[[SessionPlanner, Arguments], str]:
    """QUERY_HISTORY, or one of its kin that takes the further argument `own`."""

    def answer(planner: SessionPlanner, arguments: Arguments) -> str:
        session = planner.session
        names = query_history.ARGUMENTS if own is None else (own, *query_history.ARGUMENTS)
        wanted = named(planner, arguments, names)
        current: dict[str | None, object] = {
            "SESSION_ID": session.id,
            "USER_NAME": session.user,
            "WAREHOUSE_NAME": session.warehouse,
        }
        chosen = str(wanted.get(str(own)) or current.get(own)).strip('"').upper()
        keep: dict[str | None, Callable[[query_history.QueryRecord], bool]] = {
            None: lambda record: True,
            "SESSION_ID": lambda record: str(record.session_id) == chosen,
            "USER_NAME": lambda record: record.user.upper() == chosen,
            "WAREHOUSE_NAME": lambda record: (record.warehouse or "").upper() == chosen,
        }
        found = query_history.selected(session.services.queries, wanted, session.services.clock.now(), keep[own])
        return planner.rows(arrow_rows(query_history.COLUMNS, [query_history.as_row(record) for record in found]))

    return answer


_INFER_ARGUMENTS = ("LOCATION", "FILE_FORMAT", "FILES", "IGNORE_CASE", "MAX_FILE_COUNT", "MAX_RECORDS_PER_FILE")


def _infer_schema(planner: SessionPlanner, arguments: Arguments) -> Rows:
    wanted = named(planner, arguments, _INFER_ARGUMENTS)
    if wanted.get("LOCATION") is None:
        raise SqlError("SQL compilation error:\nINFER_SCHEMA: missing argument LOCATION", 938, "22023")
    columns = [TableColumn(*column) for column in INFER_COLUMNS]
    return planner.rows(infer_schema_rows(planner.session, wanted)), columns


def _copy_history(planner: SessionPlanner, arguments: Arguments) -> str:
    wanted = named(planner, arguments, ("TABLE_NAME", "START_TIME", "END_TIME"))
    for name in ("TABLE_NAME", "START_TIME"):
        if wanted.get(name) is None:
            raise SqlError(f"SQL compilation error:\nCOPY_HISTORY: missing argument {name}", 938, "22023")
    start, end = (moment(wanted.get(name)) for name in ("START_TIME", "END_TIME"))
    assert start is not None
    return planner.rows(arrow_rows(*copy_history(planner.session, str(wanted["TABLE_NAME"]), start, end)))


def _validate(planner: SessionPlanner, arguments: Arguments) -> str:
    if len(arguments) != 2:
        raise SqlError("SQL compilation error:\nVALIDATE takes a table and JOB_ID", 938, "22023")
    job = named(planner, arguments[1:], ("JOB_ID",)).get("JOB_ID")
    target = arguments[0]
    name = target.name if isinstance(target, exp.Literal) else target.sql(dialect="snowflake")
    return planner.rows(arrow_rows(*validate(planner.session, name, str(job))))


def _stream_backlog(planner: SessionPlanner, arguments: Arguments) -> str:
    stream = stream_of(planner, arguments, "SYSTEM$STREAM_BACKLOG")
    rows = [] if planner.request.describe_only else backlog(planner.session, stream)
    return planner.rows(arrow_rows(BACKLOG_COLUMNS, rows))


TABLE_FUNCTIONS: dict[str, Callable[[SessionPlanner, Arguments], str | Rows]] = {
    "RESULT_SCAN": _result_scan,
    "GENERATOR": _generator,
    "INFER_SCHEMA": _infer_schema,
    "VALIDATE": _validate,
    "SYSTEM$STREAM_BACKLOG": _stream_backlog,
    "INFORMATION_SCHEMA.COPY_HISTORY": _copy_history,
    **TASK_FUNCTIONS,
    "INFORMATION_SCHEMA.QUERY_HISTORY": _query_history(),
    "INFORMATION_SCHEMA.QUERY_HISTORY_BY_SESSION": _query_history("SESSION_ID"),
    "INFORMATION_SCHEMA.QUERY_HISTORY_BY_USER": _query_history("USER_NAME"),
    "INFORMATION_SCHEMA.QUERY_HISTORY_BY_WAREHOUSE": _query_history("WAREHOUSE_NAME"),
}
"""The table functions there are; those of INFORMATION_SCHEMA are found under any database."""


def table_function(planner: SessionPlanner, name: str, arguments: Arguments) -> Rows:
    """DuckDB text of a query for the call of a table function, and its columns where these say more than the engine.

    Raises:
        SqlError: 002140 for one that is not known.
    """
    parts = name.replace('"', "").split(".")
    key = ".".join(parts[-2:]) if len(parts) > 1 else parts[0]
    function = TABLE_FUNCTIONS.get(key) or TABLE_FUNCTIONS.get(f"INFORMATION_SCHEMA.{key}")
    if function is None:
        raise unknown_function(name)
    found = function(planner, arguments)
    return (found, None) if isinstance(found, str) else found
