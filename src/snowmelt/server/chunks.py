"""Large results in pieces: the first travels inside the answer, the rest is fetched by plain URLs.

A chunk's URL carries an unguessable id and needs no token, as with Snowflake's signed storage URLs: result batches
may be fetched by another process, after the session has ended. Chunks are slices of one Arrow table and are
serialised when they are asked for.
"""

from __future__ import annotations

import json
import secrets
import threading
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

import pyarrow as pa

from snowmelt.base.result import Column
from snowmelt.server.rowset import json_rows

INLINE_BYTES = 1 << 20
CHUNK_BYTES = 8 << 20
KEPT_BYTES = 2 << 30
KEPT_SECONDS = 3600.0


@dataclass(frozen=True)
class Chunk:
    """Rows of one result in wire layout; `json` chooses the format in which they are served."""

    columns: tuple[Column, ...]
    rows: pa.Table
    json: bool

    @property
    def size(self) -> int:
        """Bytes of Arrow data, roughly what goes over the wire."""
        return int(self.rows.nbytes)

    def body(self) -> bytes:
        """What the client downloads: an Arrow stream, or JSON rows without the outer brackets."""
        if self.json:
            return json.dumps(json_rows(self.columns, self.rows))[1:-1].encode()
        return arrow_stream(self.rows)


def arrow_stream(table: pa.Table) -> bytes:
    """`table` as an Arrow IPC stream of one record batch (slices taken over, many small batches joined)."""
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table.combine_chunks())
    return bytes(memoryview(sink.getvalue()))


def split(wire: pa.Table, inline_bytes: int = INLINE_BYTES, chunk_bytes: int = CHUNK_BYTES) -> list[pa.Table]:
    """`wire` cut into a first piece for the answer and chunks of even row counts; the pieces copy nothing."""
    rows = wire.num_rows
    if wire.nbytes <= inline_bytes or rows <= 1:
        return [wire]
    row_bytes = max(wire.nbytes / rows, 1.0)
    first = max(int(inline_bytes / row_bytes), 1)
    step = max(int(chunk_bytes / row_bytes), 1)
    return [wire.slice(0, first), *(wire.slice(start, step) for start in range(first, rows, step))]


class ChunkStore:
    """Chunks waiting to be fetched. Those of the longest untouched results go first when there are too many."""

    def __init__(
        self, now: Callable[[], float], kept_bytes: int = KEPT_BYTES, kept_seconds: float = KEPT_SECONDS
    ) -> None:
        self._now = now
        self._kept_bytes = kept_bytes
        self._kept_seconds = kept_seconds
        self._lock = threading.Lock()
        self._results: OrderedDict[str, tuple[float, tuple[Chunk, ...]]] = OrderedDict()
        self._size = 0

    def add(self, chunks: tuple[Chunk, ...]) -> list[str]:
        """Keep the chunks of one result; answers the id of each."""
        key = secrets.token_urlsafe(24)
        with self._lock:
            self._results[key] = (self._now(), chunks)
            self._size += _size(chunks)
            self._evict()
        return [f"{key}/{index}" for index in range(len(chunks))]

    def get(self, key: str, index: int) -> Chunk | None:
        """A chunk by the two parts of its id; None when it is unknown or no longer kept."""
        with self._lock:
            self._evict()
            found = self._results.get(key)
            if found is None or not 0 <= index < len(found[1]):
                return None
            self._results[key] = (self._now(), found[1])
            self._results.move_to_end(key)
            return found[1][index]

    def _evict(self) -> None:
        """Drop what is too old, then the oldest while there is too much; the newest result always stays."""
        oldest_allowed = self._now() - self._kept_seconds
        while self._results:
            key, (touched, chunks) = next(iter(self._results.items()))
            too_much = self._size > self._kept_bytes and len(self._results) > 1
            if touched >= oldest_allowed and not too_much:
                return
            del self._results[key]
            self._size -= _size(chunks)


def _size(chunks: tuple[Chunk, ...]) -> int:
    return sum(chunk.size for chunk in chunks)
