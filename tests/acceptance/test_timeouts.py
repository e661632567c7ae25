"""STATEMENT_TIMEOUT_IN_SECONDS and the connector's own timeouts."""

from __future__ import annotations

import threading

import pytest
from harness import Sql, poll
from snowflake.connector.errors import ProgrammingError

from snowmelt.base.errors import SqlError
from snowmelt.session.deadlines import LONGEST, Deadlines
from snowmelt.testing.clock import ManualClock

TIMEOUT = "https://docs.snowflake.com/en/sql-reference/parameters#statement-timeout-in-seconds"
ROWS = "(SELECT SEQ4() AS n FROM TABLE(GENERATOR(ROWCOUNT => 1000000)))"
ENDLESS = f"SELECT COUNT(*) FROM {ROWS} a, {ROWS} b WHERE HASH(a.n + b.n) = 1"
SLEEPER = """CREATE PROCEDURE sleeper() RETURNS VARCHAR LANGUAGE PYTHON RUNTIME_VERSION = '3.11'
PACKAGES = ('snowflake-snowpark-python') HANDLER = 'run' AS $$
import time
def run(session):
    time.sleep(60)
$$"""


@pytest.mark.parity("STATEMENT_TIMEOUT_IN_SECONDS", "cancels a statement; the session goes on", TIMEOUT)
def test_a_statement_that_takes_too_long(sql: Sql) -> None:
    sql("ALTER SESSION SET STATEMENT_TIMEOUT_IN_SECONDS = 1")
    error = sql.fails(ENDLESS, 630)
    assert error.sqlstate == "57014"
    assert "Statement reached its statement or warehouse timeout of 1 second(s) and was canceled." in str(error)
    assert sql("SELECT 1") == [(1,)]
    history = "SELECT error_code FROM TABLE(INFORMATION_SCHEMA.QUERY_HISTORY_BY_SESSION()) WHERE error_code IS NOT NULL"
    assert sql.one(history) == "000630"


@pytest.mark.parity("STATEMENT_TIMEOUT_IN_SECONDS", "ends a procedure, too", TIMEOUT)
def test_a_procedure_that_takes_too_long(sql: Sql) -> None:
    sql(SLEEPER)
    sql("ALTER SESSION SET STATEMENT_TIMEOUT_IN_SECONDS = 1")
    sql.fails("CALL sleeper()", 630)
    assert sql("SELECT 1") == [(1,)]


FUNCTIONS = (
    ("CREATE FUNCTION sleeper(n NUMBER) RETURNS NUMBER", "def run(n): time.sleep(60)", "SELECT sleeper(1)"),
    (
        "CREATE FUNCTION sleeper() RETURNS TABLE (n NUMBER)",
        "class run:\n    def process(self): time.sleep(60)",
        "SELECT * FROM TABLE(sleeper())",
    ),
)
"""Functions that do not end: their heads and bodies, and calls."""


@pytest.mark.parity("STATEMENT_TIMEOUT_IN_SECONDS", "ends functions in Python, and who waits for one", TIMEOUT)
@pytest.mark.parametrize(("head", "body", "call"), FUNCTIONS)
def test_a_function_that_takes_too_long(sql: Sql, other: Sql, head: str, body: str, call: str) -> None:
    sql(f"{head} LANGUAGE PYTHON RUNTIME_VERSION = '3.11' HANDLER = 'run' AS $$\nimport time\n{body}\n$$")
    sql("ALTER SESSION SET STATEMENT_TIMEOUT_IN_SECONDS = 1")
    other("ALTER SESSION SET STATEMENT_TIMEOUT_IN_SECONDS = 2")
    failed = []
    waiting = threading.Thread(target=lambda: failed.append(other.fails(call, 630)))
    waiting.start()
    sql.fails(call, 630)
    assert sql("SELECT 1") == [(1,)]
    waiting.join(20)
    assert len(failed) == 1
    assert other("SELECT 1") == [(1,)]


@pytest.mark.parity(
    "Cancel",
    "the connector's timeout aborts the statement on the server",
    "https://docs.snowflake.com/en/developer-guide/python-connector/python-connector-api#cursor",
)
def test_timeout_of_the_connector(sql: Sql) -> None:
    with pytest.raises(ProgrammingError) as caught:
        sql.cursor.execute(ENDLESS, timeout=1)
    assert caught.value.errno == 604
    assert sql("SELECT 1") == [(1,)]


def test_deadlines_on_a_clock() -> None:
    clock = ManualClock()
    deadlines = Deadlines(clock)
    stopped = {name: threading.Event() for name in ("short", "long", "ended")}
    long = deadlines.begin(0, stopped["long"].set)
    ended = deadlines.begin(5, stopped["ended"].set)
    short = deadlines.begin(10, stopped["short"].set)
    deadlines.end(ended)
    # The thread may have been about to wait, by what the clock showed before.
    poll(lambda: clock.advance(11) or stopped["short"].is_set(), "timeout")
    assert short.passed
    assert not stopped["ended"].is_set()
    assert not long.passed
    poll(lambda: clock.advance(LONGEST) or stopped["long"].is_set(), "timeout")
    error = long.error()
    assert isinstance(error, SqlError)
    assert (error.code, error.sqlstate) == (630, "57014")
    deadlines.close()
