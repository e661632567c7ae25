"""Login, renewal, joining by tokens, end: through the genuine connector."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import pyarrow as pa
import pytest
import snowflake.connector
from snowflake.connector.errors import DatabaseError, ProgrammingError
from test_server_fakes import FakeExecutor, Rig, serving

from snowmelt.base.datatypes import TIMESTAMP_LTZ


@pytest.fixture
def rig() -> Iterator[Rig]:
    with serving() as running:
        yield running


def join(rig: Rig, executor: FakeExecutor) -> snowflake.connector.SnowflakeConnection:
    """Connect as a procedure's worker does, by tokens."""
    tokens = rig.host.tokens.issue(executor)
    return snowflake.connector.connect(
        account="any",
        host=rig.address,
        port=rig.port,
        protocol="http",
        session_token=tokens.session_token,
        master_token=tokens.master_token,
        database=executor.database,
        schema=executor.schema,
    )


def test_login_carries_names_and_parameters(rig: Rig) -> None:
    with rig.connect(
        role="R", database="d", schema="s", warehouse="w", session_parameters={"query_tag": "x"}, timezone="UTC"
    ) as connection:
        assert connection.session_id == 1001
        assert (connection.database, connection.schema) == ("DB", "PUBLIC")
        assert (connection.role, connection.warehouse) == ("SYSADMIN", "WH")
        assert not connection.telemetry_enabled
    login = rig.host.logins[0]
    assert {key: login[key] for key in ("user", "role", "database", "schema", "warehouse")} == {
        "user": "ann",
        "role": "R",
        "database": "d",
        "schema": "s",
        "warehouse": "w",
    }
    assert login["parameters"]["QUERY_TAG"] == "x"
    assert login["parameters"]["TIMEZONE"] == "UTC"
    assert rig.host.sessions[0].closed


def test_wrong_password(rig: Rig) -> None:
    with pytest.raises(DatabaseError, match="Incorrect username or password was specified") as caught:
        rig.connect(password="wrong")
    assert (caught.value.errno, caught.value.sqlstate) == (390100, "28000")


def test_other_authenticators_are_refused(rig: Rig) -> None:
    with pytest.raises(DatabaseError, match="Unsupported feature 'authenticator OAUTH'"):
        rig.connect(authenticator="oauth", token="t")


def test_session_token_is_renewed(rig: Rig) -> None:
    with rig.connect() as connection:
        before = connection.rest.token
        rig.time.move(timedelta(hours=2))
        assert connection.cursor().execute("select 1").fetchall() == [(1,)]
        assert connection.rest.token != before


def test_session_ends_when_it_is_idle_too_long(rig: Rig) -> None:
    connection = rig.connect()
    rig.time.move(timedelta(hours=5))
    with pytest.raises(ProgrammingError) as caught:
        connection.cursor().execute("select 1")
    assert caught.value.errno == 390114
    assert rig.host.tokens.reap() == [rig.host.sessions[0]]


def test_worker_joins_by_tokens_and_leaves_the_session_open(rig: Rig) -> None:
    with rig.connect() as caller:
        parent = rig.host.sessions[0]
        child = FakeExecutor(rig.host, parent.id, parent.user)
        worker = join(rig, child)
        rig.host.answer("zoned", [("C", TIMESTAMP_LTZ)], [pa.array([0], pa.timestamp("us", tz="UTC"))])
        frame = worker.cursor().execute("zoned").fetch_pandas_all()
        assert frame["C"][0].timestamp() == 0
        assert (worker.database, worker.schema, worker.role) == ("DB", "PUBLIC", "SYSADMIN")
        rig.time.move(timedelta(hours=2))
        assert worker.cursor().execute("select 1").fetchall() == [(1,)]
        worker.close()
        assert child.closed and not parent.closed
        assert caller.cursor().execute("select 1").fetchall() == [(1,)]
    assert parent.closed


def test_worker_with_foreign_tokens_is_refused(rig: Rig) -> None:
    child = FakeExecutor(rig.host, 7, "ann")
    tokens = rig.host.tokens.issue(child)
    rig.host.tokens.revoke(child)
    with pytest.raises(ProgrammingError, match="Session and master tokens invalid"):
        snowflake.connector.connect(
            account="any",
            host=rig.address,
            port=rig.port,
            protocol="http",
            session_token=tokens.session_token,
            master_token=tokens.master_token,
        )
