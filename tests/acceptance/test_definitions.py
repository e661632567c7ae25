"""DDL: what CREATE, ALTER, DROP, SHOW and DESCRIBE do and say."""

from __future__ import annotations

import json

import pytest
from harness import Sql

DOCS = "https://docs.snowflake.com/en/sql-reference/sql"


@pytest.mark.parity(
    "CREATE DATABASE", "creates it with schema PUBLIC, and makes both current", f"{DOCS}/create-database"
)
def test_create_database(sql: Sql, database: str) -> None:
    name = f"{database}_SECOND"
    assert sql(f"CREATE DATABASE {name}") == [(f"Database {name} successfully created.",)]
    try:
        assert sql("SELECT CURRENT_DATABASE(), CURRENT_SCHEMA()") == [(name, "PUBLIC")]
        assert sql.column(f"SHOW DATABASES LIKE '{name}'", "name") == [name]
        assert "PUBLIC" in sql.column(f"SHOW SCHEMAS IN DATABASE {name}", "name")
        sql.fails(f"CREATE DATABASE {name}", 2002)
        sql("CREATE TABLE t (n NUMBER)")
        sql(f"CREATE DATABASE IF NOT EXISTS {name}")
        assert sql.column("SHOW TABLES", "name") == ["T"]
        sql(f"CREATE OR REPLACE DATABASE {name}")
        assert sql.column("SHOW TABLES", "name") == []
    finally:
        sql(f"DROP DATABASE {name}")
    sql.fails(f"USE DATABASE {name}", 2003)


@pytest.mark.parity("CREATE SCHEMA", "with IF NOT EXISTS and OR REPLACE", f"{DOCS}/create-schema")
def test_create_schema(sql: Sql, database: str) -> None:
    assert sql("CREATE SCHEMA ml") == [("Schema ML successfully created.",)]
    assert sql.one("SELECT CURRENT_SCHEMA()") == "ML"
    sql("CREATE TABLE t (n NUMBER)")
    sql.fails("CREATE SCHEMA ml", 2002)
    sql(f"CREATE SCHEMA IF NOT EXISTS {database}.ml")
    assert sql.column("SHOW TABLES IN SCHEMA ml", "name") == ["T"]
    sql("CREATE OR REPLACE SCHEMA ml")
    assert sql.column("SHOW TABLES IN SCHEMA ml", "name") == []
    sql("DROP SCHEMA ml")
    sql.fails("USE SCHEMA ml", 2003)
    assert sql("DROP SCHEMA IF EXISTS ml")[0][0].startswith("Drop statement executed successfully")


@pytest.mark.parity(
    "CREATE TABLE", "columns with types, NOT NULL and comments; DESCRIBE TABLE tells them", f"{DOCS}/create-table"
)
def test_create_table(sql: Sql) -> None:
    answer = sql(
        "CREATE TABLE t (id NUMBER(10,0) NOT NULL, s VARCHAR(20) COMMENT 'a name', v VARIANT, at TIMESTAMP_NTZ)"
    )
    assert answer == [("Table T successfully created.",)]
    described = sql.dicts("DESCRIBE TABLE t")
    assert [(c["name"], c["type"], c["null?"], c["comment"]) for c in described] == [
        ("ID", "NUMBER(10,0)", "N", None),
        ("S", "VARCHAR(20)", "Y", "a name"),
        ("V", "VARIANT", "Y", None),
        ("AT", "TIMESTAMP_NTZ(9)", "Y", None),
    ]
    sql.fails("CREATE TABLE t (n NUMBER)", 2002)
    sql.fails("INSERT INTO t (s) VALUES ('no id')", 100072)


@pytest.mark.parity("CREATE TABLE", "IF NOT EXISTS keeps, OR REPLACE replaces", f"{DOCS}/create-table")
def test_replace_table(sql: Sql) -> None:
    sql("CREATE TABLE t AS SELECT 1 AS n")
    assert sql("CREATE TABLE IF NOT EXISTS t (other NUMBER)") == [("T already exists, statement succeeded.",)]
    assert sql("SELECT n FROM t") == [(1,)]
    sql("CREATE OR REPLACE TABLE t (other NUMBER)")
    assert sql("SELECT other FROM t") == []


@pytest.mark.parity("CREATE TABLE ... LIKE", "same columns, no rows", f"{DOCS}/create-table#create-table-like")
def test_create_table_like(sql: Sql) -> None:
    sql("CREATE TABLE t AS SELECT 1::NUMBER(5,2) AS n, 'x' AS s")
    sql("CREATE TABLE copied LIKE t")
    assert sql.column("DESCRIBE TABLE copied", "type") == sql.column("DESCRIBE TABLE t", "type")
    assert sql.one("SELECT COUNT(*) FROM copied") == 0


@pytest.mark.parity(
    "CREATE TABLE ... AS SELECT",
    "names and types follow the query",
    f"{DOCS}/create-table#create-table-as-select-also-referred-to-as-ctas",
)
def test_create_table_as_select(sql: Sql) -> None:
    sql("CREATE TABLE t (n, s) AS SELECT 1::NUMBER(5,2), 'x' UNION ALL SELECT 2, 'y'")
    assert sql("SELECT n, s FROM t ORDER BY n") == [(1, "x"), (2, "y")]
    assert sql.column("DESCRIBE TABLE t", "name") == ["N", "S"]


@pytest.mark.parity(
    "Identifiers", "fold to upper case unless quoted", "https://docs.snowflake.com/en/sql-reference/identifiers-syntax"
)
def test_identifiers(sql: Sql, database: str) -> None:
    sql('CREATE TABLE "Mixed" ("a b" NUMBER, plain NUMBER)')
    sql('INSERT INTO "Mixed" VALUES (1, 2)')
    assert sql(f'SELECT "a b", PLAIN FROM {database.lower()}.public."Mixed"') == [(1, 2)]
    sql.fails("SELECT * FROM mixed", 2003)


@pytest.mark.parity(
    "ALTER TABLE", "RENAME TO, ADD COLUMN, DROP COLUMN, RENAME COLUMN keep the rows", f"{DOCS}/alter-table"
)
def test_alter_table(sql: Sql) -> None:
    sql("CREATE TABLE t AS SELECT 1 AS a, 'x' AS b")
    sql("ALTER TABLE t ADD COLUMN c FLOAT")
    sql("ALTER TABLE t RENAME COLUMN a TO first")
    sql("ALTER TABLE t DROP COLUMN b")
    sql("ALTER TABLE t RENAME TO renamed")
    sql("UPDATE renamed SET c = 0.5")
    assert sql.dicts("SELECT * FROM renamed") == [{"FIRST": 1, "C": 0.5}]
    sql.fails("SELECT * FROM t", 2003)
    sql.fails("ALTER TABLE renamed DROP COLUMN missing", 904)
    sql.fails("ALTER TABLE missing ADD COLUMN c FLOAT", 2003)
    sql("ALTER TABLE IF EXISTS missing ADD COLUMN c FLOAT")


@pytest.mark.parity("CREATE VIEW", "reads what its tables hold now", f"{DOCS}/create-view")
def test_view(sql: Sql) -> None:
    sql("CREATE TABLE t AS SELECT 1 AS n")
    assert sql("CREATE VIEW doubled (twice) AS SELECT n * 2 FROM t") == [("View DOUBLED successfully created.",)]
    sql("INSERT INTO t VALUES (4)")
    assert sql("SELECT twice FROM doubled ORDER BY twice") == [(2,), (8,)]
    assert sql.column("SHOW VIEWS", "name") == ["DOUBLED"]
    assert sql.column("DESCRIBE VIEW doubled", "name") == ["TWICE"]
    sql("CREATE OR REPLACE VIEW doubled AS SELECT n + n AS sum FROM t")
    assert sql("SELECT MAX(sum) FROM doubled") == [(8,)]
    sql("DROP VIEW doubled")
    sql.fails("SELECT * FROM doubled", 2003)


@pytest.mark.parity("DROP", "takes objects away; what is not there is an error unless IF EXISTS", f"{DOCS}/drop")
def test_drop(sql: Sql) -> None:
    sql("CREATE TABLE t (n NUMBER)")
    assert sql("DROP TABLE t") == [("T successfully dropped.",)]
    sql.fails("DROP TABLE t", 2003)
    assert sql("DROP TABLE IF EXISTS t") == [("Drop statement executed successfully (T already dropped).",)]


@pytest.mark.parity(
    "CREATE TEMPORARY TABLE",
    "is seen by its session only, hides a permanent one, and ends with the session",
    "https://docs.snowflake.com/en/user-guide/tables-temp-transient",
)
def test_temporary_table(sql: Sql, other: Sql) -> None:
    sql("CREATE TABLE t AS SELECT 'permanent' AS kind")
    sql("CREATE TEMPORARY TABLE t AS SELECT 'temporary' AS kind")
    assert sql.one("SELECT kind FROM t") == "temporary"
    assert other.one("SELECT kind FROM t") == "permanent"
    sql("DROP TABLE t")
    assert sql.one("SELECT kind FROM t") == "permanent"
    sql("CREATE TEMPORARY TABLE gone (n NUMBER)")
    other.fails("SELECT * FROM gone", 2003)


@pytest.mark.parity("SHOW TABLES", "rows, kind, LIKE, IN SCHEMA, LIMIT, STARTS WITH", f"{DOCS}/show-tables")
def test_show_tables(sql: Sql, database: str) -> None:
    sql("CREATE TABLE orders AS SELECT 1 AS n UNION ALL SELECT 2")
    sql("CREATE TRANSIENT TABLE order_lines (n NUMBER)")
    sql("CREATE TABLE people (n NUMBER)")
    found = {row["name"]: row for row in sql.dicts("SHOW TABLES LIKE 'order%'")}
    assert {name: (row["rows"], row["kind"]) for name, row in found.items()} == {
        "ORDERS": (2, "TABLE"),
        "ORDER_LINES": (0, "TRANSIENT"),
    }
    assert sql.column(f"SHOW TABLES IN SCHEMA {database}.PUBLIC STARTS WITH 'PEO'", "name") == ["PEOPLE"]
    assert len(sql(f"SHOW TABLES IN DATABASE {database} LIMIT 2")) == 2
    assert set(sql.column("SHOW TERSE TABLES", "name")) == {"ORDERS", "ORDER_LINES", "PEOPLE"}


@pytest.mark.parity("SHOW COLUMNS", "tells the columns of a table", f"{DOCS}/show-columns")
def test_show_columns(sql: Sql) -> None:
    sql("CREATE TABLE t (a NUMBER(5,2), b VARCHAR(3) NOT NULL)")
    assert sql.column("SHOW COLUMNS IN TABLE t", "column_name") == ["A", "B"]


@pytest.mark.parity("SHOW OBJECTS", "tables and views together", f"{DOCS}/show-objects")
def test_show_objects(sql: Sql) -> None:
    sql("CREATE TABLE t (n NUMBER)")
    sql("CREATE VIEW v AS SELECT n FROM t")
    assert [(o["name"], o["kind"]) for o in sql.dicts("SHOW OBJECTS")] == [("T", "TABLE"), ("V", "VIEW")]


@pytest.mark.parity(
    "INFORMATION_SCHEMA", "TABLES, COLUMNS and SCHEMATA", "https://docs.snowflake.com/en/sql-reference/info-schema"
)
def test_information_schema(sql: Sql, database: str) -> None:
    sql("CREATE TABLE t (n NUMBER(5,2), s VARCHAR)")
    columns = sql("SELECT COLUMN_NAME, DATA_TYPE FROM INFORMATION_SCHEMA.COLUMNS WHERE TABLE_NAME = 'T' ORDER BY 1")
    assert columns == [("N", "NUMBER"), ("S", "TEXT")]
    assert sql(f"SELECT TABLE_TYPE FROM {database}.INFORMATION_SCHEMA.TABLES") == [("BASE TABLE",)]
    assert ("PUBLIC",) in sql("SELECT SCHEMA_NAME FROM INFORMATION_SCHEMA.SCHEMATA")


@pytest.mark.parity("COMMENT ON", "changes an object's comment", f"{DOCS}/comment")
def test_comment(sql: Sql) -> None:
    sql("CREATE TABLE t (n NUMBER) COMMENT = 'first'")
    sql("COMMENT ON TABLE t IS 'second'")
    assert sql.column("SHOW TABLES LIKE 't'", "comment") == ["second"]


@pytest.mark.parity("EXPLAIN", "answers a plan without running the statement", f"{DOCS}/explain")
def test_explain(sql: Sql) -> None:
    sql("CREATE TABLE t (n NUMBER)")
    assert sql("EXPLAIN SELECT * FROM t WHERE n > 1")
    sql("EXPLAIN INSERT INTO t VALUES (1)")
    names = [column.name for column in sql.cursor.description]
    assert names[:7] == ["step", "id", "parent", "operation", "objects", "alias", "expressions"]
    assert "Read" in sql.one("EXPLAIN USING TEXT SELECT * FROM t")
    ((operation,),) = json.loads(sql.one("EXPLAIN USING JSON SELECT * FROM t"))["Operations"]
    assert (operation["id"], operation["operation"]) == (0, "Read")
    assert sql.one("SELECT COUNT(*) FROM t") == 0


@pytest.mark.parity("CREATE WAREHOUSE", "is accepted: warehouses are names on one machine", f"{DOCS}/create-warehouse")
def test_warehouse(sql: Sql) -> None:
    sql("CREATE WAREHOUSE IF NOT EXISTS big WITH WAREHOUSE_SIZE = 'LARGE' AUTO_SUSPEND = 60")
    assert sql.one("SELECT CURRENT_WAREHOUSE()") == "BIG"
    assert "BIG" in sql.column("SHOW WAREHOUSES", "name")
