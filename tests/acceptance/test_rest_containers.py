"""snowflake.core's databases and schemas, over the REST API."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from harness import Sql
from snowflake.core import CreateMode, Root
from snowflake.core.database import Database
from snowflake.core.exceptions import APIError, ConflictError, NotFoundError, ServerError
from snowflake.core.schema import Schema

DATABASES = "https://docs.snowflake.com/en/developer-guide/snowflake-python-api/snowflake-python-managing-databases"


@pytest.fixture
def root(sql: Sql, other: Sql, database: str) -> Iterator[Root]:
    """The account as snowflake.core sees it; a database REST_<name of the test's> is dropped."""
    yield Root(sql.connection)
    other(f"DROP DATABASE IF EXISTS rest_{database}")


@pytest.mark.parity("snowflake.core Database", "create, list, fetch, drop and undrop", DATABASES)
def test_databases(root: Root, sql: Sql, database: str) -> None:
    name = f"REST_{database}"
    given = Database(name, comment="it's one", kind="TRANSIENT", data_retention_time_in_days=1)
    root.databases.create(given)
    # the session goes on where it was
    assert sql("SELECT CURRENT_DATABASE(), CURRENT_SCHEMA()") == [(database, "PUBLIC")]
    found = root.databases[name].fetch()
    assert (found.name, found.comment, found.kind, found.is_current) == (name, "it's one", "TRANSIENT", False)
    assert found.data_retention_time_in_days == 1
    with pytest.raises(ConflictError):
        root.databases.create(Database(name))
    root.databases.create(Database(name), mode=CreateMode.if_not_exists)
    assert root.databases[name].fetch().comment == "it's one"
    root.databases.create(Database(name, comment="two"), mode=CreateMode.or_replace)
    assert [each.comment for each in root.databases.iter(like=f"rest_{database}%")] == ["two"]
    assert {name, database} <= {each.name for each in root.databases.iter()}
    root.databases[name].drop()
    with pytest.raises(NotFoundError):
        root.databases[name].fetch()
    with pytest.raises(NotFoundError):
        root.databases[name].drop()
    root.databases[name].drop(if_exists=True)
    root.databases[name].undrop()
    assert root.databases[name].fetch().comment == "two"


@pytest.mark.parity("snowflake.core Schema", "create, list, fetch, drop and undrop", DATABASES)
def test_schemas(root: Root, sql: Sql, database: str) -> None:
    schemas = root.databases[database].schemas
    schemas.create(Schema("s", comment="c"))
    schemas.create(Schema('"small one"', kind="TRANSIENT"))
    found = schemas["S"].fetch()
    assert (found.name, found.database_name, found.comment, found.kind) == ("S", database, "c", "PERMANENT")
    assert schemas['"small one"'].fetch().kind == "TRANSIENT"
    assert {each.name for each in schemas.iter()} == {"INFORMATION_SCHEMA", "PUBLIC", "S", '"small one"'}
    assert sql.one("SELECT CURRENT_SCHEMA()") == "PUBLIC"
    schemas["PUBLIC"].drop()
    assert sql.one("SELECT CURRENT_SCHEMA()") is None
    schemas["PUBLIC"].undrop()
    with pytest.raises(NotFoundError):
        root.databases["nowhere"].schemas["s"].fetch()


@pytest.mark.parity("snowflake.core", "what there is not here is refused by name", DATABASES)
def test_refusals(root: Root, database: str) -> None:
    def refused(call: Any, kind: type[APIError], word: str) -> None:
        with pytest.raises(kind) as caught:
            call()
        assert word in str(caught.value.body), caught.value

    schemas = root.databases[database].schemas
    refused(lambda: schemas.create(Schema("x", default_ddl_collation="de")), ServerError, "default_ddl_collation")
    refused(lambda: schemas.create(Schema("x", data_retention_time_in_days=1000)), APIError, "1000")
    refused(lambda: schemas["PUBLIC"].tables["T"].fetch(), ServerError, "Unsupported feature 'GET")
    refused(lambda: schemas["PUBLIC"].tables["T"].drop(), ServerError, "Unsupported feature 'DELETE")
    assert {each.name for each in schemas.iter()} == {"INFORMATION_SCHEMA", "PUBLIC"}
