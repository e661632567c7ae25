"""Each family of statements, in the forms that users write."""

from __future__ import annotations

from typing import Any

import pytest
from sqlglot import exp

from snowmelt.base.datatypes import BOOLEAN, NUMBER, VARCHAR, DataType, Kind
from snowmelt.catalog.names import Name
from snowmelt.catalog.objects import Durability, Identity, TableColumn
from snowmelt.sql.cursor import Outside
from snowmelt.sql.parse import parse_one
from snowmelt.sql.statements import (
    AlterParameters,
    AlterTable,
    AlterTask,
    Call,
    Clone,
    ConstraintClause,
    CopyIntoTable,
    CreateDatabase,
    CreateRoutine,
    CreateSchema,
    CreateSequence,
    CreateStream,
    CreateTable,
    CreateTask,
    CreateView,
    CreateWarehouse,
    Describe,
    Drop,
    ExecuteTask,
    Explain,
    Query,
    SetVariable,
    Show,
    Transaction,
    Undrop,
    UnsetVariable,
    Use,
)


def test_create_database_and_schema() -> None:
    assert parse_one("CREATE DATABASE IF NOT EXISTS insurance COMMENT = 'x'") == CreateDatabase(
        text="CREATE DATABASE IF NOT EXISTS insurance COMMENT = 'x'",
        name="INSURANCE",
        if_not_exists=True,
        comment="x",
    )
    schema = parse_one('CREATE OR REPLACE TRANSIENT SCHEMA db."s" DATA_RETENTION_TIME_IN_DAYS = 3')
    assert isinstance(schema, CreateSchema)
    assert (schema.name, schema.transient, schema.retention_days) == (Name("s", "DB"), True, 3)


def test_create_table_with_all_column_options() -> None:
    statement = parse_one(
        """CREATE TABLE t (
            a NUMBER(10, 2) NOT NULL DEFAULT 1 + 2 COMMENT 'first', -- remark
            b INT AUTOINCREMENT START 5 INCREMENT 2 ORDER,
            c INT IDENTITY (7, 3) PRIMARY KEY RELY,
            METADATA$ACTION VARCHAR DEFAULT 'x' NOT NULL,
            d INT,
            CONSTRAINT u UNIQUE (a, b) NOT ENFORCED,
            PRIMARY KEY (d),
            FOREIGN KEY (a) REFERENCES other (x) ON DELETE SET NULL
        ) CLUSTER BY (a, b) DATA_RETENTION_TIME_IN_DAYS = 0 CHANGE_TRACKING = TRUE COMMENT = 'c' COPY GRANTS"""
    )
    assert isinstance(statement, CreateTable)
    assert statement.columns == (
        TableColumn("A", DataType(Kind.FIXED, 10, 2), nullable=False, default="1 + 2", comment="first"),
        TableColumn("B", NUMBER, identity=Identity(5, 2, ordered=True)),
        TableColumn("C", NUMBER, nullable=False, identity=Identity(7, 3)),
        TableColumn("METADATA$ACTION", VARCHAR, nullable=False, default="'x'"),
        TableColumn("D", NUMBER, nullable=False),
    )
    assert (statement.retention_days, statement.change_tracking, statement.comment) == (0, True, "c")


def test_create_table_from_others() -> None:
    clone = parse_one("CREATE TRANSIENT TABLE t CLONE db..s")
    assert isinstance(clone, Clone)
    assert (clone.source, clone.durability) == (Name("S", "PUBLIC", "DB"), Durability.TRANSIENT)
    like = parse_one("CREATE TABLE t LIKE s")
    assert isinstance(like, CreateTable)
    assert like.like == Name("S")
    event = parse_one("CREATE OR REPLACE EVENT TABLE db.s.events")
    assert isinstance(event, CreateTable)
    assert event.is_event and not event.columns


def test_create_table_as_select() -> None:
    plain = parse_one("CREATE TABLE t AS SELECT 1 AS a")
    assert isinstance(plain, CreateTable)
    assert isinstance(plain.query, exp.Select) and not plain.columns
    typed = parse_one("CREATE TABLE t (a INT NOT NULL) AS SELECT 1")
    assert isinstance(typed, CreateTable)
    assert typed.columns == (TableColumn("A", NUMBER, nullable=False),)
    named = parse_one('CREATE TABLE t (a, "b") AS SELECT 1, 2')
    assert isinstance(named, CreateTable)
    assert named.query is not None
    assert named.query.sql("snowflake") == 'SELECT * FROM (SELECT 1, 2) AS "Q"("A", "b")'


def test_create_view_sequence_and_warehouse() -> None:
    view = parse_one("CREATE VIEW v (a, b) COMMENT = 'x' AS SELECT 1, 2")
    assert isinstance(view, CreateView)
    assert (view.columns, view.comment) == (("A", "B"), "x")
    sequence = parse_one("CREATE SEQUENCE s START = 5 INCREMENT BY -2 ORDER")
    assert isinstance(sequence, CreateSequence)
    assert (sequence.start, sequence.increment) == (5, -2)
    warehouse = parse_one("CREATE WAREHOUSE IF NOT EXISTS w WITH WAREHOUSE_SIZE = 'XSMALL' AUTO_SUSPEND = 60")
    assert isinstance(warehouse, CreateWarehouse)
    assert warehouse.name == "W"


@pytest.mark.parametrize(
    ("text", "action", "value"),
    [
        ("ALTER TABLE t RENAME TO b", "RENAME", Name("B")),
        ("ALTER TABLE t SWAP WITH s", "SWAP", Name("S")),
        ("ALTER TABLE t DROP COLUMN a, b", "DROP COLUMN", ("A", "B")),
        ('ALTER TABLE t RENAME COLUMN a TO "b"', "RENAME COLUMN", ("A", "b")),
        ("ALTER TABLE t ADD x BOOLEAN", "ADD COLUMN", (TableColumn("X", BOOLEAN),)),
        ("ALTER TABLE t SET CHANGE_TRACKING = TRUE", "SET", {"CHANGE_TRACKING": True}),
        ("ALTER TABLE t UNSET COMMENT", "UNSET", ("COMMENT",)),
        (
            "ALTER TABLE t ADD CONSTRAINT k PRIMARY KEY (a)",
            "ADD CONSTRAINT",
            ConstraintClause("PRIMARY KEY", ("A",), "K"),
        ),
        (
            "ALTER TABLE t ALTER COLUMN a SET DATA TYPE INT, COLUMN b DROP NOT NULL, c COMMENT 'x'",
            "ALTER COLUMN",
            (("A", "SET DATA TYPE", NUMBER), ("B", "DROP NOT NULL", None), ("C", "COMMENT", "x")),
        ),
    ],
)
def test_alter_table(text: str, action: str, value: Any) -> None:
    statement = parse_one(text)
    assert isinstance(statement, AlterTable)
    assert (statement.name, statement.action, statement.value) == (Name("T"), action, value)


def test_alter_table_if_exists_belongs_to_table_or_column() -> None:
    statement = parse_one("ALTER TABLE IF EXISTS t ADD COLUMN IF NOT EXISTS a INT DEFAULT 1")
    assert isinstance(statement, AlterTable)
    assert statement.if_exists and statement.column_if_exists


def test_create_stream() -> None:
    statement = parse_one(
        "CREATE OR REPLACE STREAM s ON TABLE db.sc.t BEFORE (STATEMENT => 'id') APPEND_ONLY = TRUE COMMENT = 'x'"
    )
    assert isinstance(statement, CreateStream)
    assert (statement.source, statement.append_only, statement.show_initial_rows) == (
        Name("T", "SC", "DB"),
        True,
        False,
    )
    assert statement.at is not None
    assert (statement.at.before, statement.at.kind) == (True, "STATEMENT")
    assert statement.at.value.name == "id"


def test_create_task() -> None:
    statement = parse_one(
        """CREATE TASK IF NOT EXISTS t
             WAREHOUSE = compute_wh, SCHEDULE = 'USING CRON 0 9 * * * UTC' -- daily
             ALLOW_OVERLAPPING_EXECUTION = FALSE CONFIG = $${"a": 1}$$ TIMEZONE = 'UTC', QUERY_TAG = 'x' COMMENT = 'c'
             AFTER a, db.s."b"
             WHEN SYSTEM$STREAM_HAS_DATA('s') AND CAST(1 AS BOOLEAN)
           AS
             INSERT INTO t SELECT 1 AS x; -- end"""
    )
    assert isinstance(statement, CreateTask)
    assert statement.schedule == "USING CRON 0 9 * * * UTC"
    assert statement.after == (Name("A"), Name("b", "S", "DB"))
    assert statement.when == "SYSTEM$STREAM_HAS_DATA('s') AND CAST(1 AS BOOLEAN)"
    assert statement.body == "INSERT INTO t SELECT 1 AS x"
    assert statement.options == {
        "WAREHOUSE": "COMPUTE_WH",
        "ALLOW_OVERLAPPING_EXECUTION": False,
        "CONFIG": '{"a": 1}',
        "TIMEZONE": "UTC",
        "QUERY_TAG": "x",
    }
    finalizer = parse_one("CREATE TASK f FINALIZE = db.s.root AS SELECT 1")
    assert isinstance(finalizer, CreateTask)
    assert finalizer.finalize == Name("ROOT", "S", "DB")


@pytest.mark.parametrize(
    ("text", "action", "value"),
    [
        ("ALTER TASK t RESUME", "RESUME", None),
        ("ALTER TASK t SUSPEND", "SUSPEND", None),
        ("ALTER TASK t ADD AFTER a, b", "ADD AFTER", (Name("A"), Name("B"))),
        ("ALTER TASK t REMOVE AFTER a", "REMOVE AFTER", (Name("A"),)),
        ("ALTER TASK t MODIFY AS SELECT 2", "MODIFY AS", "SELECT 2"),
        ("ALTER TASK t MODIFY WHEN f('s')", "MODIFY WHEN", "f('s')"),
        ("ALTER TASK t REMOVE WHEN", "REMOVE WHEN", None),
        ("ALTER TASK t UNSET SCHEDULE, CONFIG", "UNSET", ("SCHEDULE", "CONFIG")),
        (
            "ALTER TASK t SET SCHEDULE = '1 MINUTE', WAREHOUSE = w FINALIZE = r",
            "SET",
            {"SCHEDULE": "1 MINUTE", "WAREHOUSE": "W", "FINALIZE": Name("R")},
        ),
    ],
)
def test_alter_task(text: str, action: str, value: Any) -> None:
    statement = parse_one(text)
    assert isinstance(statement, AlterTask)
    assert (statement.action, statement.value) == (action, value)


def test_execute_task() -> None:
    assert parse_one("EXECUTE TASK t") == ExecuteTask(text="EXECUTE TASK t", name=Name("T"))
    configured = parse_one("""EXECUTE TASK t USING CONFIG = $${"x": 1}$$""")
    assert isinstance(configured, ExecuteTask)
    assert configured.config == '{"x": 1}'
    again = parse_one("EXECUTE TASK t RETRY LAST")
    assert isinstance(again, ExecuteTask)
    assert again.retry_last


def test_create_procedure_with_a_body_in_quotes() -> None:
    statement = parse_one(
        "create or replace procedure p(t VARCHAR, major BOOLEAN default true) returns String language python\n"
        "runtime_version = '3.11' packages = ('a', 'b') handler = 'p' as 'x = ''a;b''\ny = 1 + \\\\\n 2'"
    )
    assert isinstance(statement, CreateRoutine)
    assert statement.body == "x = 'a;b'\ny = 1 + \\\n 2"
    assert statement.runtime_version == "3.11"
    assert statement.arguments[1].default == "true"
    assert not statement.caller_rights


def test_create_procedure_in_sql_keeps_its_block() -> None:
    statement = parse_one("CREATE PROCEDURE p() RETURNS INT LANGUAGE SQL AS BEGIN LET x := 1; RETURN x; END;")
    assert isinstance(statement, CreateRoutine)
    assert (statement.language, statement.body) == ("SQL", "BEGIN LET x := 1; RETURN x; END")


def test_call_with_named_arguments() -> None:
    statement = parse_one("CALL db.s.p('x', ?, CURRENT_DATE(), a => (1 + 2))")
    assert isinstance(statement, Call)
    assert (statement.name, statement.names) == (Name("P", "S", "DB"), (None, None, None, "A"))
    assert [node.name for node in statement.arguments[1].find_all(exp.Placeholder)] == ["1"]


def test_copy_into_table_options() -> None:
    statement = parse_one(
        "COPY INTO t FROM @st/a FILES = ('a.csv', 'b.csv') FILE_FORMAT = (TYPE = 'csv' SKIP_HEADER = 1 "
        r"FIELD_DELIMITER = '\t' NULL_IF = ('', 'NULL')) ON_ERROR = SKIP_FILE_10% FORCE = TRUE"
    )
    assert isinstance(statement, CopyIntoTable)
    assert statement.location == "@st/a"
    assert statement.options == {
        "FILES": ["a.csv", "b.csv"],
        "FILE_FORMAT": {"TYPE": "CSV", "SKIP_HEADER": 1, "FIELD_DELIMITER": "\t", "NULL_IF": ["", "NULL"]},
        "ON_ERROR": "SKIP_FILE_10%",
        "FORCE": True,
    }
    named = parse_one("COPY INTO t FROM @st FILE_FORMAT = my.fmt")
    assert isinstance(named, CopyIntoTable)
    assert named.options == {"FILE_FORMAT": {"FORMAT_NAME": "my.fmt"}}


@pytest.mark.parametrize(
    ("text", "kind", "name"),
    [
        ("USE ROLE accountadmin", "ROLE", Name("ACCOUNTADMIN")),
        ("USE WAREHOUSE w", "WAREHOUSE", Name("W")),
        ('use schema "x"."y"', "SCHEMA", Name("y", "x")),
        ("USE db.s", "", Name("S", "DB")),
        ("USE SECONDARY ROLES ALL", "SECONDARY ROLES", Name("ALL")),
    ],
)
def test_use(text: str, kind: str, name: Name) -> None:
    assert parse_one(text) == Use(text=text, kind=kind, name=name)


def test_variables() -> None:
    one = parse_one("SET x = (SELECT max(a) FROM t)")
    assert isinstance(one, SetVariable)
    assert one.names == ("X",)
    two = parse_one("SET (a, b) = (1, f(2, 3))")
    assert isinstance(two, SetVariable)
    assert (two.names, len(two.values)) == (("A", "B"), 2)
    assert parse_one("UNSET x") == UnsetVariable(text="UNSET x", names=("X",))


def test_parameters() -> None:
    statement = parse_one("ALTER SESSION SET QUERY_TAG = 'x', TIMEZONE='UTC' AUTOCOMMIT=False LOCK_TIMEOUT = 5")
    assert isinstance(statement, AlterParameters)
    assert statement.values == {"QUERY_TAG": "x", "TIMEZONE": "UTC", "AUTOCOMMIT": False, "LOCK_TIMEOUT": 5}
    unset = parse_one("alter session unset query_tag")
    assert isinstance(unset, AlterParameters)
    assert unset.values == {"QUERY_TAG": None}
    account = parse_one("ALTER ACCOUNT SET EVENT_TABLE = INSURANCE.ML_PIPE.MODEL_TRACES")
    assert isinstance(account, AlterParameters)
    assert (account.scope, account.values) == ("ACCOUNT", {"EVENT_TABLE": "INSURANCE.ML_PIPE.MODEL_TRACES"})


@pytest.mark.parametrize(
    ("text", "action"),
    [
        ("BEGIN", "BEGIN"),
        ("BEGIN TRANSACTION NAME x", "BEGIN"),
        ("START TRANSACTION", "BEGIN"),
        ("COMMIT WORK", "COMMIT"),
        ("rollback", "ROLLBACK"),
    ],
)
def test_transactions(text: str, action: str) -> None:
    found = parse_one(text)
    assert isinstance(found, Transaction)
    assert (found.action, found.name) == (action, "X" if "NAME" in text else None)


def test_show_grammar() -> None:
    text = "SHOW TERSE TABLES HISTORY LIKE 'x' IN DATABASE \"db\" STARTS WITH 'y' LIMIT 3"
    assert parse_one(text) == Show(
        text=text,
        kind="TABLES",
        like="x",
        scope="DATABASE",
        scope_name=Name("db"),
        starts_with="y",
        limit=3,
        terse=True,
        history=True,
    )
    bare = parse_one("SHOW SCHEMAS IN insurance")
    assert isinstance(bare, Show)
    assert (bare.scope, bare.scope_name) == ("DATABASE", Name("INSURANCE"))


def test_drop_undrop_describe_explain() -> None:
    dropped = parse_one("DROP PROCEDURE IF EXISTS p(VARCHAR, NUMBER(38, 0))")
    assert isinstance(dropped, Drop)
    assert dropped.arguments == (VARCHAR, NUMBER)
    assert parse_one("UNDROP TABLE t") == Undrop(text="UNDROP TABLE t", kind="TABLE", name=Name("T"))
    described = parse_one("desc procedure p()")
    assert isinstance(described, Describe)
    assert (described.kind, described.arguments) == ("PROCEDURE", ())
    assert parse_one("DESCRIBE RESULT '01b'") == Describe(text="DESCRIBE RESULT '01b'", kind="RESULT", name=Name("01b"))
    explained = parse_one("EXPLAIN USING TEXT SELECT 1")
    assert isinstance(explained, Explain)
    assert isinstance(explained.statement, Query)
    assert (explained.form, explained.statement.text) == ("TEXT", "SELECT 1")


def test_a_session_variable_can_stand_for_a_name() -> None:
    statement = parse_one("DROP TABLE IDENTIFIER($t)", Outside(variables={"T": 'a."b"'}))
    assert isinstance(statement, Drop)
    assert statement.name == Name("b", "A")
