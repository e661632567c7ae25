"""Libraries that are loaded when they are first used: a server listens before it has all that statements need.

They are imported from here under their usual names, and used as if they were there from the start.
"""

from __future__ import annotations

from importlib import import_module
from types import ModuleType
from typing import TYPE_CHECKING, Any


class _Late(ModuleType):
    """A module that is imported when something of it is asked for the first time."""

    def __getattr__(self, name: str) -> Any:
        value = getattr(import_module(self.__name__), name)
        # Found without a detour from now on.
        setattr(self, name, value)
        return value


if TYPE_CHECKING:
    import numpy as numpy
    import pyarrow as pyarrow
    from pyarrow import compute as compute
else:
    numpy, pyarrow, compute = _Late("numpy"), _Late("pyarrow"), _Late("pyarrow.compute")


def load() -> None:
    """Load them, which takes a tenth of a second, for who has nothing better to do."""
    for late in (numpy, pyarrow, compute):
        import_module(late.__name__)
