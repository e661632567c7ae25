"""Other genuine clients: by the name of a profile, SQLAlchemy, and Snowflake's command line."""

from __future__ import annotations

import os
import subprocess
import sys
import venv
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pandas as pd
import pytest
import sqlalchemy as sa
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column

from snowmelt.testing.server import RunningServer

PROFILES = "https://docs.snowflake.com/en/developer-guide/python-connector/python-connector-connect"
SQLALCHEMY = "https://docs.snowflake.com/en/developer-guide/python-connector/sqlalchemy"
SNOW = "https://docs.snowflake.com/en/developer-guide/snowflake-cli/index"


# --- a profile's name ------------------------------------------------------------------------------------------------

_BY_NAME = """
import snowflake.connector, sqlalchemy
from snowflake.snowpark import Session

with snowflake.connector.connect(connection_name="snowmelt") as connection:
    print("connector", *connection.cursor().execute("SELECT CURRENT_USER()").fetchone())
with Session.builder.config("connection_name", "snowmelt").create() as session:
    print("snowpark", session.get_current_database())
engine = sqlalchemy.create_engine("snowflake://", connect_args={"connection_name": "snowmelt"})
with engine.connect() as connection:
    print("sqlalchemy", connection.scalar(sqlalchemy.text("SELECT CURRENT_SCHEMA()")))
engine.dispose()
"""


@pytest.fixture
def profile(server: RunningServer, database: str, tmp_path: Path) -> dict[str, str]:
    """The environment in which `snowmelt connection --write` has made a profile."""
    environment = {**os.environ, "SNOWFLAKE_HOME": str(tmp_path), "SNOWMELT_PASSWORD": server.address.password}
    arguments = ["--port", str(server.address.port), "--database", database, "--schema", "PUBLIC"]
    command = [sys.executable, "-m", "snowmelt", "connection", "--write", *arguments]
    subprocess.run(command, env=environment, check=True, capture_output=True, timeout=60)
    return {name: value for name, value in environment.items() if name != "SNOWMELT_PASSWORD"}


@pytest.mark.parity("snowmelt connection", "connector, Snowpark and SQLAlchemy connect by the profile's name", PROFILES)
def test_clients_connect_by_name(profile: dict[str, str], database: str) -> None:
    command = [sys.executable, "-W", "ignore", "-c", _BY_NAME]
    done = subprocess.run(command, env=profile, capture_output=True, text=True, timeout=120)
    assert done.stdout.splitlines() == ["connector SNOWMELT", f'snowpark "{database}"', "sqlalchemy PUBLIC"], (
        done.stderr
    )


# --- SQLAlchemy ------------------------------------------------------------------------------------------------------


class Base(DeclarativeBase):
    pass


class Person(Base):
    __tablename__ = "people"

    id: Mapped[int] = mapped_column(sa.Integer, sa.Sequence("people_numbers"), primary_key=True)
    name: Mapped[str] = mapped_column(sa.String(50))
    born: Mapped[date | None]


@pytest.fixture
def engine(server: RunningServer, database: str) -> Iterator[sa.Engine]:
    arguments = {**server.parameters, "database": database, "schema": "PUBLIC"}
    made = sa.create_engine("snowflake://", connect_args=arguments)
    yield made
    made.dispose()


@pytest.mark.parity("SQLAlchemy", "the ORM creates tables, inserts, reads, updates, and drops them", SQLALCHEMY)
def test_orm(engine: sa.Engine) -> None:
    Base.metadata.create_all(engine)
    with Session(engine) as session:
        session.add_all([Person(name="Ada", born=date(1815, 12, 10)), Person(name="Grace")])
        session.commit()
        found = session.execute(sa.select(Person.id, Person.name, Person.born).order_by(Person.name)).all()
        assert found == [(1, "Ada", date(1815, 12, 10)), (2, "Grace", None)]
        ada = session.get_one(Person, 1)
        ada.name = "Ada Lovelace"
        session.commit()
        assert session.scalar(sa.select(Person.name).where(Person.id == 1)) == "Ada Lovelace"
    Base.metadata.drop_all(engine)
    assert sa.inspect(engine).get_table_names() == []


@pytest.mark.parity("SQLAlchemy", "a transaction that is rolled back leaves nothing", SQLALCHEMY)
def test_rollback(engine: sa.Engine) -> None:
    Base.metadata.create_all(engine)
    with engine.begin() as connection:
        connection.execute(sa.insert(Person).values(name="Ada"))
    with engine.connect() as connection:
        connection.execute(sa.delete(Person))
        connection.rollback()
        assert connection.scalar(sa.select(sa.func.count()).select_from(Person)) == 1


@pytest.mark.parity("SQLAlchemy", "the inspector sees tables, columns, keys, views and sequences", SQLALCHEMY)
def test_inspection(engine: sa.Engine) -> None:
    Base.metadata.create_all(engine)
    with engine.begin() as connection:
        connection.execute(sa.text("CREATE VIEW adults AS SELECT name FROM people"))
    inspector = sa.inspect(engine)
    assert inspector.has_table("people")
    assert not inspector.has_table("nobody")
    assert (inspector.get_table_names(), inspector.get_view_names()) == (["people"], ["adults"])
    assert inspector.get_sequence_names() == ["people_numbers"]
    assert inspector.get_pk_constraint("people")["constrained_columns"] == ["id"]
    columns = {column["name"]: column for column in inspector.get_columns("people")}
    assert [(name, column["nullable"]) for name, column in columns.items()] == [
        ("id", False),
        ("name", False),
        ("born", True),
    ]
    assert isinstance(columns["name"]["type"], sa.VARCHAR)
    assert columns["name"]["type"].length == 50
    assert isinstance(columns["born"]["type"], sa.DATE)


@pytest.mark.parity("SQLAlchemy", "a table is reflected", SQLALCHEMY)
def test_reflection(engine: sa.Engine) -> None:
    Base.metadata.create_all(engine)
    table = sa.Table("people", sa.MetaData(), autoload_with=engine)
    assert [column.name for column in table.columns] == ["id", "name", "born"]
    assert [column.name for column in table.primary_key] == ["id"]


@pytest.mark.parity("SQLAlchemy", "pandas writes and reads tables", SQLALCHEMY)
def test_pandas(engine: sa.Engine) -> None:
    frame = pd.DataFrame({"n": [1, 2, 3], "word": ["one", "two", None]})
    assert frame.to_sql("numbers", engine, index=False) == 3
    back = pd.read_sql("SELECT * FROM numbers ORDER BY n", engine)
    assert back.to_dict("list") == {"n": [1, 2, 3], "word": ["one", "two", None]}


# --- snow ------------------------------------------------------------------------------------------------------------


_PROJECT = """
definition_version: 2
mixins:
  common:
    stage: deployment
    artifacts: [{src: app/, dest: greetings}]
    signature: [{name: name, type: string}]
    returns: string
entities:
  greet_by_sql:
    type: procedure
    identifier: greet_by_sql
    handler: greetings.greet_by_sql
    meta: {use_mixins: [common]}
  greet:
    type: function
    identifier: greet
    handler: greetings.greet
    meta: {use_mixins: [common]}
"""

_HANDLERS = """
def greet_by_sql(session, name):
    return session.sql("SELECT 'Hello ' || ? || ', by SQL'", params=[name]).collect()[0][0]

def greet(name):
    return f"Hello {name}!"
"""


@pytest.mark.long
@pytest.mark.timeout(600)
@pytest.mark.parity("snow (Snowflake CLI)", "connection, sql, object list, stage and Snowpark commands", SNOW)
def test_snow(profile: dict[str, str], tmp_path: Path) -> None:
    """In an environment of its own: the command line wants other versions of what we use."""
    home = tmp_path / "venv"
    venv.create(home, with_pip=True)
    install = [str(home / "bin" / "pip"), "install", "--quiet", "snowflake-cli>=3,<4"]
    subprocess.run(install, check=True, capture_output=True, timeout=400)
    environment = {name: value for name, value in profile.items() if name != "PYTHONPATH"}

    def snow(*arguments: str) -> str:
        command = [str(home / "bin" / "snow"), *arguments, "--connection", "snowmelt"]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120, cwd=tmp_path)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    assert "OK" in snow("connection", "test")
    assert "42" in snow("sql", "--query", "CREATE TABLE t AS SELECT 42 AS n; SELECT n FROM t")
    assert '"name": "T"' in snow("object", "list", "table", "--format", "json")
    (tmp_path / "hello.txt").write_text("hello")
    snow("stage", "create", "files")
    assert "UPLOADED" in snow("stage", "copy", "hello.txt", "@files")
    assert "files/hello.txt" in snow("stage", "list-files", "@files")
    snow("object", "create", "schema", "name=made", "comment=by the API")
    assert "by the API" in snow("object", "list", "schema", "--format", "json")
    (tmp_path / "script.sql").write_text("CREATE TABLE made AS SELECT 7 AS n; INSERT INTO made SELECT 8 AS n;")
    snow("stage", "copy", "script.sql", "@files")
    assert "SUCCESS" in snow("stage", "execute", "@files/script.sql")
    assert "15" in snow("sql", "--query", "SELECT SUM(n) FROM made")
    (tmp_path / "snowflake.yml").write_text(_PROJECT)
    (tmp_path / "requirements.txt").write_text("snowflake-snowpark-python")
    (tmp_path / "app").mkdir()
    (tmp_path / "app" / "greetings.py").write_text(_HANDLERS)
    assert "Build done" in snow("snowpark", "build")
    assert snow("snowpark", "deploy").count("created") == 2
    assert "Hello Ada, by SQL" in snow("snowpark", "execute", "procedure", "greet_by_sql('Ada')")
    assert "Hello Ada!" in snow("snowpark", "execute", "function", "greet('Ada')")
    for kind, name in (("role", "ACCOUNTADMIN"), ("user", "SNOWMELT")):
        assert f'"name": "{name}"' in snow("object", "list", kind, "--format", "json")
