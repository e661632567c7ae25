"""Pools of real workers for tests, with what they send recorded."""

from __future__ import annotations

import textwrap
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa

from snowmelt.procs.messages import ConnectionInfo, FunctionSpec, HandlerCode, ProcedureCall, TraceContext
from snowmelt.procs.pool import WorkerPool

TRACE = TraceContext(trace_id="0af7651916cd43dd8448eb211c80319c", span_id="b7ad6b7169203331")

DEADLINE = 30.0
"""Seconds after which a test that waits for a process gives up."""


class Recorder:
    """Takes telemetry: all records, and an event for the first ones."""

    def __init__(self) -> None:
        self.records: list[Mapping[str, Any]] = []
        self.attributes: list[Mapping[str, Any]] = []
        self.arrived = threading.Event()

    def __call__(self, records: Sequence[Mapping[str, Any]], attributes: Mapping[str, Any]) -> None:
        self.records += records
        self.attributes.append(attributes)
        self.arrived.set()

    def clear(self) -> None:
        """Forget what came so far."""
        self.records.clear()
        self.attributes.clear()
        self.arrived.clear()

    def of_type(self, kind: str) -> list[Mapping[str, Any]]:
        """The records of one type, in the order in which they came."""
        return [record for record in self.records if record["type"] == kind]


def code(source: str, handler: str = "run") -> HandlerCode:
    """Inline code; its indentation does not matter."""
    return HandlerCode(textwrap.dedent(source), handler)


def function(source: str, result: pa.DataType, *, kind: str = "udf", handler: str = "run", **more: Any) -> FunctionSpec:
    """A resident function of inline code."""
    return FunctionSpec(code(source, handler), kind, result, "F", **more)


def procedure(source: str, connection: ConnectionInfo, *arguments: Any, **more: Any) -> ProcedureCall:
    """A call of a procedure of inline code."""
    return ProcedureCall(code(source), arguments, connection, more.pop("trace", TRACE), "P", **more)


class Functions:
    """Applies functions in a pool; each gets a worker of its own."""

    def __init__(self, scratch: Path) -> None:
        self.pool = WorkerPool(scratch, limit=2, on_telemetry=Recorder())
        self._made = 0

    def apply(self, spec: FunctionSpec, *columns: pa.Array | list[Any]) -> list[Any]:
        """The results for rows of the given columns, as Python values."""
        self._made += 1
        key = f"function-{self._made}:"
        table = pa.table({str(i): column for i, column in enumerate(columns)})
        try:
            values: list[Any] = self.pool.resident(key, spec).apply(table).column(0).to_pylist()
            return values
        finally:
            self.pool.forget(key)
