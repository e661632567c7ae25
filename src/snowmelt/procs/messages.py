"""What the server and its Python workers say to each other. Plain data: workers load nothing of the engine.

Libraries are imported where they are used: the server loads this before it listens.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pyarrow as pa


@dataclass(frozen=True)
class ConnectionInfo:
    """How a procedure's session joins the one it was called from.

    Attributes:
        session_token, master_token: issued for this call only, and revoked after it.
    """

    host: str
    port: int
    session_token: str = field(repr=False)
    master_token: str = field(repr=False)
    database: str | None
    schema: str | None
    role: str | None
    warehouse: str | None
    user: str
    account: str


@dataclass(frozen=True)
class HandlerCode:
    """The Python code of a procedure, function or model method.

    Attributes:
        source: inline code, or None when the handler is in one of the imports.
        handler: ``function`` or ``module.function``.
        imports: absolute paths of files and directories to be found in the import directory.
        packages: as PACKAGES names them.
    """

    source: str | None
    handler: str
    imports: tuple[str, ...] = ()
    packages: tuple[str, ...] = ()


@dataclass(frozen=True)
class TraceContext:
    """Where a call stands in its trace. Ids are lower-case hexadecimal: 32 digits for traces, 16 for spans.

    Attributes:
        span_id: of the span that covers the call itself; the server chooses it, so that calls within know it.
        parent_span_id: of the call that this one was made from, or None at the top.
    """

    trace_id: str
    span_id: str
    parent_span_id: str | None = None


@dataclass(frozen=True)
class ProcedureCall:
    """One call of a stored procedure.

    Attributes:
        arguments: Python values, without the session that the handler gets first.
        trace_level: ``OFF``, ``ALWAYS`` or ``ON_EVENT``.
        log_level: ``OFF``, ``TRACE``, ``DEBUG``, ``INFO``, ``WARN``, ``ERROR`` or ``FATAL``.
        returns_table: the handler gives a DataFrame; its query's id is the call's value.
    """

    code: HandlerCode
    arguments: tuple[Any, ...]
    connection: ConnectionInfo
    trace: TraceContext
    name: str
    returns_table: bool = False
    trace_level: str = "ALWAYS"
    log_level: str = "INFO"


WIDTH = min(4, os.cpu_count() or 1)
"""Workers that share a large table: encoding text for a model keeps one core busy for as long as predicting."""


@dataclass(frozen=True)
class FunctionSpec:
    """A function that stays resident in a worker and is applied to Arrow tables.

    Attributes:
        kind: ``udf`` for a scalar or vectorized user-defined function, whose result is one column; ``frame`` for a
            model's method, which gets a pandas DataFrame and whose result is one struct column; ``table`` for a table
            function (see snowmelt.procs.table_functions).
        result: the Arrow type of that column.
        semi_structured: positions of the arguments that hold JSON text and reach the handler as Python values.
        strict: a NULL argument gives NULL without a call (RETURNS NULL ON NULL INPUT).
        arguments: how many of a table's columns are arguments, or None for all; further ones only tell the row count.
        names: for a table function the names of its arguments.
        semi_results: which columns of the result are semi-structured, 0 being that of a scalar function.
    """

    code: HandlerCode
    kind: str
    result: pa.DataType
    name: str
    semi_structured: frozenset[int] = frozenset()
    strict: bool = False
    arguments: int | None = None
    names: tuple[str, ...] = ()
    semi_results: frozenset[int] = frozenset()


@dataclass(frozen=True)
class Work:
    """The first message to a new worker: what it is for, and a directory of its own."""

    task: ProcedureCall | FunctionSpec
    directory: Path


@dataclass(frozen=True)
class Started:
    """A worker's first message: its process id."""

    pid: int


@dataclass(frozen=True)
class Telemetry:
    """Records of spans, span events and logs, in the form of `snowmelt.telemetry.events`."""

    records: list[dict[str, Any]]


@dataclass(frozen=True)
class Done:
    """The handler has returned; `value` is Arrow IPC for functions."""

    value: Any


@dataclass(frozen=True)
class Failed:
    """The handler has raised, or could not be loaded."""

    message: str
    traceback: str


_IN_MESSAGE = 1 << 18
"""Bytes of rows that go through a channel, which copies them several times over."""


def packed(table: pa.Table, file: Path) -> bytes | Path:
    """What is said of a table to another process on this machine: the rows themselves, or where they are.

    Args:
        file: where large tables are written to, for `unpacked` to map into memory.
    """
    import pyarrow as pa

    if table.nbytes > _IN_MESSAGE:
        with pa.OSFile(str(file), "wb") as sink, pa.ipc.new_stream(sink, table.schema) as writer:
            writer.write_table(table)
        return file
    buffer = pa.BufferOutputStream()
    with pa.ipc.new_stream(buffer, table.schema) as writer:
        writer.write_table(table)
    return buffer.getvalue().to_pybytes()  # type: ignore[no-any-return]


def unpacked(rows: bytes | Path) -> pa.Table:
    """The table that `packed` has packed."""
    import pyarrow as pa

    source = pa.py_buffer(rows) if isinstance(rows, bytes) else pa.memory_map(str(rows))
    return pa.ipc.open_stream(source).read_all()
