"""Time as a dependency: everything that waits or dates asks a clock, so that tests can turn it by hand."""

from __future__ import annotations

import threading
import time
from datetime import UTC, datetime
from typing import Protocol


class Clock(Protocol):
    """Wall time and waiting."""

    def now(self) -> datetime:
        """The present moment, with time zone UTC."""
        ...

    def wait(self, event: threading.Event, timeout: float | None) -> bool:
        """Wait until `event` is set or `timeout` seconds of this clock have passed; True when it is set."""
        ...

    def wait_until(self, event: threading.Event, moment: datetime | None) -> bool:
        """Wait until `event` is set or `moment` has come; True when it is set.

        What is due at a known moment waits for that: seconds counted from now on would begin anew if the clock were
        turned between the counting and the waiting.
        """
        ...


class SystemClock:
    """The machine's clock."""

    def now(self) -> datetime:
        return datetime.now(UTC)

    def wait(self, event: threading.Event, timeout: float | None) -> bool:
        return event.wait(timeout)

    def wait_until(self, event: threading.Event, moment: datetime | None) -> bool:
        return event.wait(None if moment is None else max(0.0, (moment - self.now()).total_seconds()))

    @staticmethod
    def monotonic() -> float:
        """Seconds since an arbitrary moment, for measuring durations."""
        return time.monotonic()
