"""Running the application on a socket, in a thread beside the caller or until a signal."""

from __future__ import annotations

import logging
import signal
import socket
import threading
from collections.abc import Sequence
from types import FrameType

import uvicorn
from starlette.routing import BaseRoute

from snowmelt.base.settings import Settings
from snowmelt.server.app import create_app
from snowmelt.server.host import Host
from snowmelt.server.queries import Queries
from snowmelt.server.service import PATIENCE

logger = logging.getLogger(__name__)

GRACE_SECONDS = 5

MOMENT_SECONDS = 2.0
"""How long statements that run when the server is told to stop may go on; then they are cancelled."""


class _Uvicorn(uvicorn.Server):
    """uvicorn that says when it accepts connections, and ends statements before it waits for their answers."""

    def __init__(self, config: uvicorn.Config, queries: Queries) -> None:
        super().__init__(config)
        self.accepting = threading.Event()
        self._queries = queries

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.accepting.set()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        await self._queries.finish(MOMENT_SECONDS)
        await self._queries.cancel_all()
        await super().shutdown(sockets)


class Server:
    """One listening server. It does not own the host: whoever made that closes it after `stop`."""

    def __init__(
        self,
        host: Host,
        settings: Settings,
        *,
        patience: float = PATIENCE,
        extra_routes: Sequence[BaseRoute] = (),
        front_page: str | None = None,
    ) -> None:
        self._settings = settings
        app = create_app(host, patience=patience, extra_routes=extra_routes, front_page=front_page)
        config = uvicorn.Config(
            app,
            log_config=None,
            access_log=False,
            server_header=False,
            timeout_graceful_shutdown=GRACE_SECONDS,
            timeout_keep_alive=75,
            backlog=512,
        )
        self._uvicorn = _Uvicorn(config, app.state.service.queries)
        self._thread: threading.Thread | None = None
        self._failure: BaseException | None = None

    def start(self) -> tuple[str, int]:
        """Listen, and return host and port as soon as connections are accepted.

        Raises:
            OSError: the address cannot be listened on.
        """
        family = socket.AF_INET6 if ":" in self._settings.host else socket.AF_INET
        listener = socket.create_server((self._settings.host, self._settings.port), family=family)
        # asyncio sets this only on sockets made with an explicit protocol; without it every answer waits 40 ms for the
        # client's delayed acknowledgement. Accepted sockets inherit it.
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._thread = threading.Thread(target=self._run, args=(listener,), name="snowmelt-server", daemon=True)
        self._thread.start()
        self._uvicorn.accepting.wait()
        if self._failure is not None or not self._uvicorn.started:
            listener.close()
            raise RuntimeError("the server did not start") from self._failure
        host, port = listener.getsockname()[:2]
        return str(host), int(port)

    def stop(self) -> None:
        """Give what runs a moment, cancel the rest, answer it, and stop listening; does nothing when not running."""
        if self._thread is None:
            return
        self._uvicorn.should_exit = True
        self._thread.join(2 * GRACE_SECONDS)
        if self._thread.is_alive():
            self._uvicorn.force_exit = True
            self._thread.join(GRACE_SECONDS)
        self._thread = None

    def serve_forever(self) -> None:
        """Serve until SIGTERM or SIGINT, then stop; starts the server when that has not been done.

        Must be called on the main thread, as Python's signal handlers demand.
        """
        if self._thread is None:
            self.start()
        wanted = threading.Event()

        def on_signal(number: int, frame: FrameType | None) -> None:
            wanted.set()

        before = {number: signal.signal(number, on_signal) for number in (signal.SIGTERM, signal.SIGINT)}
        try:
            wanted.wait()
        finally:
            self.stop()
            for number, handler in before.items():
                signal.signal(number, handler)

    def _run(self, listener: socket.socket) -> None:
        try:
            self._uvicorn.run(sockets=[listener])
        except BaseException as error:
            self._failure = error
            logger.exception("the server ended unexpectedly")
        finally:
            self._uvicorn.accepting.set()
