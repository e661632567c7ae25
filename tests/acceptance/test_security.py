"""SQL reaches tables and stages, and nothing else of the machine."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import snowflake.connector
from harness import Sql
from snowflake.connector import SnowflakeConnection
from snowflake.connector.errors import DatabaseError

from snowmelt.base.settings import Settings
from snowmelt.testing.server import running_server

STAGES = "https://docs.snowflake.com/en/user-guide/data-load-local-file-system-create-stage"
SECRET = "top-secret-line"


@pytest.fixture
def secret(tmp_path: Path) -> Path:
    """A file outside of any stage, which nobody may read or change."""
    path = tmp_path / "outside" / "secret.csv"
    path.parent.mkdir()
    path.write_text(SECRET + "\n")
    return path


READS = (
    "SELECT * FROM read_csv('{path}')",
    "SELECT * FROM read_csv_auto('{path}')",
    "SELECT * FROM read_text('{path}')",
    "SELECT * FROM read_blob('{path}')",
    "SELECT * FROM read_parquet('{path}')",
    "SELECT * FROM read_json('{path}')",
    "SELECT * FROM glob('{directory}/*')",
    "SELECT * FROM TABLE(read_csv('{path}'))",
    "SELECT * FROM TABLE(read_text('{path}'))",
    "SELECT * FROM '{path}'",
    'SELECT * FROM "{path}"',
    "SELECT * FROM IDENTIFIER('{path}')",
    "SELECT $1 FROM '{path}'",
    "SELECT $1 FROM @'{path}'",
    "SELECT $1 FROM '@files/../../../../../../../..{path}'",
    "SELECT $1 FROM @files/../../../../../../../..{path}",
    "SELECT $1 FROM '@~/../../../../../../../..{path}'",
    "SELECT $1 FROM '@\"../../../../../..{path}\"'",
    "SELECT $1 FROM 'file://{path}'",
    "LIST '@files/../../../../../../../..{directory}'",
    "LIST '@files/..'",
    "LIST '@~/..'",
    "COPY INTO t FROM '{path}'",
    "COPY INTO t FROM 'file://{path}'",
    "COPY INTO t FROM '@files/../../../../../../../..{path}'",
    "COPY INTO t FROM @files FILES = ('../../../../../../../..{path}')",
    "COPY t FROM '{path}'",
    "SELECT * FROM TABLE(INFER_SCHEMA(LOCATION => '@files/../../../../../../../..{directory}', FILE_FORMAT => 'csv'))",
    "INSERT INTO t SELECT * FROM read_text('{path}')",
    "CREATE TABLE copied AS SELECT * FROM read_text('{path}')",
    "CREATE VIEW peek AS SELECT * FROM read_text('{path}')",
    "CREATE TASK peek SCHEDULE = '1 MINUTE' AS COPY t FROM '{path}'",
    "CREATE PROCEDURE p() RETURNS VARCHAR LANGUAGE PYTHON RUNTIME_VERSION = '3.11' "
    "IMPORTS = ('@files/../../../../../../../..{path}') HANDLER = 'run' AS 'x'",
    "CREATE MODEL m FROM '@files/../../../../../../../..{directory}'",
    'CREATE MODEL m WITH VERSION "../../x" FROM @files/none',
    "GET '@files/../../../../../../../..{directory}' 'file:///tmp/'",
    "WITH x AS (SELECT * FROM read_text('{path}')) SELECT * FROM x",
    "SELECT (SELECT content FROM read_text('{path}'))",
    "SELECT getenv('HOME')",
    "SELECT current_setting('secret_directory')",
    "SELECT * FROM duckdb_settings()",
    "SELECT * FROM sqlite_master",
    "SELECT * FROM 'sqlite_master'",
    "SELECT 'x' FROM t, 'pg_class'",
    "SELECT 'x' FROM t JOIN 'duckdb_tables' ON TRUE",
    "INSERT INTO t SELECT relname FROM 'pg_class'",
    "MERGE INTO t USING 'pg_class' AS c ON FALSE WHEN NOT MATCHED THEN INSERT VALUES (c.relname)",
    "UPDATE t SET s = c.relname FROM 'pg_class' AS c",
    "SELECT * FROM $file",
    "SELECT * FROM data.t3",
    "SELECT _rid FROM t",
    "SELECT * FROM snowmelt.parameters",
    "SELECT * FROM pg_catalog.pg_tables",
)


@pytest.mark.parity("Security", "no statement reads a file outside of stages", STAGES)
@pytest.mark.parametrize("statement", READS)
def test_reading_files(sql: Sql, secret: Path, statement: str) -> None:
    sql("CREATE TABLE t (s VARCHAR)")
    sql("CREATE STAGE files")
    sql("CREATE FILE FORMAT csv TYPE = CSV")
    sql(f"SET file = '{secret}'")
    try:
        found = sql(statement.format(path=secret, directory=secret.parent))
    except DatabaseError as error:
        assert SECRET not in str(error)
        assert error.errno not in (603, 300010), f"an internal error: {error}"
    else:
        # A listing may find nothing; more than that it must not find.
        assert statement.startswith("LIST") and found == []
    assert sql("SELECT * FROM t") == []


WRITES = (
    "COPY t TO '{path}'",
    "COPY (SELECT 1) TO '{path}'",
    "COPY INTO '{path}' FROM t",
    "COPY INTO 'file://{path}' FROM t",
    "COPY INTO '@files/../../../../../../../..{path}' FROM t",
    "COPY INTO @files/../../../../../../../..{path} FROM t SINGLE = TRUE OVERWRITE = TRUE",
    "COPY INTO '@~/../../../../../../../..{path}' FROM t SINGLE = TRUE OVERWRITE = TRUE",
    "REMOVE '@files/../../../../../../../..{path}'",
    "REMOVE '@~/../../../../../../../..{path}'",
    "RM @files/../../../../../../../..{path}",
    "PUT 'file://{path}' '@files/../../../../../../../..{directory}/other'",
    "PUT 'file://{path}' @missing",
    "EXPORT DATABASE '{directory}/export'",
    "ATTACH '{directory}/other.duckdb'",
    "ATTACH '{directory}/other.duckdb' AS other",
    "DETACH memory",
    "INSTALL httpfs",
    "LOAD httpfs",
    "PRAGMA database_list",
    "PRAGMA enable_external_access",
    "SET enable_external_access = true; SELECT 1",
    "SET GLOBAL allowed_directories = ['/']",
    "RESET enable_external_access",
    "CREATE SECRET (TYPE s3)",
    "CREATE MACRO m() AS 1",
    "CHECKPOINT",
    "VACUUM",
    "USE memory.main",
    "CALL pragma_version()",
    "CREATE TABLE snowmelt.parameters (n NUMBER)",
    "DROP TABLE snowmelt.parameters",
    "DELETE FROM snowmelt.parameters",
    "DROP SCHEMA snowmelt",
)


@pytest.mark.parity(
    "Security", "the engine's own statements are no statements here, and nothing outside of stages is written", STAGES
)
@pytest.mark.parametrize("statement", WRITES)
def test_writing_files(sql: Sql, secret: Path, statement: str) -> None:
    sql("CREATE TABLE t AS SELECT 'x' AS s")
    sql("CREATE STAGE files")
    try:
        found = sql(statement.format(path=secret, directory=secret.parent))
    except DatabaseError as error:
        assert error.errno not in (603, 300010), f"an internal error: {error}"
    else:
        pytest.fail(f"was not refused: {found}")
    assert secret.read_text() == SECRET + "\n"
    assert [path.name for path in secret.parent.iterdir()] == ["secret.csv"]
    assert sql("SELECT * FROM t") == [("x",)]


@pytest.mark.parity(
    "SET",
    "makes session variables, never settings of the engine",
    "https://docs.snowflake.com/en/sql-reference/sql/set",
)
def test_set_is_for_variables(sql: Sql) -> None:
    sql("SET enable_external_access = TRUE")
    sql("SET threads = 1")
    assert sql("SELECT $enable_external_access, $threads") == [(True, 1)]
    sql.fails("SELECT * FROM read_text('/etc/hostname')")


@pytest.mark.parity(
    "Security",
    "names with slashes and dots stay names",
    "https://docs.snowflake.com/en/sql-reference/identifiers-syntax",
)
@pytest.mark.parametrize("name", ["../../up", "a/b", "..", "/tmp/x", "x'; DROP TABLE t; --", "a\\b", "\x01", "ünï"])
def test_odd_names(sql: Sql, name: str, tmp_path: Path) -> None:
    quoted = '"' + name + '"'
    (tmp_path / "a.txt").write_text("1\n")
    sql("CREATE TABLE t (n NUMBER)")
    sql(f"CREATE TABLE {quoted} (n NUMBER)")
    sql(f"INSERT INTO {quoted} VALUES (1)")
    assert sql(f"SELECT * FROM {quoted}") == [(1,)]
    sql(f"CREATE STAGE {quoted}")
    location = f"'@{quoted}'".replace("'; DROP", "''; DROP")
    sql(f"PUT 'file://{tmp_path}/a.txt' {location.replace(chr(92), chr(92) * 2)} AUTO_COMPRESS = FALSE")
    assert len(sql(f"LIST {location.replace(chr(92), chr(92) * 2)}")) == 1
    sql(f"DROP STAGE {quoted}")
    sql(f"DROP TABLE {quoted}")
    assert sql("SELECT * FROM t") == []


@pytest.mark.parity(
    "Security",
    "one session's token opens no other session's temporary objects",
    "https://docs.snowflake.com/en/user-guide/tables-temp-transient",
)
def test_sessions_are_apart(sql: Sql, other: Sql) -> None:
    sql("CREATE TEMPORARY TABLE mine AS SELECT 1 AS n")
    sql("SET secret = 'x'")
    other.fails("SELECT * FROM mine", 2003)
    other.fails("SELECT $secret")
    assert other.column("SHOW TABLES", "name") == []


@pytest.mark.parity(
    "Connector",
    "a closed connection's session is gone",
    "https://docs.snowflake.com/en/developer-guide/python-connector/python-connector-api",
)
def test_closed_session(connect: Callable[..., SnowflakeConnection]) -> None:
    opened = connect()
    opened.close()
    with pytest.raises(DatabaseError):
        opened.cursor().execute("SELECT 1")


@pytest.mark.parity("Security", "links in a stage's directory lead nowhere", STAGES)
def test_links_in_a_stage(secret: Path, tmp_path: Path) -> None:
    data = tmp_path / "data"
    with (
        running_server(Settings(data=data, port=0)) as server,
        snowflake.connector.connect(**server.parameters) as connection,
    ):
        _follow_links(Sql(connection), data, secret, tmp_path)


def _follow_links(sql: Sql, data: Path, secret: Path, tmp_path: Path) -> None:
    sql("CREATE DATABASE d")
    sql("CREATE TABLE t (s VARCHAR)")
    sql("CREATE STAGE linked")
    (tmp_path / "own.csv").write_text("own\n")
    sql(f"PUT 'file://{tmp_path}/own.csv' @linked AUTO_COMPRESS = FALSE")
    (own,) = (path for path in (data / "stages").rglob("own.csv"))
    (own.parent / "file.csv").symlink_to(secret)
    (own.parent / "directory").symlink_to(secret.parent)
    assert sql.column("LIST @linked", "name") == ["linked/own.csv"]
    for text in (
        "SELECT $1 FROM @linked",
        "SELECT $1 FROM @linked/file.csv",
        "SELECT $1 FROM @linked/directory/secret.csv",
        "COPY INTO t FROM @linked FILES = ('file.csv')",
        "COPY INTO t FROM @linked FILES = ('directory/secret.csv')",
        f"GET @linked/file.csv 'file://{tmp_path}/'",
        f"GET @linked/directory 'file://{tmp_path}/'",
        "COPY INTO @linked/file.csv FROM (SELECT 'x') SINGLE = TRUE OVERWRITE = TRUE",
        "COPY INTO @linked/directory/secret.csv FROM (SELECT 'x') SINGLE = TRUE OVERWRITE = TRUE",
        "REMOVE @linked/directory/secret.csv",
        "REMOVE @linked/file.csv",
    ):
        try:
            assert SECRET not in str(sql(text)), text
        except DatabaseError as error:
            assert error.errno not in (603, 300010), f"an internal error: {error}"
    assert SECRET not in str(sql("SELECT * FROM t"))
    assert not any((tmp_path / name).exists() for name in ("file.csv", "secret.csv"))
    assert secret.read_text() == SECRET + "\n"
