"""Telemetry records, without a worker around them."""

from __future__ import annotations

import logging
import sys
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from procs_fakes import TRACE

from snowmelt.procs import tracing
from snowmelt.procs.tracing import Instrumented, Outbox

Batches = list[list[dict[str, Any]]]


@pytest.fixture
def provider(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[], TracerProvider]]:
    """The provider that an instrumented block installs; it and the root logger's set-up end with the test."""
    installed: list[TracerProvider] = []
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    chatty = {name: logging.getLogger(name).level for name in tracing._CHATTY}
    monkeypatch.setattr(trace, "set_tracer_provider", installed.append)
    yield lambda: installed[-1]
    root.handlers[:], root.level = handlers, level
    for name, before in chatty.items():
        logging.getLogger(name).setLevel(before)


def flat(batches: Batches, kind: str) -> list[dict[str, Any]]:
    return [record for batch in batches for record in batch if record["type"] == kind]


# --- levels ----------------------------------------------------------------------------------------------------------


def test_on_event_keeps_only_spans_with_events(provider: Callable[[], TracerProvider]) -> None:
    batches: Batches = []
    with Instrumented(batches.append, TRACE, "ON_EVENT", "OFF"):
        tracer = provider().get_tracer("t")
        with tracer.start_as_current_span("silent"):
            pass
        with tracer.start_as_current_span("speaking") as span:
            span.add_event("said")
    assert [record["record"]["name"] for record in flat(batches, "SPAN")] == ["speaking"]


def test_off_keeps_no_spans(provider: Callable[[], TracerProvider]) -> None:
    batches: Batches = []
    with (
        Instrumented(batches.append, TRACE, "OFF", "INFO"),
        provider().get_tracer("t").start_as_current_span("s") as span,
    ):
        span.add_event("said")
        logging.getLogger("t").info("still logged")
    assert flat(batches, "SPAN") == []
    assert [record["value"] for record in flat(batches, "LOG")] == ["still logged"]


@pytest.mark.parametrize(
    ("level", "kept"),
    [
        ("OFF", []),
        ("TRACE", ["TRACE", "DEBUG", "INFO", "WARN", "ERROR", "FATAL"]),
        ("INFO", ["INFO", "WARN", "ERROR", "FATAL"]),
        ("ERROR", ["ERROR", "FATAL"]),
    ],
)
def test_the_log_level_is_the_least_that_is_kept(
    provider: Callable[[], TracerProvider], level: str, kept: list[str]
) -> None:
    batches: Batches = []
    with Instrumented(batches.append, TRACE, "OFF", level):
        for number in (5, logging.DEBUG, logging.INFO, logging.WARNING, logging.ERROR, logging.CRITICAL):
            logging.getLogger("t").log(number, "message")
    assert [record["record"]["severity_text"] for record in flat(batches, "LOG")] == kept


def test_libraries_progress_messages_are_no_part_of_the_log(provider: Callable[[], TracerProvider]) -> None:
    batches: Batches = []
    with Instrumented(batches.append, TRACE, "OFF", "DEBUG"):
        logging.getLogger("snowflake.connector.cursor").info("query: [...]")
        logging.getLogger("snowflake.connector.cursor").warning("retrying")
    assert [record["value"] for record in flat(batches, "LOG")] == ["retrying"]


# --- records ---------------------------------------------------------------------------------------------------------


def test_a_span_that_caught_an_exception_has_it_as_event(provider: Callable[[], TracerProvider]) -> None:
    batches: Batches = []
    with Instrumented(batches.append, TRACE, "ALWAYS", "OFF"):
        tracer = provider().get_tracer("t")
        with pytest.raises(KeyError), tracer.start_as_current_span("lookup"):
            raise KeyError("region")
    lookup, root = flat(batches, "SPAN")
    assert lookup["record"]["status"]["code"] == "STATUS_CODE_ERROR"
    assert root["record"]["status"] == {"code": "STATUS_CODE_UNSET"}
    (event,) = flat(batches, "SPAN_EVENT")
    assert event["record"] == {"name": "exception"}
    assert event["attributes"]["exception.type"] == "KeyError"
    assert event["trace"] == lookup["trace"]


def test_a_log_message_is_formatted_and_says_where_it_was_written() -> None:
    made = logging.getLogger("pricing").makeRecord(
        "pricing", logging.WARNING, "/app/rates.py", 12, "%s rows", ("7",), None, func="load"
    )
    record = tracing.log_record(made)
    assert record["value"] == "7 rows"
    assert record["time"] == int(made.created * 1e9)
    assert record["attributes"] == {"code.filepath": "/app/rates.py", "code.function": "load", "code.lineno": 12}
    assert "trace" not in record


def test_a_log_message_carries_its_exception() -> None:
    try:
        raise RuntimeError("rates are stale")
    except RuntimeError:
        made = logging.LogRecord("t", logging.ERROR, "f.py", 1, "failed", (), sys.exc_info())
    attributes = tracing.log_record(made)["attributes"]
    assert (attributes["exception.type"], attributes["exception.message"]) == ("RuntimeError", "rates are stale")
    assert attributes["exception.stacktrace"].startswith("Traceback (most recent call last):")


# --- batches ---------------------------------------------------------------------------------------------------------


def test_records_are_sent_in_full_batches_and_the_rest_at_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tracing.time, "monotonic", lambda: 100.0)
    batches: Batches = []
    outbox = Outbox(batches.append)
    for i in range(600):
        outbox.add({"i": i})
    assert [len(batch) for batch in batches] == [256, 256]
    outbox.close()
    assert [record["i"] for batch in batches for record in batch] == list(range(600))


def test_a_record_is_sent_once_a_second_has_passed(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [100.0]
    monkeypatch.setattr(tracing.time, "monotonic", lambda: now[0])
    batches: Batches = []
    outbox = Outbox(batches.append)
    outbox.add({"i": 0})
    assert batches == []
    now[0] += 1.5
    outbox.add({"i": 1})
    assert batches == [[{"i": 0}, {"i": 1}]]


def test_what_threads_add_after_the_end_is_dropped() -> None:
    batches: Batches = []
    outbox = Outbox(batches.append)
    outbox.close()
    outbox.add({})
    outbox.flush()
    assert batches == []


def test_only_one_thread_sends_at_a_time() -> None:
    sending = threading.Lock()
    overlaps: list[bool] = []

    def emit(records: list[dict[str, Any]]) -> None:
        overlaps.append(not sending.acquire(blocking=False))
        sending.release()

    outbox = Outbox(emit)

    def add() -> None:
        for _ in range(2_000):
            outbox.add({})

    threads = [threading.Thread(target=add) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    outbox.close()
    assert len(overlaps) >= 8_000 // 256
    assert not any(overlaps)
