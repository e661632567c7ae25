"""Which explicit transactions run, and how the last ones ended: SHOW and DESCRIBE TRANSACTION."""

from __future__ import annotations

import threading
from collections import OrderedDict
from dataclasses import dataclass
from datetime import datetime

_KEPT = 10_000


@dataclass(eq=False)
class TransactionRecord:
    """One explicit transaction.

    Attributes:
        id: Snowflake's id: nanoseconds of its start, made unique.
        number: the engine's number, by which it marks rows.
        scope: 0, or the depth of the procedure call that began it.
        state: ``running``, ``committed`` or ``rolled back``.
        aborted: why it can only be rolled back any more; None while it can go on.
        committing: its changes are being made the account's.
        inner: the transaction that a procedure called in this one has begun; this one waits for its end.
    """

    id: int
    number: int
    user: str
    session: int
    name: str
    started_on: datetime
    scope: int = 0
    state: str = "running"
    ended_on: datetime | None = None
    aborted: str | None = None
    committing: bool = False
    inner: TransactionRecord | None = None


class Transactions:
    """Records of explicit transactions, newest last; those longest ago go first."""

    def __init__(self) -> None:
        self._records: OrderedDict[int, TransactionRecord] = OrderedDict()
        self._lock = threading.Lock()

    def start(self, now: datetime, *, number: int, user: str, session: int, name: str, scope: int) -> TransactionRecord:
        """A new running transaction."""
        with self._lock:
            identifier = int(now.timestamp() * 1_000) * 1_000_000
            while identifier in self._records:
                identifier += 1_000_000
            record = TransactionRecord(identifier, number, user, session, name, now, scope)
            self._records[identifier] = record
            while len(self._records) > _KEPT and next(iter(self._records.values())).state != "running":
                self._records.popitem(last=False)
            return record

    def abort(self, record: TransactionRecord, reason: str) -> bool:
        """Let nothing but the end of a transaction be possible; False when it has ended, or is committing."""
        with self._lock:
            if record.state != "running" or record.committing:
                return False
            record.aborted = record.aborted or reason
            return True

    def commits(self, record: TransactionRecord) -> bool:
        """Begin to commit a transaction: from here on nobody can abort it; False when somebody has."""
        with self._lock:
            record.committing = record.aborted is None
            return record.committing

    def find(self, identifier: int) -> TransactionRecord | None:
        """The transaction of that id."""
        return self._records.get(identifier)

    def running(self) -> list[TransactionRecord]:
        """The transactions that have not ended."""
        with self._lock:
            return [record for record in self._records.values() if record.state == "running"]
