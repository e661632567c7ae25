"""Python workers, seen from the server: calls of procedures, and functions that stay resident."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import uuid
from collections import OrderedDict
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import TYPE_CHECKING, Any

from snowmelt.procs import messages, zygote
from snowmelt.procs.messages import WIDTH, Done, Failed, FunctionSpec, ProcedureCall, Started, Telemetry, Work

if TYPE_CHECKING:
    import pyarrow as pa

TelemetrySink = Callable[[Any, Mapping[str, Any]], None]

_POLL_SECONDS = 0.05
"""How soon a wish to cancel is noticed; answers are noticed at once."""

_ENDED = (
    "The Python process ended unexpectedly: it crashed, was killed, or ran out of memory. "
    "What it printed is in handlers.log in the data directory's scratch folder."
)

_RESIDENTS = 8
"""Functions and model methods kept loaded; the least recently used ones go first."""


_LARGE_ROWS = 50_000
"""A worker's share of a table; for less it is not worth while to load a function once more."""


class HandlerError(Exception):
    """A handler raised, could not be loaded, or its process died.

    Attributes:
        traceback_text: the Python traceback from the user's first frame on.
    """

    def __init__(self, message: str, traceback_text: str = "") -> None:
        super().__init__(message)
        self.traceback_text = traceback_text or message


class HandlerCanceled(HandlerError):
    """The call was aborted."""


@dataclass(frozen=True)
class CallResult:
    """What a procedure returned."""

    value: Any


class Zygote:
    """The forking parent, started on first use and again should it have died.

    Args:
        scratch: its working directory; what handlers print goes to ``handlers.log`` in it.
    """

    def __init__(self, scratch: Path) -> None:
        self._scratch = scratch
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._control: socket.socket | None = None
        self._spare: Connection | None = None

    def start(self) -> None:
        """Start it, unless it is running, and have a worker ready as soon as it has loaded."""
        self.prepare()

    def prepare(self) -> None:
        """Fork a worker that waits for work, unless one does: copying a large process takes longer than most calls."""
        with self._lock:
            if self._spare is None:
                self._spare = self._fork()

    def _ensure(self) -> socket.socket:
        if self._control is not None and self._process is not None and self._process.poll() is None:
            return self._control
        ours, theirs = socket.socketpair()
        self._scratch.mkdir(parents=True, exist_ok=True)
        # A login given to the server by its environment is none of the handlers' business.
        environment = {key: value for key, value in os.environ.items() if not key.startswith("SNOWMELT_")}
        # Threads of one computation that wait for each other in a loop keep those from running that they wait for: a
        # fit of 0.2 s takes 40 s on a machine whose cores have other work, too.
        environment.setdefault("OMP_WAIT_POLICY", "PASSIVE")
        with (self._scratch / "handlers.log").open("ab") as log, theirs:
            self._process = subprocess.Popen(
                # As a file, not a module: then no frame on the stack is without a source file. Snowpark looks at the
                # stack for each query, and Python searches all modules for a frame that has none.
                [sys.executable, "-P", zygote.__file__, str(theirs.fileno())],
                pass_fds=(theirs.fileno(),),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=self._scratch,
                env=environment,
            )
        self._control = ours
        return ours

    def fork(self) -> Connection:
        """A channel to a new worker, which may still be loading."""
        with self._lock:
            spare, self._spare = self._spare, None
            if spare is not None:
                # It says nothing before it has work: what can be read is that its end has come.
                if not spare.poll():
                    return spare
                spare.close()
            return self._fork()

    def _fork(self) -> Connection:
        ours, theirs = socket.socketpair()
        with theirs:
            socket.send_fds(self._ensure(), [zygote.FORK], [theirs.fileno()])
        return Connection(ours.detach())

    def stop(self) -> None:
        """End it and, with it, all workers."""
        with self._lock:
            if self._spare is not None:
                self._spare.close()
            if self._control is not None:
                self._control.close()
            if self._process is not None:
                try:
                    self._process.wait(timeout=0.2)
                except subprocess.TimeoutExpired:
                    # It may be in the middle of its imports, where it does not look at its socket.
                    self._process.kill()
                    self._process.wait()
            self._control = self._process = self._spare = None


class _Worker:
    """One worker process and its channel."""

    def __init__(self, zygote: Zygote, task: ProcedureCall | FunctionSpec, directory: Path) -> None:
        self._directory = directory
        directory.mkdir(parents=True)
        self._channel = zygote.fork()
        self._pid: int | None = None
        self._channel.send(Work(task, directory))

    def receive(self, cancel: threading.Event | None = None) -> Any:
        """The next message that is not `Started`.

        Raises:
            HandlerCanceled: `cancel` was set first; the process has been killed.
            HandlerError: the process has ended without an answer.
        """
        try:
            while True:
                ready = False
                while not ready:
                    # Asked before each message too: a handler that logs without pause is always ready.
                    if cancel is not None and cancel.is_set():
                        raise HandlerCanceled("SQL execution canceled")
                    ready = self._channel.poll(_POLL_SECONDS)
                message = self._channel.recv()
                if not isinstance(message, Started):
                    return message
                self._pid = message.pid
        except (EOFError, OSError) as error:
            raise HandlerError(_ENDED) from error

    def exchange(self, table: pa.Table, cancel: threading.Event | None = None) -> pa.Table:
        """Send a table and receive one."""
        file = self._directory / "rows"
        try:
            self._channel.send(messages.packed(table, file))
            _expect_done(self.receive(cancel))
            return messages.unpacked(self._channel.recv_bytes())
        except (EOFError, OSError) as error:
            raise HandlerError(_ENDED) from error
        finally:
            file.unlink(missing_ok=True)

    def kill(self) -> None:
        """End the process in the middle of its work. Only for one that has not answered: another's id could be the
        same once it has ended."""
        if self._pid is not None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self._pid, signal.SIGKILL)

    def close(self) -> None:
        """Close the channel, upon which the process ends by itself, and remove its directory."""
        self._channel.close()
        shutil.rmtree(self._directory, ignore_errors=True)


def _expect_done(message: Any) -> Any:
    if isinstance(message, Failed):
        raise HandlerError(message.message, message.traceback)
    assert isinstance(message, Done)
    return message.value


class _Loaded:
    """A function loaded in a worker of its own; one table at a time."""

    def __init__(self, start: Callable[[], _Worker]) -> None:
        self._start = start
        self._worker: _Worker | None = None

    def apply(self, table: pa.Table, cancel: threading.Event | None) -> pa.Table:
        worker = self._worker
        try:
            if worker is None:
                worker = self._start()
                _expect_done(worker.receive(cancel))
                self._worker = worker
            return worker.exchange(table, cancel)
        except BaseException as error:
            # The process may be gone, or in a state that its own failure left; the next call starts afresh.
            if worker is not None:
                if isinstance(error, HandlerCanceled):
                    worker.kill()
                worker.close()
            self._worker = None
            raise

    def close(self) -> None:
        if self._worker is not None:
            self._worker.close()
            self._worker = None


class Resident:
    """A function that stays loaded, for large tables in several workers; one table at a time."""

    def __init__(self, start: Callable[[], _Worker]) -> None:
        self._loaded = [_Loaded(start) for _ in range(WIDTH)]
        self._lock = threading.Lock()

    def apply(self, table: pa.Table, *, whole: bool = False, cancel: threading.Event | None = None) -> pa.Table:
        """The function's result for each row of `table`: a table with one column.

        Args:
            whole: one worker has to get all rows.
            cancel: when set, the workers are killed; the next call starts others.

        Raises:
            HandlerCanceled: `cancel` was set.
            HandlerError: with the traceback of whatever the handler raised.
        """
        while not self._lock.acquire(timeout=_POLL_SECONDS):
            if cancel is not None and cancel.is_set():
                raise HandlerCanceled("SQL execution canceled")
        try:
            width = 1 if whole else min(len(self._loaded), max(1, table.num_rows // _LARGE_ROWS))
            if width == 1:
                return self._loaded[0].apply(table, cancel)
            rows = -(-table.num_rows // width)
            parts = [table.slice(i * rows, rows) for i in range(width)]
            with ThreadPoolExecutor(width) as threads:
                made = threads.map(lambda loaded, part: loaded.apply(part, cancel), self._loaded, parts)
                # Here, since the server loads this before it listens.
                import pyarrow as pa

                return pa.concat_tables(made)
        finally:
            self._lock.release()

    def close(self) -> None:
        """End the workers."""
        with self._lock:
            for loaded in self._loaded:
                loaded.close()


class WorkerPool:
    """All Python workers of a server.

    Args:
        scratch: a directory for import directories and what handlers print.
        limit: how many procedures run at once; those that procedures call themselves are not counted, since their
            callers wait for them.
        on_telemetry: takes (records, resource attributes) as they come.
    """

    def __init__(self, scratch: Path, *, limit: int, on_telemetry: TelemetrySink) -> None:
        self._scratch = scratch
        # Nothing of an earlier run is of use, and a crash may have left some of it.
        shutil.rmtree(scratch / "workers", ignore_errors=True)
        self._zygote = Zygote(scratch)
        self._slots = threading.BoundedSemaphore(limit)
        self._on_telemetry = on_telemetry
        self._residents: OrderedDict[str, Resident] = OrderedDict()
        self._lock = threading.Lock()

    def warm(self) -> None:
        """Begin to load the libraries, without waiting for it."""
        self._zygote.start()

    def _worker(self, task: ProcedureCall | FunctionSpec) -> _Worker:
        return _Worker(self._zygote, task, self._scratch / "workers" / uuid.uuid4().hex)

    def call(
        self, call: ProcedureCall, *, cancel: threading.Event, attributes: Mapping[str, Any], nested: bool = False
    ) -> CallResult:
        """Run a procedure in a worker of its own and wait for it.

        Args:
            cancel: when set, the worker is killed.
            attributes: resource attributes of its telemetry.
            nested: the caller is a procedure itself.

        Raises:
            HandlerCanceled: `cancel` was set.
            HandlerError: the handler raised, or its process died.
        """
        while not nested and not self._slots.acquire(timeout=_POLL_SECONDS):
            if cancel.is_set():
                raise HandlerCanceled("SQL execution canceled")
        try:
            worker = self._worker(call)
            try:
                while isinstance(message := worker.receive(cancel), Telemetry):
                    self._on_telemetry(message.records, attributes)
            except HandlerCanceled:
                worker.kill()
                raise
            else:
                return CallResult(_expect_done(message))
            finally:
                worker.close()
                self._zygote.prepare()
        finally:
            if not nested:
                self._slots.release()

    def resident(self, key: str, spec: FunctionSpec) -> Resident:
        """The resident function of that key, started on first use."""
        with self._lock:
            found = self._residents.get(key)
            if found is None:
                found = self._residents[key] = Resident(lambda: self._worker(spec))
            self._residents.move_to_end(key)
            dropped = [self._residents.popitem(last=False)[1] for _ in range(len(self._residents) - _RESIDENTS)]
        for resident in dropped:
            resident.close()
        return found

    def forget(self, prefix: str) -> None:
        """End the residents whose keys begin with `prefix`."""
        with self._lock:
            gone = [self._residents.pop(key) for key in list(self._residents) if key.startswith(prefix)]
        for resident in gone:
            resident.close()

    def close(self) -> None:
        """End all workers."""
        self.forget("")
        self._zygote.stop()
        shutil.rmtree(self._scratch / "workers", ignore_errors=True)
