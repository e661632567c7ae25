"""Task runs and schedules in the engine's own tables, so that they survive a restart."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from typing import Any

from snowmelt.storage.engine import Engine


class Documents:
    """Text documents by key in one of the engine's own tables, written at once and durably.

    Args:
        table: ``snowmelt.task_runs`` or ``snowmelt.task_state``: a key column and a column ``doc``.
        key: the key column's name.
    """

    def __init__(self, engine: Engine, table: str, key: str) -> None:
        self._engine = engine
        self._connection = engine.connect()
        self._table = table
        self._key = key
        self._lock = threading.Lock()

    def put(self, key: Any, document: str) -> None:
        """Insert or replace a document."""
        self._engine.await_notes()
        self._put(key, document)

    def put_soon(self, key: Any, document: str, failed: Callable[[Exception], None]) -> None:
        """As `put`, without waiting: durable before anything that is committed from now on. `failed` is told the error
        when it cannot be written.
        """

        def write() -> None:
            try:
                self._put(key, document)
            except Exception as error:  # noqa: BLE001  nobody waits for it: all goes to `failed`
                failed(error)

        self._engine.note(write)

    def delete(self, key: Any) -> None:
        """Remove a document, if it is there."""
        self._engine.await_notes()
        self._run(f"DELETE FROM {self._table} WHERE {self._key} = ?", [key])

    def all(self) -> list[tuple[Any, str]]:
        """All keys and documents."""
        return [(key, doc) for key, doc in self._run(f"SELECT {self._key}, doc FROM {self._table}", [])]

    def _put(self, key: Any, document: str) -> None:
        self._run(f"INSERT OR REPLACE INTO {self._table} VALUES (?, ?)", [key, document])

    def _run(self, sql: str, parameters: Sequence[Any]) -> list[tuple[Any, ...]]:
        with self._lock:
            return self._connection.run(sql, parameters)
