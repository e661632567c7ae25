"""Table locks. UPDATE, DELETE, MERGE and TRUNCATE of one table wait for each other, as on Snowflake; INSERTs do not.

Source: docs.snowflake.com/en/sql-reference/transactions#resource-locking
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable

from snowmelt.base.errors import SqlError, canceled


class LockManager:
    """Exclusive locks by object id, held by an owner until it releases all of them."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._owners: dict[int, object] = {}

    def acquire(self, ids: Iterable[int], owner: object, timeout: float, cancel: threading.Event) -> None:
        """Take the locks of `ids` for `owner`, all or none, waiting up to `timeout` seconds.

        Args:
            cancel: ends the wait when it is set and `wake` called.

        Raises:
            SqlError: 000625 when the wait was longer, 000604 when it was canceled.
        """
        wanted = set(ids)
        deadline = time.monotonic() + timeout
        with self._changed:
            while any(self._owners.get(item, owner) is not owner for item in wanted):
                if cancel.is_set():
                    raise canceled()
                left = deadline - time.monotonic()
                if left <= 0 or not self._changed.wait(left):
                    raise SqlError(
                        "Statement was aborted because the number of waiters for this lock or the wait exceeded "
                        f"LOCK_TIMEOUT ({timeout:.0f} seconds).",
                        625,
                        "57014",
                    )
            for item in wanted:
                self._owners[item] = owner

    def wake(self) -> None:
        """Let everyone who waits look whether they were canceled."""
        with self._changed:
            self._changed.notify_all()

    def release(self, owner: object) -> None:
        """Give back everything that `owner` holds."""
        with self._changed:
            for item in [key for key, holder in self._owners.items() if holder is owner]:
                del self._owners[item]
            self._changed.notify_all()
