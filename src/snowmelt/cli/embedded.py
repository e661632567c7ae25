"""A server inside this process, for as long as a block runs."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

from snowmelt.base import late
from snowmelt.base.clock import Clock
from snowmelt.base.loopback import is_loopback
from snowmelt.base.settings import Settings


@dataclass(frozen=True)
class Address:
    """Where an embedded server listens, and who may log in."""

    host: str
    port: int
    user: str
    password: str

    @property
    def console(self) -> str:
        """Where browsers on this machine find the console."""
        return console_address(self.host, self.port)


def console_address(host: str, port: int) -> str:
    """The address of the console of a server that listens on `host`; it is served to this machine only."""
    name = host if is_loopback(host) else "127.0.0.1"
    return f"http://{f'[{name}]' if ':' in name else name}:{port}/console/"


@contextmanager
def _uncollected() -> Iterator[None]:
    """While a server starts: nearly all of what that makes stays, and the collector would look for the rest ever again,
    which takes a tenth of the time.
    """
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


@contextmanager
def running(settings: Settings, clock: Clock | None = None) -> Iterator[Address]:
    """Open the data directory, listen and run tasks; all of it ends with the block.

    Args:
        clock: what dates and waits; by default the machine's clock.

    Raises:
        SqlError: the data directory is in use by another process.
        OSError: the address cannot be listened on.
    """
    # Imported here so that commands which only talk to a server start without the engine.
    with _uncollected(), ExitStack() as starting:
        from snowmelt.storage.opening import opening

        store = opening(settings.data, settings.memory_mb)
        from snowmelt.console.entry import Entry, link_home
        from snowmelt.runtime import Runtime
        from snowmelt.server.serve import Server

        runtime = Runtime.open(settings, clock, store)
        starting.callback(runtime.close)
        console = Entry(runtime)
        server = Server(runtime, settings, extra_routes=console.routes, front_page=link_home())
        host, port = server.start()
        starting.callback(server.stop)
        starting.callback(console.close)
        runtime.start((host, port))
        # What is loaded by now stays: the collector need not look through it again and again, 100 ms at a time.
        gc.freeze()
        starting.callback(gc.unfreeze)
        started = starting.pop_all()
    with started:
        yield Address(host, port, runtime.settings.user, runtime.password)


def load_rest() -> None:
    """Load what the first statement will need, where nothing but a server runs and its first client is yet to come."""
    with _uncollected():
        late.load()
        gc.freeze()
