"""The event table: spans, their events, logs, and one trace through nested calls."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from harness import Sql, poll
from test_procedures import define

pytestmark = pytest.mark.ml

EVENTS = "https://docs.snowflake.com/en/developer-guide/logging-tracing/event-table-columns"
TRACING = "https://docs.snowflake.com/en/developer-guide/logging-tracing/tracing-python"
LOGGING = "https://docs.snowflake.com/en/developer-guide/logging-tracing/logging-python"


@pytest.fixture
def events(sql: Sql, database: str) -> Iterator[Sql]:
    """The account's event table is EVENTS, for the length of a test."""
    sql("CREATE EVENT TABLE events")
    sql(f"ALTER ACCOUNT SET EVENT_TABLE = {database}.PUBLIC.EVENTS")
    yield sql
    sql("ALTER ACCOUNT UNSET EVENT_TABLE")


def records(sql: Sql, kind: str, count: int = 1) -> list[dict[str, Any]]:
    """The records of a type, the oldest first, once there are `count` of them; JSON columns are read."""
    text = f"SELECT * FROM events WHERE RECORD_TYPE = '{kind}' ORDER BY TIMESTAMP"
    rows = poll(lambda: len(found := sql.dicts(text)) >= count and found, f"{count} records of type {kind}", 20)
    jsons = ("TRACE", "RESOURCE_ATTRIBUTES", "SCOPE", "RECORD", "RECORD_ATTRIBUTES", "VALUE")
    return [{key: json.loads(value) if key in jsons and value else value for key, value in row.items()} for row in rows]


SPANS = """from opentelemetry import trace
def run(session):
    tracer = trace.get_tracer("pipeline")
    with tracer.start_as_current_span("outer") as outer:
        outer.set_attribute("rows", 3)
        with tracer.start_as_current_span("inner") as inner:
            inner.add_event("checked", {"ok": True})
    return "done\""""


@pytest.mark.parity("Event table", "spans of OpenTelemetry with parents, attributes, start and end", TRACING)
def test_spans(events: Sql, database: str) -> None:
    define(events, "traced()", SPANS)
    events("CALL traced()")
    spans = {row["RECORD"]["name"]: row for row in records(events, "SPAN", 3)}
    inner, outer = spans["inner"], spans["outer"]
    assert inner["RECORD"]["parent_span_id"] == outer["TRACE"]["span_id"]
    assert outer["RECORD_ATTRIBUTES"]["rows"] == 3
    assert outer["SCOPE"] == {"name": "pipeline"}
    assert outer["START_TIMESTAMP"] <= inner["START_TIMESTAMP"] <= inner["TIMESTAMP"] <= outer["TIMESTAMP"]
    assert {row["TRACE"]["trace_id"] for row in spans.values()} == {inner["TRACE"]["trace_id"]}
    attributes = outer["RESOURCE_ATTRIBUTES"]
    assert attributes["snow.database.name"] == database
    assert attributes["snow.executable.name"].startswith("TRACED(")
    assert attributes["snow.query.id"] and attributes["db.user"]


@pytest.mark.parity("Event table", "span events bear the span's ids, name and attributes", EVENTS)
def test_span_events(events: Sql) -> None:
    define(events, "traced()", SPANS)
    events("CALL traced()")
    spans = {row["RECORD"]["name"]: row for row in records(events, "SPAN", 3)}
    (event,) = records(events, "SPAN_EVENT")
    assert (event["RECORD"]["name"], event["RECORD_ATTRIBUTES"]) == ("checked", {"ok": True})
    assert event["TRACE"] == spans["inner"]["TRACE"]


@pytest.mark.parity("snowflake.telemetry", "set_span_attribute and add_event reach the procedure's own span", TRACING)
def test_snowflake_telemetry(events: Sql) -> None:
    define(
        events,
        "told()",
        """from snowflake import telemetry
def run(session):
    telemetry.set_span_attribute("model", "xgb")
    telemetry.add_event("trained", {"mape": 0.02})
    return "ok\"""",
    )
    events("CALL told()")
    (span,) = records(events, "SPAN")
    assert span["RECORD_ATTRIBUTES"]["model"] == "xgb"
    (event,) = records(events, "SPAN_EVENT")
    assert (event["RECORD"]["name"], event["RECORD_ATTRIBUTES"]) == ("trained", {"mape": 0.02})


@pytest.mark.parity("Event table", "logs of Python's logging, by level", LOGGING)
def test_logs(events: Sql) -> None:
    define(
        events,
        "logs()",
        """import logging
def run(session):
    log = logging.getLogger("pipeline")
    log.debug("hidden")
    log.warning("%d rows are odd", 3)
    return "ok\"""",
    )
    events("CALL logs()")
    (record,) = [row for row in records(events, "LOG") if row["SCOPE"] == {"name": "pipeline"}]
    assert (record["VALUE"], record["RECORD"]["severity_text"]) == ("3 rows are odd", "WARN")


@pytest.mark.parity("Event table", "a call and what it calls share one trace", TRACING)
def test_nested_calls_share_a_trace(events: Sql) -> None:
    define(events, "inner_one()", "def run(session):\n    return 'in'")
    define(events, "outer_one()", "def run(session):\n    return session.call('inner_one')")
    events("CALL outer_one()")
    events("CALL inner_one()")
    spans = records(events, "SPAN", 3)
    by_trace: dict[str, set[str]] = {}
    for row in spans:
        by_trace.setdefault(row["TRACE"]["trace_id"], set()).add(
            row["RESOURCE_ATTRIBUTES"]["snow.executable.name"].split("(")[0]
        )
    assert sorted(map(sorted, by_trace.values())) == [["INNER_ONE"], ["INNER_ONE", "OUTER_ONE"]]


@pytest.mark.parity("Event table", "an exception is recorded on its span", TRACING)
def test_exception(events: Sql) -> None:
    define(
        events,
        "fail()",
        """from opentelemetry import trace
def run(session):
    with trace.get_tracer("t").start_as_current_span("work"):
        raise ValueError("no such luck")""",
    )
    events.fails("CALL fail()", 100357)
    spans = {row["RECORD"]["name"]: row for row in records(events, "SPAN", 2)}
    assert spans["work"]["RECORD"]["status"]["code"] == "STATUS_CODE_ERROR"
    told = [row for row in records(events, "SPAN_EVENT") if row["RECORD"]["name"] == "exception"]
    assert told[0]["RECORD_ATTRIBUTES"]["exception.type"] == "ValueError"
    assert told[0]["RECORD_ATTRIBUTES"]["exception.message"] == "no such luck"


@pytest.mark.parity(
    "ALTER ACCOUNT SET EVENT_TABLE",
    "nothing is written while it is unset",
    "https://docs.snowflake.com/en/developer-guide/logging-tracing/event-table-setting-up",
)
def test_unset_event_table(events: Sql) -> None:
    define(events, "traced()", SPANS)
    events("ALTER ACCOUNT UNSET EVENT_TABLE")
    events("CALL traced()")
    assert events.one("SELECT COUNT(*) FROM events") == 0
    events.fails("ALTER ACCOUNT SET EVENT_TABLE = missing", 2003)
    events("CREATE TABLE plain (n NUMBER)")
    events.fails("ALTER ACCOUNT SET EVENT_TABLE = plain", 2003)


@pytest.mark.parity(
    "CREATE EVENT TABLE",
    "the thirteen columns; SHOW EVENT TABLES",
    "https://docs.snowflake.com/en/sql-reference/sql/create-event-table",
)
def test_event_table(events: Sql) -> None:
    assert events.column("DESCRIBE TABLE events", "name") == [
        *("TIMESTAMP", "START_TIMESTAMP", "OBSERVED_TIMESTAMP", "TRACE", "RESOURCE", "RESOURCE_ATTRIBUTES", "SCOPE"),
        *("SCOPE_ATTRIBUTES", "RECORD_TYPE", "RECORD", "RECORD_ATTRIBUTES", "VALUE", "EXEMPLARS"),
    ]
    assert events.column("SHOW EVENT TABLES", "name") == ["EVENTS"]
    assert events.column("SHOW TABLES", "name") == []


@pytest.mark.parity(
    "ALTER DATABASE SET EVENT_TABLE",
    "what runs in a database tells the database's own event table, whatever the account's is",
    "https://docs.snowflake.com/en/sql-reference/sql/alter-database",
)
def test_event_table_of_a_database(events: Sql, database: str) -> None:
    define(events, "traced()", SPANS)
    other = f"{database}_OTHER"
    events(f"CREATE DATABASE {other}")
    try:
        events("CREATE SCHEMA telemetry")
        events("CREATE EVENT TABLE own")
        events("CREATE SCHEMA work")
        define(events, "traced()", SPANS)
        events.fails(f"ALTER DATABASE {other} SET EVENT_TABLE = {other}.TELEMETRY.MISSING", 2003)
        events(f"ALTER DATABASE {other} SET EVENT_TABLE = {other}.TELEMETRY.OWN")
        shown = f"SHOW PARAMETERS LIKE 'EVENT_TABLE' IN DATABASE {other}"
        assert events.column(shown, "value") == [f"{other}.TELEMETRY.OWN"]
        assert events.column(shown, "level") == ["DATABASE"]
        events("CALL traced()")
        count = f"SELECT COUNT(*) FROM {other}.telemetry.own"
        poll(lambda: events.one(count) == 4, "the records of the call")
        assert events.one(f"SELECT COUNT(*) FROM {database}.PUBLIC.EVENTS") == 0
        events(f"ALTER SCHEMA {other}.telemetry RENAME TO {other}.kept")
        assert events.column(shown, "value") == [f"{other}.KEPT.OWN"]
        events(f"ALTER DATABASE {other} UNSET EVENT_TABLE")
        assert events.column(shown, "level") == ["ACCOUNT"]
        events("CALL traced()")
        events(f"USE SCHEMA {database}.PUBLIC")
        assert len(records(events, "SPAN", 3)) == 3
        assert events.one(f"SELECT COUNT(*) FROM {other}.kept.own") == 4
    finally:
        events(f"DROP DATABASE {other}")
        events(f"USE SCHEMA {database}.PUBLIC")
