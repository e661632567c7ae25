"""Workers end with their server, however that ends."""

from __future__ import annotations

import os
import select
import subprocess
import sys
import time
from pathlib import Path

import pyarrow as pa
import pytest
from procs_fakes import DEADLINE, Functions, function

OWNER = """
import sys, threading
from pathlib import Path
import pyarrow as pa
from snowmelt.procs.messages import FunctionSpec, HandlerCode
from snowmelt.procs.pool import WorkerPool

pool = WorkerPool(Path(sys.argv[1]), limit=1, on_telemetry=lambda records, attributes: None)
source = "import os\\ndef run(x):\\n    return f'{os.getpid()} {os.getppid()}'"
spec = FunctionSpec(HandlerCode(source, "run"), "udf", pa.string(), "F")
print(pool.resident("pids", spec).apply(pa.table({"0": [1]})).column(0)[0].as_py(), flush=True)
threading.Event().wait()
"""
"""A process that owns a pool with one worker, and tells the process ids of the worker and its parent."""

needs_pidfd = pytest.mark.skipif(not hasattr(os, "pidfd_open"), reason="waits for processes by pidfd, as Linux has it")


def ends(pidfd: int) -> bool:
    """Whether the process ends before the deadline."""
    ready, _, _ = select.select([pidfd], [], [], DEADLINE)
    os.close(pidfd)
    return bool(ready)


@needs_pidfd
def test_workers_die_when_the_server_is_killed(tmp_path: Path) -> None:
    owner = subprocess.Popen([sys.executable, "-c", OWNER, str(tmp_path)], stdout=subprocess.PIPE, text=True)
    try:
        assert owner.stdout is not None
        ready, _, _ = select.select([owner.stdout], [], [], DEADLINE)
        assert ready, "the owner's worker did not answer"
        worker, zygote = (os.pidfd_open(int(pid)) for pid in owner.stdout.readline().split())
    finally:
        owner.kill()
        owner.communicate()
    assert ends(zygote)
    assert ends(worker)


@needs_pidfd
def test_closing_a_pool_ends_its_workers_and_removes_their_directories(tmp_path: Path) -> None:
    functions = Functions(tmp_path)
    spec = function("import os\ndef run(x):\n    return os.getpid()", pa.int64())
    column = functions.pool.resident("pid", spec).apply(pa.table({"0": [1]})).column(0)
    worker = os.pidfd_open(column[0].as_py())
    functions.pool.close()
    assert ends(worker)
    assert not (tmp_path / "workers").exists()


@needs_pidfd
def test_a_pool_starts_its_parent_process_again_should_it_have_died(tmp_path: Path) -> None:
    functions = Functions(tmp_path)
    spec = function("import os\ndef run(x):\n    return os.getppid()", pa.int64())
    try:
        (first,) = functions.apply(spec, [1])
        zygote = os.pidfd_open(first)
        os.kill(first, 9)
        assert ends(zygote)
        (second,) = functions.apply(spec, [1])
    finally:
        functions.pool.close()
    assert second != first


@needs_pidfd
def test_a_worker_that_died_while_it_waited_for_work_is_not_used(tmp_path: Path) -> None:
    functions = Functions(tmp_path)
    spec = function("import os\ndef run(x):\n    return f'{os.getpid()} {os.getppid()}'", pa.string())
    try:
        (first,) = functions.apply(spec, [1])
        _, zygote = first.split()
        functions.pool.warm()
        (waiting,) = _children(int(zygote))
        ended = os.pidfd_open(waiting)
        os.kill(waiting, 9)
        assert ends(ended)
        (second,) = functions.apply(spec, [1])
        assert int(second.split()[0]) != waiting
    finally:
        functions.pool.close()


def _children(process: int) -> list[int]:
    """A process's children, once there are any."""
    listed = Path(f"/proc/{process}/task/{process}/children")
    give_up = time.monotonic() + DEADLINE
    while time.monotonic() < give_up:
        if found := listed.read_text().split():
            return [int(child) for child in found]
        time.sleep(0.01)
    raise TimeoutError("the process has no children")
