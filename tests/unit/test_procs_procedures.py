"""Procedures, in real workers that join a session of a real server: results, failures, canceling, telemetry."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import pytest
from procs_fakes import DEADLINE, TRACE, Recorder, procedure

from snowmelt.base.settings import Settings
from snowmelt.procs.messages import ConnectionInfo, TraceContext
from snowmelt.procs.pool import HandlerCanceled, HandlerError, WorkerPool
from snowmelt.runtime import Runtime
from snowmelt.server.serve import Server

pytest.importorskip("snowflake.snowpark")


@dataclass(frozen=True)
class Desk:
    """A pool, what it records, and a session to join."""

    pool: WorkerPool
    recorder: Recorder
    connection: ConnectionInfo

    def call(self, source: str, *arguments: Any, cancel: threading.Event | None = None, **more: Any) -> Any:
        """What the handler returns."""
        call = procedure(source, self.connection, *arguments, **more)
        result = self.pool.call(call, cancel=cancel or threading.Event(), attributes={"db.user": "A"})
        return result.value


@pytest.fixture(scope="module")
def opened(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    settings = Settings(port=0)
    recorder = Recorder()
    with contextlib.ExitStack() as stack:
        runtime = Runtime.open(settings)
        stack.callback(runtime.close)
        server = Server(runtime, settings)
        host, port = server.start()
        stack.callback(server.stop)
        session = runtime.open_session("A")
        stack.callback(session.close)
        tokens = runtime.tokens.issue(session)
        connection = ConnectionInfo(
            host, port, tokens.session_token, tokens.master_token, None, None, session.role, None, "A", "SNOWMELT"
        )
        pool = WorkerPool(tmp_path_factory.mktemp("procedures"), limit=2, on_telemetry=recorder)
        stack.callback(pool.close)
        yield Desk(pool, recorder, connection)


@pytest.fixture
def desk(opened: Desk) -> Desk:
    """The module's desk with nothing recorded."""
    opened.recorder.clear()
    return opened


# --- results ---------------------------------------------------------------------------------------------------------


def test_a_procedure_joins_the_session_and_gets_its_arguments(desk: Desk) -> None:
    source = """
        def run(session, a, b):
            return session.sql("SELECT CURRENT_USER()").collect()[0][0], a + b
    """
    assert desk.call(source, 2, 3) == ("A", 5)


def test_a_procedure_loads_nothing_of_the_engine(desk: Desk) -> None:
    source = """
        import sys
        def run(session):
            rooms = {name.split(".")[1] for name in sys.modules if name.startswith("snowmelt.")}
            return sorted(rooms), "duckdb" in sys.modules
    """
    assert desk.call(source) == (["procs"], False)


def test_numpy_values_arrive_as_plain_ones(desk: Desk) -> None:
    found = desk.call("import numpy as np\ndef run(session):\n    return np.float64(0.5)")
    assert (type(found), found) == (float, 0.5)


def test_the_result_of_a_table_procedure_is_its_querys_id(desk: Desk) -> None:
    source = "def run(session):\n    return session.sql('SELECT 1 AS A')"
    assert len(desk.call(source, returns_table=True)) == 36
    with pytest.raises(HandlerError, match="must return a DataFrame, not 1"):
        desk.call("def run(session):\n    return 1", returns_table=True)


@pytest.mark.parametrize("value", ["Mine()", "lambda: 1", "(x for x in ())", "[Mine]"])
def test_a_value_that_the_server_could_not_load_is_refused(desk: Desk, value: str) -> None:
    source = f"class Mine:\n    pass\ndef run(session):\n    return {value}"
    with pytest.raises(HandlerError, match="no plain data"):
        desk.call(source)


# --- failures --------------------------------------------------------------------------------------------------------


def test_the_traceback_begins_at_the_handler_and_the_pool_stays_usable(desk: Desk) -> None:
    source = """
        def run(session):
            raise ValueError("no rates for 2031")
    """
    with pytest.raises(HandlerError, match="ValueError: no rates for 2031") as caught:
        desk.call(source)
    lines = caught.value.traceback_text.splitlines()
    assert lines[1:3] == ['  File "_udf_code.py", line 3, in run', '    raise ValueError("no rates for 2031")']
    assert desk.call("def run(session):\n    return 1") == 1


@pytest.mark.parametrize("death", ["os._exit(3)", "os.kill(os.getpid(), 9)"])
def test_a_process_that_dies_is_a_handler_error_and_the_pool_stays_usable(desk: Desk, death: str) -> None:
    with pytest.raises(HandlerError, match="ended unexpectedly"):
        desk.call(f"import os\ndef run(session):\n    {death}")
    assert desk.call("def run(session):\n    return 1") == 1


def test_leaving_the_interpreter_is_a_failure_of_the_handler(desk: Desk) -> None:
    with pytest.raises(HandlerError, match="SystemExit: 2"):
        desk.call("import sys\ndef run(session):\n    sys.exit(2)")


# --- canceling -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "body",
    ["while True: pass", "while True: logging.error('busy')", "threading.Event().wait()"],
    ids=["computing", "logging without pause", "waiting"],
)
def test_canceling_ends_a_procedure_within_a_second(desk: Desk, body: str) -> None:
    # More than a batch of messages, so that the first telemetry tells that the handler is running.
    source = f"""
        import logging, threading
        def run(session):
            for i in range(300):
                logging.error("started %s", i)
            {body}
    """
    cancel = threading.Event()
    with ThreadPoolExecutor(1) as threads:
        running = threads.submit(desk.call, source, cancel=cancel)
        assert desk.recorder.arrived.wait(DEADLINE)
        began = time.monotonic()
        cancel.set()
        assert isinstance(running.exception(DEADLINE), HandlerCanceled)
    assert time.monotonic() - began < 1


def test_a_call_that_waits_for_its_turn_can_be_canceled(tmp_path_factory: pytest.TempPathFactory, desk: Desk) -> None:
    pool = WorkerPool(tmp_path_factory.mktemp("full"), limit=1, on_telemetry=desk.recorder)
    canceled = threading.Event()
    canceled.set()
    pool._slots.acquire()
    with pytest.raises(HandlerCanceled):
        pool.call(procedure("", desk.connection), cancel=canceled, attributes={})
    pool.close()


# --- telemetry -------------------------------------------------------------------------------------------------------

SPANS = """
    import logging
    from opentelemetry import trace
    from snowflake import telemetry

    def run(session):
        telemetry.set_span_attribute("rows", 3)
        with trace.get_tracer("pricing").start_as_current_span("fit") as span:
            span.add_event("converged", {"rounds": 7})
            logging.getLogger("pricing").warning("slow")
        return 1
"""


def test_spans_events_and_logs_arrive_with_the_calls_attributes(desk: Desk) -> None:
    pytest.importorskip("snowflake.telemetry")
    desk.call(SPANS)
    spans = {record["record"]["name"]: record for record in desk.recorder.of_type("SPAN")}
    assert set(spans) == {"fit", "snow.auto_instrumented"}
    root, fit = spans["snow.auto_instrumented"], spans["fit"]
    assert root["trace"] == {"trace_id": TRACE.trace_id, "span_id": TRACE.span_id}
    assert root["attributes"] == {"rows": 3}
    assert "parent_span_id" not in root["record"]
    assert fit["trace"]["trace_id"] == TRACE.trace_id
    assert fit["record"]["parent_span_id"] == TRACE.span_id
    assert fit["scope"] == "pricing"
    assert root["start"] <= fit["start"] <= fit["time"] <= root["time"]
    (event,) = desk.recorder.of_type("SPAN_EVENT")
    assert (event["record"], event["attributes"], event["trace"]) == (
        {"name": "converged"},
        {"rounds": 7},
        fit["trace"],
    )
    (log,) = desk.recorder.of_type("LOG")
    assert (log["value"], log["scope"], log["trace"]) == ("slow", "pricing", fit["trace"])
    assert log["record"] == {"severity_text": "WARN", "severity_number": 13}
    assert desk.recorder.attributes == [{"db.user": "A"}]


def test_a_nested_call_has_its_callers_span_as_parent(desk: Desk) -> None:
    trace = TraceContext(TRACE.trace_id, "00f067aa0ba902b7", parent_span_id=TRACE.span_id)
    desk.call("def run(session):\n    return 1", trace=trace)
    (span,) = desk.recorder.of_type("SPAN")
    assert span["trace"]["span_id"] == "00f067aa0ba902b7"
    assert span["record"]["parent_span_id"] == TRACE.span_id


def test_levels_off_record_nothing_even_of_failures(desk: Desk) -> None:
    with pytest.raises(HandlerError):
        desk.call(
            "import logging\ndef run(session):\n    logging.error('x')\n    return 1 / 0",
            trace_level="OFF",
            log_level="OFF",
        )
    assert desk.recorder.records == []


def test_an_unhandled_exception_is_on_the_span_and_in_the_log(desk: Desk) -> None:
    with pytest.raises(HandlerError):
        desk.call("def run(session):\n    raise LookupError('no such customer')", trace_level="ON_EVENT")
    (span,) = desk.recorder.of_type("SPAN")
    assert span["record"]["status"] == {"code": "STATUS_CODE_ERROR", "message": "no such customer"}
    (event,) = desk.recorder.of_type("SPAN_EVENT")
    assert event["attributes"]["exception.type"] == "LookupError"
    (log,) = desk.recorder.of_type("LOG")
    assert log["record"]["severity_text"] == "FATAL"
    assert log["attributes"]["exception.message"] == "no such customer"
    assert "in run" in log["attributes"]["exception.stacktrace"]
