"""One server for all acceptance tests, and for each test a connection to it with a database of its own."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import snowflake.connector
from harness import Sql
from snowflake.connector import SnowflakeConnection
from snowflake.connector.cursor import SnowflakeCursor

from snowmelt.testing.server import RunningServer, running_server

_numbers = itertools.count(1)


@pytest.fixture(scope="session")
def server() -> Iterator[RunningServer]:
    with running_server() as running:
        yield running


@pytest.fixture
def connect(server: RunningServer) -> Iterator[Callable[..., SnowflakeConnection]]:
    """Opens further connections, which are closed after the test, before the server stops."""
    opened: list[SnowflakeConnection] = []

    def open_connection(**parameters: Any) -> SnowflakeConnection:
        opened.append(snowflake.connector.connect(**{**server.parameters, **parameters}))
        return opened[-1]

    yield open_connection
    for connection in opened:
        connection.close()


@pytest.fixture
def database(connect: Callable[..., SnowflakeConnection]) -> Iterator[str]:
    """An empty database that exists for one test."""
    name = f"ACCEPTANCE_{next(_numbers)}"
    administrator = Sql(connect())
    administrator(f"CREATE DATABASE {name}")
    yield name
    administrator(f"DROP DATABASE IF EXISTS {name}")


@pytest.fixture
def connection(connect: Callable[..., SnowflakeConnection], database: str) -> SnowflakeConnection:
    """A connection whose current schema is that of an empty database."""
    return connect(database=database, schema="PUBLIC")


@pytest.fixture
def cursor(connection: SnowflakeConnection) -> SnowflakeCursor:
    return connection.cursor()


@pytest.fixture
def sql(connection: SnowflakeConnection) -> Sql:
    return Sql(connection)


@pytest.fixture
def other(connect: Callable[..., SnowflakeConnection], database: str) -> Sql:
    """A second client, in a session of its own."""
    return Sql(connect(database=database, schema="PUBLIC"))


@pytest.fixture
def session(connection: SnowflakeConnection) -> Iterator[Any]:
    """A Snowpark session over `connection`: what is temporary or in a transaction is seen by both."""
    snowpark = pytest.importorskip("snowflake.snowpark")
    with snowpark.Session.builder.configs({"connection": connection}).create() as opened:
        yield opened
