"""Who may look: logins, their cookies, links that log in once, and the token without which no form is taken."""

from __future__ import annotations

import secrets
import threading
import uuid
from collections import OrderedDict
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from snowmelt.base.clock import Clock
from snowmelt.base.errors import SqlError, unsupported
from snowmelt.base.marks import shown
from snowmelt.base.request import Request
from snowmelt.base.result import Result
from snowmelt.console.host import Host, Session
from snowmelt.console.reader import TAG, Reader
from snowmelt.session.tokens import TokenStore

LONGEST_LOGIN = timedelta(hours=12)
IDLE_LOGIN = timedelta(hours=4)
"""A login ends so long after it began, or after the last look."""

LINK_LIFETIME = timedelta(minutes=2)
MOST_LINKS = 100

STATEMENT_SECONDS = 600
"""How long a statement may run that the user has sent off; the browser waits for it."""


@dataclass(frozen=True)
class Notice:
    """What the page after a statement tells of it."""

    statement: str
    message: str
    failed: bool


@dataclass(eq=False)
class Visitor:
    """One login of a browser.

    Attributes:
        reading: the session that pages read in.
        own: the session of statements that the user sends off, so that pages need not wait for them.
        csrf: what every form must bring.
        notice: what the next page tells.
    """

    reading: Session
    own: Session
    csrf: str = field(default_factory=lambda: secrets.token_urlsafe(32), repr=False)
    notice: Notice | None = None
    _running: set[str] = field(default_factory=set)

    @property
    def user(self) -> str:
        return self.reading.user

    @property
    def reader(self) -> Reader:
        return Reader(self.reading)

    def run(self, text: str) -> Result:
        """Run a statement of the user.

        Raises:
            SqlError: it failed.
        """
        query_id = str(uuid.uuid4())
        self._running.add(query_id)
        try:
            parameters = {"QUERY_TAG": TAG, "STATEMENT_TIMEOUT_IN_SECONDS": STATEMENT_SECONDS}
            result = self.own.execute(Request(text, query_id, parameters=parameters))
        finally:
            self._running.discard(query_id)
        if result.transfer is not None:
            raise unsupported("PUT and GET in the console", "They move files of a client: use `snowmelt sql`.")
        return result

    def cancel(self) -> None:
        """Ask what runs to stop."""
        for query_id in list(self._running):
            self.own.cancel(query_id)

    def close(self) -> None:
        self.cancel()
        self.reading.close()
        self.own.close()


class Visitors:
    """All logins of browsers; safe to use from any thread."""

    def __init__(self, host: Host) -> None:
        self._host = host
        self._store: TokenStore[Visitor] = TokenStore(host.clock, LONGEST_LOGIN, IDLE_LOGIN)

    def admit(self, session: Session) -> str:
        """The value of the cookie of a new login."""
        self.reap()
        visitor = Visitor(session, self._host.open_session(session.user))
        return self._store.issue(visitor).session_token

    def find(self, cookie: str) -> Visitor | None:
        """Whose cookie that is, if it is still good."""
        return self._store.resolve(cookie)

    def leave(self, visitor: Visitor) -> None:
        """A user logs out."""
        self._store.revoke(visitor)
        visitor.close()

    def reap(self) -> None:
        """Close logins that nobody has used for long."""
        for visitor in self._store.reap():
            visitor.close()

    def close(self) -> None:
        """End all logins, and what runs for them."""
        for visitor in self._store.executors():
            self.leave(visitor)


class Links:
    """Tokens that log in once, soon after they were made; safe to use from any thread."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._users: OrderedDict[str, tuple[str, datetime]] = OrderedDict()

    def make(self, user: str) -> str:
        """A token for a user who has just proved to be one."""
        token = secrets.token_urlsafe(32)
        with self._lock:
            self._users[token] = (user, self._clock.now() + LINK_LIFETIME)
            while len(self._users) > MOST_LINKS:
                self._users.popitem(last=False)
        return token

    def take(self, token: str) -> str | None:
        """The user that the token is for; None when it was used before, is too old or was never made."""
        with self._lock:
            user, ends = self._users.pop(token, (None, self._clock.now()))
        return user if ends > self._clock.now() else None


def same(given: str | None, right: str | None) -> bool:
    """Whether a secret is the right one; an empty one never is. Takes as long for a wrong one."""
    return bool(right) and secrets.compare_digest((given or "").encode(), (right or "").encode())


def told(statement: str, outcome: Result | SqlError) -> Notice:
    """What there is to say of a statement that was run."""
    if isinstance(outcome, SqlError):
        return Notice(statement, f"{outcome.code:06d} ({outcome.sqlstate}): {outcome}", failed=True)
    table = outcome.table
    first = table.column(0)[0].as_py() if table is not None and table.num_rows and table.num_columns else None
    return Notice(statement, "Done." if first is None else shown(str(first)), failed=False)
