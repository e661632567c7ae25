"""OpenTelemetry inside a worker: spans, their events and logs become records for the event table.

Handlers use the genuine API (``opentelemetry.trace``, ``snowflake.telemetry``, ``logging``); this module is the SDK's
provider and exporter behind it. Records are plain dicts in the form that `snowmelt.telemetry.events` turns to rows.

Source: docs.snowflake.com/en/developer-guide/logging-tracing/tracing-how-events-work, .../event-table-columns
"""

from __future__ import annotations

import logging
import threading
import time
import traceback
from collections.abc import Callable, Sequence
from typing import Any

from opentelemetry import trace
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor, SpanExporter, SpanExportResult
from opentelemetry.sdk.trace.id_generator import RandomIdGenerator
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF, ALWAYS_ON
from opentelemetry.trace import NonRecordingSpan, SpanContext, Status, StatusCode, TraceFlags

from snowmelt.procs.messages import TraceContext

Record = dict[str, Any]
Emit = Callable[[list[Record]], None]

ROOT_SPAN = "snow.auto_instrumented"
"""The name that Snowflake gives to the span of a handler's whole run."""

_BATCH = 256
_SECONDS = 1.0

_SEVERITIES = {
    "TRACE": (1, 5),
    "DEBUG": (5, logging.DEBUG),
    "INFO": (9, logging.INFO),
    "WARN": (13, logging.WARNING),
    "ERROR": (17, logging.ERROR),
    "FATAL": (21, logging.CRITICAL),
}
"""Snowflake's level: OpenTelemetry's severity number, Python's level."""

_CHATTY = ("snowflake.connector", "snowflake.snowpark", "snowflake.ml", "urllib3", "botocore")
"""Libraries whose own progress messages are no part of the user's log; their warnings are."""


class Outbox:
    """Collects records and sends them in batches: soon enough to be watched, seldom enough to cost little."""

    def __init__(self, emit: Emit) -> None:
        self._emit = emit
        self._records: list[Record] = []
        self._sent = time.monotonic()
        self._closed = False
        # Handlers may have threads, and the channel behind `emit` takes one message at a time.
        self._lock = threading.RLock()

    def add(self, record: Record) -> None:
        """Take a record; sends when a batch is full or a second has passed since the last."""
        with self._lock:
            if self._closed:
                return
            self._records.append(record)
            if len(self._records) >= _BATCH or time.monotonic() - self._sent > _SECONDS:
                self.flush()

    def flush(self) -> None:
        """Send what has been collected."""
        with self._lock:
            if self._records:
                records, self._records = self._records, []
                self._emit(records)
            self._sent = time.monotonic()

    def close(self) -> None:
        """Send the rest; what threads add later, after the handler's return, is dropped."""
        with self._lock:
            self.flush()
            self._closed = True


class _Exporter(SpanExporter):
    def __init__(self, outbox: Outbox, only_with_events: bool) -> None:
        self._outbox = outbox
        self._only_with_events = only_with_events

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        for span in spans:
            if span.events or not self._only_with_events:
                for record in span_records(span):
                    self._outbox.add(record)
        return SpanExportResult.SUCCESS


class _GivenIds(RandomIdGenerator):
    """Uses the server's ids for the call's own span; the rest are random."""

    def __init__(self, context: TraceContext) -> None:
        self._trace_id = int(context.trace_id, 16)
        self._first: int | None = int(context.span_id, 16)

    def generate_trace_id(self) -> int:
        return self._trace_id

    def generate_span_id(self) -> int:
        first, self._first = self._first, None
        return first if first is not None else super().generate_span_id()


def span_records(span: ReadableSpan) -> list[Record]:
    """The records of a span that has ended: one of its own and one for each of its events."""
    context = span.context
    assert context is not None
    ids = {"trace_id": trace.format_trace_id(context.trace_id), "span_id": trace.format_span_id(context.span_id)}
    scope = span.instrumentation_scope.name if span.instrumentation_scope else None
    record: Record = {
        "kind": f"SPAN_KIND_{span.kind.name}",
        "name": span.name,
        "status": {"code": f"STATUS_CODE_{span.status.status_code.name}"},
    }
    if span.status.description:
        record["status"]["message"] = span.status.description
    if span.parent is not None:
        record["parent_span_id"] = trace.format_span_id(span.parent.span_id)
    if span.dropped_attributes:
        record["dropped_attributes_count"] = span.dropped_attributes
    own: Record = {
        "type": "SPAN",
        "time": span.end_time,
        "start": span.start_time,
        "trace": ids,
        "scope": scope,
        "record": record,
        "attributes": dict(span.attributes or {}),
    }
    events = [
        {
            "type": "SPAN_EVENT",
            "time": event.timestamp,
            "trace": ids,
            "scope": scope,
            "record": {"name": event.name},
            "attributes": dict(event.attributes or {}),
        }
        for event in span.events
    ]
    return [own, *events]


class _LogHandler(logging.Handler):
    def __init__(self, outbox: Outbox, level: int) -> None:
        super().__init__(level)
        self._outbox = outbox

    def emit(self, record: logging.LogRecord) -> None:
        try:
            self._outbox.add(log_record(record))
        except Exception:  # noqa: BLE001  logging's own contract: a message that can't be formatted is reported, not raised
            self.handleError(record)


def log_record(record: logging.LogRecord) -> Record:
    """The record of one logging call."""
    attributes: dict[str, Any] = {
        "code.filepath": record.pathname,
        "code.function": record.funcName,
        "code.lineno": record.lineno,
    }
    if record.exc_info and record.exc_info[1] is not None:
        attributes |= exception_attributes(record.exc_info[1])
    name = next((text for text, (_, level) in reversed(_SEVERITIES.items()) if record.levelno >= level), "TRACE")
    made: Record = {
        "type": "LOG",
        "time": int(record.created * 1e9),
        "scope": record.name,
        "record": {"severity_text": name, "severity_number": _SEVERITIES[name][0]},
        "attributes": attributes,
        "value": record.getMessage(),
    }
    context = trace.get_current_span().get_span_context()
    if context.is_valid:
        made["trace"] = {
            "trace_id": trace.format_trace_id(context.trace_id),
            "span_id": trace.format_span_id(context.span_id),
        }
    return made


def exception_attributes(error: BaseException) -> dict[str, Any]:
    """An exception by OpenTelemetry's semantic conventions."""
    return {
        "exception.type": type(error).__qualname__,
        "exception.message": str(error),
        "exception.stacktrace": "".join(traceback.format_exception(error)),
    }


class Instrumented:
    """The span of a handler's run, and the process's log, from entering to leaving.

    Args:
        trace_level: ``OFF``, ``ALWAYS`` or ``ON_EVENT``.
        log_level: a key of Snowflake's levels, or ``OFF``.
    """

    def __init__(self, emit: Emit, context: TraceContext, trace_level: str, log_level: str) -> None:
        self._outbox = Outbox(emit)
        # Records hold nothing of the SDK's resource, for which it would look through all installed packages.
        self._provider = TracerProvider(
            sampler=ALWAYS_OFF if trace_level == "OFF" else ALWAYS_ON,
            resource=Resource.get_empty(),
            id_generator=_GivenIds(context),
        )
        self._provider.add_span_processor(SimpleSpanProcessor(_Exporter(self._outbox, trace_level == "ON_EVENT")))
        self._context = context
        self._log_level = log_level
        self._span: Any = None

    def __enter__(self) -> Instrumented:
        trace.set_tracer_provider(self._provider)
        if self._log_level != "OFF":
            level = _SEVERITIES[self._log_level][1]
            root = logging.getLogger()
            root.setLevel(level)
            root.handlers[:] = [_LogHandler(self._outbox, level)]
            for name in _CHATTY:
                logging.getLogger(name).setLevel(max(level, logging.WARNING))
        parent = None
        if self._context.parent_span_id is not None:
            remote = SpanContext(
                int(self._context.trace_id, 16),
                int(self._context.parent_span_id, 16),
                is_remote=True,
                trace_flags=TraceFlags(TraceFlags.SAMPLED),
            )
            parent = trace.set_span_in_context(NonRecordingSpan(remote))
        tracer = self._provider.get_tracer("snowflake")
        self._span = tracer.start_as_current_span(
            ROOT_SPAN, parent, record_exception=False, set_status_on_exception=False
        )
        self._current = self._span.__enter__()
        return self

    def fail(self, error: BaseException) -> None:
        """Record an exception that the handler did not catch: on the span, and as a log message."""
        self._current.record_exception(error)
        self._current.set_status(Status(StatusCode.ERROR, str(error)))
        if self._log_level != "OFF":
            message = logging.LogRecord(
                "snow.unhandled", logging.CRITICAL, "", 0, "exception", (), (type(error), error, error.__traceback__)
            )
            self._outbox.add(log_record(message))

    def __exit__(self, *_: object) -> None:
        self._span.__exit__(None, None, None)
        self._outbox.close()
