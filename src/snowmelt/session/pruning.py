"""Letting go of the past: what was dropped long ago, logged changes that nobody can ask for any more, and the versions
that only these needed.

Work is done in small steps, each a transaction of its own, so that it may stop at any moment. What a running query may
just have found to be there is spared for a while.

Source: docs.snowflake.com/en/user-guide/data-time-travel, .../user-guide/streams-intro
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import islice
from typing import TypeVar

from snowmelt.base.errors import SqlError
from snowmelt.catalog.catalog import Catalog, Change, Entity
from snowmelt.catalog.objects import SchemaObject, Stream, Table
from snowmelt.catalog.retention import extended_retention_of, retention_of
from snowmelt.session.definitions import drop_physically, remove_files
from snowmelt.session.services import Services
from snowmelt.sql import tracking
from snowmelt.storage.connection import Connection
from snowmelt.storage.moments import from_microseconds

T = TypeVar("T", bound=SchemaObject)

log = logging.getLogger("snowmelt")

_PERIOD = 600.0
"""Seconds between two rounds."""

_GRACE = timedelta(seconds=600)
"""For so long after its time something is kept: a query that was planned before must find it."""

_OBJECTS = 20
_ROWS = 100_000
"""What one step does at most."""


class Janitor:
    """Prunes in the background until it is stopped."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Begin, with what is due from before."""
        self._thread = threading.Thread(target=self._run, name="janitor", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """End after the step that is under way."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join()

    def _run(self) -> None:
        while not self._stop.is_set():
            try:
                for _ in prune(self._services):
                    if self._stop.is_set():
                        return
            except SqlError:
                log.exception("pruning failed; it is tried again")
            self._services.clock.wait(self._stop, _PERIOD)


def prune(services: Services) -> Iterator[str]:
    """Let go of all that is due; gives the name of each step that has been done."""
    connection = services.engine.connect()
    try:
        yield from _purge(services, connection)
        round_ = _Round(services, connection)
        for table in round_.logged():
            yield from round_.prune(table)
        yield from round_.prune_versions()
    finally:
        connection.close()


def _purge(services: Services, connection: Connection) -> Iterator[str]:
    """Objects that cannot be undropped any more."""
    while True:
        due = services.clock.now() - _GRACE
        graves = services.engine.catalog.dropped.values()
        items = list(islice((each.item for each in graves if each.kept_until <= due), _OBJECTS))
        if not items:
            return
        _forget(services, connection, items)
        yield "dropped objects"


def _forget(services: Services, connection: Connection, items: Sequence[Entity]) -> None:
    def build(catalog: Catalog) -> Change:
        # One of them may have been restored since, if the clock was put back.
        for item in items:
            if item.id in catalog.dropped:
                gone.append(item)
        return Change(forget=tuple(item.id for item in gone))

    def physical(connection: Connection) -> None:
        for item in gone:
            drop_physically(connection, item)

    gone: list[Entity] = []
    services.engine.change(connection, build, physical)
    for item in gone:
        remove_files(services, item)


@dataclass(frozen=True)
class _Offset:
    stream: int
    tables: tuple[int, ...]
    version: int
    moved_at: datetime


class _Round:
    """What can be let go now; the picture is that of its beginning, and all that has come since is newer."""

    def __init__(self, services: Services, connection: Connection) -> None:
        self._services = services
        self._engine = services.engine
        self._connection = connection
        self._now = services.clock.now() - _GRACE
        self._versions: dict[datetime, int] = {}
        # Numbers of transactions that have not committed; their changes will be newer than all versions of now.
        self._open = self._engine.open_transactions()
        self.tables = [table for table in self._every(Table) if tracking.is_tracked(table)]
        self._offsets = self._read_offsets(self._every(Stream))
        begun = [record.started_on for record in self._engine.transactions.running()]
        self._least = self._version_at(min(begun, default=self._now))

    def _every(self, kind: type[T]) -> list[T]:
        """All objects of a class, also those dropped and kept."""
        catalog = self._engine.catalog
        return [*catalog.all(kind), *(each.item for each in catalog.dropped.values() if isinstance(each.item, kind))]

    def logged(self) -> list[Table]:
        """The tables whose logs are not empty; one query, which the engine answers from its statistics."""
        if not self.tables:
            return []
        counts = " UNION ALL ".join(f"SELECT {t.id}, count(*) FROM {tracking.log_of(t)}" for t in self.tables)
        full = {int(number) for number, count in self._connection.run(counts) if count}
        return [table for table in self.tables if table.id in full]

    def _read_offsets(self, streams: list[Stream]) -> list[_Offset]:
        rows = self._connection.run("SELECT stream, ver, epoch_us(moved_at) FROM snowmelt.offsets")
        sources = {stream.id: stream.base for stream in streams}
        return [
            _Offset(stream, sources[stream], version, from_microseconds(microseconds))
            for stream, version, microseconds in rows
            if stream in sources and version >= 0
        ]

    def _version_at(self, moment: datetime) -> int:
        if moment not in self._versions:
            text = "SELECT coalesce(max(ver), 0) FROM snowmelt.commits WHERE committed_at <= ?"
            self._versions[moment] = int(self._connection.scalar(text, [moment]))
        return self._versions[moment]

    def _needed(self, table: Table) -> int:
        """The oldest version of a table that can be asked for."""
        catalog, account = self._engine.catalog, self._services.account
        kept = self._version_at(self._now - retention_of(catalog, account, table))
        extended = extended_retention_of(catalog, account, table)
        offsets = [o.version for o in self._offsets if table.id in o.tables and o.moved_at + extended > self._now]
        return min(kept, self._least, *offsets)

    def prune(self, table: Table) -> Iterator[str]:
        """Remove old images that only versions before the oldest one needed."""
        version = self._needed(table)
        old = f"_tx IN (SELECT tx FROM snowmelt.commits WHERE ver <= {version})"
        log_table = tracking.log_of(table)
        some = f"SELECT rowid FROM {log_table} WHERE {old} LIMIT {_ROWS}"

        def work(connection: Connection) -> int:
            if all(table.id != each.id for each in self._every(Table)):
                return 0  # it was dropped for good since
            gone = int(connection.scalar(f"DELETE FROM {log_table} WHERE rowid IN ({some})") or 0)
            if gone:
                connection.run("INSERT OR REPLACE INTO snowmelt.pruned VALUES (?, ?)", [table.id, version])
            return gone

        while True:
            gone = self._engine.maintain(self._connection, work)
            if gone:
                yield log_table
            if gone < _ROWS:
                return

    def prune_versions(self) -> Iterator[str]:
        """Remove versions before the oldest that is needed. One stays that is as old as it or older: the newest before
        a moment is looked for. Transactions that were begun after one that is needed stay, too, for what is not among
        the committed ones counts as new there.
        """
        version = min((self._needed(table) for table in self.tables), default=self._least)
        oldest = min(self._open, default=2**62)

        def work(connection: Connection) -> int:
            return int(
                connection.scalar(
                    f"DELETE FROM snowmelt.commits WHERE ver < {version} AND tx < {oldest} "
                    f"AND tx < (SELECT min(tx) FROM snowmelt.commits WHERE ver > {version})"
                )
                or 0
            )

        if self._engine.maintain(self._connection, work):
            yield "versions"
