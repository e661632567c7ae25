"""What the console needs of the engine behind it: what any client has. The runtime implements `Host`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from snowmelt.base.clock import Clock
from snowmelt.base.request import Request
from snowmelt.base.result import Result
from snowmelt.session.logins import LoginGuard


class Session(Protocol):
    """A logged-in user's session."""

    @property
    def user(self) -> str: ...

    @property
    def database(self) -> str | None: ...

    @property
    def schema(self) -> str | None: ...

    def parameters(self) -> Mapping[str, Any]:
        """The session's parameters: upper-case names, Python values."""
        ...

    def execute(self, request: Request) -> Result:
        """Run one request to its end; blocks.

        Raises:
            SqlError: the statement failed.
        """
        ...

    def cancel(self, query_id: str) -> bool:
        """Ask a running statement to stop; False when it is not running. Called from other threads."""
        ...

    def close(self) -> None: ...


class Host(Protocol):
    """The runtime."""

    @property
    def clock(self) -> Clock: ...

    @property
    def guard(self) -> LoginGuard:
        """What slows wrong logins, those of other clients included."""
        ...

    def login(self, user: str, password: str | None) -> Session:
        """A new session.

        Raises:
            SqlError: 390100 when name or password is wrong.
        """
        ...

    def open_session(self, user: str) -> Session:
        """A further session of a user who has logged in."""
        ...
