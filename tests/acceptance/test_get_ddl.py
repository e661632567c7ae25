"""GET_DDL: what it gives makes the object again, as DESCRIBE and SHOW tell it."""

from __future__ import annotations

import pytest
from harness import Sql

DOCS = "https://docs.snowflake.com/en/sql-reference/functions/get_ddl"

HANDLER = "RETURNS VARCHAR LANGUAGE PYTHON RUNTIME_VERSION = '3.11' PACKAGES = ('snowflake-snowpark-python')"

OBJECTS = {
    "TABLE": (
        "CREATE TABLE o (a NUMBER(10,2) NOT NULL DEFAULT 1.5 COMMENT 'it''s', b VARCHAR(20) DEFAULT 'x', "
        '"odd name" NUMBER AUTOINCREMENT START 5 INCREMENT 2 ORDER, c TIMESTAMP_LTZ DEFAULT CURRENT_TIMESTAMP, '
        "d NUMBER DEFAULT s.NEXTVAL, CONSTRAINT k PRIMARY KEY (a, b), UNIQUE (c), "
        "FOREIGN KEY (d) REFERENCES other (n)) "
        "CLUSTER BY (a, b) COMMENT = 'a \\\\ table'",
        "DESCRIBE TABLE o",
    ),
    "VIEW": (
        "CREATE SECURE VIEW o (x COMMENT 'one', y) COMMENT = 'c' AS SELECT n, 'it''s' FROM other",
        "DESCRIBE VIEW o",
    ),
    "SEQUENCE": ("CREATE SEQUENCE o START 7 INCREMENT -3 ORDER COMMENT = 'c'", "SHOW SEQUENCES LIKE 'O'"),
    "FILE_FORMAT": (
        "CREATE FILE FORMAT o TYPE = CSV FIELD_DELIMITER = '|' SKIP_HEADER = 1 NULL_IF = ('a', 'b') COMMENT = 'c'",
        "DESCRIBE FILE FORMAT o",
    ),
    "STREAM": ("CREATE STREAM o ON TABLE other APPEND_ONLY = TRUE COMMENT = 'c'", "SHOW STREAMS"),
    "TASK": (
        "CREATE TASK o WAREHOUSE = w SCHEDULE = '5 MINUTE' CONFIG = '{\"a\": \"b\"}' COMMENT = 'c' "
        "WHEN SYSTEM$STREAM_HAS_DATA('news') AS INSERT INTO other SELECT 1",
        "SHOW TASKS",
    ),
    "PROCEDURE": (
        f"CREATE PROCEDURE o(a NUMBER, b VARCHAR DEFAULT 'x') {HANDLER} HANDLER = 'run' EXECUTE AS CALLER "
        "AS 'def run(session, a, b):\n    return ''it\\\\n'' + b'",
        "DESCRIBE PROCEDURE o(NUMBER, VARCHAR)",
    ),
    "FUNCTION": (
        f"CREATE FUNCTION o(a NUMBER, b VARCHAR) {HANDLER} HANDLER = 'run' AS $$def run(a, b):\n    return b$$",
        "DESCRIBE FUNCTION o(NUMBER, VARCHAR)",
    ),
}


@pytest.mark.parametrize("kind", OBJECTS)
@pytest.mark.parity("GET_DDL", "what it gives makes the object again", DOCS)
def test_makes_the_object_again(sql: Sql, kind: str) -> None:
    made, told = OBJECTS[kind]
    sql("CREATE TABLE other (n NUMBER PRIMARY KEY)")
    sql("CREATE SEQUENCE s")
    sql("CREATE STREAM news ON TABLE other")
    sql(made)
    changing = ("created_on", "last_committed_on", "id", "stale_after")  # the object is a new one
    before = [{k: v for k, v in row.items() if k not in changing} for row in sql.dicts(told)]
    name = "o(NUMBER, VARCHAR)" if kind in ("PROCEDURE", "FUNCTION") else "o"
    text = sql.one(f"SELECT GET_DDL('{kind}', '{name}')")
    sql(text)
    assert [{k: v for k, v in row.items() if k not in changing} for row in sql.dicts(told)] == before
    assert sql.one(f"SELECT GET_DDL('{kind}', '{name}')") == text


@pytest.mark.parity("GET_DDL", "of a schema makes all in it again", DOCS)
def test_schema(sql: Sql, database: str) -> None:
    sql("CREATE SCHEMA inside COMMENT = 'c'")
    sql("CREATE SEQUENCE s")
    sql("CREATE TABLE t (n NUMBER DEFAULT s.NEXTVAL)")
    sql("CREATE VIEW v AS SELECT n FROM t")
    sql("CREATE STREAM changes ON TABLE t")
    text = sql.one("SELECT GET_DDL('SCHEMA', 'inside')")
    sql("DROP SCHEMA inside")
    sql.connection.execute_string(text)
    assert sql.column(f"SHOW OBJECTS IN SCHEMA {database}.inside", "name") == ["T", "V"]
    assert sql.column(f"SHOW STREAMS IN SCHEMA {database}.inside", "name") == ["CHANGES"]
    assert sql.one("SELECT GET_DDL('SCHEMA', 'inside')") == text
    whole = sql.one(f"SELECT GET_DDL('DATABASE', '{database}')")
    assert whole.startswith(f"create or replace database {database};")
    assert "create or replace schema INSIDE COMMENT='c';" in whole


@pytest.mark.parity("GET_DDL", "with full names when asked; an unknown object is an error", DOCS)
def test_names(sql: Sql, database: str) -> None:
    sql("CREATE TABLE t (n NUMBER)")
    assert f"TABLE {database}.PUBLIC.T (" in sql.one("SELECT GET_DDL('TABLE', 't', TRUE)")
    assert "TABLE T (" in sql.one("SELECT GET_DDL('TABLE', 't')")
    sql.fails("SELECT GET_DDL('TABLE', 'nothing')", 2003)
    sql.fails("SELECT GET_DDL('STAGE', 't')", 2)
