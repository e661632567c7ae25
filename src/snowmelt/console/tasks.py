"""Tasks: their graphs, their runs, and what a run that failed has to say."""

from __future__ import annotations

import json
from datetime import UTC, timedelta
from typing import Any

from snowmelt.catalog.names import FullName
from snowmelt.console import surfaces
from snowmelt.console.graphs import Drawing, draw
from snowmelt.console.page import Button, NotThere, Visit, full_name, link
from snowmelt.console.reader import Row

SHOWN_RUNS = 100
NOT_YET, SKIPPED = "SCHEDULED", "SKIPPED"


def happened(run: Row) -> bool:
    """Whether a run has begun: it is not only due, and its condition held."""
    return run["state"] not in (NOT_YET, SKIPPED)


def length(run: Row) -> timedelta | None:
    """How long a run took; None when it has not ended, or never began."""
    begin, end = run["query_start_time"], run["completed_time"]
    return None if begin is None or end is None else end - begin


def tasks(visit: Visit) -> dict[str, Any]:
    """All graphs with the state of each task, and the last runs."""
    found = {full_name(row): row for row in surfaces.tasks(visit.reader)}
    runs = surfaces.runs(visit.reader)
    shown = [{**run, "length": length(run)} for run in runs if happened(run)]
    last = {full_name(run): run for run in reversed(shown)}
    due = {full_name(run): run["scheduled_time"] for run in runs if run["state"] == NOT_YET}
    return {
        "graphs": [
            {
                "root": names[0],
                "row": found[names[0]],
                "due": due.get(names[0]),
                "drawing": _drawing(names, found, last),
            }
            for names in _graphs(found)
        ],
        "runs": shown[:SHOWN_RUNS],
        "skipped": sum(1 for run in runs if run["state"] == SKIPPED),
        "chart": durations(shown, visit),
    }


def predecessors(row: Row) -> list[FullName]:
    """The tasks after which a task runs; for a finalizer, the root that it ends."""
    relations = surfaces.parsed(row["task_relations"], {})
    texts = [*surfaces.parsed(row["predecessors"], []), *filter(None, [relations.get("FinalizedRootTask")])]
    return [surfaces.name_from(str(text), full_name(row)) for text in texts]


def is_finalizer(row: Row) -> bool:
    return "FinalizedRootTask" in surfaces.parsed(row["task_relations"], {})


def _graphs(found: dict[FullName, Row]) -> list[list[FullName]]:
    """The tasks of each graph, its root first."""
    after: dict[FullName, list[FullName]] = {}
    roots = []
    for name, row in found.items():
        before = [each for each in predecessors(row) if each in found]
        for each in before:
            after.setdefault(each, []).append(name)
        if not before:
            roots.append(name)
    graphs = []
    for root in roots:
        members = [root]
        known = {root}
        for name in members:
            fresh = [each for each in after.get(name, []) if each not in known]
            members += fresh
            known.update(fresh)
        graphs.append(members)
    return graphs


def _drawing(names: list[FullName], found: dict[FullName, Row], last: dict[FullName, Row]) -> Drawing:
    members = set(names)
    edges = [(each, name) for name in names for each in predecessors(found[name]) if each in members]
    finalizers = {name for name in names if is_finalizer(found[name])}
    states = {name: str(last[name]["state"]) if name in last else "" for name in names}
    asleep = {name for name in names if found[name]["state"] != "started"}
    return draw(names, edges, finalizers, states, asleep)


def task(visit: Visit) -> dict[str, Any]:
    """One task: its definition, what can be done with it, and its runs."""
    name = visit.full_name()
    found = {full_name(row): row for row in surfaces.tasks(visit.reader)}
    if name not in found:
        raise NotThere(f"There is no task {name}.")
    row = found[name]
    runs = surfaces.runs(visit.reader, task=name)
    shown = [{**run, "length": length(run)} for run in runs if happened(run)]
    started = row["state"] == "started"
    root = not predecessors(row)
    return {
        "name": name,
        "row": row,
        "before": predecessors(row),
        "after": [other for other, each in found.items() if name in predecessors(each)],
        "due": next((run["scheduled_time"] for run in runs if run["state"] == NOT_YET), None),
        "runs": shown[:SHOWN_RUNS],
        "skipped": sum(1 for run in runs if run["state"] == SKIPPED),
        "chart": durations(shown, visit),
        "buttons": [
            *([Button("Run now", f"EXECUTE TASK {name}")] if root else []),
            Button("Suspend" if started else "Resume", f"ALTER TASK {name} {'SUSPEND' if started else 'RESUME'}"),
        ],
    }


def durations(runs: list[Row], visit: Visit) -> str | None:
    """A chart of how long runs took over time, as JSON for the script; None where there is too little to draw."""
    timed = sorted((run for run in runs if run["length"] is not None), key=lambda run: run["query_start_time"])
    if len(timed) < 2:
        return None
    names = list(dict.fromkeys(str(run["name"]) for run in timed))
    series = [
        {
            "label": name,
            "values": [round(run["length"].total_seconds(), 4) if run["name"] == name else None for run in timed],
        }
        for name in names
    ]
    begun = [run["query_start_time"].timestamp() for run in timed]
    return json.dumps({"x": begun, "zone": visit.reader.zone.key, "unit": "s", "series": series})


def run(visit: Visit) -> dict[str, Any]:
    """One run: how it went, its error with the traceback, and its traces."""
    query_id = visit.needed("id")
    found = surfaces.run(visit.reader, query_id, visit.parameters.get("at"))
    if found is None:
        raise NotThere(f"No run of the last 7 days has the query id {query_id}.")
    return {"run": found, "name": full_name(found), "length": length(found), "traces": _traces(visit, found)}


def _traces(visit: Visit, run: Row) -> list[tuple[str, str]]:
    """The traces that a run has left in event tables: id and address."""
    found = []
    for table in surfaces.event_tables(visit.reader):
        text = (
            f"SELECT DISTINCT TRACE:trace_id::VARCHAR AS ID FROM {table} "
            'WHERE TIMESTAMP >= ? AND RESOURCE_ATTRIBUTES:"snow.query.id"::VARCHAR = ? AND TRACE:trace_id IS NOT NULL'
        )
        since = (run["query_start_time"] or run["scheduled_time"]).astimezone(UTC).replace(tzinfo=None).isoformat()
        rows = visit.reader.rows(text, since, run["query_id"])
        found += [(row["id"], link("/trace", table, id=row["id"], since=since)) for row in rows]
    return found
