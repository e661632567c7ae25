"""A plain model of tables, streams, locks and transactions, by first principles.

Every commit makes a version, and the model keeps the rows as they were at each. A statement sees the newest version
and what its own transaction has changed; one that fails changes nothing. A stream's offset is a version; in a
transaction a stream shows what was committed before the transaction began. Keys are never used twice, so that they
identify rows as METADATA$ROW_ID does in the engine.

What a statement should come to is None, or the words of the error that refuses it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass, field

Rows = dict[int, int]
Change = tuple[int, int, str, bool]
"""Key, value, METADATA$ACTION, METADATA$ISUPDATE."""

ViewRows = dict[Hashable, tuple[int, int]]
"""The rows of a view, by what tells them apart."""

LOCKED = "exceeded LOCK_TIMEOUT"
CONFLICT = "consumed the same stream"


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
    """A stream on table ``T`` or one of the views, which has been read up to the version `offset`. With `initial`, it
    shows the rows of that version instead of what came later.
    """

    append_only: bool
    offset: int
    initial: bool = False
    source: str = "T"


@dataclass
class Transaction:
    """What a session has done since BEGIN, or in one autocommit statement.

    Attributes:
        begun: the newest version as it began.
        own: its rows by table: those inserted, and those updated as they are now.
        windows: the versions that each stream shows from and up to, and whether with the rows that were there at first;
            fixed at its first read.
        consumed: the streams whose offsets it moves.
    """

    begun: int
    own: dict[str, Rows]
    touched: dict[str, set[int]]
    inserted: dict[str, Rows]
    target: Counter[Change] = field(default_factory=Counter)
    windows: dict[Stream, tuple[int, int, bool]] = field(default_factory=dict)
    consumed: set[Stream] = field(default_factory=set)


class Model:
    """The account: `versions` so far, `streams` by name, `locks` and open `transactions` by session.

    Args:
        views: for each view how its rows follow from those of the tables.
    """

    def __init__(
        self, tables: tuple[str, ...], views: Mapping[str, Callable[[dict[str, Rows]], ViewRows]] | None = None
    ) -> None:
        self.tables = tables
        self.views = views or {}
        nothing = Version({t: {} for t in tables}, Counter(), {t: set() for t in tables}, {t: {} for t in tables})
        self.versions = [nothing]
        self.streams: dict[str, Stream] = {}
        self.locks: dict[object, int] = {}
        self.transactions: dict[int, Transaction] = {}

    @property
    def newest(self) -> int:
        return len(self.versions) - 1

    # --- transactions ------------------------------------------------------------------------------------------------

    def _new(self) -> Transaction:
        tables = self.tables
        return Transaction(self.newest, {t: {} for t in tables}, {t: set() for t in tables}, {t: {} for t in tables})

    def begin(self, session: int) -> None:
        self.transactions.setdefault(session, self._new())

    def rollback(self, session: int) -> None:
        self.transactions.pop(session, None)
        self.locks = {lock: owner for lock, owner in self.locks.items() if owner != session}

    def commit(self, session: int) -> None:
        transaction = self.transactions.get(session)
        self.rollback(session)
        if transaction is not None:
            self._keep(transaction)

    def _keep(self, work: Transaction) -> None:
        """Make the next version of what a transaction did, on top of the newest."""
        last = self.versions[-1]
        rows = {table: self._seen(work, table) for table in self.tables}
        self.versions.append(Version(rows, last.target + work.target, work.touched, work.inserted))
        for stream in work.consumed:
            start, end, initial = work.windows[stream]
            stream.offset, stream.initial = start if initial else end, False

    def _seen(self, work: Transaction, table: str) -> Rows:
        """The rows that a transaction's next statement sees."""
        committed = self.versions[-1].rows[table]
        return {key: value for key, value in committed.items() if key not in work.touched[table]} | work.own[table]

    def _statement(self, session: int, locks: set[object], work: Callable[[Transaction], str | None]) -> str | None:
        """Run one statement in the session's transaction, or in one of its own."""
        transaction = self.transactions.get(session)
        own = transaction is None
        transaction = transaction or self._new()
        if any(self.locks.get(lock, session) != session for lock in locks):
            return LOCKED
        if not own:
            self.locks.update(dict.fromkeys(locks, session))
        refused = work(transaction)
        if own and refused is None:
            self._keep(transaction)
        return refused

    # --- statements --------------------------------------------------------------------------------------------------

    def read(self, session: int) -> tuple[dict[str, Rows], Counter[Change]]:
        """The tables and the target as a session sees them."""
        work = self.transactions.get(session) or self._new()
        return {table: self._seen(work, table) for table in self.tables}, self.versions[-1].target + work.target

    def visible(self, session: int, table: str) -> Rows:
        """The rows that the session's next statement would see."""
        return self.read(session)[0][table]

    def change(
        self, session: int, table: str, effect: Callable[[Rows], Effect | str], *, locks: bool = True
    ) -> str | None:
        """DML on a table; `effect` may be the words of a run-time error, which undoes the statement."""

        def work(transaction: Transaction) -> str | None:
            done = effect(self._seen(transaction, table))
            if isinstance(done, str):
                return done
            transaction.touched[table] |= done.touched
            transaction.inserted[table].update(done.inserted)
            changed = transaction.touched[table] | transaction.inserted[table].keys()
            transaction.own[table] = {key: value for key, value in done.rows.items() if key in changed}
            return None

        return self._statement(session, {table} if locks else set(), work)

    # --- streams -----------------------------------------------------------------------------------------------------

    def create_stream(self, session: int, name: str, kind: str, source: str = "T") -> None:
        """DDL: commits the open transaction first."""
        self.commit(session)
        self._keep(self._new())
        self.streams[name] = Stream("APPEND_ONLY" in kind, self.newest, "SHOW_INITIAL_ROWS" in kind, source)

    def delta(self, stream: Stream, start: int, end: int, initial: bool) -> Counter[Change]:
        """The net change from the version `start` to the version `end`."""
        if stream.source in self.views:
            return self._view_delta(stream, start, end, initial)
        if initial:
            return Counter((key, value, "INSERT", False) for key, value in self.versions[start].rows["T"].items())
        span = self.versions[start + 1 : end + 1]
        if stream.append_only:
            added = (item for v in span for item in v.inserted["T"].items())
            return Counter((key, value, "INSERT", False) for key, value in added)
        before = self.versions[start].rows["T"]
        now = self.versions[end].rows["T"]
        changes: Counter[Change] = Counter()
        for key in set().union(*(version.touched["T"] for version in span)) & before.keys():
            changes[(key, before[key], "DELETE", key in now)] += 1
            if key in now:
                changes[(key, now[key], "INSERT", True)] += 1
        changes.update((key, value, "INSERT", False) for key, value in now.items() if key not in before)
        return changes

    def _view_delta(self, stream: Stream, start: int, end: int, initial: bool) -> Counter[Change]:
        """As `delta`, of a view: its rows before and after are compared, whatever was done to the tables."""
        view, span = self.views[stream.source], self.versions[start + 1 : end + 1]
        before, after = view(self.versions[start].rows), self.versions[end].rows
        if initial:
            return Counter((*row, "INSERT", False) for row in before.values())
        if stream.append_only:
            added = {table: {k: v for each in span for k, v in each.inserted[table].items()} for table in self.tables}
            older = {table: {k: v for k, v in rows.items() if k not in added[table]} for table, rows in after.items()}
            everything = view({table: rows | added[table] for table, rows in older.items()})
            known = view(older)
            return Counter((*row, "INSERT", False) for key, row in everything.items() if key not in known)
        now = view(after)
        changes: Counter[Change] = Counter()
        for key in before.keys() | now.keys():
            old, new = before.get(key), now.get(key)
            if old == new:
                continue
            if old is not None:
                changes[(*old, "DELETE", new is not None)] += 1
            if new is not None:
                changes[(*new, "INSERT", old is not None)] += 1
        return changes

    def newest_delta(self, stream: Stream) -> Counter[Change]:
        """What a stream shows outside of transactions."""
        return self.delta(stream, stream.offset, self.newest, stream.initial)

    def has_data(self, session: int | None, name: str) -> bool:
        """Whether a stream shows something, or will when its first rows are consumed."""
        stream = self.streams[name]
        work = self.transactions.get(session) if session is not None else None
        start, end, initial = self._window(work or self._new(), stream)
        return bool(self.delta(stream, start, end, initial) or self.delta(stream, start, end, False))

    @staticmethod
    def _window(work: Transaction, stream: Stream) -> tuple[int, int, bool]:
        return work.windows.setdefault(stream, (stream.offset, max(stream.offset, work.begun), stream.initial))

    def look(self, session: int, name: str) -> Counter[Change]:
        """What a stream shows to a session: the same all through a transaction, whatever it or others do."""
        stream = self.streams[name]
        return self.delta(stream, *self._window(self.transactions.get(session) or self._new(), stream))

    def consume(self, session: int, name: str, *, filtered: bool) -> str | None:
        """DML that reads a stream takes all of it, even what a filter leaves out."""
        stream = self.streams[name]

        def work(transaction: Transaction) -> str | None:
            known = transaction.windows.get(stream)
            if known is not None and (known[0], known[2]) != (stream.offset, stream.initial):
                return CONFLICT
            window = self._window(transaction, stream)
            transaction.consumed.add(stream)
            if not filtered:
                transaction.target += self.delta(stream, *window)
            return None

        return self._statement(session, {stream}, work)
