"""Which version of the account there was when a statement ended, for AT and BEFORE (STATEMENT => ...).

What changed rows is kept with its commit, in the file. Of statements that read, and of BEGIN, only the last ones are
remembered, in memory.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from datetime import UTC, datetime, timedelta

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

_KEPT = 100_000


class Moments:
    """The version and the time at which each of the last statements ended."""

    def __init__(self) -> None:
        self._known: OrderedDict[str, tuple[int, datetime]] = OrderedDict()
        self._lock = threading.Lock()

    def put(self, query_id: str, version: int, now: datetime) -> None:
        """Remember a statement; the one longest ago is forgotten."""
        with self._lock:
            self._known[query_id] = version, now
            if len(self._known) > _KEPT:
                self._known.popitem(last=False)

    def get(self, query_id: str) -> tuple[int, datetime] | None:
        """The version and the time of a statement's end."""
        return self._known.get(query_id)


def microseconds(moment: datetime) -> int:
    """How many microseconds after 1970 a moment is."""
    return (moment - _EPOCH) // timedelta(microseconds=1)


def from_microseconds(value: int) -> datetime:
    """The moment so many microseconds after 1970, as the engine's ``epoch_us`` gives it."""
    return _EPOCH + timedelta(microseconds=value)
