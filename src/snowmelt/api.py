"""Genuine client objects on a server inside this process: `snowmelt.connect()` and `snowmelt.session()`."""

from __future__ import annotations

import atexit
import threading
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

from snowmelt.base.settings import Settings
from snowmelt.catalog.names import parse_name

if TYPE_CHECKING:
    from snowflake.connector import SnowflakeConnection
    from snowflake.snowpark import Session

    from snowmelt.testing.server import RunningServer


class _Servers:
    """The servers of this process, one for each data directory and one that keeps everything in memory."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._running: dict[Path | None, RunningServer] = {}
        self._ends = ExitStack()

    def server(self, data: Path | None) -> RunningServer:
        from snowmelt.testing.server import running_server

        key = data.resolve() if data is not None else None
        with self._lock:
            if not self._running:
                # Connections are closed before: they register what they do at exit later.
                atexit.register(self.stop)
            if key not in self._running:
                self._running[key] = self._ends.enter_context(running_server(Settings(data=key, port=0)))
            return self._running[key]

    def stop(self) -> None:
        with self._lock:
            self._running.clear()
            self._ends.close()


_servers = _Servers()


def parameters(*, data: str | Path | None = None) -> dict[str, Any]:
    """The arguments of `snowflake.connector.connect` for the server of this process, which is started if need be.

    Args:
        data: the server's data directory; by default everything is in memory and gone when the process ends.

    Raises:
        SqlError: another process uses the data directory.
    """
    return _servers.server(Path(data) if data is not None else None).parameters


def connect(*, data: str | Path | None = None, **arguments: Any) -> SnowflakeConnection:
    """A connection of the genuine connector to a server inside this process.

    The first call for a data directory starts its server, which ends with the process, or by `stop`. Close the
    connection as any other::

        with snowmelt.connect(database="DEMO") as connection:
            connection.cursor().execute("CREATE TABLE T (N NUMBER)")

    Args:
        data: the server's data directory; by default everything is in memory and gone when the process ends.
        arguments: further arguments of `snowflake.connector.connect`. `database` and `schema` are created if they are
            not there: there is nobody else who could have done so.

    Raises:
        SqlError: another process uses the data directory.
    """
    from snowflake.connector import connect as genuine

    chosen = {**parameters(data=data), **arguments}
    database, schema = chosen.get("database"), chosen.get("schema")
    if database:
        place = str(database)
        texts = [f"CREATE DATABASE IF NOT EXISTS {parse_name(place)}"]
        if schema:
            texts.append(f"CREATE SCHEMA IF NOT EXISTS {parse_name(f'{place}.{schema}')}")
        with genuine(**{k: v for k, v in chosen.items() if k not in ("database", "schema")}) as made:
            for text in texts:
                made.cursor().execute(text)
    return genuine(**chosen)


def session(*, data: str | Path | None = None, **arguments: Any) -> Session:
    """A session of the genuine Snowpark on a server inside this process; otherwise as `connect`.

    Raises:
        ImportError: Snowpark is not installed (``pip install 'snowmelt[ml]'``).
        SqlError: another process uses the data directory.
    """
    from snowflake.snowpark import Session

    made: Session = Session.builder.configs({"connection": connect(data=data, **arguments)}).create()
    return made


def stop() -> None:
    """End the servers of this process; connections to them must be closed before. A later `connect` starts anew."""
    _servers.stop()
