"""Something of everything in a database, hostile names included, and failures of each kind."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import yaml
from snowflake.connector.cursor import SnowflakeCursor

HOSTILE = "<script>alert('x')</script>\"&/?#"
"""A name that does harm where it is not escaped."""

MARK = "<x-mark onclick=alert(1)>"
"""Markup that no template has, for all other places where text of users is shown."""

QUOTED = '"' + HOSTILE.replace('"', '""') + '"'

MANIFEST = {
    "manifest_version": "1.0",
    "runtimes": {"python_runtime": {"language": "PYTHON", "version": "3.11", "imports": [], "dependencies": {}}},
    "methods": [
        {
            "name": "PREDICT",
            "runtime": "python_runtime",
            "type": "FUNCTION",
            "handler": "functions.predict.infer",
            "inputs": [{"name": "AGE", "type": "BIGINT"}],
            "outputs": [{"type": "OBJECT"}],
        }
    ],
}

FAILING = """
import logging
from opentelemetry import trace
log = logging.getLogger("checks")
def run(session):
    with trace.get_tracer("checks").start_as_current_span("check_batch") as span:
        span.set_attribute("batch", "seven {MARK}")
        log.warning("the batch is empty {MARK}")
        with trace.get_tracer("checks").start_as_current_span("share_of_bad_rows"):
            return str(3 / 0)  # {MARK}
"""

SERVE = """
def run(session, version):
    session.sql(f'ALTER MODEL RECORDED SET DEFAULT_VERSION = "{version}"').collect()
    session.sql("INSERT INTO DECISIONS SELECT ?, CURRENT_TIMESTAMP(), CURRENT_USER()", params=[version]).collect()
    return "now serves " + version
"""


def poll(look: Callable[[], Any], what: str, seconds: float = 60) -> Any:
    """What `look` finds, as soon as it finds something true; fails after `seconds`."""
    pause = threading.Event()
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if found := look():
            return found
        pause.wait(0.05)
    raise AssertionError(f"no {what} within {seconds} s")


class Sql:
    """SQL through the genuine connector."""

    def __init__(self, cursor: SnowflakeCursor) -> None:
        self._cursor = cursor

    def __call__(self, text: str) -> list[Any]:
        return self._cursor.execute(text).fetchall()  # type: ignore[union-attr, return-value]

    def one(self, text: str) -> Any:
        ((value,),) = self(text)
        return value


def furnish(sql: Sql, directory: Path) -> None:
    """Make something of everything."""
    sql("CREATE DATABASE SHOP")
    sql("CREATE TABLE LANDING (ID NUMBER, PRICE NUMBER(10,2), NOTE VARCHAR, AT TIMESTAMP_TZ, BLOB BINARY, DOC VARIANT)")
    sql("CREATE STREAM ARRIVALS ON TABLE LANDING")
    sql(
        "INSERT INTO LANDING SELECT 1, 2.50, 'first', '2026-01-02 03:04:05 +0200'::TIMESTAMP_TZ, "
        "TO_BINARY('AB', 'HEX'), PARSE_JSON('{\"a\": [1, 2]}')"
    )
    sql("INSERT INTO LANDING SELECT 2, NULL, NULL, NULL, NULL, NULL")
    sql("CREATE TABLE GONE (ID NUMBER)")
    sql("CREATE STREAM LEFT_BEHIND ON TABLE GONE")
    sql("CREATE VIEW OF_GONE AS SELECT ID FROM GONE")
    sql("DROP TABLE GONE")
    sql(f"CREATE TABLE {QUOTED} ({QUOTED} VARCHAR COMMENT 'column {MARK}') COMMENT = 'table {MARK}'")
    sql(f"INSERT INTO {QUOTED} VALUES ('value {MARK}')")
    sql(f"CREATE STREAM {QUOTED.replace('script', 'stream')} ON TABLE {QUOTED}")
    sql("CREATE EVENT TABLE EVENTS")
    sql("ALTER ACCOUNT SET EVENT_TABLE = SHOP.PUBLIC.EVENTS")
    sql("CREATE TABLE DECISIONS (VERSION VARCHAR, DECIDED_AT TIMESTAMP_NTZ, DECIDED_BY VARCHAR)")
    _models(sql, directory)
    _procedures(sql)
    _tasks(sql)


def _models(sql: Sql, directory: Path) -> None:
    (directory / "MANIFEST.yml").write_text(yaml.safe_dump(MANIFEST))
    sql("CREATE STAGE FILES")
    sql(f"PUT 'file://{directory / 'MANIFEST.yml'}' @FILES/model AUTO_COMPRESS = FALSE")
    for model in ("PLAIN", "RECORDED"):
        sql(f"CREATE MODEL {model} WITH VERSION V1 FROM @FILES/model")
        sql(f'ALTER MODEL {model} ADD VERSION "v 2\'s" FROM @FILES/model')
        for version, error in (("V1", 0.25), ("v 2's", 0.125)):
            metadata = f'{{"metrics": {{"error": {error}, "rows": 1200, "notes": "fine {MARK}"}}}}'
            sql(f'ALTER MODEL {model} MODIFY VERSION "{version}" SET METADATA = $${metadata}$$')


def _procedures(sql: Sql) -> None:
    head = "LANGUAGE PYTHON RUNTIME_VERSION = '3.11' HANDLER = 'run'"
    packages = "PACKAGES = ('snowflake-snowpark-python', 'opentelemetry-api')"
    sql(f"CREATE PROCEDURE CHECK_BATCH() RETURNS VARCHAR {head} {packages} AS $${FAILING.replace('{MARK}', MARK)}$$")
    said = '{"sets_default_version_of": "recorded", "records_in": "DECISIONS"}'
    sql(f"CREATE PROCEDURE SERVE(version VARCHAR) RETURNS VARCHAR {head} {packages} COMMENT = '{said}' AS $${SERVE}$$")


def _tasks(sql: Sql) -> None:
    sql("CREATE TASK CHECK_TASK SCHEDULE = '600 MINUTES' AS CALL CHECK_BATCH()")
    sql("CREATE TASK AFTER_CHECK AFTER CHECK_TASK AS SELECT 1")
    sql("CREATE TASK AT_LAST FINALIZE = CHECK_TASK AS SELECT 2")
    sql("CREATE TASK GOOD_TASK SCHEDULE = '600 MINUTES' AS SELECT 3")
    for name in ("AFTER_CHECK", "AT_LAST"):
        sql(f"ALTER TASK {name} RESUME")
    for name in ("CHECK_TASK", "GOOD_TASK"):
        sql(f"EXECUTE TASK {name}")
    ended = "SELECT COUNT(*) FROM TABLE(INFORMATION_SCHEMA.TASK_HISTORY()) WHERE NAME IN ('AT_LAST', 'GOOD_TASK')"
    poll(lambda: sql.one(f"{ended} AND STATE = 'SUCCEEDED'") == 2, "end of the tasks")
    poll(lambda: sql.one("SELECT COUNT(*) FROM EVENTS WHERE RECORD_TYPE = 'SPAN'") >= 2, "spans")
