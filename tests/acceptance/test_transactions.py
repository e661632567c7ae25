"""Transactions of several sessions: what each sees, who waits for whom, and what a failed statement leaves.

Without ``from __future__ import annotations``, as in the tests of procedures.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from harness import Sql, poll
from snowflake.connector import SnowflakeConnection

DOCS = "https://docs.snowflake.com/en/sql-reference/transactions"
COMMANDS = "https://docs.snowflake.com/en/sql-reference/sql"
FUNCTIONS = "https://docs.snowflake.com/en/sql-reference/functions"


@pytest.fixture
def t(sql: Sql) -> Sql:
    sql("CREATE TABLE t (n NUMBER, s VARCHAR)")
    sql("INSERT INTO t VALUES (1, 'a'), (2, 'b')")
    return sql


def rows(sql: Sql, table: str = "t") -> list[tuple[Any, ...]]:
    return sorted(sql(f"SELECT * FROM {table}"))


# --- what a statement sees -------------------------------------------------------------------------------------------


@pytest.mark.parity(
    "Transactions",
    "READ COMMITTED: each statement sees what others committed before it, and its own transaction's changes",
    f"{DOCS}#read-committed-isolation-level",
)
def test_read_committed(t: Sql, other: Sql) -> None:
    t("BEGIN")
    t("UPDATE t SET s = 'mine' WHERE n = 1")
    other("INSERT INTO t VALUES (3, 'c')")
    assert rows(t) == [(1, "mine"), (2, "b"), (3, "c")]
    assert rows(other) == [(1, "a"), (2, "b"), (3, "c")]
    t("UPDATE t SET s = s || '!'")
    other("INSERT INTO t VALUES (4, 'd')")
    t("DELETE FROM t WHERE n = 4")
    t("COMMIT")
    assert rows(other) == [(1, "mine!"), (2, "b!"), (3, "c!")]


@pytest.mark.parity(
    "Transactions",
    "an UPDATE that waited for another transaction changes the rows that one has committed",
    f"{DOCS}#read-committed-isolation-level",
)
def test_update_after_waiting(t: Sql, other: Sql) -> None:
    t("BEGIN")
    t("UPDATE t SET n = n + 10")
    other("BEGIN")
    query_id = other.cursor.execute_async("UPDATE t SET n = n * 2")["queryId"]
    poll(lambda: "WAITING" in t.column("SHOW LOCKS", "status"), "waiting statement")
    t("COMMIT")
    other.cursor.get_results_from_sfqid(query_id)
    assert other.cursor.fetchall() == [(2, 0)]
    other("COMMIT")
    assert rows(t) == [(22, "a"), (24, "b")]


@pytest.mark.parity(
    "Streams",
    "a stream shows the same rows all through a transaction, whatever it or others do",
    "https://docs.snowflake.com/en/user-guide/streams-intro#repeatable-read-isolation",
)
def test_streams_are_repeatable(t: Sql, other: Sql) -> None:
    t("CREATE STREAM st ON TABLE t")
    t("CREATE TABLE target (n NUMBER)")
    t("INSERT INTO t VALUES (3, 'c')")
    t("BEGIN")
    other("INSERT INTO t VALUES (4, 'd')")
    other("UPDATE t SET s = 'x' WHERE n = 3")
    t("INSERT INTO t VALUES (5, 'e')")
    assert t("SELECT n, s FROM st") == [(3, "c")]
    t("INSERT INTO target SELECT n FROM st")
    assert t("SELECT n, s FROM st") == [(3, "c")]
    t("COMMIT")
    found = t('SELECT n, s, METADATA$ACTION FROM st ORDER BY n, "METADATA$ACTION"')
    assert found == [(3, "c", "DELETE"), (3, "x", "INSERT"), (4, "d", "INSERT"), (5, "e", "INSERT")]
    assert rows(t, "target") == [(3,)]


# --- failed statements -----------------------------------------------------------------------------------------------


@pytest.mark.parity(
    "Transactions",
    "a statement that fails at run time undoes itself and not the transaction",
    f"{DOCS}#failed-statements-within-a-transaction",
)
@pytest.mark.parametrize(
    "wrong",
    [
        "INSERT INTO t (n) VALUES ('This is not a valid integer.')",
        "INSERT INTO t SELECT n, s FROM t UNION ALL SELECT TO_NUMBER(s), s FROM t",
        "UPDATE t SET n = n / (n - 2)",
        "DELETE FROM t WHERE 1 / (n - 2) > 0",
        "MERGE INTO t USING (SELECT 1 AS n UNION ALL SELECT 1) u ON t.n = u.n WHEN MATCHED THEN UPDATE SET s = 'x'",
        "INSERT OVERWRITE INTO t SELECT 1 / 0, 'x'",
        "SELECT 1 / 0",
    ],
)
def test_statement_rollback(t: Sql, other: Sql, wrong: str) -> None:
    t("BEGIN")
    t("INSERT INTO t VALUES (3, 'c')")
    t.fails(wrong)
    assert rows(t) == [(1, "a"), (2, "b"), (3, "c")]
    t("INSERT INTO t VALUES (4, 'd')")
    t("COMMIT")
    assert rows(other) == [(1, "a"), (2, "b"), (3, "c"), (4, "d")]


@pytest.mark.parity(
    "TRANSACTION_ABORT_ON_ERROR",
    "an error leaves nothing to the transaction but its end",
    "https://docs.snowflake.com/en/sql-reference/parameters#transaction-abort-on-error",
)
def test_abort_on_error(t: Sql, other: Sql) -> None:
    t("ALTER SESSION SET TRANSACTION_ABORT_ON_ERROR = TRUE")
    t("BEGIN")
    t("INSERT INTO t VALUES (3, 'c')")
    t.fails("SELECT 1 / 0", 100051)
    t.fails("INSERT INTO t VALUES (4, 'd')", 615)
    t("ROLLBACK")
    assert rows(t) == [(1, "a"), (2, "b")]
    t("INSERT INTO t VALUES (5, 'e')")
    assert rows(other) == [(1, "a"), (2, "b"), (5, "e")]


@pytest.mark.parity("COPY INTO <table>", "is rolled back with its transaction, and then loads again", DOCS)
def test_copy_in_a_transaction(t: Sql, tmp_path: Path) -> None:
    (tmp_path / "data.csv").write_text("3,c\n4,d\n")
    t("CREATE STAGE st")
    t(f"PUT file://{tmp_path}/data.csv @st AUTO_COMPRESS = FALSE")
    load = "COPY INTO t FROM @st FILE_FORMAT = (TYPE = CSV)"
    t("BEGIN")
    assert t.column(load, "status") == ["LOADED"]
    assert t.one("SELECT COUNT(*) FROM t") == 4
    assert "0 files processed" in t.one(load)
    t("ROLLBACK")
    assert t.one("SELECT COUNT(*) FROM t") == 2
    assert t.column(load, "status") == ["LOADED"]
    assert t.one("SELECT COUNT(*) FROM t") == 4


# --- locks -----------------------------------------------------------------------------------------------------------


@pytest.mark.parity("Transactions", "INSERT waits for nobody", f"{DOCS}#resource-locking")
def test_insert_does_not_wait(t: Sql, other: Sql) -> None:
    other("ALTER SESSION SET LOCK_TIMEOUT = 0")
    t("BEGIN")
    t("DELETE FROM t")
    other("BEGIN")
    other("INSERT INTO t VALUES (3, 'c')")
    for wrong in ("UPDATE t SET n = 0", "DELETE FROM t", "TRUNCATE TABLE t"):
        error = other.fails(wrong, 625)
        assert "has locked table" in str(error) and "LOCK_TIMEOUT" in str(error)
    other("COMMIT")
    t("COMMIT")
    assert rows(t) == [(3, "c")]


@pytest.mark.parity(
    "Transactions",
    "a deadlock ends the statement that completes it; its transaction goes on",
    f"{DOCS}#deadlocks",
)
def test_deadlock(t: Sql, other: Sql) -> None:
    t("CREATE TABLE u (n NUMBER)")
    t("INSERT INTO u VALUES (1)")
    t("BEGIN")
    t("UPDATE t SET s = 'first'")
    other("BEGIN")
    other("UPDATE u SET n = 2")
    query_id = t.cursor.execute_async("UPDATE u SET n = 3")["queryId"]
    poll(lambda: "WAITING" in other.column("SHOW LOCKS", "status"), "waiting statement")
    error = other.fails("UPDATE t SET s = 'second'", 625)
    assert "deadlock" in str(error)
    assert rows(other, "u") == [(2,)]
    other("COMMIT")
    t.cursor.get_results_from_sfqid(query_id)
    t("COMMIT")
    assert (rows(t), rows(t, "u")) == ([(1, "first"), (2, "first")], [(3,)])


@pytest.mark.parity("SHOW LOCKS", "locks held and waited for, with transaction and statement", f"{COMMANDS}/show-locks")
def test_show_locks(t: Sql, other: Sql, database: str) -> None:
    t("BEGIN")
    t("UPDATE t SET n = n")
    (lock,) = [lock for lock in t.dicts("SHOW LOCKS") if database in lock["resource"]]
    assert (lock["type"], lock["status"]) == ("PARTITIONS", "HOLDING")
    assert str(lock["transaction"]) == t.one("SELECT CURRENT_TRANSACTION()")
    (same,) = [lock for lock in other.dicts("SHOW LOCKS IN ACCOUNT") if database in lock["resource"]]
    assert str(same["session"]) == t.one("SELECT CURRENT_SESSION()")
    t("ROLLBACK")
    assert not [lock for lock in t.dicts("SHOW LOCKS") if database in lock["resource"]]


@pytest.mark.parity("SHOW TRANSACTIONS", "those that run, with their names", f"{COMMANDS}/show-transactions")
@pytest.mark.parity("DESCRIBE TRANSACTION", "also when it has ended", f"{COMMANDS}/desc-transaction")
def test_show_transactions(t: Sql, other: Sql) -> None:
    t("BEGIN NAME load_it")
    number = t.one("SELECT CURRENT_TRANSACTION()")
    (shown,) = [row for row in other.dicts("SHOW TRANSACTIONS IN ACCOUNT") if row["name"] == "LOAD_IT"]
    assert (str(shown["id"]), shown["state"], shown["scope"]) == (number, "running", 0)
    t("INSERT INTO t VALUES (3, 'c')")
    t("COMMIT")
    assert "LOAD_IT" not in other.column("SHOW TRANSACTIONS", "name")
    (described,) = other.dicts(f"DESCRIBE TRANSACTION {number}")
    assert (described["state"], described["name"]) == ("committed", "LOAD_IT")
    assert described["started_on"] <= described["ended_on"]
    assert t.one("SELECT LAST_TRANSACTION()") == number
    t("BEGIN")
    t("ROLLBACK")
    assert other.dicts(f"DESC TRANSACTION {t.one('SELECT LAST_TRANSACTION()')}")[0]["state"] == "rolled back"
    other.fails("DESCRIBE TRANSACTION 1", 2003)


@pytest.mark.parity(
    "SYSTEM$ABORT_TRANSACTION",
    "its locks are free at once, and its session can only end it",
    f"{FUNCTIONS}/system_abort_transaction",
)
def test_abort_transaction(t: Sql, other: Sql) -> None:
    t("BEGIN")
    t("UPDATE t SET s = 'x'")
    other(f"SELECT SYSTEM$ABORT_TRANSACTION({t.one('SELECT CURRENT_TRANSACTION()')})")
    other("UPDATE t SET s = 'other'")
    t.fails("SELECT * FROM t", 615)
    t.fails("COMMIT", 615)
    assert rows(t) == [(1, "other"), (2, "other")]


@pytest.mark.parity("SYSTEM$ABORT_SESSION", "ends the session and its transaction", f"{FUNCTIONS}/system_abort_session")
def test_abort_session(t: Sql, other: Sql) -> None:
    other("BEGIN")
    other("DELETE FROM t")
    number = other.one("SELECT CURRENT_SESSION()")
    assert "terminated" in t.one(f"SELECT SYSTEM$ABORT_SESSION({number})")
    t("UPDATE t SET s = 'x'")
    other.fails("SELECT 1", 390111)
    assert rows(t) == [(1, "x"), (2, "x")]


@pytest.mark.parity("SYSTEM$ABORT_SESSION", "of one's own session", f"{FUNCTIONS}/system_abort_session")
def test_abort_own_session(t: Sql, other: Sql) -> None:
    other("BEGIN")
    other("DELETE FROM t")
    number = other.one("SELECT CURRENT_SESSION()")
    assert "terminated" in other.one(f"SELECT SYSTEM$ABORT_SESSION({number})")
    other.fails("SELECT 1", 390111)
    assert not [row for row in t.dicts("SHOW TRANSACTIONS IN ACCOUNT") if str(row["session"]) == number]
    t("UPDATE t SET s = 'x'")
    assert rows(t) == [(1, "x"), (2, "x")]


# --- AUTOCOMMIT ------------------------------------------------------------------------------------------------------


@pytest.mark.parity("Transactions", "the connector's autocommit(False), commit() and rollback()", f"{DOCS}#autocommit")
def test_connector_autocommit(connect: Callable[..., SnowflakeConnection], t: Sql, database: str) -> None:
    connection = connect(database=database, schema="PUBLIC", autocommit=False)
    mine = Sql(connection)
    mine("INSERT INTO t VALUES (3, 'c')")
    assert len(rows(mine)) == 3 and len(rows(t)) == 2
    connection.rollback()
    assert len(rows(mine)) == 2
    mine("INSERT INTO t VALUES (3, 'c')")
    connection.commit()
    assert len(rows(t)) == 3
    mine("DELETE FROM t")
    connection.autocommit(True)
    assert rows(t) == []


# --- procedures ------------------------------------------------------------------------------------------------------

HEAD = "LANGUAGE PYTHON RUNTIME_VERSION = '3.11' PACKAGES = ('snowflake-snowpark-python') HANDLER = 'run'"
SCOPED = f"{DOCS}#scoped-transactions"


def procedure(sql: Sql, name: str, *statements: str) -> None:
    """A procedure that runs `statements`."""
    body = "def run(session):\n" + "".join(f"    session.sql({text!r}).collect()\n" for text in statements)
    sql(f"CREATE PROCEDURE {name}() RETURNS VARCHAR {HEAD} EXECUTE AS CALLER AS $$\n{body}    return 'done'\n$$")


@pytest.mark.ml
@pytest.mark.parity("Transactions", "a procedure without BEGIN works in its caller's transaction", SCOPED)
@pytest.mark.parity("Transactions", "a CALL that fails undoes what the procedure did in it", DOCS)
def test_procedure_in_a_transaction(t: Sql, other: Sql) -> None:
    procedure(t, "add", "INSERT INTO t VALUES (3, 'c')", "UPDATE t SET s = 'p' WHERE n = 1")
    procedure(t, "break_it", "INSERT INTO t VALUES (4, 'd')", "DELETE FROM t WHERE n = 1", "SELECT 1 / 0")
    t("BEGIN")
    t("CALL add()")
    assert rows(t) == [(1, "p"), (2, "b"), (3, "c")]
    assert rows(other) == [(1, "a"), (2, "b")]
    t.fails("CALL break_it()")
    assert rows(t) == [(1, "p"), (2, "b"), (3, "c")]
    t("ROLLBACK")
    assert rows(t) == [(1, "a"), (2, "b")]
    t("BEGIN")
    t.fails("CALL break_it()")
    t("COMMIT")
    assert rows(other) == [(1, "a"), (2, "b")]


@pytest.mark.ml
@pytest.mark.parity("Transactions", "a transaction of a procedure is apart from its caller's", SCOPED)
def test_scoped_transaction(t: Sql, other: Sql) -> None:
    procedure(t, "log_it", "BEGIN", "INSERT INTO t VALUES (9, 'log')", "COMMIT", "INSERT INTO t VALUES (8, 'outer')")
    t("BEGIN")
    t("INSERT INTO t VALUES (3, 'c')")
    t("CALL log_it()")
    assert rows(other) == [(1, "a"), (2, "b"), (9, "log")]
    assert rows(t) == [(1, "a"), (2, "b"), (3, "c"), (8, "outer"), (9, "log")]
    t("ROLLBACK")
    assert rows(t) == [(1, "a"), (2, "b"), (9, "log")]


@pytest.mark.ml
@pytest.mark.parity("Transactions", "a procedure must end what it begins, and nothing else", SCOPED)
def test_incomplete_scopes(t: Sql) -> None:
    procedure(t, "leave_open", "BEGIN", "INSERT INTO t VALUES (3, 'c')")
    procedure(t, "commit_outer", "COMMIT")
    procedure(t, "ddl_inside", "CREATE TABLE u (n NUMBER)")
    error = t.fails("CALL leave_open()", 90232)
    assert "Scoped transaction started in stored procedure is incomplete and it was rolled back." in str(error)
    assert rows(t) == [(1, "a"), (2, "b")]
    t("BEGIN")
    t("INSERT INTO t VALUES (4, 'd')")
    for wrong in ("commit_outer", "ddl_inside"):
        error = t.fails(f"CALL {wrong}()")
        assert "Modifying a transaction that has started at a different scope is not allowed." in str(error)
    t("COMMIT")
    assert rows(t) == [(1, "a"), (2, "b"), (4, "d")]


@pytest.mark.ml
@pytest.mark.parity("Transactions", "without AUTOCOMMIT a procedure's own DML must be committed in it", SCOPED)
def test_procedure_without_autocommit(t: Sql) -> None:
    procedure(t, "add", "INSERT INTO t VALUES (3, 'c')")
    t("ALTER SESSION SET AUTOCOMMIT = FALSE")
    t.fails("CALL add()", 90232)
    assert rows(t) == [(1, "a"), (2, "b")]
    t("BEGIN TRANSACTION")
    t("CALL add()")
    t("COMMIT")
    assert rows(t) == [(1, "a"), (2, "b"), (3, "c")]


@pytest.mark.ml
@pytest.mark.parity("Transactions", "a procedure that waits for its caller's lock is a deadlock", f"{DOCS}#deadlocks")
def test_deadlock_with_the_caller(t: Sql) -> None:
    procedure(t, "change_it", "BEGIN", "UPDATE t SET s = 'inner'", "COMMIT")
    t("BEGIN")
    t("UPDATE t SET s = 'outer'")
    error = t.fails("CALL change_it()")
    assert "deadlock" in str(error)
    t("COMMIT")
    assert rows(t) == [(1, "outer"), (2, "outer")]


@pytest.mark.parity("Transactions", "a table dropped by another session makes COMMIT fail, and nothing is kept", DOCS)
def test_table_dropped_meanwhile(t: Sql, other: Sql) -> None:
    t("CREATE TABLE kept (n NUMBER)")
    t("BEGIN")
    t("INSERT INTO kept VALUES (1)")
    t("INSERT INTO t VALUES (3, 'c')")
    other("COMMENT ON COLUMN kept.n IS 'harmless'")
    other("DROP TABLE t")
    assert "was dropped or altered" in str(t.fails("COMMIT", 625))
    assert rows(t, "kept") == []
    t("INSERT INTO kept VALUES (2)")
    assert rows(other, "kept") == [(2,)]


@pytest.mark.parity("Transactions", "nor is a table that another session has altered written to", DOCS)
@pytest.mark.parametrize(
    "change", ["ADD COLUMN m NUMBER DEFAULT 7", "DROP COLUMN s", "RENAME COLUMN s TO r", "ALTER s TYPE VARCHAR(100)"]
)
def test_table_altered_meanwhile(sql: Sql, other: Sql, change: str) -> None:
    sql("CREATE TABLE t (n NUMBER, s VARCHAR(10))")
    sql("INSERT INTO t VALUES (1, 'a')")
    sql("BEGIN")
    sql("UPDATE t SET n = 2")
    other(f"ALTER TABLE t {change}")
    for statement in ("SELECT * FROM t", "INSERT INTO t (n) VALUES (3)", "DELETE FROM t", "COMMIT"):
        assert "altered by another session" in str(sql.fails(statement, 625))
    assert sql("SELECT n FROM t") == [(1,)]
    if "DEFAULT" in change:
        assert sql("SELECT m FROM t") == [(7,)]
