"""The worksheet: one statement, and what it gives."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from snowmelt.base.errors import SqlError
from snowmelt.console.page import Visit
from snowmelt.console.reader import grid

if TYPE_CHECKING:
    from snowmelt.console.access import Visitor

MOST_ROWS = 200


def empty(visit: Visit) -> dict[str, Any]:
    """The page before a statement was run; the address may bring the text of one, which is not run."""
    return {"text": visit.parameters.get("text", ""), "grid": None, "error": None, "seconds": None}


def worksheet(visitor: Visitor, text: str) -> dict[str, Any]:
    """Run a statement, and show its first rows or its error."""
    found, error = None, None
    began = time.perf_counter()
    try:
        result = visitor.run(text)
        found = grid(result, MOST_ROWS, visitor.reader.zone)
    except SqlError as failure:
        error = f"{failure.code:06d} ({failure.sqlstate}): {failure}"
    return {"text": text, "grid": found, "error": error, "seconds": time.perf_counter() - began}
