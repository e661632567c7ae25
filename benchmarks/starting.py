"""How soon a server is there: what the fixture takes that is the first to use Snowmelt in its process.

`python -m benchmarks.starting` measures nothing else. The machine has to be idle: imports take what they are given.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from statistics import median

from benchmarks.engine import Figure

RUNS = 9

_SCRIPT = """
import json, time

begun = time.perf_counter()
# All that the fixture does; pytest, which has loaded some of the same modules by then, is not needed here.
from snowmelt.testing.server import running_server

with running_server() as server:
    ready = time.perf_counter()
    import snowflake.connector

    imported = time.perf_counter()
    with snowflake.connector.connect(**server.parameters) as connection:
        assert connection.cursor().execute("SELECT 1").fetchone() == (1,)
        answered = time.perf_counter()
print(json.dumps([ready - begun, imported - ready, answered - imported]))
"""


def measure_starting() -> list[Figure]:
    """Medians of several processes."""
    # The first one finds no bytecode, perhaps, and cold files.
    runs = [_run() for _ in range(RUNS + 1)][1:]
    ready, imported, answered = (median(part) for part in zip(*runs, strict=True))
    return [
        Figure("fixture ready, first in its process", ready, "s", 0.5),
        Figure("the connector's import after it", imported, "s", None),
        Figure("login and SELECT 1 after that", answered, "s", None),
    ]


def _run() -> list[float]:
    """Seconds of the three parts in one process, which keeps bytecode as Python does unless told otherwise."""
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    done = subprocess.run([sys.executable, "-c", _SCRIPT], env=environment, check=True, stdout=subprocess.PIPE)
    parts: list[float] = json.loads(done.stdout)
    return parts


if __name__ == "__main__":
    for figure in measure_starting():
        print(f"{figure.name}: {figure.ours:.3f} {figure.unit}")
