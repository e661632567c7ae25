"""Event-table rows from telemetry records."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any

from snowmelt.telemetry.events import EVENT_COLUMNS, event_rows

SECOND = 1_767_225_600_000_000_000
"""2026-01-01 00:00:00 UTC in nanoseconds."""

TRACE = {"trace_id": "0" * 31 + "1", "span_id": "0" * 15 + "2"}

SPAN: dict[str, Any] = {
    "type": "SPAN",
    "time": SECOND + 2_000_000_000,
    "start": SECOND,
    "trace": TRACE,
    "scope": "pricing",
    "record": {"name": "fit", "kind": "SPAN_KIND_INTERNAL"},
    "attributes": {"rows": 3},
}
LOG: dict[str, Any] = {
    "type": "LOG",
    "time": SECOND + 1_234_567_891,
    "scope": "root",
    "record": {"severity_text": "INFO"},
    "value": 'grüße "7"',
}


def rows(*records: dict[str, Any], **attributes: Any) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = event_rows(records, attributes).to_pylist()
    return found


def test_the_columns_are_those_of_every_event_table() -> None:
    names = (
        "TIMESTAMP START_TIMESTAMP OBSERVED_TIMESTAMP TRACE RESOURCE RESOURCE_ATTRIBUTES SCOPE SCOPE_ATTRIBUTES "
        "RECORD_TYPE RECORD RECORD_ATTRIBUTES VALUE EXEMPLARS"
    )
    assert [column.name for column in EVENT_COLUMNS] == names.split()
    assert event_rows([SPAN, LOG], {}).column_names == names.split()


def test_no_records_are_no_rows_of_the_same_columns() -> None:
    assert event_rows([], {"db.user": "A"}).num_rows == 0
    assert event_rows([], {}).column_names == event_rows([SPAN], {}).column_names


def test_a_spans_timestamp_is_its_end() -> None:
    (row,) = rows(SPAN)
    assert row["RECORD_TYPE"] == "SPAN"
    assert row["TIMESTAMP"] == datetime(2026, 1, 1, 0, 0, 2)
    assert row["START_TIMESTAMP"] == datetime(2026, 1, 1)
    assert row["OBSERVED_TIMESTAMP"] is None
    assert row["VALUE"] is None


def test_objects_are_json_text() -> None:
    (row,) = rows(SPAN)
    assert json.loads(row["TRACE"]) == TRACE
    assert json.loads(row["SCOPE"]) == {"name": "pricing"}
    assert json.loads(row["RECORD"]) == SPAN["record"]
    assert json.loads(row["RECORD_ATTRIBUTES"]) == {"rows": 3}


def test_a_log_has_its_message_as_value_and_its_time_as_observed_time() -> None:
    (row,) = rows(LOG)
    assert json.loads(row["VALUE"]) == 'grüße "7"'
    assert "grüße" in row["VALUE"]
    assert row["TIMESTAMP"] == row["OBSERVED_TIMESTAMP"] == datetime(2026, 1, 1, 0, 0, 1, 234567)
    assert row["START_TIMESTAMP"] is row["TRACE"] is row["RECORD_ATTRIBUTES"] is None


def test_resource_attributes_are_those_of_the_source_without_the_unknown_ones() -> None:
    first, second = rows(SPAN, LOG, **{"db.user": "A", "snow.warehouse.name": None, "snow.query.id": "q"})
    assert json.loads(first["RESOURCE_ATTRIBUTES"]) == {"db.user": "A", "snow.query.id": "q"}
    assert second["RESOURCE_ATTRIBUTES"] == first["RESOURCE_ATTRIBUTES"]


def test_a_value_that_json_has_not_becomes_text() -> None:
    (row,) = rows({**SPAN, "attributes": {"when": datetime(2026, 1, 1)}, "scope": None})
    assert json.loads(row["RECORD_ATTRIBUTES"]) == {"when": "2026-01-01 00:00:00"}
    assert row["SCOPE"] is None
