"""Fixtures for tests of pipelines; pytest finds them when Snowmelt is installed.

Nothing is imported before a test asks for a fixture, so that other test runs pay nothing.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from snowflake.connector import SnowflakeConnection
    from snowflake.snowpark import Session

    from snowmelt.testing.server import RunningServer

_numbers = itertools.count(1)


@pytest.fixture(scope="session")
def snowmelt() -> Iterator[RunningServer]:
    """A server for the whole test run, on a free port of the loopback address, with everything in memory.

    ``snowmelt.parameters`` are the arguments of `snowflake.connector.connect` and of Snowpark's
    ``Session.builder.configs``.
    """
    from snowmelt.testing.server import running_server

    with running_server() as server:
        yield server


@pytest.fixture
def snowmelt_database(snowmelt: RunningServer) -> Iterator[str]:
    """The name of an empty database, which goes after the test."""
    from snowflake.connector import connect

    name = f"TEST_{next(_numbers)}"
    with connect(**snowmelt.parameters) as connection:
        connection.cursor().execute(f"CREATE DATABASE {name}")
    yield name
    with connect(**snowmelt.parameters) as connection:
        connection.cursor().execute(f"DROP DATABASE IF EXISTS {name}")


@pytest.fixture
def snowmelt_connection(snowmelt: RunningServer, snowmelt_database: str) -> Iterator[SnowflakeConnection]:
    """A connection of the genuine connector, whose current schema is that of an empty database."""
    from snowflake.connector import connect

    with connect(**snowmelt.parameters, database=snowmelt_database, schema="PUBLIC") as connection:
        yield connection


@pytest.fixture
def snowmelt_session(snowmelt: RunningServer, snowmelt_database: str) -> Iterator[Session]:
    """A session of the genuine Snowpark, whose current schema is that of an empty database."""
    from snowflake.snowpark import Session

    configs = {**snowmelt.parameters, "database": snowmelt_database, "schema": "PUBLIC"}
    with Session.builder.configs(configs).create() as session:
        yield session
