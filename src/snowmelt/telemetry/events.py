"""The event table: its fixed columns, and rows from telemetry records.

A record is a mapping with these keys, of which only the first two are always there:

- ``type``: ``LOG``, ``SPAN`` or ``SPAN_EVENT``
- ``time``: nanoseconds since 1970 UTC; for a span its end
- ``start``: nanoseconds, for spans
- ``trace``: ``{"trace_id": ..., "span_id": ...}``, hexadecimal
- ``scope``: the tracer's or logger's name
- ``record``, ``attributes``: what RECORD and RECORD_ATTRIBUTES hold
- ``value``: a log's message

Source: docs.snowflake.com/en/developer-guide/logging-tracing/event-table-columns
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from snowmelt.base.datatypes import ARRAY, OBJECT, TIMESTAMP_NTZ, VARCHAR, VARIANT
from snowmelt.base.late import pyarrow as pa
from snowmelt.catalog.objects import TableColumn

EVENT_COLUMNS = (
    TableColumn("TIMESTAMP", TIMESTAMP_NTZ),
    TableColumn("START_TIMESTAMP", TIMESTAMP_NTZ),
    TableColumn("OBSERVED_TIMESTAMP", TIMESTAMP_NTZ),
    TableColumn("TRACE", OBJECT),
    TableColumn("RESOURCE", OBJECT),
    TableColumn("RESOURCE_ATTRIBUTES", OBJECT),
    TableColumn("SCOPE", OBJECT),
    TableColumn("SCOPE_ATTRIBUTES", OBJECT),
    TableColumn("RECORD_TYPE", VARCHAR),
    TableColumn("RECORD", OBJECT),
    TableColumn("RECORD_ATTRIBUTES", OBJECT),
    TableColumn("VALUE", VARIANT),
    TableColumn("EXEMPLARS", ARRAY),
)
"""The columns of every event table."""


def event_rows(records: Sequence[Mapping[str, Any]], attributes: Mapping[str, Any]) -> pa.Table:
    """Event-table rows of `records`, all from the source that `attributes` describe; OBJECTs are JSON text."""
    resource = _json({key: value for key, value in attributes.items() if value is not None})
    count = len(records)
    columns: dict[str, pa.Array] = {
        "TIMESTAMP": _times(records, "time"),
        "START_TIMESTAMP": _times(records, "start"),
        "OBSERVED_TIMESTAMP": _times([record if record["type"] == "LOG" else {} for record in records], "time"),
        "TRACE": _objects(records, "trace"),
        "RESOURCE": pa.nulls(count, pa.string()),
        "RESOURCE_ATTRIBUTES": pa.array([resource] * count, pa.string()),
        "SCOPE": pa.array([_json({"name": name}) if (name := record.get("scope")) else None for record in records]),
        "SCOPE_ATTRIBUTES": pa.nulls(count, pa.string()),
        "RECORD_TYPE": pa.array([record["type"] for record in records], pa.string()),
        "RECORD": _objects(records, "record"),
        "RECORD_ATTRIBUTES": _objects(records, "attributes"),
        "VALUE": _objects(records, "value"),
        "EXEMPLARS": pa.nulls(count, pa.string()),
    }
    return pa.table({column.name: columns[column.name] for column in EVENT_COLUMNS})


def _times(records: Sequence[Mapping[str, Any]], key: str) -> pa.Array:
    nanoseconds = [record.get(key) for record in records]
    return pa.array([None if time is None else time // 1_000 for time in nanoseconds], pa.timestamp("us"))


def _objects(records: Sequence[Mapping[str, Any]], key: str) -> pa.Array:
    values = [record.get(key) for record in records]
    return pa.array([None if value is None else _json(value) for value in values], pa.string())


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, default=str)
