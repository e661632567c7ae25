"""STATEMENT_TIMEOUT_IN_SECONDS: one thread that cancels the statements that have run for too long.

Source: docs.snowflake.com/en/sql-reference/parameters#statement-timeout-in-seconds
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from snowmelt.base.clock import Clock
from snowmelt.base.errors import SqlError

LONGEST = 7 * 86_400
"""Seconds that any statement may run; also what 0 means."""


@dataclass(eq=False, slots=True)
class Deadline:
    """When a statement has to be done.

    Attributes:
        seconds: how long it may run.
        stop: cancels it; called in a thread of its own.
        passed: it was cancelled because it ran for too long.
    """

    ends: datetime
    seconds: int
    stop: Callable[[], object] = field(repr=False)
    passed: bool = False

    def error(self) -> SqlError:
        """What the client is told (000630)."""
        return SqlError(
            f"Statement reached its statement or warehouse timeout of {self.seconds} second(s) and was canceled.",
            630,
            "57014",
        )


class Deadlines:
    """The deadlines of all statements that run; the thread begins with the first one."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._running: set[Deadline] = set()
        self._wake = threading.Event()
        self._next: datetime | None = None
        self._thread: threading.Thread | None = None
        self._closed = False

    def begin(self, seconds: int, stop: Callable[[], object]) -> Deadline:
        """A statement begins that may run for `seconds`, 0 being the longest possible."""
        seconds = min(seconds or LONGEST, LONGEST)
        deadline = Deadline(self._clock.now() + timedelta(seconds=seconds), seconds, stop)
        with self._lock:
            self._running.add(deadline)
            if self._next is None or deadline.ends < self._next:
                self._next = deadline.ends
                self._wake.set()
            if self._thread is None:
                self._thread = threading.Thread(target=self._watch, name="snowmelt-deadlines", daemon=True)
                self._thread.start()
        return deadline

    def end(self, deadline: Deadline) -> None:
        """The statement has ended."""
        with self._lock:
            self._running.discard(deadline)

    def close(self) -> None:
        """Cancel nothing any more."""
        self._closed = True
        self._wake.set()

    def _watch(self) -> None:
        while True:
            self._wake.clear()
            # Asked after clearing: `close` may have come since the last look.
            if self._closed:
                return
            now = self._clock.now()
            with self._lock:
                late = [deadline for deadline in self._running if deadline.ends <= now]
                self._running.difference_update(late)
                self._next = min((deadline.ends for deadline in self._running), default=None)
                due = self._next
            for deadline in late:
                deadline.passed = True
                # A handler may take its time to stop; other statements must not wait for that.
                threading.Thread(target=deadline.stop, name="snowmelt-timeout", daemon=True).start()
            self._clock.wait_until(self._wake, due)
