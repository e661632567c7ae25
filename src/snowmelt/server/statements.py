"""Endpoints of statements: run, fetch, watch, abort; and downloads of result chunks.

Follows the connector's `cursor.py`, `connection.py` and `result_batch.py`.
"""

from __future__ import annotations

import gzip
import re
from collections.abc import Mapping
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from snowmelt.base.errors import SqlError, unsupported
from snowmelt.base.request import Binding
from snowmelt.base.request import Request as Statement
from snowmelt.server.answer import IN_PROGRESS, IN_PROGRESS_ASYNC, Encoder, envelope, failure, in_progress, refusal
from snowmelt.server.auth import executor_of
from snowmelt.server.body import BodyError, read_object
from snowmelt.server.host import Executor
from snowmelt.server.queries import Run, error_answer, new_query_id
from snowmelt.server.service import Service, reply

_LOOPBACK = ("127.0.0.1", "::1")
_BIND_STAGE = re.compile(r"@\w+/\w+")


def routes(service: Service) -> list[Route]:
    """The routes of this module."""
    endpoints = StatementEndpoints(service)
    return [
        Route("/queries/v1/query-request", endpoints.run, methods=["POST"]),
        Route("/queries/v1/abort-request", endpoints.abort_request, methods=["POST"]),
        Route("/queries/{query_id}/result", endpoints.result, methods=["GET"]),
        Route("/queries/{query_id}/abort-request", endpoints.abort_query, methods=["POST"]),
        Route("/monitoring/queries/{query_id}", endpoints.monitor, methods=["GET"]),
        Route("/chunks/{key}/{index:int}", endpoints.chunk, methods=["GET"]),
    ]


class StatementEndpoints:
    """Run, fetch, watch, abort, download."""

    def __init__(self, service: Service) -> None:
        self._service = service
        self._queries = service.queries
        self._host = service.host

    async def run(self, request: Request) -> Response:
        """Execute a statement and answer its result, or that it is still running."""
        executor = executor_of(request, self._host.tokens)
        body = await read_object(request)
        request_id = request.query_params.get("requestId", "")
        encoder = self._service.encoder(request)
        run = self._queries.find_request(executor, request_id) if request_id else None
        if run is None:
            query_id = new_query_id()
            try:
                statement = statement_of(body, query_id)
            except SqlError as error:
                return reply(failure(error, query_id))
            run = Run(executor, statement, request_id, detached=body.get("asyncExec") is True)
            self._queries.start(run, encoder)
        if run.detached:
            return reply(in_progress(run.query_id, IN_PROGRESS_ASYNC))
        return await self._outcome(run, executor, encoder)

    async def result(self, request: Request) -> Response:
        """The result of a statement by its id, waiting for it when it is still running."""
        executor = executor_of(request, self._host.tokens)
        query_id = request.path_params["query_id"]
        encoder = self._service.encoder(request)
        run = self._visible(query_id, executor)
        if run is not None:
            return await self._outcome(run, executor, encoder)
        if self._queries.find(query_id) is not None:
            return reply(_not_found(query_id))
        return await self._kept(None, query_id, executor, encoder)

    async def abort_request(self, request: Request) -> Response:
        """Cancel the statement that came with a certain request id."""
        executor = executor_of(request, self._host.tokens)
        request_id = (await read_object(request)).get("requestId")
        run = self._queries.find_request(executor, str(request_id))
        return await self._abort(run)

    async def abort_query(self, request: Request) -> Response:
        """Cancel a statement by its query id."""
        executor = executor_of(request, self._host.tokens)
        return await self._abort(self._visible(request.path_params["query_id"], executor))

    async def monitor(self, request: Request) -> Response:
        """The state of one statement; an unknown id gives an empty list, which clients read as NO_DATA."""
        executor = executor_of(request, self._host.tokens)
        run = self._visible(request.path_params["query_id"], executor)
        if run is None:
            return reply(envelope({"queries": []}))
        data: dict[str, Any] = {"queries": [_monitored(run)]}
        if run.error is not None:
            data["sqlState"] = run.error.sqlstate
        return reply(envelope(data))

    async def chunk(self, request: Request) -> Response:
        """One chunk of a large result. Needs no token: its id is the secret."""
        found = self._service.chunks.get(request.path_params["key"], request.path_params["index"])
        if found is None:
            return reply(refusal("000404", "This result chunk is unknown or no longer kept."), 404)
        body = await self._service.in_thread(found.body)
        headers = {"cache-control": "no-store"}
        # On one machine compressing takes longer than it saves.
        distant = request.client is not None and request.client.host not in _LOOPBACK
        if distant and "gzip" in request.headers.get("accept-encoding", ""):
            body = await self._service.in_thread(gzip.compress, body, 1)
            headers["content-encoding"] = "gzip"
        return Response(body, headers=headers, media_type="application/octet-stream")

    async def _outcome(self, run: Run, executor: Executor, encoder: Encoder) -> Response:
        if not await run.wait(self._service.patience):
            return reply(in_progress(run.query_id, IN_PROGRESS))
        if run.error is not None:
            return reply(error_answer(run))
        answer = run.take()
        if answer is not None:
            return reply(answer)
        return await self._kept(run, run.query_id, executor, encoder)

    async def _kept(self, run: Run | None, query_id: str, executor: Executor, encoder: Encoder) -> Response:
        """Answer from the results that are kept."""
        result = run.result if run is not None else None
        if result is None:
            result = await self._service.in_thread(self._host.result, query_id)
        if result is None:
            return reply(_not_found(query_id))
        return reply(await self._queries.encode(run, result, executor, query_id, encoder))

    def _visible(self, query_id: str, executor: Executor) -> Run | None:
        """A run that this user may see: its own."""
        run = self._queries.find(query_id)
        return run if run is not None and run.executor.user == executor.user else None

    async def _abort(self, run: Run | None) -> Response:
        if run is None or not await self._queries.cancel(run):
            return reply(refusal("000605", "Identified SQL statement is not currently executing.", sqlState="57014"))
        return reply(envelope({}))


def statement_of(body: Mapping[str, Any], query_id: str) -> Statement:
    """The statement that a query request asks for.

    Raises:
        SqlError: 000002 when the rows of an array bind are said to be somewhere else than on a stage.
        BodyError: the request has no SQL text or is otherwise not well formed.
    """
    text, stage = body.get("sqlText"), body.get("bindStage") or None
    bindings, parameters = body.get("bindings") or {}, body.get("parameters") or {}
    if not isinstance(text, str) or not isinstance(bindings, dict) or not isinstance(parameters, dict):
        raise BodyError(400, "A query request needs sqlText, and objects for bindings and parameters.")
    if stage is not None and not (isinstance(stage, str) and _BIND_STAGE.fullmatch(stage)):
        raise unsupported(f"bind stage {stage}")
    return Statement(
        text,
        query_id,
        {str(key): _binding(value) for key, value in bindings.items()},
        body.get("describeOnly") is True,
        {str(name).upper(): value for name, value in parameters.items()},
        body.get("isInternal") is True,
        stage,
    )


def _binding(value: Any) -> Binding:
    if not isinstance(value, dict) or not isinstance(value.get("type"), str):
        raise BodyError(400, "A binding needs a type and a value.")
    bound = value.get("value")
    return Binding(
        value["type"].upper(), [_bound(item) for item in bound] if isinstance(bound, list) else _bound(bound)
    )


def _bound(value: Any) -> str | None:
    if value is None or isinstance(value, str):
        return value
    raise BodyError(400, "The value of a binding is a text, null, or a list of these.")


def _not_found(query_id: str) -> dict[str, Any]:
    return failure(SqlError(f"Statement {query_id} not found", 709, "02000"), query_id)


def _monitored(run: Run) -> dict[str, Any]:
    """One statement as the monitoring endpoint shows it; times are milliseconds since 1970."""
    start = int(run.started.timestamp() * 1000)
    end = int(run.ended.timestamp() * 1000) if run.ended is not None else 0
    return {
        "id": run.query_id,
        "sqlText": run.request.text,
        "status": run.status,
        "state": run.status,
        "startTime": start,
        "endTime": end,
        "totalDuration": max(end - start, 0),
        "sessionId": run.executor.id,
        "userName": run.executor.user,
        "errorCode": f"{run.error.code:06d}" if run.error is not None else None,
        "errorMessage": str(run.error) if run.error is not None else None,
    }
