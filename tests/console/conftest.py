"""A server with something of everything, and browsers that have logged in there."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import snowflake.connector
from furnished import Sql, furnish
from visitor import Browser

from snowmelt.base.settings import Settings
from snowmelt.testing.server import RunningServer, running_server


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    """A server whose database SHOP has something of everything, hostile names included."""
    with running_server(Settings(port=0)) as running:
        with snowflake.connector.connect(**running.parameters) as connection:
            furnish(Sql(connection.cursor()), tmp_path_factory.mktemp("model"))
        yield running


@pytest.fixture
def sql(server: RunningServer) -> Iterator[Sql]:
    with snowflake.connector.connect(**server.parameters, database="SHOP", schema="PUBLIC") as connection:
        yield Sql(connection.cursor())


@pytest.fixture
def browser(server: RunningServer) -> Browser:
    """A browser that has logged in."""
    opened = Browser(server)
    assert opened.login().status == 200
    return opened
