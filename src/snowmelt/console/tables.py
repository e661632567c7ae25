"""Tables and views: columns, how many rows, and the first of them."""

from __future__ import annotations

from typing import Any

from snowmelt.base.errors import SqlError
from snowmelt.console import surfaces
from snowmelt.console.page import NotThere, Visit, full_name

PREVIEW = 50


def tables(visit: Visit) -> dict[str, Any]:
    """All tables and views, by schema."""
    places: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for schema in surfaces.schemas(visit.reader):
        places[schema["database_name"], schema["name"]] = []
    events = set(surfaces.event_tables(visit.reader))
    for row in surfaces.relations(visit.reader):
        kind = "EVENT TABLE" if full_name(row) in events else row["kind"]
        places.setdefault((row["database_name"], row["schema_name"]), []).append({**row, "kind": kind})
    return {"places": places}


def table(visit: Visit) -> dict[str, Any]:
    """One table or view, with its first rows. A view that can no longer be read says why."""
    name = visit.full_name()
    row = next((each for each in surfaces.relations(visit.reader) if full_name(each) == name), None)
    if row is None:
        raise NotThere(f"There is no table or view {name}.")
    kind = "VIEW" if row["kind"] == "VIEW" else "TABLE"
    columns = visit.reader.rows(f"DESCRIBE {kind} {name}")
    found = {"name": name, "row": row, "columns": columns, "definition": None}
    if kind == "VIEW":
        found["definition"] = visit.reader.rows("SELECT GET_DDL('VIEW', ?) AS T", str(name))[0]["t"]
    try:
        rows = visit.reader.grid(f"SELECT * FROM {name} LIMIT {PREVIEW}", PREVIEW)
    except SqlError as error:
        return {**found, "grid": None, "error": str(error)}
    return {**found, "grid": rows, "error": None}
