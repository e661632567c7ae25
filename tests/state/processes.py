"""A server in a process of its own, to be killed in the middle of things."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path
from urllib.parse import urlsplit

import snowflake.connector
from snowflake.connector import SnowflakeConnection

PASSWORD = "for this test only"


class ServerProcess:
    """`snowmelt serve` on a data directory and a free port."""

    def __init__(self, data: Path) -> None:
        environment = {**os.environ, "SNOWMELT_PASSWORD": PASSWORD}
        self._process = subprocess.Popen(
            [sys.executable, "-m", "snowmelt", "serve", "--data", str(data), "--port", "0"],
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            env=environment,
        )
        assert self._process.stdout is not None
        words = self._process.stdout.readline().split()
        address = urlsplit(next(word for word in words if word.startswith("http")))
        self.host, self.port = address.hostname, address.port

    @property
    def pid(self) -> int:
        return self._process.pid

    def connect(self, patience: int = 30, **options: object) -> SnowflakeConnection:
        """A connection that gives up after `patience` seconds when the server is gone."""
        return snowflake.connector.connect(
            user="SNOWMELT",
            password=PASSWORD,
            account="SNOWMELT",
            host=self.host,
            port=self.port,
            protocol="http",
            login_timeout=patience,
            network_timeout=patience,
            **options,
        )

    def kill(self) -> None:
        """kill -9."""
        os.kill(self.pid, signal.SIGKILL)
        self._process.wait()

    def stop(self) -> None:
        """End it as a user would."""
        self._process.terminate()
        self._process.wait(timeout=120)
