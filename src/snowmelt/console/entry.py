"""The console's door: routes that are there from the start, and the console behind them once somebody comes."""

from __future__ import annotations

import asyncio
import threading
from typing import TYPE_CHECKING

from starlette.routing import BaseRoute, Mount
from starlette.types import ASGIApp, Receive, Scope, Send

from snowmelt.console.host import Host

if TYPE_CHECKING:
    from snowmelt.console.app import Console

ROOT = "/console"
"""Where the console is served."""


def link_home() -> str:
    """The address of the first page."""
    return f"{ROOT}/"


class Entry:
    """The console of one server, made for its first request: most servers never see a browser, and pages and templates
    take a twentieth of a second to load.
    """

    def __init__(self, host: Host) -> None:
        self._host = host
        self._lock = threading.Lock()
        self._console: Console | None = None
        self._app: ASGIApp | None = None

    @property
    def routes(self) -> list[BaseRoute]:
        """What the server's application serves besides its own routes."""
        return [Mount(ROOT, self)]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        app = self._app
        if app is None:
            app = await asyncio.to_thread(self._made)
        await app(scope, receive, send)

    def _made(self) -> ASGIApp:
        from snowmelt.console.app import Console

        with self._lock:
            if self._app is None:
                self._console = Console(self._host)
                self._app = self._console.application()
            return self._app

    def close(self) -> None:
        """End all logins, and what runs for them."""
        if self._console is not None:
            self._console.close()
