"""The ASGI application: routes, and the gate that every request passes."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Sequence
from functools import partial

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import PlainTextResponse, RedirectResponse, Response
from starlette.routing import BaseRoute, Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from snowmelt.base.loopback import host_name, is_loopback
from snowmelt.server import rest, sessions, statements
from snowmelt.server.answer import failure, internal_error, new_incident, refusal
from snowmelt.server.auth import BAD_REQUEST, AuthError
from snowmelt.server.body import BodyError
from snowmelt.server.host import Host
from snowmelt.server.service import PATIENCE, Service, reply

logger = logging.getLogger(__name__)

REAP_SECONDS = 60.0


def create_app(
    host: Host,
    *,
    patience: float = PATIENCE,
    extra_routes: Sequence[BaseRoute] = (),
    front_page: str | None = None,
) -> Starlette:
    """The server as an ASGI application; its `state.service` is the `Service`.

    Args:
        patience: seconds a request waits for its statement before the client is told to ask again.
        extra_routes: routes that come before the server's own, such as the console's.
        front_page: where browsers are led that ask for ``/``.
    """
    service = Service(host, patience)
    app = Starlette(
        routes=[
            *extra_routes,
            *statements.routes(service),
            *sessions.routes(service),
            *rest.routes(service),
            Route("/", partial(_about, front_page), methods=["GET"]),
        ],
        exception_handlers={AuthError: _unauthorized, BodyError: _malformed, HTTPException: _unknown},
        middleware=[Middleware(Gate, loopback_only=is_loopback(host.settings.host))],
        lifespan=_lifespan,
    )
    app.state.service = service
    return app


class Gate:
    """Refuses foreign Host headers, and turns unexpected exceptions into an answer that clients do not retry.

    A page in a browser can make a foreign name resolve to this machine; its requests still carry that name.
    """

    def __init__(self, app: ASGIApp, *, loopback_only: bool) -> None:
        self._app = app
        self._loopback_only = loopback_only

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        if self._loopback_only and not is_loopback(host_name(scope["headers"])):
            await reply(refusal("390403", "The Host header does not name this machine."), 403)(scope, receive, send)
            return
        started = False

        async def watched(message: Message) -> None:
            nonlocal started
            started = True
            await send(message)

        try:
            await self._app(scope, receive, watched)
        except Exception:
            if started:
                raise
            incident = new_incident()
            logger.exception("incident %s at %s", incident, scope["path"])
            await reply(failure(internal_error(incident)))(scope, receive, send)


@contextlib.asynccontextmanager
async def _lifespan(app: Starlette) -> AsyncIterator[None]:
    service: Service = app.state.service
    reaper = asyncio.create_task(_reap(service))
    yield
    reaper.cancel()
    service.queries.close()


async def _reap(service: Service) -> None:
    """Close sessions whose clients have gone without saying so."""
    while True:
        await asyncio.sleep(REAP_SECONDS)
        for executor in service.host.tokens.reap():
            logger.info("session %s has expired", executor.id)
            try:
                await service.in_thread(executor.close)
            except Exception:
                logger.exception("session %s could not be closed", executor.id)


async def _about(front_page: str | None, request: Request) -> Response:
    if front_page is not None and "text/html" in request.headers.get("accept", ""):
        return RedirectResponse(front_page, 303)
    return PlainTextResponse(
        f"Snowmelt {sessions.server_version()}: a local server for Snowflake clients.\n"
        "Connect with protocol=http, any account name, and the host and port of this address.\n"
    )


async def _unauthorized(request: Request, error: Exception) -> Response:
    assert isinstance(error, AuthError)
    return reply(error.answer())


async def _malformed(request: Request, error: Exception) -> Response:
    assert isinstance(error, BodyError)
    return reply(refusal(BAD_REQUEST, error.message), error.status)


async def _unknown(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    message = f"Unsupported feature '{request.method} {request.url.path}'."
    return reply(refusal("000002", message, sqlState="0A000"), error.status_code)
