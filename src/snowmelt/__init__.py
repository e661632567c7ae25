"""Snowmelt: Snowflake ML pipelines on one's own machine.

`connect` and `session` give genuine client objects on a server inside this process; see `snowmelt.api`.
"""

from __future__ import annotations

import sys
from importlib import import_module
from types import ModuleType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from snowmelt.api import connect as connect
    from snowmelt.api import parameters as parameters
    from snowmelt.api import session as session
    from snowmelt.api import stop as stop

__version__ = "0.1.0"
__all__ = ["__version__", "connect", "parameters", "session", "stop"]


def __getattr__(name: str) -> Any:
    # Python handlers and test runs import this package; only who asks for a server pays for one.
    if name in __all__:
        return getattr(import_module("snowmelt.api"), name)
    raise AttributeError(f"module 'snowmelt' has no attribute '{name}'")


class _Package(ModuleType):
    """This package, in which `session` is the function also when the room of that name has been imported."""

    @property
    def session(self) -> Any:
        return __getattr__("session")

    @session.setter
    def session(self, room: ModuleType) -> None:
        """What the import of the room would put here is found in `sys.modules`."""


if not TYPE_CHECKING:
    sys.modules[__name__].__class__ = _Package
