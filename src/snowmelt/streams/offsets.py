"""Streams' offsets: which version each has read up to, and moving it with the rows that consume it.

A version is the place of a commit in the order of commits. Rows carry transaction numbers; `open_window` translates a
stream's offset into the transactions that count as new, for the queries of `snowmelt.sql.tracking`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from snowmelt.base.errors import object_missing
from snowmelt.catalog.objects import Stream, Table
from snowmelt.sql.deltas import StreamWindow, initial_variable, late_variables, logged, window_variables
from snowmelt.storage.connection import Connection
from snowmelt.storage.errors import conflict
from snowmelt.storage.moments import from_microseconds

_NEVER = 2**62
"""A transaction number that no row has yet: an empty window."""


@dataclass(frozen=True)
class Window:
    """What a stream shows to one transaction: changes of versions after `start` up to and including `end`.

    Attributes:
        moved_at: when the stream was consumed last, or made.
        initial: it shows the rows of version `start` instead, which count as inserted.
    """

    stream: int
    start: int
    end: int
    moved_at: datetime
    initial: bool = False


def current_version(connection: Connection) -> int:
    """The newest version that the connection's snapshot sees."""
    return int(connection.scalar("SELECT coalesce(max(ver), 0) FROM snowmelt.commits"))


def create_offset(connection: Connection, stream: Stream, version: int | None = None) -> None:
    """Begin a stream at `version` or the current one."""
    if version is None:
        version = current_version(connection)
    connection.run(
        "INSERT OR REPLACE INTO snowmelt.offsets (stream, ver, moved_at, initial) VALUES (?, ?, ?, ?)",
        [stream.id, version, connection.engine.clock.now(), stream.initial_rows],
    )


def copy_offset(connection: Connection, old: int, new: int) -> None:
    """Give the stream `new` the offset of the stream `old`."""
    connection.run(
        "INSERT INTO snowmelt.offsets (stream, ver, moved_at, initial) "
        "SELECT ?, ver, moved_at, initial FROM snowmelt.offsets WHERE stream = ?",
        [new, old],
    )


def drop_offset(connection: Connection, stream_id: int) -> None:
    """Forget a stream's offset."""
    connection.run("DELETE FROM snowmelt.offsets WHERE stream = ?", [stream_id])


def open_window(connection: Connection, stream_id: int, end: int | None = None) -> Window:
    """Fix what the stream shows, up to the version `end` or the newest one.

    Raises:
        SqlError: 002003 when the stream was dropped.
    """
    text = "SELECT ver, initial, epoch_us(moved_at) FROM snowmelt.offsets WHERE stream = ?"
    found = connection.run(text, [stream_id])
    if not found:
        raise object_missing("Stream", str(stream_id))
    start, initial, microseconds = found[0]
    # A stream made after the transaction began, or read by another since, has nothing for it.
    end = current_version(connection) if end is None else max(end, start)
    return Window(stream_id, start, end, from_microseconds(microseconds), bool(initial))


@dataclass(frozen=True)
class Bounds:
    """The transactions that a window is made of.

    Attributes:
        least: the least number of one that was committed after the window's start.
        skipped: greater numbers of those that were committed before.
        late: the numbers of those that were committed after its end.
    """

    least: int
    skipped: Sequence[int]
    late: Sequence[int] = ()

    def known(self, window: Window) -> StreamWindow | None:
        """What is known of the window; None when only the text that fits any window fits."""
        if self.late:
            return None
        least = None if self.skipped else self.least
        return StreamWindow(window.stream, bounded=False, least=least, shows_initial=window.initial)


def newest_bounds(connection: Connection, window: Window) -> Bounds:
    """The bounds of a window that ends with the newest version that the connection's snapshot sees."""
    found = connection.engine.recent.after(window.start, window.end)
    if found is None:
        return _bounds(connection, window)
    least, skipped = found
    return Bounds(_NEVER if least is None else least, skipped)


def bounds(connection: Connection, window: Window) -> Bounds:
    """The bounds of a window that may have ended before: what was committed later does not belong to it."""
    if current_version(connection) == window.end:
        return newest_bounds(connection, window)
    late = [tx for (tx,) in connection.run("SELECT tx FROM snowmelt.commits WHERE ver > ?", [window.end])]
    return replace(_bounds(connection, window), late=late)


def _bounds(connection: Connection, window: Window) -> Bounds:
    if window.start < 0:
        least = 0
    else:
        found = connection.scalar("SELECT min(tx) FROM snowmelt.commits WHERE ver > ?", [window.start])
        least = _NEVER if found is None else int(found)
    skipped = connection.run("SELECT tx FROM snowmelt.commits WHERE tx >= ? AND ver <= ?", [least, window.start])
    return Bounds(least, [tx for (tx,) in skipped])


def set_window(connection: Connection, window: Window, bounds: Bounds) -> None:
    """Set the engine variables by which a text that fits any window knows this one."""
    late = bounds.late
    _set_variables(connection, window_variables(window.stream), bounds.least, bounds.skipped)
    _set_variables(connection, late_variables(window.stream), min(late, default=_NEVER), late)
    connection.run(f"SET VARIABLE {initial_variable(window.stream)} = {window.initial}")


def with_changes(connection: Connection, window: StreamWindow, tables: Iterable[Table]) -> StreamWindow:
    """What is known of a window, with what happened in it to the rows of `tables`."""
    still, once = set(), set()
    for table in tables:
        ((least, greatest),) = connection.run(logged(table, window))
        if least is None:
            still.add(table.id)
        elif least == greatest:
            once.add(table.id)
    return replace(window, still=frozenset(still), once=frozenset(once))


def _set_variables(connection: Connection, names: tuple[str, str], least: int, numbers: Sequence[int]) -> None:
    low, listed = names
    connection.run(
        f"SET VARIABLE {low} = CAST({least} AS BIGINT); "
        f"SET VARIABLE {listed} = CAST([{', '.join(map(str, numbers))}] AS BIGINT[])"
    )


def check_unmoved(connection: Connection, window: Window) -> None:
    """Check that nobody has consumed the stream since the window was opened; called while its lock is held.

    Raises:
        SqlError: 000625 when somebody has.
    """
    found = connection.run("SELECT ver, initial FROM snowmelt.offsets WHERE stream = ?", [window.stream])
    # A stream that was dropped since has no offset to move.
    if found and found[0] != (window.start, window.initial):
        raise conflict()


def advance(connection: Connection, window: Window) -> None:
    """Move the stream's offset to the end of `window`, in the open transaction. What came after the rows that a stream
    shows at first is what it shows next.
    """
    connection.wrote = True
    end = window.start if window.initial else window.end
    moved = connection.scalar(
        "UPDATE snowmelt.offsets SET ver = ?, moved_at = ?, initial = FALSE "
        "WHERE stream = ? AND ver = ? AND initial = ?",
        [end, connection.engine.clock.now(), window.stream, window.start, window.initial],
    )
    if not moved:
        check_unmoved(connection, window)


def put_off(connection: Connection, window: Window) -> None:
    """Remember that there was nothing to read in `window`: the stream goes stale no sooner than if it had been read."""
    check_unmoved(connection, window)
    connection.run(
        "UPDATE snowmelt.offsets SET ver = ?, moved_at = ? WHERE stream = ?",
        [window.end, connection.engine.clock.now(), window.stream],
    )
