"""The statements that ran lately."""

from __future__ import annotations

from typing import Any

from snowmelt.console import surfaces
from snowmelt.console.page import NotThere, Visit

SHOWN = 200


def queries(visit: Visit) -> dict[str, Any]:
    """The last statements, all of them or those that failed."""
    failed = visit.parameters.get("only") == "failed"
    found = surfaces.queries(visit.reader, SHOWN, failed=failed)
    return {"queries": found, "failed": failed, "shown": SHOWN, "databases": len(surfaces.databases(visit.reader))}


def query(visit: Visit) -> dict[str, Any]:
    """One statement with its whole text and its error."""
    query_id = visit.needed("id")
    found = surfaces.query(visit.reader, query_id, visit.parameters.get("ended"))
    if found is None:
        raise NotThere(f"No statement that is remembered has the id {query_id}. A restart forgets them.")
    return {"query": found}
