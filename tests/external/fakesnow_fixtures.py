"""fakesnow's fixtures, on a Snowmelt server: connections of any name go there, to a database that is new in each test.

fakesnow makes the database and schema that a connection names; so does this.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from typing import Any

import pytest
import snowflake.connector
from snowflake.connector import SnowflakeConnection
from snowflake.connector.cursor import DictCursor, SnowflakeCursor
from sqlalchemy.engine import Engine, create_engine

_SERVER: dict[str, Any] = json.loads(os.environ["SNOWMELT_PARAMETERS"])
_connect = snowflake.connector.connect


def _quoted(name: str) -> str:
    return name if name.isidentifier() else '"' + name.replace('"', '""') + '"'


def _prepare(database: str | None, schema: str | None) -> None:
    if not database:
        return
    with _connect(**_server()) as connection:
        cursor = connection.cursor()
        cursor.execute(f"CREATE DATABASE IF NOT EXISTS {_quoted(database)}")
        if schema:
            cursor.execute(f"CREATE SCHEMA IF NOT EXISTS {_quoted(database)}.{_quoted(schema)}")


def _server() -> dict[str, Any]:
    return {**_SERVER, "session_parameters": dict(_SERVER.get("session_parameters", {}))}


def _forget() -> None:
    with _connect(**_server()) as connection:
        cursor = connection.cursor()
        for row in cursor.execute("SHOW DATABASES").fetchall():
            cursor.execute(f'DROP DATABASE "{row[1]}"')


class _Redirected(SnowflakeConnection):
    """A connection to the server, whatever account it names."""

    def __init__(self, **options: Any) -> None:
        session = {**_server()["session_parameters"], **(options.pop("session_parameters", None) or {})}
        _prepare(options.get("database"), options.get("schema"))
        super().__init__(**{**options, **_server(), "session_parameters": session})


@pytest.fixture
def _fakesnow(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    _forget()
    monkeypatch.setattr(snowflake.connector, "connect", _Redirected)
    yield


@pytest.fixture
def _fakesnow_no_auto_create(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    _forget()
    monkeypatch.setattr(snowflake.connector, "connect", lambda **options: _connect(**{**options, **_server()}))
    yield


@pytest.fixture
def conn(_fakesnow: None) -> Iterator[SnowflakeConnection]:
    with snowflake.connector.connect(database="db1", schema="schema1") as connection:
        yield connection


@pytest.fixture
def cur(conn: SnowflakeConnection) -> Iterator[SnowflakeCursor]:
    with conn.cursor() as cursor:
        yield cursor


@pytest.fixture
def dcur(conn: SnowflakeConnection) -> Iterator[SnowflakeCursor]:
    with conn.cursor(DictCursor) as cursor:
        yield cursor


@pytest.fixture
def snowflake_engine(_fakesnow: None) -> Engine:
    return create_engine("snowflake://user:password@account/db1/schema1")


@pytest.fixture
def server(_fakesnow: None) -> dict[str, Any]:
    return _server()


sconn, scur, sdcur = conn, cur, dcur
