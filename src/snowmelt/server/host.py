"""What the server needs of the engine behind it. The runtime implements `Host`, sessions implement `Executor`."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractContextManager
from typing import Any, Protocol

from snowmelt.base.request import Request
from snowmelt.base.result import Result
from snowmelt.base.settings import Settings
from snowmelt.session.logins import LoginGuard
from snowmelt.session.tokens import TokenStore


class Executor(Protocol):
    """A session, or a procedure's view of its caller's session."""

    @property
    def id(self) -> int:
        """The session's number, as CURRENT_SESSION() answers it."""
        ...

    @property
    def user(self) -> str: ...

    @property
    def role(self) -> str | None: ...

    @property
    def database(self) -> str | None: ...

    @property
    def schema(self) -> str | None: ...

    @property
    def warehouse(self) -> str | None: ...

    def parameters(self) -> Mapping[str, Any]:
        """The session's parameters: upper-case names, Python values."""
        ...

    def execute(self, request: Request) -> Result:
        """Run one request to its end; blocks.

        Raises:
            SqlError: the statement failed.
        """
        ...

    def at_once(self, request: Request) -> Result | None:
        """The answer of a request that takes no time, or None when it has to be executed; never blocks."""
        ...

    def cancel(self, query_id: str) -> bool:
        """Ask a running statement to stop; False when it is not running. Called from other threads."""
        ...

    def keeping_names(self) -> AbstractContextManager[None]:
        """While it lasts, statements may change the current database and schema; afterwards they are what they were."""
        ...

    def close(self) -> None:
        """End it. Closing a procedure's view leaves the caller's session open."""
        ...


class Host(Protocol):
    """The runtime."""

    @property
    def settings(self) -> Settings: ...

    @property
    def tokens(self) -> TokenStore[Any]:
        """Tokens of `Executor`s."""
        ...

    @property
    def guard(self) -> LoginGuard:
        """What slows wrong logins."""
        ...

    def login(
        self,
        user: str,
        password: str | None,
        *,
        token: str | None,
        role: str | None,
        database: str | None,
        schema: str | None,
        warehouse: str | None,
        parameters: Mapping[str, Any],
    ) -> Executor:
        """A new session.

        Raises:
            SqlError: 390100 when name or password is wrong, 390144 when the token of a key pair is.
        """
        ...

    def result(self, query_id: str) -> Result | None:
        """The result of an earlier statement, kept for RESULT_SCAN and for fetching it later; None when gone."""
        ...
