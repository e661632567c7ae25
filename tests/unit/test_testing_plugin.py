"""The fixtures that users' tests get, as pytest runs them."""

from __future__ import annotations

import tomllib
from importlib import import_module
from pathlib import Path

import pytest

pytest_plugins = ["pytester"]

ROOT = Path(__file__).parents[2]


@pytest.fixture
def users_tests(pytester: pytest.Pytester) -> pytest.Pytester:
    """A directory of tests; runs in it find the plugin whether or not it is installed."""
    pytester.plugins = ["snowmelt.testing.plugin"] if not _is_installed() else []
    return pytester


def _is_installed() -> bool:
    from importlib.metadata import entry_points

    return any(point.value == "snowmelt.testing.plugin" for point in entry_points(group="pytest11"))


def test_the_package_offers_the_plugin() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert hasattr(import_module(project["entry-points"]["pytest11"]["snowmelt"]), "snowmelt_connection")


def test_each_test_has_a_database_of_its_own(users_tests: pytest.Pytester) -> None:
    users_tests.makepyfile(
        """
        import snowflake.connector

        def test_connection(snowmelt_connection):
            cursor = snowmelt_connection.cursor()
            cursor.execute("CREATE TABLE T AS SELECT 1 AS N")
            assert cursor.execute("SELECT N FROM T").fetchall() == [(1,)]

        def test_session(snowmelt_session):
            assert snowmelt_session.sql("SHOW TABLES").collect() == []
            assert snowmelt_session.create_dataframe([[1], [2]], ["N"]).count() == 2

        def test_parameters(snowmelt, snowmelt_database):
            with snowflake.connector.connect(**snowmelt.parameters, database=snowmelt_database) as connection:
                assert connection.cursor().execute("SELECT CURRENT_DATABASE()").fetchone() == (snowmelt_database,)

        def test_databases_are_gone(snowmelt):
            with snowflake.connector.connect(**snowmelt.parameters) as connection:
                names = {row[1] for row in connection.cursor().execute("SHOW DATABASES")}
            assert not any(name.startswith("TEST_") for name in names)
        """
    )
    users_tests.runpytest_subprocess("-p", "no:cacheprovider").assert_outcomes(passed=4)


def test_runs_without_the_fixtures_do_not_load_the_engine(users_tests: pytest.Pytester) -> None:
    users_tests.makepyfile(
        """
        import sys

        def test_nothing():
            assert not {"duckdb", "sqlglot", "snowflake.connector"} & set(sys.modules)
        """
    )
    users_tests.runpytest_subprocess("-p", "no:cacheprovider").assert_outcomes(passed=1)
