"""Table locks. UPDATE, DELETE, MERGE and TRUNCATE of one table wait for each other, as on Snowflake; INSERTs do not.
ALTER TABLE waits for whatever writes to the table just now, and keeps others from beginning.

Source: docs.snowflake.com/en/sql-reference/transactions#resource-locking
"""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime

from snowmelt.base.errors import SqlError, canceled
from snowmelt.storage.transactions import TransactionRecord

_ABORTED = "57014"


@dataclass(frozen=True)
class Lock:
    """A lock that a transaction holds or waits for.

    Attributes:
        resource: the table's or stream's id.
        query_id: the statement that took it, or that waits.
        acquired_on: None while the transaction waits.
    """

    resource: int
    owner: TransactionRecord
    query_id: str
    acquired_on: datetime | None = None


class LockManager:
    """Exclusive locks by object id, held by an owner until it releases all of them.

    Args:
        now: the time that SHOW LOCKS tells.
        name_of: what messages call the object of an id.
    """

    def __init__(self, now: Callable[[], datetime], name_of: Callable[[int], str]) -> None:
        self._now = now
        self._name_of = name_of
        self._changed = threading.Condition()
        self._held: dict[int, Lock] = {}
        self._waiting: dict[TransactionRecord, tuple[frozenset[int], str]] = {}
        self._writing: Counter[int] = Counter()
        self._altering: set[int] = set()

    def acquire(
        self, ids: Iterable[int], owner: TransactionRecord, query_id: str, timeout: float, cancel: threading.Event
    ) -> None:
        """Take the locks of `ids` for `owner`, all or none, waiting up to `timeout` seconds.

        Args:
            cancel: ends the wait when it is set and `wake` called.

        Raises:
            SqlError: 000625 when the wait was longer or would never end, 000604 when it was canceled.
        """
        wanted = frozenset(ids)
        deadline = time.monotonic() + timeout
        with self._changed:
            try:
                while (blocking := self._blocking(wanted, owner)) is not None:
                    self._check(blocking, owner, query_id, cancel)
                    self._waiting[owner] = wanted, query_id
                    if self._deadlocked(owner):
                        raise self._refused(blocking, query_id, "waiting for this lock would be a deadlock")
                    left = deadline - time.monotonic()
                    if left <= 0 or not self._changed.wait(left):
                        reason = f"the wait for this lock exceeded LOCK_TIMEOUT ({timeout:.0f} seconds)"
                        raise self._refused(blocking, query_id, reason)
            finally:
                self._waiting.pop(owner, None)
            for item in wanted - self._held.keys():
                self._held[item] = Lock(item, owner, query_id, self._now())

    def _blocking(self, wanted: Iterable[int], owner: TransactionRecord) -> Lock | None:
        """One of the locks that others hold."""
        return next((lock for i in wanted if (lock := self._held.get(i)) is not None and lock.owner is not owner), None)

    @staticmethod
    def _check(blocking: Lock, owner: TransactionRecord, query_id: str, cancel: threading.Event) -> None:
        if owner.aborted is not None:
            raise aborted(owner)
        if cancel.is_set():
            raise canceled()

    def _refused(self, blocking: Lock, query_id: str, reason: str) -> SqlError:
        return SqlError(
            f"Statement '{blocking.query_id}' has locked table '{self._name_of(blocking.resource)}' in transaction "
            f"{blocking.owner.id} and this lock has not yet been released.\n"
            f"Your statement '{query_id}' was aborted because {reason}.",
            625,
            _ABORTED,
        )

    def _deadlocked(self, owner: TransactionRecord) -> bool:
        """Whether a transaction that `owner` waits for waits for `owner`, directly or not."""
        seen: set[TransactionRecord] = set()
        ahead = list(self._waits_for(owner))
        while ahead:
            other = ahead.pop()
            if other is owner:
                return True
            if other not in seen:
                seen.add(other)
                ahead += self._waits_for(other)
        return False

    def _waits_for(self, owner: TransactionRecord) -> Iterator[TransactionRecord]:
        if owner.inner is not None:
            yield owner.inner
        wanted, _ = self._waiting.get(owner, (frozenset(), ""))
        for item in wanted:
            lock = self._held.get(item)
            if lock is not None and lock.owner is not owner:
                yield lock.owner

    def listing(self) -> list[Lock]:
        """All locks held and waited for."""
        with self._changed:
            waiting = [Lock(i, owner, query) for owner, (ids, query) in self._waiting.items() for i in sorted(ids)]
            return [*self._held.values(), *waiting]

    def wake(self) -> None:
        """Let everyone who waits look whether they were canceled."""
        with self._changed:
            self._changed.notify_all()

    @contextmanager
    def writing(self, ids: Iterable[int], cancel: threading.Event) -> Iterator[None]:
        """While rows are written to the tables `ids`, nobody alters these.

        Raises:
            SqlError: 000604 when the wait for those who alter them was canceled.
        """
        wanted = frozenset(ids)
        with self._changed:
            self._wait_until(lambda: not wanted & self._altering, cancel)
            self._writing.update(wanted)
        try:
            yield
        finally:
            with self._changed:
                self._writing.subtract(wanted)
                self._writing = +self._writing
                self._changed.notify_all()

    @contextmanager
    def altering(self, table: int, cancel: threading.Event) -> Iterator[None]:
        """While a table is altered, nobody writes to it; those who do so already come first.

        Raises:
            SqlError: 000604 when the wait for them was canceled.
        """
        with self._changed:
            self._wait_until(lambda: table not in self._altering, cancel)
            self._altering.add(table)
        try:
            with self._changed:
                self._wait_until(lambda: not self._writing[table], cancel)
            yield
        finally:
            with self._changed:
                self._altering.discard(table)
                self._changed.notify_all()

    def _wait_until(self, ready: Callable[[], bool], cancel: threading.Event) -> None:
        while not ready():
            if cancel.is_set():
                raise canceled()
            self._changed.wait()

    def release(self, owner: TransactionRecord) -> None:
        """Give back everything that `owner` holds."""
        with self._changed:
            for item in [key for key, lock in self._held.items() if lock.owner is owner]:
                del self._held[item]
            self._changed.notify_all()


def aborted(record: TransactionRecord) -> SqlError:
    """The error of everything but ROLLBACK in a transaction that was aborted (000615)."""
    return SqlError(f"Transaction '{record.id}' was aborted, SQL execution canceled. {record.aborted}", 615, _ABORTED)
