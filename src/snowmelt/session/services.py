"""What sessions use of the rest of the process. The runtime fills it; tests may fill it otherwise."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Protocol

from snowmelt.base.clock import Clock
from snowmelt.base.result import Result
from snowmelt.base.settings import Settings
from snowmelt.base.versioned import VersionedDict
from snowmelt.catalog.names import FullName
from snowmelt.models.inference import Inference
from snowmelt.procs.pool import WorkerPool
from snowmelt.session.deadlines import Deadlines
from snowmelt.session.plan_cache import PlanCache
from snowmelt.session.query_history import QueryLog
from snowmelt.session.tokens import TokenStore
from snowmelt.storage.engine import Engine
from snowmelt.storage.stages import StageFiles


class TaskControl(Protocol):
    """What sessions ask of the scheduler."""

    def execute(
        self,
        name: FullName,
        *,
        config: str | None = None,
        retry_last: bool = False,
        retry_group: str | None = None,
        user: str | None = None,
    ) -> Any:
        """Start a run now."""
        ...

    def tasks_changed(self) -> None:
        """Tasks were created, altered, resumed, suspended, renamed or dropped."""
        ...

    def history(self) -> list[Any]:
        """All runs, newest first."""
        ...

    def cancel_query(self, query_id: str) -> bool:
        """Abort the run whose statement has that id."""
        ...

    def cancel_ongoing(self, name: FullName) -> Any:
        """Abort the runs of a task that are under way."""
        ...


class _Shelf:
    """Results that share a limit of bytes; the oldest go first, the newest stays."""

    def __init__(self, limit: int) -> None:
        self._results: OrderedDict[str, tuple[int, Result]] = OrderedDict()
        self._limit = limit
        self._total = 0

    def put(self, result: Result) -> None:
        self.remove(result.query_id)
        size = 512 + (result.table.nbytes if result.table is not None else 0)
        self._results[result.query_id] = (size, result)
        self._total += size
        while self._total > self._limit and len(self._results) > 1:
            self.remove(next(iter(self._results)))

    def get(self, query_id: str) -> Result | None:
        found = self._results.get(query_id)
        return found[1] if found is not None else None

    def remove(self, query_id: str) -> None:
        self._total -= self._results.pop(query_id, (0, None))[0]


class ResultStore:
    """Results by query id, for RESULT_SCAN and later fetch: those in memory and those in files, each up to a limit."""

    def __init__(self, in_memory: int = 256 << 20, in_files: int = 8 << 30) -> None:
        self._memory = _Shelf(in_memory)
        self._files = _Shelf(in_files)
        self._lock = threading.Lock()

    def put(self, result: Result) -> None:
        """Keep a result under its query id."""
        with self._lock:
            (self._memory if result.release is None else self._files).put(result)

    def get(self, query_id: str) -> Result | None:
        """The result of that id, or None when it was never there or has gone."""
        with self._lock:
            return self._memory.get(query_id) or self._files.get(query_id)


@dataclass
class Services:
    """The process as sessions see it.

    Attributes:
        address: (host, port) of the server, for workers that connect back; set once the server listens.
        deadlines: when the statements that run have to be done.
        queries: the statements that ran lately.
        plans: plans of statements that may come again.
        account: parameters of the account, such as EVENT_TABLE.
        user_keys: the user's public keys as text, by property.
        login_failures: why logins by key pair were refused, by the id in their message; the last ones.
        functions: names of the user-defined functions that the engine knows already.
        functions_lock: held while one is made known to it.
        cancellations: by the ids of sessions, what is set when their running statement is aborted.
    """

    settings: Settings
    clock: Clock
    engine: Engine
    stages: StageFiles
    pool: WorkerPool
    inference: Inference
    tokens: TokenStore[Any]
    tasks: TaskControl
    deadlines: Deadlines
    results: ResultStore = field(default_factory=ResultStore)
    queries: QueryLog = field(default_factory=QueryLog)
    plans: PlanCache = field(default_factory=PlanCache)
    account: VersionedDict[str, Any] = field(default_factory=VersionedDict)
    address: tuple[str, int] = ("127.0.0.1", 0)
    user_keys: dict[str, str] = field(default_factory=dict)
    login_failures: OrderedDict[str, dict[str, str]] = field(default_factory=OrderedDict)
    functions: set[str] = field(default_factory=set)
    functions_lock: threading.Lock = field(default_factory=threading.Lock)
    cancellations: dict[int, threading.Event] = field(default_factory=dict)
    next_session: Callable[[], int] = lambda: 0
