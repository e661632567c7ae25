"""A server inside the test's own process, for the genuine clients to connect to."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from snowmelt.base.clock import Clock
from snowmelt.base.settings import Settings
from snowmelt.cli.embedded import Address, running


@dataclass(frozen=True)
class RunningServer:
    """A server that runs for as long as its block.

    Attributes:
        address: host, port, user and password.
        account: the account name that it answers to.
    """

    address: Address
    account: str

    @property
    def parameters(self) -> dict[str, Any]:
        """The arguments of `snowflake.connector.connect`, or the configs of Snowpark's `Session.builder`."""
        return {
            "account": self.account,
            "host": self.address.host,
            "port": self.address.port,
            "protocol": "http",
            "user": self.address.user,
            "password": self.address.password,
            # At each login the client asks the clouds' metadata services where it runs; that can take seconds.
            "platform_detection_timeout_seconds": 0.0,
        }


@contextmanager
def running_server(settings: Settings | None = None, clock: Clock | None = None) -> Iterator[RunningServer]:
    """A server on a free port of the loopback address, which keeps its data in memory; it ends with the block.

    Connections and sessions must be closed inside the block: genuine clients whose server has gone retry for minutes
    when the interpreter ends::

        with running_server() as server, snowflake.connector.connect(**server.parameters) as connection:
            connection.cursor().execute("CREATE DATABASE D")

    Args:
        settings: how the server runs; by default in memory, on a free port.
        clock: what dates and waits. A `ManualClock` makes schedules run when the test says so.

    Raises:
        SqlError: the data directory of `settings` is in use by another process.
        OSError: the address of `settings` cannot be listened on.
    """
    chosen = settings or Settings(port=0)
    with running(chosen, clock) as address:
        yield RunningServer(address, chosen.account)
