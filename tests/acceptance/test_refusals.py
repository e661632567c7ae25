"""Whatever is not supported is refused by name, with Snowflake's number, and changes nothing."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import snowflake.connector
from harness import Sql
from refusals import REFUSALS, Refusal

from snowmelt.testing.server import RunningServer


@pytest.fixture(scope="module")
def objects(server: RunningServer) -> Iterator[Sql]:
    """What the statements name: refusals change nothing, so that all can share it."""
    with snowflake.connector.connect(**server.parameters) as connection:
        sql = Sql(connection)
        sql("CREATE DATABASE refusals")
        sql("CREATE TABLE t (n NUMBER, s VARCHAR)")
        sql("CREATE TABLE u (n NUMBER, s VARCHAR)")
        sql("CREATE VIEW v AS SELECT n FROM t")
        sql("CREATE STREAM s ON TABLE t")
        sql("CREATE STAGE files")
        sql("CREATE TASK a_task SCHEDULE = '60 MINUTE' AS SELECT 1")
        yield sql
        sql("DROP DATABASE refusals")


@pytest.mark.parametrize("refusal", REFUSALS, ids=lambda refusal: refusal.feature)
def test_refused_by_name(objects: Sql, refusal: Refusal) -> None:
    before = objects("SHOW OBJECTS")
    error = objects.fails(refusal.statement, refusal.errno)
    assert refusal.named.lower() in str(error).lower()
    assert objects("SHOW OBJECTS") == before


def test_the_session_goes_on(objects: Sql) -> None:
    assert objects.one("SELECT 1") == 1
