"""Python packages that handlers can import: the distributions installed beside Snowmelt."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from importlib import metadata

from snowmelt.base.errors import SqlError

_BUILT_IN = frozenset({"python"})


@lru_cache(maxsize=1)
def installed() -> dict[str, str]:
    """Versions by package name in lower case."""
    return {dist.name.lower(): dist.version for dist in metadata.distributions() if dist.name is not None}


def check_packages(packages: Sequence[str]) -> None:
    """Every package must be installed beside Snowmelt; versions are this environment's.

    Raises:
        SqlError: 391546 naming the package that is missing.
    """
    for text in packages:
        name = text.split("==")[0].split(">")[0].split("<")[0].split("=")[0].split("[")[0].strip().lower()
        if name not in _BUILT_IN and name not in installed():
            raise SqlError(
                "SQL compilation error:\nCannot create a Python function with the specified packages. "
                f"Package '{text}' is not installed.",
                391546,
                "0A000",
                f"Install it beside Snowmelt: pip install '{text}'",
            )
