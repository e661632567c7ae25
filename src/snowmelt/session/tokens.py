"""Session and master tokens: who may speak for which executor, and for how long.

A *session token* goes with every request and lives for an hour; when it has expired the client shows its *master
token* and gets a new pair, without logging in again. A master token lives four hours beyond its last use. Both are
bearer secrets: they are never logged and never shown in `repr`.

Source: docs.snowflake.com/en/user-guide/session-policies and the genuine connector's `network.py`.
"""

from __future__ import annotations

import secrets
import threading
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import Enum
from typing import Generic, TypeVar

from snowmelt.base.clock import Clock

E = TypeVar("E")

SESSION_LIFETIME = timedelta(hours=1)
MASTER_LIFETIME = timedelta(hours=4)

_REMEMBERED = 10_000
"""Tokens of sessions that have ended, whose clients are told so."""


class TokenState(Enum):
    """What a session token is that speaks for nobody."""

    UNKNOWN = "never issued, or long forgotten"
    EXPIRED = "too old; a master token may still be exchanged for a new one"
    ENDED = "its session was closed"


@dataclass(frozen=True)
class Tokens:
    """One pair of tokens and, in seconds from their issue, how long each is good."""

    session_token: str = field(repr=False)
    master_token: str = field(repr=False)
    session_seconds: int
    master_seconds: int


@dataclass
class _Grant(Generic[E]):
    """What the store knows about one executor: when it ends unless it is used, and its tokens."""

    executor: E
    ends: datetime
    sessions: dict[str, datetime] = field(default_factory=dict)
    masters: set[str] = field(default_factory=set)


class TokenStore(Generic[E]):
    """All valid tokens of one server; safe to use from any thread.

    Executors are told apart by identity, so a procedure's view of a session gets tokens of its own, and revoking
    them leaves those of the session alone.

    Args:
        busy: whether something runs for an executor, whose tokens then do not end for want of use.
    """

    def __init__(
        self,
        clock: Clock,
        session_lifetime: timedelta = SESSION_LIFETIME,
        master_lifetime: timedelta = MASTER_LIFETIME,
        busy: Callable[[E], bool] = lambda executor: False,
    ) -> None:
        self._clock = clock
        self._session_lifetime = session_lifetime
        self._master_lifetime = master_lifetime
        self._busy = busy
        self._lock = threading.Lock()
        self._grants: dict[int, _Grant[E]] = {}
        self._by_session: dict[str, _Grant[E]] = {}
        self._by_master: dict[str, _Grant[E]] = {}
        self._gone: OrderedDict[str, TokenState] = OrderedDict()

    def issue(self, executor: E) -> Tokens:
        """A new pair of tokens that speaks for `executor`; earlier pairs stay good."""
        now = self._clock.now()
        with self._lock:
            grant = self._grants.setdefault(id(executor), _Grant(executor, now))
            return self._add_pair(grant, now)

    def resolve(self, session_token: str) -> E | None:
        """The executor that the token speaks for; None when it is unknown, revoked or expired.

        Counts as a use, which prolongs the master token.
        """
        now = self._clock.now()
        with self._lock:
            grant = self._by_session.get(session_token)
            if grant is None or grant.sessions[session_token] <= now or self._unused(grant, now):
                return None
            grant.ends = now + self._master_lifetime
            return grant.executor

    def executors(self) -> list[E]:
        """Everything that has tokens now."""
        with self._lock:
            return [grant.executor for grant in self._grants.values()]

    def state(self, session_token: str) -> TokenState:
        """Why `resolve` knows nobody for the token."""
        with self._lock:
            if session_token in self._by_session:
                return TokenState.EXPIRED
            return self._gone.get(session_token, TokenState.UNKNOWN)

    def renew(self, master_token: str) -> tuple[E, Tokens] | None:
        """A new pair in exchange for a master token; None when that is unknown, revoked or expired.

        The old tokens run on to their own end: other threads of the client may be using them at this moment.
        """
        now = self._clock.now()
        with self._lock:
            grant = self._by_master.get(master_token)
            if grant is None or self._unused(grant, now):
                return None
            self._forget_old_sessions(grant, now)
            return grant.executor, self._add_pair(grant, now)

    def revoke(self, executor: E) -> None:
        """Make all tokens of `executor` worthless; does nothing when it has none."""
        with self._lock:
            grant = self._grants.get(id(executor))
            if grant is not None:
                self._remove(grant, TokenState.ENDED)

    def reap(self) -> list[E]:
        """Revoke what has not been used for the master token's lifetime; answers the executors left to close."""
        now = self._clock.now()
        with self._lock:
            ended = [grant for grant in self._grants.values() if self._unused(grant, now)]
            for grant in ended:
                self._remove(grant, TokenState.EXPIRED)
            return [grant.executor for grant in ended]

    def _unused(self, grant: _Grant[E], now: datetime) -> bool:
        """Whether the master token's lifetime is over; while something runs it begins anew."""
        if grant.ends <= now and self._busy(grant.executor):
            grant.ends = now + self._master_lifetime
        return grant.ends <= now

    def _add_pair(self, grant: _Grant[E], now: datetime) -> Tokens:
        tokens = Tokens(
            secrets.token_urlsafe(32),
            secrets.token_urlsafe(32),
            int(self._session_lifetime.total_seconds()),
            int(self._master_lifetime.total_seconds()),
        )
        grant.ends = now + self._master_lifetime
        grant.sessions[tokens.session_token] = now + self._session_lifetime
        grant.masters.add(tokens.master_token)
        self._by_session[tokens.session_token] = grant
        self._by_master[tokens.master_token] = grant
        return tokens

    def _forget_old_sessions(self, grant: _Grant[E], now: datetime) -> None:
        """Drop session tokens that ended a whole lifetime ago, so that a long session does not pile them up."""
        for token, ends in list(grant.sessions.items()):
            if ends + self._session_lifetime <= now:
                del grant.sessions[token], self._by_session[token]

    def _remove(self, grant: _Grant[E], state: TokenState) -> None:
        del self._grants[id(grant.executor)]
        for token in grant.sessions:
            del self._by_session[token]
            self._gone[token] = state
        for token in grant.masters:
            del self._by_master[token]
        while len(self._gone) > _REMEMBERED:
            self._gone.popitem(last=False)
