"""A plain model of tables, streams, locks and transactions, by first principles.

Every commit makes a version, and the model keeps the rows as they were at each. A transaction sees the version that
was the newest at its first statement, and its own changes. A stream's offset is a version. Keys are never used twice,
so that they identify rows as METADATA$ROW_ID does in the engine.

What a statement should come to is None, or the words of the error that refuses it.
"""

from __future__ import annotations

import copy
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

Rows = dict[int, int]
Change = tuple[int, int, str, bool]
"""Key, value, METADATA$ACTION, METADATA$ISUPDATE."""

LOCKED = "exceeded LOCK_TIMEOUT"
CONFLICT = "another transaction changed the same rows first"
FAILED = "The transaction cannot go on"
NOT_COMMITTED = "rolled back because a statement in it had failed"
TOO_NEW = "began before it was created"


@dataclass
class Effect:
    """What DML does to the rows that its session sees.

    Attributes:
        rows: all rows afterwards.
        touched: keys of rows updated or deleted, also where the value is the same as before.
        inserted: rows as they were inserted.
    """

    rows: Rows
    touched: set[int] = field(default_factory=set)
    inserted: Rows = field(default_factory=dict)


@dataclass
class Version:
    """The account after a commit, and what the commit did to each table."""

    rows: dict[str, Rows]
    target: Counter[Change]
    touched: dict[str, set[int]]
    inserted: dict[str, Rows]


@dataclass(eq=False)
class Stream:
    """A stream on table ``T``.

    Attributes:
        born: the version that its creation made.
        offsets: the versions that it has read up to, each with the version whose commit moved it there.
    """

    append_only: bool
    born: int
    offsets: list[tuple[int, int]]

    def offset(self, seen: int) -> int:
        """How far the stream was read as `seen` was the newest version; -1 is before all rows."""
        return [offset for version, offset in self.offsets if version <= seen][-1]


@dataclass
class Transaction:
    """What a session has done since BEGIN, or in one autocommit statement.

    Attributes:
        seen: the version that it sees, fixed by its first statement.
        consumed: the streams whose offsets it moves.
    """

    seen: int | None = None
    rows: dict[str, Rows] = field(default_factory=dict)
    touched: dict[str, set[int]] = field(default_factory=dict)
    inserted: dict[str, Rows] = field(default_factory=dict)
    target: Counter[Change] = field(default_factory=Counter)
    consumed: set[Stream] = field(default_factory=set)
    failed: bool = False


class Model:
    """The account: `versions` so far, `streams` by name, `locks` and open `transactions` by session."""

    def __init__(self, tables: tuple[str, ...]) -> None:
        self.tables = tables
        nothing = Version({t: {} for t in tables}, Counter(), {t: set() for t in tables}, {t: {} for t in tables})
        self.versions = [nothing]
        self.streams: dict[str, Stream] = {}
        self.locks: dict[object, int] = {}
        self.transactions: dict[int, Transaction] = {}

    @property
    def newest(self) -> int:
        return len(self.versions) - 1

    # --- transactions ------------------------------------------------------------------------------------------------

    def begin(self, session: int) -> None:
        self.transactions.setdefault(session, Transaction())

    def rollback(self, session: int) -> None:
        self.transactions.pop(session, None)
        self.locks = {lock: owner for lock, owner in self.locks.items() if owner != session}

    def commit(self, session: int) -> str | None:
        transaction = self.transactions.get(session)
        self.rollback(session)
        if transaction is None:
            return None
        if transaction.failed:
            return NOT_COMMITTED
        self._keep(transaction)
        return None

    def _keep(self, work: Transaction) -> None:
        """Make the next version of what a transaction did, on top of the newest."""
        last = self.versions[-1]
        rows = copy.deepcopy(last.rows)
        for table in self.tables if work.seen is not None else ():
            for key in work.touched[table] | work.inserted[table].keys():
                rows[table].pop(key, None)
                if key in work.rows[table]:
                    rows[table][key] = work.rows[table][key]
        empty = self.versions[0]
        touched, inserted = work.touched or empty.touched, work.inserted or empty.inserted
        self.versions.append(Version(rows, last.target + work.target, touched, inserted))
        for stream in work.consumed:
            assert work.seen is not None
            stream.offsets.append((self.newest, work.seen))

    def _see(self, work: Transaction) -> int:
        """The version that a transaction sees, from its first statement on."""
        if work.seen is None:
            work.seen = self.newest
            work.rows = copy.deepcopy(self.versions[-1].rows)
            work.touched = {table: set() for table in self.tables}
            work.inserted = {table: {} for table in self.tables}
        return work.seen

    def _statement(
        self, session: int, locks: set[object], work: Callable[[Transaction, int], str | None]
    ) -> str | None:
        """Run one statement in the session's transaction, or in one of its own."""
        transaction = self.transactions.get(session)
        own = transaction is None
        transaction = transaction or Transaction()
        if transaction.failed:
            return FAILED
        if any(self.locks.get(lock, session) != session for lock in locks):
            return LOCKED
        if not own:
            self.locks.update(dict.fromkeys(locks, session))
        refused = work(transaction, self._see(transaction))
        if own and refused is None:
            self._keep(transaction)
        return refused

    # --- statements --------------------------------------------------------------------------------------------------

    def read(self, session: int) -> tuple[str | None, dict[str, Rows], Counter[Change]]:
        """The tables and the target as a session sees them."""
        transaction = self.transactions.get(session)
        if transaction is None:
            return None, self.versions[-1].rows, self.versions[-1].target
        if transaction.failed:
            return FAILED, {}, Counter()
        seen = self._see(transaction)
        return None, transaction.rows, self.versions[seen].target + transaction.target

    def visible(self, session: int, table: str) -> Rows:
        """The rows that the session's next statement would see."""
        transaction = self.transactions.get(session)
        rows = self.versions[-1].rows if transaction is None or transaction.seen is None else transaction.rows
        return rows[table]

    def change(self, session: int, table: str, effect: Callable[[Rows], Effect], *, locks: bool = True) -> str | None:
        """DML on a table."""

        def work(transaction: Transaction, seen: int) -> str | None:
            done = effect(dict(transaction.rows[table]))
            if any(done.touched & version.touched[table] for version in self.versions[seen + 1 :]):
                transaction.failed = True
                return CONFLICT
            transaction.rows[table] = done.rows
            transaction.touched[table] |= done.touched
            transaction.inserted[table].update(done.inserted)
            return None

        return self._statement(session, {table} if locks else set(), work)

    def fail(self, session: int, words: str, *, ends: bool) -> str | None:
        """A statement that is wrong; `ends`: it also ends the transaction that it is in."""

        def work(transaction: Transaction, seen: int) -> str:
            transaction.failed = ends
            return words

        return self._statement(session, set(), work)

    # --- streams -----------------------------------------------------------------------------------------------------

    def create_stream(self, session: int, name: str, kind: str) -> str | None:
        """DDL: commits the open transaction first."""
        refused = self.commit(session)
        if refused is None:
            self._keep(Transaction())
            start = -1 if kind == "SHOW_INITIAL_ROWS" else self.newest
            self.streams[name] = Stream(kind == "APPEND_ONLY", self.newest, [(self.newest, start)])
        return refused

    def delta(self, stream: Stream, seen: int) -> Counter[Change]:
        """The net change from the stream's offset to the version `seen`."""
        start = stream.offset(seen)
        span = self.versions[start + 1 : seen + 1]
        if stream.append_only:
            return Counter((key, value, "INSERT", False) for v in span for key, value in v.inserted["T"].items())
        before: Rows = {} if start < 0 else self.versions[start].rows["T"]
        now = self.versions[seen].rows["T"]
        changes: Counter[Change] = Counter()
        for key in set().union(*(version.touched["T"] for version in span)) & before.keys():
            changes[(key, before[key], "DELETE", key in now)] += 1
            if key in now:
                changes[(key, now[key], "INSERT", True)] += 1
        changes.update((key, value, "INSERT", False) for key, value in now.items() if key not in before)
        return changes

    def look(self, session: int, name: str) -> tuple[str | None, Counter[Change]]:
        """What a stream shows to a session: the same all through a transaction, whatever it does itself."""
        stream, transaction = self.streams[name], self.transactions.get(session)
        if transaction is None:
            return None, self.delta(stream, self.newest)
        if transaction.failed:
            return FAILED, Counter()
        seen = self._see(transaction)
        return (TOO_NEW, Counter()) if stream.born > seen else (None, self.delta(stream, seen))

    def consume(self, session: int, name: str, *, filtered: bool) -> str | None:
        """DML that reads a stream takes all of it, even what a filter leaves out."""
        stream = self.streams[name]

        def work(transaction: Transaction, seen: int) -> str | None:
            if stream.born > seen:
                return TOO_NEW
            if stream.offsets[-1][0] > seen:
                transaction.failed = True
                return CONFLICT
            transaction.consumed.add(stream)
            if not filtered:
                transaction.target += self.delta(stream, seen)
            return None

        return self._statement(session, {stream}, work)
