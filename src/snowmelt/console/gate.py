"""The gate that every request to the console passes: whom it names, where it comes from, and what browsers may do."""

from __future__ import annotations

import logging
import secrets
from collections.abc import Callable

from starlette.datastructures import MutableHeaders
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from snowmelt.base.loopback import host_name, is_loopback

logger = logging.getLogger(__name__)

_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)

_HEADERS = {
    "Content-Security-Policy": _POLICY,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}


class Refused(Exception):
    """A request that is refused whatever it asks for."""

    def __init__(self, message: str, status: int = 403) -> None:
        super().__init__(message)
        self.status = status


class Gate:
    """Refuses foreign Host headers, adds headers that bind browsers, and turns unexpected exceptions into a page.

    The console is for this machine only, also where the server has been told to listen on other addresses.

    Args:
        failed: makes the page for an unexpected exception, given the id under which the log has it.
    """

    def __init__(self, app: ASGIApp, *, failed: Callable[[Request, str], Response]) -> None:
        self._app = app
        self._failed = failed

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started = False
        kept = "/static/" in scope["path"]

        async def watched(message: Message) -> None:
            nonlocal started
            if message["type"] == "http.response.start":
                started = True
                headers = MutableHeaders(scope=message)
                headers.update(_HEADERS)
                headers["Cache-Control"] = "no-cache" if kept else "no-store"
            await send(message)

        if not is_loopback(host_name(scope["headers"])):
            text = "The console is served on this machine only: open it at the address 127.0.0.1 or localhost.\n"
            await PlainTextResponse(text, 403)(scope, receive, watched)
            return
        try:
            await self._app(scope, receive, watched)
        except Exception:
            if started:
                raise
            incident = secrets.token_hex(8)
            logger.exception("incident %s at %s", incident, scope["path"])
            await self._failed(Request(scope), incident)(scope, receive, watched)


def check_origin(request: Request) -> None:
    """Browsers say which page a form was sent from; it must be one of this server.

    Raises:
        Refused: it is not.
    """
    origin = request.headers.get("origin")
    own = f"{request.url.scheme}://{request.headers.get('host', '')}"
    if (origin is not None and origin != own) or request.headers.get("sec-fetch-site", "same-origin") != "same-origin":
        raise Refused("The form was sent from another site.")
