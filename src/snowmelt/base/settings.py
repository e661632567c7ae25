"""Settings of one running Snowmelt. Every field is documented in docs/REFERENCE.md; a test compares the two."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Settings:
    """How a server runs.

    Attributes:
        data: the data directory, or None to keep everything in memory (files go to a temporary directory).
        host: the address listened on; anything but loopback must be asked for by name.
        port: the TCP port; 0 takes a free one.
        user: login name of the administrator for this run.
        password: its password; None lets the data directory keep a generated one.
        rsa_public_key: a public key of the user for logins by key pair, in base64.
        account: the account name that `CURRENT_ACCOUNT()` answers.
        workers: how many Python handlers may run at once.
        trigger_interval: seconds from one run of a triggered task to the next, at least; a task's own
            USER_TASK_MINIMUM_TRIGGER_INTERVAL_IN_SECONDS can only ask for more. An account's is 30.
        memory_mb: MiB that the engine may use; what needs more goes through files of the data directory.
    """

    data: Path | None = None
    host: str = "127.0.0.1"
    port: int = 8085
    user: str = "SNOWMELT"
    password: str | None = None
    rsa_public_key: str | None = None
    account: str = "SNOWMELT"
    workers: int = 4
    trigger_interval: int = 0
    memory_mb: int = 1280
