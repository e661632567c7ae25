"""Statements in flight: one `Run` each, found by query id, or by request id when a client asks twice.

A client that loses its connection sends the same request again under the same request id. It then gets the run that
is already there: nothing is ever executed twice.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TypeVar
from uuid import UUID

from snowmelt.base.errors import SqlError
from snowmelt.base.request import Request
from snowmelt.base.result import Result
from snowmelt.server.answer import Encoder, failure, internal_error, new_incident
from snowmelt.server.host import Executor

T = TypeVar("T")

logger = logging.getLogger(__name__)

KEPT_RUNS = 2000
"""How many finished statements are remembered."""

MAX_STATEMENTS = 1000
"""Threads for statements. Statements of a procedure run while the CALL holds a thread, so this must exceed by far what
clients start at once."""

MAX_CONTROL = 40
"""Threads for logins, cancels and encodings, so that these never wait behind statements."""


def new_query_id() -> str:
    """A fresh query id: a UUID whose first half is the time, so that ids sort by age as Snowflake's do."""
    stamp = time.time_ns() // 1_000_000
    number = (stamp << 80) | (0x7 << 76) | (secrets.randbits(12) << 64) | (0b10 << 62) | secrets.randbits(62)
    return str(UUID(int=number))


@dataclass(eq=False)
class Run:
    """One statement from its arrival on.

    Attributes:
        detached: the client does not wait for the answer (asyncExec).
        answer: the encoded answer, until it has been handed out.
        result: what a detached statement gave, until it has been fetched.
        error: how the statement failed.
    """

    executor: Executor
    request: Request
    request_id: str
    detached: bool
    started: datetime = field(default_factory=lambda: datetime.now(UTC))
    ended: datetime | None = None
    answer: bytes | None = None
    result: Result | None = None
    error: SqlError | None = None
    finished: asyncio.Future[bool] | None = None

    @property
    def query_id(self) -> str:
        return self.request.query_id

    @property
    def status(self) -> str:
        """The status word that clients know (the connector's `QueryStatus`)."""
        if self.ended is None:
            return "RUNNING"
        if self.error is None:
            return "SUCCESS"
        return "ABORTED" if self.error.code == 604 else "FAILED_WITH_ERROR"

    def take(self) -> bytes | None:
        """The answer, once: large answers are not held longer than needed."""
        answer, self.answer = self.answer, None
        return answer

    async def wait(self, seconds: float) -> bool:
        """Wait for the end; False when it has not come within `seconds`."""
        if self.ended is None and self.finished is not None:
            await asyncio.wait((self.finished,), timeout=seconds)
        return self.ended is not None


def _in_thread(executor: ThreadPoolExecutor, work: Callable[[], T]) -> asyncio.Future[T]:
    """What `work` will give, done by a thread of `executor`.

    In a process that ends Python gives no more threads, while connections to a server in that process are still being
    closed; there the work is done at once.
    """
    loop = asyncio.get_running_loop()
    if threading.main_thread().is_alive():
        return loop.run_in_executor(executor, work)
    done: asyncio.Future[T] = loop.create_future()
    done.set_result(work())
    return done


class Queries:
    """All runs of one server. Lives on the event loop; statements run in threads."""

    def __init__(self, kept: int = KEPT_RUNS) -> None:
        self._kept = kept
        self._runs: OrderedDict[str, Run] = OrderedDict()
        self._by_request: dict[tuple[int, str], Run] = {}
        # Plain executors: their hand-over takes half the time of anyio's, and threads are made only when needed.
        self._statements = ThreadPoolExecutor(MAX_STATEMENTS, "snowmelt-statement")
        self._control = ThreadPoolExecutor(MAX_CONTROL, "snowmelt-control")

    def find(self, query_id: str) -> Run | None:
        return self._runs.get(query_id)

    def find_request(self, executor: Executor, request_id: str) -> Run | None:
        return self._by_request.get((id(executor), request_id))

    def start(self, run: Run, encoder: Encoder) -> None:
        """Begin to execute `run`; does not wait. What takes no time is done at once, since going to another thread and
        back takes longer.
        """
        self._runs[run.query_id] = run
        if run.request_id:
            self._by_request[(id(run.executor), run.request_id)] = run
        self._forget_oldest()
        if not _execute(run, encoder, at_once=True):
            run.finished = _in_thread(self._statements, lambda: _execute(run, encoder))

    async def control(self, work: Callable[[], T]) -> T:
        """Run short blocking work in a thread that does not wait for statements."""
        return await _in_thread(self._control, work)

    async def statement(self, work: Callable[[], T]) -> T:
        """Run blocking work that executes statements, in their threads."""
        return await _in_thread(self._statements, work)

    async def encode(
        self, run: Run | None, result: Result, executor: Executor, query_id: str, encoder: Encoder
    ) -> bytes:
        """The answer to a statement that ended earlier."""
        options = dict(run.request.parameters) if run is not None else {}
        return await self.control(lambda: encoder.answer(result, executor, query_id, options, 0))

    async def cancel(self, run: Run) -> bool:
        """Ask the run to stop; False when it has ended already."""
        if run.ended is not None:
            return False
        return await self.control(lambda: run.executor.cancel(run.query_id))

    def close(self) -> None:
        """Take no more work; threads end with what they are doing."""
        self._statements.shutdown(wait=False, cancel_futures=True)
        self._control.shutdown(wait=False)

    async def finish(self, seconds: float) -> None:
        """Wait for what runs, and for what that starts, but no longer than `seconds`."""
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            running = [run.finished for run in self._runs.values() if run.ended is None and run.finished is not None]
            if not running:
                return
            await asyncio.wait(running, timeout=left, return_when=asyncio.FIRST_COMPLETED)

    async def cancel_all(self) -> None:
        """Ask everything that runs to stop."""
        for run in list(self._runs.values()):
            try:
                await self.cancel(run)
            except Exception:
                logger.exception("query %s could not be cancelled", run.query_id)

    def _forget_oldest(self) -> None:
        """Drop the oldest ended runs beyond the limit; running ones stay."""
        surplus = len(self._runs) - self._kept
        if surplus <= 0:
            return
        ended = [run for run in self._runs.values() if run.ended is not None][: max(surplus, self._kept // 10)]
        for run in ended:
            del self._runs[run.query_id]
            self._by_request.pop((id(run.executor), run.request_id), None)


def _execute(run: Run, encoder: Encoder, *, at_once: bool = False) -> bool:
    """Run a statement and, when the client waits for it, encode the answer; with `at_once` only if that takes no time.

    Returns:
        Whether it was run.
    """
    try:
        result = run.executor.at_once(run.request) if at_once else run.executor.execute(run.request)
        if result is None:
            return False
        if run.detached:
            run.result = result
        else:
            binds = len(run.request.bindings)
            run.answer = encoder.answer(result, run.executor, run.query_id, dict(run.request.parameters), binds)
    except SqlError as error:
        run.error = error
    except Exception:
        incident = new_incident()
        logger.exception("incident %s in query %s", incident, run.query_id)
        run.error = internal_error(incident)
    run.ended = datetime.now(UTC)
    return True


def error_answer(run: Run) -> dict[str, object]:
    """The answer of a failed run."""
    assert run.error is not None
    return failure(run.error, run.query_id)
