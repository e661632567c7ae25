"""A mapping that knows whether it has changed."""

from __future__ import annotations

from collections.abc import Iterator, MutableMapping
from typing import TypeVar

K = TypeVar("K")
V = TypeVar("V")


class VersionedDict(MutableMapping[K, V]):
    """A dictionary with a number that grows with every change.

    Attributes:
        version: how often it has been changed.
    """

    def __init__(self) -> None:
        self._items: dict[K, V] = {}
        self.version = 0

    def __getitem__(self, key: K) -> V:
        return self._items[key]

    def __setitem__(self, key: K, value: V) -> None:
        self._items[key] = value
        self.version += 1

    def __delitem__(self, key: K) -> None:
        del self._items[key]
        self.version += 1

    def __iter__(self) -> Iterator[K]:
        return iter(self._items)

    def __len__(self) -> int:
        return len(self._items)
