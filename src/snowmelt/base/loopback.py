"""Which names can only mean this machine, and what a request says that it was sent to."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable


def is_loopback(name: str) -> bool:
    """Whether a host name or address can only mean this machine (``*.localhost`` never leaves it)."""
    name = name.strip("[]").lower().rstrip(".")
    if name == "localhost" or name.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False


def host_name(headers: Iterable[tuple[bytes, bytes]]) -> str:
    """The Host header without its port.

    A page in a browser can make a foreign name resolve to this machine; its requests still carry that name.
    """
    value = next((value for name, value in headers if name == b"host"), b"").decode("latin-1")
    if value.startswith("["):
        return value.partition("]")[0]
    return value.partition(":")[0]
