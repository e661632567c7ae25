"""Models' methods run in resident Python workers."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from threading import Event

from snowmelt.base.errors import canceled
from snowmelt.base.late import pyarrow as pa
from snowmelt.procs.messages import FunctionSpec, HandlerCode
from snowmelt.procs.pool import HandlerCanceled, HandlerError, WorkerPool
from snowmelt.session.handler_errors import interpreter_error

_PREFIX = "model:"


class WorkerMethods:
    """Implements `snowmelt.models.inference.Methods` on a pool of workers."""

    def __init__(self, pool: WorkerPool) -> None:
        self._pool = pool

    def apply(
        self,
        key: str,
        files: Sequence[Path],
        handler: str,
        result: pa.StructType,
        rows: pa.Table,
        cancel: Event | None = None,
    ) -> pa.Array:
        """The struct of results for each row, as one large batch.

        Raises:
            SqlError: 100357 with the Python traceback when the model's code raised.
        """
        code = HandlerCode(source=None, handler=handler, imports=tuple(str(path) for path in files))
        spec = FunctionSpec(code=code, kind="frame", result=result, name=handler)
        try:
            return self._pool.resident(_PREFIX + key, spec).apply(rows, cancel=cancel).column(0).combine_chunks()
        except HandlerCanceled as error:
            raise canceled() from error
        except HandlerError as error:
            raise interpreter_error(error, handler) from error

    def forget(self, prefix: str) -> None:
        """Unload the methods whose keys begin with `prefix`."""
        self._pool.forget(_PREFIX + prefix)
