"""What users see of a Python handler that failed."""

from __future__ import annotations

from snowmelt.base.errors import SqlError
from snowmelt.procs.pool import HandlerError


def interpreter_error(error: HandlerError, function: str, handler: str | None = None) -> SqlError:
    """The error 100357 of a procedure, function or model method, with the Python traceback.

    Args:
        function: whose code it is.
        handler: its Python function, where that has a name of its own.
    """
    named = f"{function} with handler {handler}" if handler else function
    text = error.traceback_text.rstrip()
    return SqlError(f"Python Interpreter Error:\n{text}\n in function {named}", 100357, "P0000")
