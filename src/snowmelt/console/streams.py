"""Streams: what they are on, and what nobody has consumed yet. Looking consumes nothing."""

from __future__ import annotations

from typing import Any

from snowmelt.base.errors import SqlError
from snowmelt.console import surfaces
from snowmelt.console.page import NotThere, Visit, full_name

PREVIEW = 20


def streams(visit: Visit) -> dict[str, Any]:
    """All streams."""
    rows = surfaces.streams(visit.reader)
    return {"streams": [{**row, "unread": surfaces.unread(visit.reader, full_name(row))} for row in rows]}


def stream(visit: Visit) -> dict[str, Any]:
    """One stream: what was committed since its offset, and the first of its rows."""
    name = visit.full_name()
    row = next((each for each in surfaces.streams(visit.reader) if full_name(each) == name), None)
    if row is None:
        raise NotThere(f"There is no stream {name}.")
    found: dict[str, Any] = {"name": name, "row": row, "unread": surfaces.unread(visit.reader, name)}
    try:
        backlog = visit.reader.rows("SELECT * FROM TABLE(SYSTEM$STREAM_BACKLOG(?)) ORDER BY VERSION", str(name))
        rows = visit.reader.grid(f"SELECT * FROM {name} LIMIT {PREVIEW}", PREVIEW)
    except SqlError as error:
        return {**found, "backlog": [], "grid": None, "error": str(error)}
    return {**found, "backlog": backlog, "grid": rows, "error": None}
