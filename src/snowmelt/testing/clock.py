"""A clock that tests turn by hand, so that nothing that waits needs real time."""

from __future__ import annotations

import threading
from collections import Counter
from datetime import UTC, datetime, timedelta


class ManualClock:
    """A `snowmelt.base.clock.Clock` that stands still until `advance`.

    Whoever waits with a timeout is woken as soon as the clock has passed it::

        clock = ManualClock()
        scheduler = Scheduler(host, store, clock)
        scheduler.start()
        clock.advance(60)
        assert scheduler.settle(5)

    Args:
        start: the first moment, with a time zone; by default noon of 1 January 2026, UTC.
    """

    def __init__(self, start: datetime = datetime(2026, 1, 1, 12, tzinfo=UTC)) -> None:
        if start.tzinfo is None:
            raise ValueError("the clock needs a moment with a time zone")
        self._now = start.astimezone(UTC)
        self._lock = threading.Lock()
        self._waiting: Counter[threading.Condition] = Counter()

    def now(self) -> datetime:
        """The present moment of this clock, in UTC."""
        with self._lock:
            return self._now

    def advance(self, seconds: float) -> None:
        """Move on by `seconds` (not negative) and wake everyone whose time has come."""
        if seconds < 0:
            raise ValueError("a clock does not run backwards")
        self.set(self.now() + timedelta(seconds=seconds))

    def set(self, moment: datetime) -> None:
        """Jump to `moment`, backwards too, as the clock of a machine may when it is put right."""
        with self._lock:
            self._now = moment.astimezone(UTC)
            waiting = list(self._waiting)
        for condition in waiting:
            with condition:
                condition.notify_all()

    def wait(self, event: threading.Event, timeout: float | None) -> bool:
        """Wait until `event` is set or `timeout` seconds of this clock have passed; True when it is set."""
        return self.wait_until(event, None if timeout is None else self.now() + timedelta(seconds=timeout))

    def wait_until(self, event: threading.Event, moment: datetime | None) -> bool:
        """Wait until `event` is set or this clock shows `moment`; True when it is set."""
        # The event's own condition: it is what `event.set()` notifies, and `set` above notifies it as well.
        condition: threading.Condition = event._cond  # type: ignore[attr-defined]
        with self._lock:
            self._waiting[condition] += 1
        try:
            with condition:
                condition.wait_for(lambda: event.is_set() or (moment is not None and self.now() >= moment))
            return event.is_set()
        finally:
            with self._lock:
                self._waiting[condition] -= 1
                if not self._waiting[condition]:
                    del self._waiting[condition]
