"""The embedded database: its catalog of entities, its transactions, and connections to it.

One DuckDB file holds everything, so that rows, offsets and catalog commit together. User SQL reaches DuckDB only
after rewriting; as a second wall, DuckDB itself can read and write nothing outside the stages' directory.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from typing import TypeVar

import duckdb

from snowmelt.base.clock import Clock
from snowmelt.catalog.catalog import Catalog, Change, Entity
from snowmelt.catalog.codec import decode, encode
from snowmelt.catalog.objects import Dropped, SchemaObject, Stream, Table
from snowmelt.storage.commits import RecentCommits
from snowmelt.storage.connection import Connection
from snowmelt.storage.locks import LockManager
from snowmelt.storage.moments import Moments, from_microseconds
from snowmelt.storage.opening import USE_STORE, Store
from snowmelt.storage.transactions import Transactions

T = TypeVar("T")


class Engine:
    """The database of one data directory.

    Attributes:
        locks: table locks.
        transactions: the explicit transactions of all sessions.
        catalog: the current picture; replaced whole by `change`.
        moments: which version there was when each of the last statements ended.
        recent: the last commits.
        spill: directory for what does not fit into memory.
    """

    def __init__(self, store: Store, clock: Clock) -> None:
        self.clock = clock
        self.transactions = Transactions()
        self.locks = LockManager(clock.now, self.name_of)
        self._commit_lock = threading.Lock()
        self._changing = False
        self._catalog_lock = threading.RLock()
        self._counter_lock = threading.Lock()
        self._begun: set[int] = set()
        self._notes = ThreadPoolExecutor(1, thread_name_prefix="notes")
        self._last_note: Future[None] | None = None
        self.spill = store.directory.spill
        self._root = store.connection
        newest = "SELECT coalesce(max(tx), 0), coalesce(max(ver), 0), epoch_us(max(committed_at)) FROM snowmelt.commits"
        row = self._root.execute(newest).fetchone()
        assert row is not None
        self._tx: int = row[0]
        self._version: int = row[1]
        self._committed_at = from_microseconds(row[2] or 0)
        self.moments = Moments()
        self.recent = RecentCommits(self._tx, self._version)
        self.catalog = self._load_catalog()
        self.on_commit: Callable[[frozenset[int]], None] = lambda tables: None

    # --- connections and transactions --------------------------------------------------------------------------------

    def connect(self) -> Connection:
        """A connection of its own, for one session or one internal user."""
        return Connection(self, self._cursor())

    def _cursor(self) -> duckdb.DuckDBPyConnection:
        """A connection of DuckDB's; each has to be told which database it is about."""
        cursor = self._root.cursor()
        cursor.execute(USE_STORE)
        return cursor

    def next_transaction(self) -> int:
        """The number under which a transaction writes its rows, until `ended`."""
        with self._counter_lock:
            self._tx += 1
            self._begun.add(self._tx)
            return self._tx

    def ended(self, tx: int) -> None:
        """A transaction has been committed or rolled back."""
        with self._counter_lock:
            self._begun.discard(tx)

    def open_transactions(self) -> frozenset[int]:
        """The numbers of transactions that have not ended."""
        with self._counter_lock:
            return frozenset(self._begun)

    def commit(
        self, cursor: duckdb.DuckDBPyConnection, tx: int, statements: Sequence[str], tables: frozenset[int]
    ) -> None:
        """Commit a transaction that wrote rows: versions are given in commit order, under one lock.

        Args:
            statements: ids of the queries that it consists of.
            tables: ids of the tables whose rows it has changed.
        """
        with self._commit_lock:
            version = self._version + 1
            # A machine's clock may be put back, but the time of a version never comes before that of an older one.
            now = max(self.clock.now(), self._committed_at)
            row = [tx, version, now, list(statements)]
            cursor.execute("INSERT INTO snowmelt.commits (tx, ver, committed_at, statements) VALUES (?, ?, ?, ?)", row)
            cursor.execute("COMMIT")
            self.recent.add(tx, version)
            self._version, self._committed_at = version, now
        self.on_commit(tables)

    def note(self, write: Callable[[], None]) -> None:
        """Have `write`, which must not raise, carried out on another thread, and no transaction committed before it is:
        what is told of something is on the disk no later than what that does.
        """
        self._last_note = self._notes.submit(write)

    def await_notes(self) -> None:
        """Wait until everything given to `note` is written."""
        if self._last_note is not None:
            wait([self._last_note])

    @property
    def version(self) -> int:
        """The newest version that is committed."""
        return self._version

    # --- catalog -----------------------------------------------------------------------------------------------------

    def next_id(self) -> int:
        """A new id for an entity."""
        row = self._cursor().execute("SELECT nextval('snowmelt.object_ids')").fetchone()
        assert row is not None
        return int(row[0])

    def change(
        self,
        connection: Connection,
        build: Callable[[Catalog], Change],
        physical: Callable[[Connection], None],
        ahead: Callable[[Connection], None] | None = None,
    ) -> None:
        """Carry out DDL: `build` makes the catalog's change from the current picture, `physical` does what goes with
        it in the same transaction; either raises to leave everything as it was.

        Args:
            ahead: what comes first in that transaction and may take long, for no other DDL has to wait for it: rows of
                tables that nobody knows yet.
        """
        try:
            if ahead is not None:
                connection.begin()
                ahead(connection)
            with self._catalog_lock:
                change = build(self.catalog)
                if ahead is None:
                    connection.begin()
                physical(connection)
                for number in (*(entity.id for entity in change.drop), *change.forget):
                    connection.run("DELETE FROM snowmelt.entities WHERE id = ?", [number])
                documents = [(entity.id, encode(entity)) for entity in change.put]
                documents += [(dropped.item.id, encode(dropped)) for dropped in change.bury]
                for document in documents:
                    connection.run("INSERT OR REPLACE INTO snowmelt.entities VALUES (?, ?)", document)
                self._changing = True
                try:
                    connection.commit()
                    self.catalog = self.catalog.apply(change)
                finally:
                    self._changing = False
        except BaseException:
            connection.rollback()
            raise

    def check_current(self, entities: Iterable[Entity]) -> None:
        """See that what has been planned from `entities` fits the database as the open transaction sees it, which must
        have read something, or as it is now.

        Raises:
            Overtaken: one of them has been changed or dropped.
        """
        if self._changing:
            with self._catalog_lock:
                pass
        self.catalog.check_current(*entities)

    def maintain(self, connection: Connection, work: Callable[[Connection], T]) -> T:
        """Do `work` in a transaction of its own while no DDL is carried out."""
        with self._catalog_lock:
            connection.begin()
            try:
                result = work(connection)
                connection.commit()
            except BaseException:
                connection.rollback()
                raise
            return result

    def name_of(self, object_id: int) -> str:
        """The full name of a table or stream, for messages about locks."""
        kinds: tuple[type[SchemaObject], ...] = (Table, Stream)
        found = (item for kind in kinds for item in self.catalog.all(kind) if item.id == object_id)
        return next((str(item.full_name) for item in found), str(object_id))

    def _load_catalog(self) -> Catalog:
        documents = self._root.execute("SELECT doc FROM snowmelt.entities ORDER BY id").fetchall()
        found = [decode(doc) for (doc,) in documents]
        dropped = tuple(each for each in found if isinstance(each, Dropped))
        entities: tuple[Entity, ...] = tuple(each for each in found if not isinstance(each, Dropped))
        return Catalog().apply(Change(put=entities, bury=dropped))

    def close(self) -> None:
        """Write a checkpoint and close the file."""
        self._notes.shutdown()
        self._root.close()
