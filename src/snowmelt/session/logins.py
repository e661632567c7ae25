"""Guessing passwords takes time: after wrong logins the next ones of that user from that address wait, ever longer.

All ways to log in share one guard, so that nobody has more guesses by trying several of them.
"""

from __future__ import annotations

import asyncio
import threading
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TypeVar

from snowmelt.base.clock import Clock
from snowmelt.base.errors import SqlError

T = TypeVar("T")

_WRONG_LOGIN = frozenset({390100, 390144})

FREE_FAILURES = 2
"""Wrong logins that cost nothing: everyone mistypes."""

FIRST_DELAY = 0.25
LONGEST_DELAY = 5.0
"""Seconds; each wrong login doubles the delay."""

FORGOTTEN_AFTER = timedelta(minutes=15)
MAX_WAITING = 20
"""Logins of one user from one address that may wait at a time; further ones are refused unseen."""

MAX_KNOWN = 10_000


@dataclass(slots=True)
class _Trouble:
    """What is known of one user from one address; the next login is looked at no sooner than `free`."""

    failures: int
    last: datetime
    free: datetime
    waiting: int = 0


def incorrect() -> SqlError:
    """A wrong user or password, whichever of them it is (390100)."""
    return SqlError("Incorrect username or password was specified.", 390100, "08001")


class LoginGuard:
    """Wrong logins by user and address; safe to use from any thread."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._known: OrderedDict[tuple[str, str], _Trouble] = OrderedDict()

    async def admit(self, user: str, address: str, attempt: Callable[[], Awaitable[T]]) -> T:
        """What a login gives; after wrong ones it waits before it looks at the next.

        Args:
            attempt: the login itself, which raises 390100 or 390144 when it is wrong.

        Raises:
            SqlError: the login is wrong, or too many of that user wait already.
        """
        seconds = self.enter(user, address)
        if seconds is None:
            raise incorrect()
        right = False
        try:
            if seconds:
                await asyncio.sleep(seconds)
            given = await attempt()
            right = True
            return given
        except SqlError as error:
            right = error.code not in _WRONG_LOGIN
            raise
        finally:
            self.leave(user, address, right=right)

    def enter(self, user: str, address: str) -> float | None:
        """How many seconds a login has to wait before it is looked at; None when too many wait already.

        Whoever got a number calls `leave` after the login was looked at.
        """
        now = self._clock.now()
        with self._lock:
            trouble = self._trouble(user, address, now)
            if trouble is None:
                return 0.0
            if trouble.waiting >= MAX_WAITING:
                return None
            begin = max(now, trouble.free)
            trouble.free = begin + timedelta(seconds=_delay(trouble.failures))
            trouble.waiting += 1
            return (begin - now).total_seconds()

    def leave(self, user: str, address: str, *, right: bool) -> None:
        """A login was looked at."""
        now = self._clock.now()
        key = _key(user, address)
        with self._lock:
            trouble = self._trouble(user, address, now)
            if right:
                self._known.pop(key, None)
                return
            if trouble is None:
                trouble = self._known[key] = _Trouble(0, now, now)
                while len(self._known) > MAX_KNOWN:
                    self._known.popitem(last=False)
            trouble.waiting = max(0, trouble.waiting - 1)
            trouble.failures += 1
            trouble.last = now
            trouble.free = max(trouble.free, now + timedelta(seconds=_delay(trouble.failures)))

    def _trouble(self, user: str, address: str, now: datetime) -> _Trouble | None:
        key = _key(user, address)
        trouble = self._known.get(key)
        if trouble is not None and not trouble.waiting and now - trouble.last > FORGOTTEN_AFTER:
            del self._known[key]
            return None
        return trouble


def _key(user: str, address: str) -> tuple[str, str]:
    return user.upper()[:256], address


def _delay(failures: int) -> float:
    beyond = failures - FREE_FAILURES
    return 0.0 if beyond <= 0 else min(LONGEST_DELAY, FIRST_DELAY * float(2 ** min(beyond - 1, 10)))
