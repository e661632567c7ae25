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

from snowmelt.base.late import pyarrow as pa
from snowmelt.base.result import Column
from snowmelt.server.arrow import wire_table
from snowmelt.server.rowset import json_rows

INLINE_BYTES = 1 << 20
CHUNK_BYTES = 8 << 20
KEPT_BYTES = 2 << 30
KEPT_SECONDS = 3600.0


@dataclass(frozen=True)
class Chunk:
    """Rows of one result, brought into wire layout when they are asked for.

    Attributes:
        columns: their names and types.
        rows: the rows as the engine gave them.
        schema: the wire layout of the whole result.
        json: whether they are served as JSON rather than Arrow.
        release: lets go of the memory through which rows in a file were read.
    """

    columns: tuple[Column, ...]
    rows: pa.Table
    schema: pa.Schema
    json: bool
    release: Callable[[], None] | None = None

    @property
    def size(self) -> int:
        """Bytes of Arrow data, roughly what goes over the wire."""
        return int(self.rows.nbytes)

    def body(self) -> bytes:
        """What the client downloads: an Arrow stream, or JSON rows without the outer brackets."""
        wire = wire_table(self.columns, self.rows, self.schema)
        body = json.dumps(json_rows(self.columns, wire))[1:-1].encode() if self.json else arrow_stream(wire)
        if self.release is not None:
            self.release()
        return body


def arrow_stream(table: pa.Table) -> bytes:
    """`table` as an Arrow IPC stream of one record batch (slices taken over, many small batches joined)."""
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table.combine_chunks())
    return bytes(memoryview(sink.getvalue()))


def split(table: pa.Table, inline_bytes: int = INLINE_BYTES, chunk_bytes: int = CHUNK_BYTES) -> list[pa.Table]:
    """`table` cut into a first piece for the answer and chunks of even row counts; the pieces copy nothing."""
    rows = table.num_rows
    if table.nbytes <= inline_bytes or rows <= 1:
        return [table]
    row_bytes = max(table.nbytes / rows, 1.0)
    first = max(int(inline_bytes / row_bytes), 1)
    step = max(int(chunk_bytes / row_bytes), 1)
    return [table.slice(0, first), *(table.slice(start, step) for start in range(first, rows, step))]


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
