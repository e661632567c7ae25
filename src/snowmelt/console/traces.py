"""What event tables hold: traces as waterfalls of spans, and logs."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from snowmelt.catalog.names import FullName, display
from snowmelt.console import surfaces
from snowmelt.console.page import NotThere, Visit
from snowmelt.console.reader import Row

SHOWN_TRACES = 50
SHOWN_LOGS = 50
RECENT_RECORDS = 5_000
"""Records that are looked through for the last traces."""

MOST_RECORDS = 2_000
"""Records of one trace that a page shows."""

_EVER = "1970-01-01"

DEEPEST = 12

_LIST = """
SELECT TRACE:trace_id::VARCHAR AS ID,
       MIN(COALESCE(START_TIMESTAMP, TIMESTAMP)) AS BEGAN,
       MAX(TIMESTAMP) AS ENDED,
       COUNT_IF(RECORD_TYPE = 'SPAN') AS SPANS,
       COUNT_IF(RECORD_TYPE = 'LOG') AS LOGS,
       COUNT_IF(RECORD:status.code::VARCHAR = 'STATUS_CODE_ERROR'
                OR RECORD:severity_text::VARCHAR IN ('ERROR', 'FATAL')) AS ERRORS,
       MIN_BY(RESOURCE_ATTRIBUTES:"snow.executable.name"::VARCHAR, TIMESTAMP) AS EXECUTABLE
FROM (SELECT * FROM {table} ORDER BY TIMESTAMP DESC LIMIT {recent})
WHERE TRACE:trace_id IS NOT NULL
GROUP BY 1
ORDER BY ENDED DESC
LIMIT {limit}
"""

_LOGS = """
SELECT TIMESTAMP AS AT, RECORD:severity_text::VARCHAR AS SEVERITY, VALUE::VARCHAR AS MESSAGE,
       SCOPE:name::VARCHAR AS SCOPE, TRACE:trace_id::VARCHAR AS ID
FROM {table}
WHERE RECORD_TYPE = 'LOG'
ORDER BY TIMESTAMP DESC
LIMIT {limit}
"""

_RECORDS = """
SELECT TIMESTAMP AS ENDED, START_TIMESTAMP AS BEGAN, RECORD_TYPE AS KIND, TRACE:span_id::VARCHAR AS SPAN_ID,
       RECORD, RECORD_ATTRIBUTES AS ATTRIBUTES, RESOURCE_ATTRIBUTES AS RESOURCE, SCOPE:name::VARCHAR AS SCOPE, VALUE
FROM {table}
WHERE TIMESTAMP >= ? AND TRACE:trace_id::VARCHAR = ?
ORDER BY COALESCE(START_TIMESTAMP, TIMESTAMP), TIMESTAMP DESC
LIMIT {limit}
"""


def traces(visit: Visit) -> dict[str, Any]:
    """The last traces and logs of one event table: the one that the address names, or one that records go to."""
    tables = surfaces.event_tables(visit.reader)
    table = visit.full_name() if "name" in visit.parameters else _active(visit, tables)
    if table is None:
        return {"tables": [], "table": None, "traces": [], "logs": []}
    if table not in tables:
        raise NotThere(f"There is no event table {table}.")
    found = visit.reader.rows(_LIST.format(table=table, limit=SHOWN_TRACES, recent=RECENT_RECORDS))
    logs = visit.reader.rows(_LOGS.format(table=table, limit=SHOWN_LOGS))
    for row in found:
        row["length"] = row["ended"] - row["began"]
        row["executable"] = short(row["executable"])
    return {"tables": tables, "table": table, "traces": found, "logs": logs}


def _active(visit: Visit, tables: list[FullName]) -> FullName | None:
    """An event table that records go to now, or any other."""
    places = ["ACCOUNT", *dict.fromkeys(f"DATABASE {display(name.database)}" for name in tables)]
    named = {
        row["value"] for place in places for row in visit.reader.rows(f"SHOW PARAMETERS LIKE 'EVENT_TABLE' IN {place}")
    }
    return next((name for name in tables if str(name) in named), next(iter(tables), None))


def short(executable: str | None) -> str:
    """The name of a procedure or function without its arguments."""
    return (executable or "").partition("(")[0]


@dataclass
class Span:
    """A span in its place in the waterfall.

    Attributes:
        left, width: where its bar begins and how long it is, in thousandths of the whole.
        failed: its status is an error.
        at_fault: it failed by itself, not because of one within it.
        notes: its events and the logs written in it, exceptions among them.
    """

    name: str
    scope: str
    began: datetime
    ended: datetime
    depth: int
    left: float
    width: float
    failed: bool
    at_fault: bool
    attributes: dict[str, str]
    notes: list[Note]

    @property
    def length(self) -> timedelta:
        return self.ended - self.began


@dataclass
class Note:
    """An event of a span, or a log."""

    at: datetime
    title: str
    tone: str
    text: str
    attributes: dict[str, str]


def trace(visit: Visit) -> dict[str, Any]:
    """One trace as a waterfall."""
    table, trace_id = visit.full_name(), visit.needed("id")
    if table not in surfaces.event_tables(visit.reader):
        raise NotThere(f"There is no event table {table}.")
    since = visit.parameters.get("since") or _EVER
    rows = visit.reader.rows(_RECORDS.format(table=table, limit=MOST_RECORDS), since, trace_id)
    if not rows:
        raise NotThere(f"{table} has no trace {trace_id}.")
    began = min(row["began"] or row["ended"] for row in rows)
    whole = max(row["ended"] for row in rows) - began
    resource = surfaces.parsed(rows[0]["resource"], {})
    spans, loose = _waterfall(rows, began, whole)
    return {
        "id": trace_id,
        "table": table,
        "began": began,
        "whole": whole,
        "spans": spans,
        "loose": loose,
        "resource": {key: str(value) for key, value in resource.items()},
        "cut": len(rows) == MOST_RECORDS,
    }


def _waterfall(rows: list[Row], began: datetime, whole: timedelta) -> tuple[list[Span], list[Note]]:
    """The spans, each after its parent; and the notes of spans that are not there."""
    notes: dict[str | None, list[Note]] = {}
    for row in rows:
        if row["kind"] != "SPAN":
            notes.setdefault(row["span_id"], []).append(_note(row))
    spans = {str(row["span_id"]): row for row in rows if row["kind"] == "SPAN"}
    below: dict[str | None, list[str]] = {}
    for span_id, row in spans.items():
        parent = surfaces.parsed(row["record"], {}).get("parent_span_id")
        below.setdefault(parent if parent in spans else None, []).append(span_id)
    found = []
    for span_id, depth in _in_order(below):
        at_fault = _failed(spans[span_id]) and not any(_failed(spans[each]) for each in below.get(span_id, []))
        found.append(_span(spans[span_id], depth, began, whole, at_fault, notes.pop(span_id, [])))
    return found, [note for rest in notes.values() for note in rest]


def _failed(row: Row) -> bool:
    status = surfaces.parsed(row["record"], {}).get("status")
    return isinstance(status, dict) and status.get("code") == "STATUS_CODE_ERROR"


def _in_order(below: dict[str | None, list[str]]) -> Iterator[tuple[str, int]]:
    """Ids of spans, each after its parent, with how deep they lie."""
    waiting = [(span_id, 0) for span_id in reversed(below.get(None, []))]
    while waiting:
        span_id, depth = waiting.pop()
        yield span_id, depth
        waiting += [(each, depth + 1) for each in reversed(below.get(span_id, []))]


def _span(row: Row, depth: int, began: datetime, whole: timedelta, at_fault: bool, notes: list[Note]) -> Span:
    record = surfaces.parsed(row["record"], {})
    start = row["began"] or row["ended"]
    total = max(whole.total_seconds(), 1e-6)
    left = 1_000 * (start - began).total_seconds() / total
    width = max(2.0, 1_000 * (row["ended"] - start).total_seconds() / total)
    return Span(
        name=str(record.get("name", "")),
        scope=row["scope"] or "",
        began=start,
        ended=row["ended"],
        depth=min(depth, DEEPEST),
        left=round(min(left, 998.0), 1),
        width=round(min(width, 1_000 - min(left, 998.0)), 1),
        failed=_failed(row),
        at_fault=at_fault,
        attributes=_texts(surfaces.parsed(row["attributes"], {})),
        notes=notes,
    )


def _note(row: Row) -> Note:
    record = surfaces.parsed(row["record"], {})
    attributes = _texts(surfaces.parsed(row["attributes"], {}))
    if row["kind"] == "LOG":
        title = str(record.get("severity_text", "LOG"))
        return Note(row["ended"], title, title, _message(row["value"]), attributes)
    name = str(record.get("name", row["kind"]))
    stack = attributes.pop("exception.stacktrace", "")
    return Note(row["ended"], name, "ERROR" if name == "exception" else "", stack, attributes)


def _message(value: object) -> str:
    """A log's message, which is a JSON text."""
    try:
        found = json.loads(str(value))
    except ValueError:
        return str(value)
    return found if isinstance(found, str) else str(value)


def _texts(attributes: dict[str, Any]) -> dict[str, str]:
    return {key: value if isinstance(value, str) else json.dumps(value) for key, value in attributes.items()}
