"""The last commits in memory: which transaction became which version."""

from __future__ import annotations

import threading
from collections import deque

_KEPT = 1_000


class RecentCommits:
    """What `snowmelt.commits` says of the last versions, for those who would ask the file for it with each statement.

    Args:
        tx: no transaction that was committed before has a greater number.
        version: the newest version before.
    """

    def __init__(self, tx: int, version: int) -> None:
        self._lock = threading.Lock()
        self._known: deque[tuple[int, int]] = deque()
        self._before = version
        self._greatest_before = tx
        self._newest = version

    def add(self, tx: int, version: int) -> None:
        """The transaction `tx` was committed as `version`, the newest one."""
        with self._lock:
            self._known.append((tx, version))
            self._newest = version
            if len(self._known) > _KEPT:
                forgotten, self._before = self._known.popleft()
                self._greatest_before = max(self._greatest_before, forgotten)

    def after(self, version: int, newest: int) -> tuple[int | None, list[int]] | None:
        """Which transactions were committed after `version`: the least one's number (None if there is none), and the
        greater numbers of those that were committed before. None when that is not known here.

        Args:
            newest: the newest version that the caller sees.
        """
        with self._lock:
            if version < self._before or newest > self._newest:
                return None
            known, greatest_before = tuple(self._known), self._greatest_before
        least = min((tx for tx, ver in known if ver > version), default=None)
        if least is None:
            return None, []
        if least < greatest_before:
            return None
        return least, [tx for tx, ver in known if ver <= version and tx > least]
