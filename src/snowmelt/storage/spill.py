"""Large results go to a file while they are read, so that a query costs memory for a piece of its rows at a time."""

from __future__ import annotations

import mmap
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import duckdb

from snowmelt.base.late import pyarrow as pa

IN_MEMORY = 64 << 20
"""Bytes of a result that are held in memory; what grows larger goes to a file as a whole."""


@dataclass(frozen=True)
class Rows:
    """The rows of a query.

    Attributes:
        table: the rows; memory of its own, or a view of a mapped file, which nothing copies until it is read.
        release: lets go of the memory through which a mapped file was read; it can be read again. None without a file.
    """

    table: pa.Table
    release: Callable[[], None] | None = None


def collect(reader: pa.RecordBatchReader, directory: Path, in_memory: int = IN_MEMORY) -> Rows:
    """All rows of `reader`: in memory up to `in_memory` bytes, else in a file of `directory` that has no name any
    more, so that it goes when its rows do, whatever ends the process.

    Raises:
        duckdb.Error: the engine failed while it made the rows.
        OSError: the file cannot be written.
    """
    kept: list[pa.RecordBatch] = []
    size = 0
    batches = _read(reader)
    for batch in batches:
        kept.append(batch)
        size += batch.nbytes
        if size > in_memory:
            return _spilled(kept, batches, reader.schema, directory)
    return Rows(pa.Table.from_batches(kept, reader.schema))


def _read(reader: pa.RecordBatchReader) -> Iterator[pa.RecordBatch]:
    try:
        yield from reader
    except (OSError, pa.ArrowException) as error:
        # Arrow wraps whatever the engine says while it makes rows.
        raise duckdb.Error(str(error)) from error


def _spilled(kept: list[pa.RecordBatch], more: Iterator[pa.RecordBatch], schema: pa.Schema, directory: Path) -> Rows:
    directory.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryFile(dir=directory) as file:
        with pa.ipc.new_stream(file, schema) as writer:
            while kept:
                writer.write_batch(kept.pop(0))
            for batch in more:
                writer.write_batch(batch)
        file.flush()
        mapped = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    table = pa.ipc.open_stream(pa.BufferReader(pa.py_buffer(mapped))).read_all()
    return Rows(table, lambda: mapped.madvise(mmap.MADV_DONTNEED))
