"""The first page: what went wrong, what waits, what there is."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from snowmelt.console import surfaces
from snowmelt.console.page import Visit, full_name
from snowmelt.console.tasks import happened, length

LATELY = timedelta(days=1)
SHOWN_RUNS = 12
SHOWN_FAILURES = 5


def overview(visit: Visit) -> dict[str, Any]:
    """Failed runs first, then streams with unread changes, the last runs, and counts by schema."""
    reader = visit.reader
    relations, streams, tasks = surfaces.relations(reader), surfaces.streams(reader), surfaces.tasks(reader)
    models, events = surfaces.models(reader), surfaces.event_tables(reader)
    failures = [
        run
        for run in surfaces.runs(reader, failed=True)
        if run["state"] != "CANCELLED" and visit.now - run["scheduled_time"] < LATELY
    ]
    runs = [run for run in surfaces.runs(reader) if happened(run)]
    return {
        "failures": failures[:SHOWN_FAILURES],
        "failed": len(failures),
        "runs": [{**run, "length": length(run)} for run in runs[:SHOWN_RUNS]],
        "waiting": _waiting(visit, streams),
        "streams": len(streams),
        "tasks": tasks,
        "models": models,
        "schemas": _schemas(visit, relations, {"stream": streams, "task": tasks, "model": models}),
        "tables": sum(1 for each in relations if each["kind"] != "VIEW"),
        "rows": sum(int(each["rows"] or 0) for each in relations),
        "events": events,
    }


def _waiting(visit: Visit, streams: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The streams that somebody should look at: with unread rows, stale, or that cannot be read."""
    found = [{**each, "unread": surfaces.unread(visit.reader, full_name(each))} for each in streams]
    return [each for each in found if each["unread"] != 0]


def _schemas(
    visit: Visit, relations: list[dict[str, Any]], others: dict[str, list[dict[str, Any]]]
) -> list[dict[str, Any]]:
    """For each schema how much of everything it holds."""
    found = []
    for schema in surfaces.schemas(visit.reader):
        place = (schema["database_name"], schema["name"])
        here = [each for each in relations if (each["database_name"], each["schema_name"]) == place]
        counts = {"table": sum(1 for each in here if each["kind"] != "VIEW")}
        counts["view"] = len(here) - counts["table"]
        for noun, rows in others.items():
            counts[noun] = sum(1 for each in rows if (each["database_name"], each["schema_name"]) == place)
        found.append({"database": place[0], "schema": place[1], "counts": {k: v for k, v in counts.items() if v}})
    return found
