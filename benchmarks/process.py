"""A server in a process of its own, as users run it: client and server do not share an interpreter."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

PASSWORD = "for measuring only"


@dataclass(frozen=True)
class Served:
    """A running server.

    Attributes:
        pid: its process.
        parameters: the arguments of `snowflake.connector.connect`.
    """

    pid: int
    parameters: dict[str, Any]

    @property
    def peak_memory(self) -> int:
        """The most memory the process has used so far, in bytes; 0 where the system does not tell."""
        status = Path(f"/proc/{self.pid}/status")
        found = re.search(r"VmHWM:\s+(\d+) kB", status.read_text()) if status.exists() else None
        return int(found.group(1)) * 1024 if found else 0


@contextmanager
def snowmelt_server(data: Path | None = None) -> Iterator[Served]:
    """`snowmelt serve` on a data directory, by default a fresh one on disk."""
    with tempfile.TemporaryDirectory() as fresh:
        command = [sys.executable, "-m", "snowmelt", "serve", "--data", str(data or fresh), "--port", "0"]
        with _process(command) as (process, address):
            yield Served(process.pid, _parameters(address.hostname or "", address.port or 0, "SNOWMELT"))


@contextmanager
def fakesnow_server(python: str, port: int) -> Iterator[Served]:
    """fakesnow's server, run by the Python of an environment that has it."""
    with _process([python, "-u", "-m", "fakesnow", "--server", "--port", str(port)], f"http://127.0.0.1:{port}") as (
        process,
        _,
    ):
        yield Served(process.pid, _parameters("127.0.0.1", port, "fakesnow"))


@contextmanager
def _process(command: Sequence[str], known: str | None = None) -> Iterator[Any]:
    """A server's process and its address, which it says in its first line unless it is known."""
    environment = {**os.environ, "SNOWMELT_PASSWORD": PASSWORD}
    process = subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL if known is None else subprocess.STDOUT,
        text=True,
        env=environment,
    )
    try:
        assert process.stdout is not None
        for line in process.stdout:
            found = re.search(r"http://[\w.\-]+:\d+", line)
            if found or (known and "running" in line.lower()):
                yield process, urlsplit(known or (found.group(0) if found else ""))
                break
        else:
            raise RuntimeError(f"{command[0]} ended with {process.wait()} before it served")
    finally:
        process.terminate()
        try:
            process.wait(timeout=30)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _parameters(host: str, port: int, account: str) -> dict[str, Any]:
    return {
        "user": "SNOWMELT",
        "password": PASSWORD,
        "account": account,
        "host": host,
        "port": port,
        "protocol": "http",
        "session_parameters": {"CLIENT_OUT_OF_BAND_TELEMETRY_ENABLED": False},
    }
