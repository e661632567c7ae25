"""Streams' offsets: which version each has read up to, and moving it with the rows that consume it.

A version is the place of a commit in the order of commits. Rows carry transaction numbers; `open_window` translates a
stream's offset into the transactions that count as new, for the queries of `snowmelt.sql.tracking`.
"""

from __future__ import annotations

from dataclasses import dataclass

from snowmelt.base.errors import unsupported
from snowmelt.catalog.objects import Stream
from snowmelt.sql.tracking import window_variables
from snowmelt.storage.connection import Connection

_NEVER = 2**62
"""A transaction number that no row has yet: an empty window."""


@dataclass(frozen=True)
class Window:
    """What a stream shows to one transaction: changes of versions after `start` up to and including `end`."""

    stream: int
    start: int
    end: int


def current_version(connection: Connection) -> int:
    """The newest version that the connection's snapshot sees."""
    return int(connection.scalar("SELECT coalesce(max(ver), 0) FROM snowmelt.commits"))


def create_offset(connection: Connection, stream: Stream) -> None:
    """Begin a stream at the current version, or before all rows for SHOW_INITIAL_ROWS."""
    version = -1 if stream.initial_rows else current_version(connection)
    connection.run("INSERT OR REPLACE INTO snowmelt.offsets VALUES (?, ?)", [stream.id, version])


def drop_offset(connection: Connection, stream_id: int) -> None:
    """Forget a stream's offset."""
    connection.run("DELETE FROM snowmelt.offsets WHERE stream = ?", [stream_id])


def open_window(connection: Connection, stream_id: int) -> Window:
    """Fix what the stream shows to the connection's open transaction, and set the engine variables that say so.

    Raises:
        SqlError: 000002 when the transaction's snapshot is older than the stream.
    """
    start = connection.scalar("SELECT ver FROM snowmelt.offsets WHERE stream = ?", [stream_id])
    if start is None:
        raise unsupported("reading a stream in a transaction that began before it was created")
    end = current_version(connection)
    set_window(connection, Window(stream_id, start, end))
    return Window(stream_id, start, end)


def set_window(connection: Connection, window: Window) -> None:
    """Set the engine variables of a window that was opened before in the same transaction."""
    if window.start < 0:
        least = 0
    else:
        found = connection.scalar("SELECT min(tx) FROM snowmelt.commits WHERE ver > ?", [window.start])
        least = _NEVER if found is None else int(found)
    skipped = connection.run("SELECT tx FROM snowmelt.commits WHERE tx >= ? AND ver <= ?", [least, window.start])
    numbers = [str(tx) for (tx,) in skipped] + [str(connection.tx)]
    low, skip = window_variables(window.stream)
    connection.run(f"SET VARIABLE {low} = CAST({least} AS BIGINT)")
    connection.run(f"SET VARIABLE {skip} = CAST([{', '.join(numbers)}] AS BIGINT[])")


def advance(connection: Connection, window: Window) -> None:
    """Move the stream's offset to the end of `window`, in the open transaction."""
    connection.wrote = True
    connection.run("UPDATE snowmelt.offsets SET ver = ? WHERE stream = ?", [window.end, window.stream])
