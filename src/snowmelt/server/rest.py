"""Snowflake's REST API (``/api/v2``), as far as it is about tasks, databases and schemas: a thin layer that turns
requests into SQL.

All else of it is refused by name. Follows snowflake.core's `task/_generated/api/task_api.py`;
docs.snowflake.com/en/developer-guide/snowflake-rest-api/snowflake-rest-api
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import unquote

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from snowmelt.base.errors import SqlError, unsupported
from snowmelt.base.request import Request as Statement
from snowmelt.catalog.names import FullName, Name
from snowmelt.server import rest_containers as containers
from snowmelt.server import rest_tasks as tasks
from snowmelt.server.auth import AuthError, executor_of
from snowmelt.server.body import read_object
from snowmelt.server.host import Executor
from snowmelt.server.rest_tasks import Place, Row, invalid, text
from snowmelt.server.service import Service, reply

_UNSUPPORTED = 2
_STATUS = {_UNSUPPORTED: 501, 2002: 409, 2003: 404, 2043: 404}
"""HTTP status by error number; other errors are the request's fault."""

_PATH = re.compile(r"/api/v2/databases/([^/]+)/schemas/([^/]+)/tasks(?:/([^/:]+)(?:[:/]([a-z_-]+))?)?")


def routes(service: Service) -> list[Route]:
    """The routes of this module."""
    methods = ["GET", "POST", "PUT", "DELETE", "PATCH"]
    return [Route("/api/v2/{rest:path}", RestEndpoint(service).answer, methods=methods)]


class RestEndpoint:
    """Answers every request below ``/api/v2``."""

    def __init__(self, service: Service) -> None:
        self._service = service

    async def answer(self, request: Request) -> Response:
        """Carry out a request in the session that its token speaks for."""
        try:
            executor = executor_of(request, self._service.host.tokens)
        except AuthError as error:
            return reply(_error(error.code, error.message), 401)
        try:
            act = _find(request)
            body = await read_object(request)
            return reply(await self._service.queries.statement(lambda: _carried_out(act, body, executor)))
        except SqlError as error:
            # Snowflake's command line asks for collections, by paths that end with a slash, to find out where something
            # can be created. It would ask again and again if the server could not answer.
            missing = error.code == _UNSUPPORTED and request.method == "GET" and request.url.path.endswith("/")
            return _failed(error, 404 if missing else None)


Act = Callable[[Mapping[str, Any], "Statements"], Any]
"""A request whose path and query have been read, to be carried out with its JSON."""


def _carried_out(act: Act, body: Mapping[str, Any], executor: Executor) -> Any:
    # A client knows nothing of what a request makes the current database.
    with executor.keeping_names():
        return act(body, Statements(executor))


def _error(code: str, message: str) -> dict[str, Any]:
    return {"error_code": code, "code": code, "message": message, "request_id": str(uuid.uuid4())}


def _failed(error: SqlError, status: int | None = None) -> Response:
    return reply(_error(f"{error.code:06d}", str(error)), status or _STATUS.get(error.code, 400))


class Statements:
    """Runs SQL in a session."""

    def __init__(self, executor: Executor) -> None:
        self._executor = executor

    def rows(self, statement: str) -> list[Row]:
        """A statement's rows, with lower-case names of columns.

        Raises:
            SqlError: the statement failed.
        """
        result = self._executor.execute(Statement(statement, str(uuid.uuid4()), client_generated=True))
        try:
            assert result.table is not None
            names = [column.name.lower() for column in result.columns]
            columns = [column.to_pylist() for column in result.table.columns]
            return [dict(zip(names, row, strict=True)) for row in zip(*columns, strict=True)]
        finally:
            if result.release is not None:
                result.release()

    def done(self, statement: str) -> dict[str, Any]:
        """A statement's status, as the API tells it."""
        (row,) = self.rows(statement)
        return {"status": str(next(iter(row.values())))}


# --- requests --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Call:
    """A request about tasks.

    Attributes:
        place: the schema of its path.
        name: the task of its path, or None for the collection.
        query: what follows the path's question mark.
        body: its JSON.
    """

    place: Place
    name: FullName | None
    query: Mapping[str, str]
    body: Mapping[str, Any]

    @property
    def task(self) -> FullName:
        """The task of its path."""
        assert self.name is not None
        return self.name

    def flag(self, name: str) -> bool | None:
        """A true or false of the query, or None."""
        value = self.query.get(name)
        if value is not None and value.lower() not in ("true", "false"):
            raise invalid(name)
        return None if value is None else value.lower() == "true"

    def number(self, name: str) -> int | None:
        """A whole number of the query, or None."""
        value = self.query.get(name)
        if value is not None and not value.isdecimal():
            raise invalid(name)
        return None if value is None else int(value)


Action = Callable[[Call, Statements], Any]


def _find(request: Request) -> Act:
    """What a request asks for.

    Raises:
        SqlError: 000002 for all that there is not here, 001008 for names that are none.
    """
    # The path before its escapes are undone: names may hold slashes and colons.
    path = request.scope["raw_path"].decode("ascii").partition("?")[0]
    found = _of_tasks(request, path) or _of_containers(request, path)
    if found is None:
        raise unsupported(f"{request.method} {unquote(path)}")
    return found


def _of_tasks(request: Request, path: str) -> Act | None:
    match = _PATH.fullmatch(path)
    if match is None:
        return None
    action = _ACTIONS.get((request.method, "name" if match[3] else "", match[4] or ""))
    if action is None:
        return None
    database, schema, name = (unquote(part) if part is not None else None for part in match.groups()[:3])
    place = Place.of(str(database), str(schema))
    call = Call(place, None if name is None else place.task(name), request.query_params, {})
    return lambda body, sql: action(replace(call, body=body), sql)


def _of_containers(request: Request, path: str) -> Act | None:
    match = containers.PATH.fullmatch(path)
    if match is None:
        return None
    database, schemas, schema, suffix = (unquote(part) if part is not None else None for part in match.groups())
    named = schema if schemas else database
    action = containers.ACTIONS.get((request.method, "name" if named else "", suffix or ""))
    if action is None:
        return None
    container = containers.Container.of(database, schemas is not None, schema)
    return lambda body, sql: action(container, containers.Asked(request.query_params, body), sql)


# --- actions ---------------------------------------------------------------------------------------------------------


def _create(call: Call, sql: Statements) -> Any:
    name = call.body.get("name")
    if not isinstance(name, str):
        raise invalid("name")
    mode = call.query.get("createMode", "errorIfExists")
    if mode == "orAlter":
        raise invalid("createMode orAlter")
    return sql.done(tasks.create(call.place, call.place.task(name), call.body, mode))


def _create_or_alter(call: Call, sql: Statements) -> Any:
    return sql.done(tasks.create(call.place, call.task, call.body, "orAlter"))


def _fetch(call: Call, sql: Statements) -> Any:
    return _describe(call.task, sql)


def _describe(name: FullName, sql: Statements) -> dict[str, Any]:
    (row,) = sql.rows(f"DESCRIBE TASK {name}")
    return tasks.task_json(row, sql.rows(f"SHOW PARAMETERS IN TASK {name}"))


def _described(place: Place, rows: list[Row], sql: Statements) -> list[dict[str, Any]]:
    return [_describe(FullName(place.database, place.schema, row["name"]), sql) for row in rows]


def _list(call: Call, sql: Statements) -> Any:
    parts = ["SHOW TASKS"]
    if "like" in call.query:
        parts.append(f"LIKE {text(call.query['like'])}")
    parts.append(f"IN SCHEMA {call.place}")
    if "startsWith" in call.query:
        parts.append(f"STARTS WITH {text(call.query['startsWith'])}")
    if call.flag("rootOnly"):
        parts.append("ROOT ONLY")
    if "showLimit" in call.query:
        parts.append(f"LIMIT {call.number('showLimit')}")
    if "fromName" in call.query:
        parts.append(f"FROM {text(call.query['fromName'])}")
    return _described(call.place, sql.rows(" ".join(parts)), sql)


def _drop(call: Call, sql: Statements) -> Any:
    return sql.done(f"DROP TASK {'IF EXISTS ' if call.flag('ifExists') else ''}{call.task}")


def _resume(call: Call, sql: Statements) -> Any:
    return sql.done(f"ALTER TASK {call.task} RESUME")


def _suspend(call: Call, sql: Statements) -> Any:
    return sql.done(f"ALTER TASK {call.task} SUSPEND")


def _execute(call: Call, sql: Statements) -> Any:
    return sql.done(f"EXECUTE TASK {call.task}{' RETRY LAST' if call.flag('retryLast') else ''}")


def _dependents(call: Call, sql: Statements) -> Any:
    recursive = call.flag("recursive") is not False
    rows = sql.rows(
        f"SELECT name FROM TABLE({Name(call.place.database)}.INFORMATION_SCHEMA.TASK_DEPENDENTS("
        f"TASK_NAME => {text(call.task)}, RECURSIVE => {recursive}))"
    )
    return _described(call.place, rows, sql)


def _graphs(function: str) -> Action:
    def answer(call: Call, sql: Statements) -> Any:
        arguments = [f"ROOT_TASK_NAME => {text(call.task.name)}"]
        if call.flag("errorOnly") is not None:
            arguments.append(f"ERROR_ONLY => {call.flag('errorOnly')}")
        if call.number("resultLimit") is not None:
            arguments.append(f"RESULT_LIMIT => {call.number('resultLimit')}")
        # Names are compared without regard to case by the function, and exactly here.
        rows = sql.rows(
            f"SELECT * FROM TABLE({Name(call.place.database)}.INFORMATION_SCHEMA.{function}({', '.join(arguments)})) "
            f"WHERE database_name = {text(call.place.database)} AND schema_name = {text(call.place.schema)} "
            f"AND root_task_name = {text(call.task.name)}"
        )
        return [tasks.run_json(row) for row in rows]

    return answer


_ACTIONS: dict[tuple[str, str, str], Action] = {
    ("POST", "", ""): _create,
    ("GET", "", ""): _list,
    ("GET", "name", ""): _fetch,
    ("PUT", "name", ""): _create_or_alter,
    ("DELETE", "name", ""): _drop,
    ("POST", "name", "execute"): _execute,
    ("POST", "name", "resume"): _resume,
    ("POST", "name", "suspend"): _suspend,
    ("GET", "name", "dependents"): _dependents,
    ("GET", "name", "complete-graphs"): _graphs("COMPLETE_TASK_GRAPHS"),
    ("GET", "name", "complete_graphs"): _graphs("COMPLETE_TASK_GRAPHS"),
    ("GET", "name", "current-graphs"): _graphs("CURRENT_TASK_GRAPHS"),
    ("GET", "name", "current_graphs"): _graphs("CURRENT_TASK_GRAPHS"),
}
"""What can be asked of tasks, by method, whether a task is named, and what follows its name."""
