"""A tiny engine for the server's tests: answers prepared results to the genuine connector."""

from __future__ import annotations

import contextlib
import itertools
import threading
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import pyarrow as pa
import pytest
import snowflake.connector

from snowmelt.base.clock import SystemClock
from snowmelt.base.datatypes import NUMBER, DataType
from snowmelt.base.errors import SqlError, canceled
from snowmelt.base.request import Request
from snowmelt.base.result import Column, Result, rows_result
from snowmelt.base.settings import Settings
from snowmelt.server.serve import Server
from snowmelt.session.logins import LoginGuard
from snowmelt.session.tokens import TokenStore

Answer = Result | SqlError | Exception | Callable[["FakeExecutor", Request], Result]


class ManualTime:
    """A clock that stands still until it is moved."""

    def __init__(self) -> None:
        self.moment = datetime(2026, 1, 1, tzinfo=UTC)

    def now(self) -> datetime:
        return self.moment

    def wait(self, event: threading.Event, timeout: float | None) -> bool:
        return event.is_set()

    def wait_until(self, event: threading.Event, moment: datetime | None) -> bool:
        return event.is_set()

    def move(self, delta: timedelta) -> None:
        self.moment += delta


class FakeExecutor:
    """A session that looks its answers up by SQL text."""

    def __init__(self, host: FakeHost, number: int, user: str) -> None:
        self.host, self.id, self.user = host, number, user
        self.role, self.database, self.schema, self.warehouse = "SYSADMIN", "DB", "PUBLIC", "WH"
        self.settings: dict[str, Any] = {}
        self.requests: list[Request] = []
        self.running: dict[str, threading.Event] = {}
        self.closed = False

    def parameters(self) -> Mapping[str, Any]:
        return self.settings

    def execute(self, request: Request) -> Result:
        self.requests.append(request)
        answer = self.host.answers.get(request.text, rows_result([("1", NUMBER)], [(1,)]))
        if isinstance(answer, Exception):
            raise answer
        result = answer(self, request) if callable(answer) else answer
        self.host.results[request.query_id] = result
        return result

    def at_once(self, request: Request) -> Result | None:
        return None

    def block(self, request: Request, timeout: float = 30.0) -> None:
        """Wait until `cancel` comes for this request, then fail as a cancelled statement does."""
        event = self.running.setdefault(request.query_id, threading.Event())
        self.host.blocking.set()
        if event.wait(timeout):
            raise canceled()

    def cancel(self, query_id: str) -> bool:
        event = self.running.setdefault(query_id, threading.Event())
        event.set()
        return True

    def close(self) -> None:
        self.closed = True


class FakeHost:
    """The runtime: one user, results kept for ever."""

    def __init__(self, clock: Any) -> None:
        self.settings = Settings(port=0)
        self.tokens: TokenStore[Any] = TokenStore(clock)
        self.guard = LoginGuard(SystemClock())
        self.answers: dict[str, Answer] = {}
        self.results: dict[str, Result] = {}
        self.sessions: list[FakeExecutor] = []
        self.logins: list[dict[str, Any]] = []
        self.blocking = threading.Event()
        self._numbers = itertools.count(1001)

    def login(self, user: str, password: str | None, **options: Any) -> FakeExecutor:
        if password != "secret":
            raise SqlError("Incorrect username or password was specified.", 390100, "08001")
        self.logins.append({"user": user, **options})
        executor = FakeExecutor(self, next(self._numbers), user)
        executor.settings.update(options["parameters"])
        self.sessions.append(executor)
        return executor

    def result(self, query_id: str) -> Result | None:
        return self.results.get(query_id)

    def answer(self, text: str, columns: list[tuple[str, DataType]], arrays: list[pa.Array]) -> None:
        """Prepare the rows that `text` gives."""
        names = [f"c{i}" for i in range(len(arrays))]
        self.answers[text] = Result(
            tuple(Column(name, data_type) for name, data_type in columns), pa.Table.from_arrays(arrays, names=names)
        )


class Rig:
    """A listening server over a fake host."""

    def __init__(self, patience: float) -> None:
        self.time = ManualTime()
        self.host = FakeHost(self.time)
        self.server = Server(self.host, self.host.settings, patience=patience)
        self.address, self.port = self.server.start()

    @property
    def url(self) -> str:
        return f"http://{self.address}:{self.port}"

    def connect(self, **options: Any) -> snowflake.connector.SnowflakeConnection:
        return snowflake.connector.connect(**(self.login_options() | options))

    def login_options(self) -> dict[str, Any]:
        return {
            "user": "ann",
            "password": "secret",
            "account": "any",
            "host": self.address,
            "port": self.port,
            "protocol": "http",
            "platform_detection_timeout_seconds": 0,
        }


@contextlib.contextmanager
def serving(patience: float = 45.0) -> Iterator[Rig]:
    rig = Rig(patience)
    try:
        yield rig
    finally:
        rig.server.stop()


def test_system_clock_fits_the_token_store() -> None:
    store: TokenStore[str] = TokenStore(SystemClock())
    tokens = store.issue("executor")
    assert store.resolve(tokens.session_token) == "executor"
    with pytest.raises(SqlError):
        FakeHost(SystemClock()).login("ann", "wrong")
