"""A pytest plugin for Snowpark's suite: the parts of its set-up that are about Snowflake's test accounts fall away.

What the tests themselves do is not touched: only the grants, integrations and internal feature switches that the
suite's own fixtures give to its account before any test.
"""

from __future__ import annotations

import importlib
from typing import Any

import pytest
from snowflake.connector.cursor import SnowflakeCursor

_ACCOUNT_ONLY = ("GRANT ALL PRIVILEGES ON SCHEMA", "ALTER SCHEMA SET DEFAULT_PYTHON_ARTIFACT_REPOSITORY")


@pytest.hookimpl(trylast=True)
def pytest_collection_finish(session: pytest.Session) -> None:
    fixtures = importlib.import_module("tests.integ.conftest")
    fixtures.set_up_test_session_parameters = lambda *_: None  # type: ignore[attr-defined]
    builder = fixtures.Session.SessionBuilder
    plain = builder.config

    def config(self: Any, key: str, value: Any) -> Any:
        return self if key == "session_parameters" and "feature_interval_types" in value else plain(self, key, value)

    builder.config = config
    execute = SnowflakeCursor.execute

    def without_account(self: SnowflakeCursor, command: str, *arguments: Any, **options: Any) -> Any:
        if command.strip().startswith(_ACCOUNT_ONLY):
            return None
        return execute(self, command, *arguments, **options)

    SnowflakeCursor.execute = without_account  # type: ignore[method-assign, assignment]
