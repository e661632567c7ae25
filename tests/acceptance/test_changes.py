"""DML with its row counts, and transactions."""

from __future__ import annotations

import pytest
from harness import Sql, poll

DOCS = "https://docs.snowflake.com/en/sql-reference/sql"


@pytest.fixture
def people(sql: Sql) -> Sql:
    sql("CREATE TABLE people (id NUMBER, name VARCHAR, age NUMBER)")
    sql("INSERT INTO people VALUES (1, 'Ann', 30), (2, 'Bob', 41), (3, 'Cleo', 41)")
    return sql


@pytest.mark.parity(
    "INSERT", "VALUES, a column list, SELECT and OVERWRITE; answers the number of rows", f"{DOCS}/insert"
)
def test_insert(people: Sql) -> None:
    assert people.dicts("INSERT INTO people (name, id) VALUES ('Dan', 4), ('Eve', 5)") == [
        {"number of rows inserted": 2}
    ]
    assert people.cursor.rowcount == 2
    people("INSERT INTO people SELECT id + 10, name, NULL FROM people WHERE id > 3")
    assert people("SELECT * FROM people WHERE id > 3 ORDER BY id") == [
        (4, "Dan", None),
        (5, "Eve", None),
        (14, "Dan", None),
        (15, "Eve", None),
    ]
    people("INSERT OVERWRITE INTO people SELECT 9, 'Zoe', 9")
    assert people("SELECT * FROM people") == [(9, "Zoe", 9)]
    people.fails("INSERT INTO people VALUES (1, 'x')")
    people.fails("INSERT INTO people (missing) VALUES (1)", 904)


@pytest.mark.parity("UPDATE", "with FROM and subqueries; answers the number of rows", f"{DOCS}/update")
def test_update(people: Sql) -> None:
    assert people.dicts("UPDATE people SET age = age + 1 WHERE age = 41")[0]["number of rows updated"] == 2
    people("CREATE TABLE names AS SELECT 1 AS id, 'Anna' AS name")
    people("UPDATE people SET name = names.name FROM names WHERE people.id = names.id")
    assert people("SELECT name, age FROM people ORDER BY id") == [("Anna", 30), ("Bob", 42), ("Cleo", 42)]


@pytest.mark.parity("DELETE", "with WHERE and USING; answers the number of rows", f"{DOCS}/delete")
def test_delete(people: Sql) -> None:
    assert people.dicts("DELETE FROM people WHERE age = 41") == [{"number of rows deleted": 2}]
    people("CREATE TABLE leavers AS SELECT 1 AS id")
    people("DELETE FROM people USING leavers WHERE people.id = leavers.id")
    assert people("SELECT * FROM people") == []


@pytest.mark.parity("TRUNCATE TABLE", "removes all rows", f"{DOCS}/truncate-table")
def test_truncate(people: Sql) -> None:
    people("TRUNCATE TABLE people")
    assert people.one("SELECT COUNT(*) FROM people") == 0
    people("TRUNCATE TABLE IF EXISTS missing")
    people.fails("TRUNCATE TABLE missing", 2003)


@pytest.mark.parity(
    "MERGE", "matched update, matched delete, not matched insert; answers the numbers of rows", f"{DOCS}/merge"
)
def test_merge(people: Sql) -> None:
    answer = people.dicts(
        """MERGE INTO people AS t
           USING (SELECT 1 AS id, 'Annie' AS name, FALSE AS gone UNION ALL SELECT 2, NULL, TRUE
                  UNION ALL SELECT 4, 'Dan', FALSE) AS s
           ON t.id = s.id
           WHEN MATCHED AND s.gone THEN DELETE
           WHEN MATCHED THEN UPDATE SET t.name = s.name
           WHEN NOT MATCHED THEN INSERT (id, name) VALUES (s.id, s.name)"""
    )
    assert answer == [{"number of rows inserted": 1, "number of rows updated": 1, "number of rows deleted": 1}]
    assert people("SELECT id, name FROM people ORDER BY id") == [(1, "Annie"), (3, "Cleo"), (4, "Dan")]


@pytest.mark.parity(
    "MERGE",
    "two source rows for one target row are an error",
    f"{DOCS}/merge#nondeterministic-results-for-update-and-delete",
)
def test_nondeterministic_merge(people: Sql) -> None:
    people.fails(
        """MERGE INTO people t USING (SELECT 1 AS id, 'x' AS name UNION ALL SELECT 1, 'y') s ON t.id = s.id
           WHEN MATCHED THEN UPDATE SET t.name = s.name""",
        100090,
    )
    assert people.one("SELECT name FROM people WHERE id = 1") == "Ann"


TRANSACTIONS = "https://docs.snowflake.com/en/sql-reference/transactions"


@pytest.mark.parity("Transactions", "COMMIT shows all changes to others at once", TRANSACTIONS)
def test_commit(people: Sql, other: Sql) -> None:
    people("BEGIN")
    people("INSERT INTO people VALUES (4, 'Dan', 4)")
    people("DELETE FROM people WHERE id = 1")
    assert other("SELECT id FROM people ORDER BY id") == [(1,), (2,), (3,)]
    people("COMMIT")
    assert other("SELECT id FROM people ORDER BY id") == [(2,), (3,), (4,)]


@pytest.mark.parity("Transactions", "ROLLBACK undoes everything since BEGIN", TRANSACTIONS)
def test_rollback(people: Sql) -> None:
    people("BEGIN TRANSACTION")
    people("UPDATE people SET age = 0")
    people("TRUNCATE TABLE people")
    people("ROLLBACK")
    assert people("SELECT age FROM people ORDER BY id") == [(30,), (41,), (41,)]


@pytest.mark.parity("Transactions", "a statement that does not compile leaves the transaction as it was", TRANSACTIONS)
def test_failed_statement_in_a_transaction(people: Sql) -> None:
    people("BEGIN")
    people("INSERT INTO people VALUES (4, 'Dan', 4)")
    people.fails("INSERT INTO missing VALUES (1)", 2003)
    people("COMMIT")
    assert people.one("SELECT COUNT(*) FROM people") == 4


@pytest.mark.parity("Transactions", "a failed statement outside of one changes nothing", TRANSACTIONS)
def test_failed_statement(people: Sql) -> None:
    people.fails("UPDATE people SET age = 1 / (id - 3)")
    assert people("SELECT age FROM people ORDER BY id") == [(30,), (41,), (41,)]


@pytest.mark.parity("Transactions", "DDL commits what is open", f"{TRANSACTIONS}#ddl")
def test_ddl_commits(people: Sql, other: Sql) -> None:
    people("BEGIN")
    people("INSERT INTO people VALUES (4, 'Dan', 4)")
    people("CREATE TABLE t (n NUMBER)")
    people("ROLLBACK")
    assert other.one("SELECT COUNT(*) FROM people") == 4


@pytest.mark.parity("Transactions", "closing a session rolls back what it left open", TRANSACTIONS)
def test_closed_session_rolls_back(people: Sql, other: Sql) -> None:
    other("BEGIN")
    other("DELETE FROM people")
    other.connection.close()
    assert people.one("SELECT COUNT(*) FROM people") == 3


@pytest.mark.parity(
    "Transactions",
    "a writer of a table waits for another until LOCK_TIMEOUT",
    "https://docs.snowflake.com/en/sql-reference/parameters#lock-timeout",
)
def test_lock_timeout(people: Sql, other: Sql) -> None:
    people("BEGIN")
    people("UPDATE people SET age = 0")
    other("ALTER SESSION SET LOCK_TIMEOUT = 0")
    other.fails("UPDATE people SET age = 1", 625)
    people("COMMIT")
    other("UPDATE people SET age = age + 1")
    assert people("SELECT DISTINCT age FROM people") == [(1,)]


@pytest.mark.parity(
    "Cancel",
    "a statement that waits for a lock can be canceled",
    "https://docs.snowflake.com/en/sql-reference/functions/system_cancel_query",
)
def test_cancel_of_a_waiting_statement(people: Sql, other: Sql) -> None:
    people("BEGIN")
    people("UPDATE people SET age = 0")
    query_id = other.cursor.execute_async("UPDATE people SET age = 1")["queryId"]
    poll(lambda: "terminated" in people.one(f"SELECT SYSTEM$CANCEL_QUERY('{query_id}')"), "waiting statement")
    status = other.connection.get_query_status
    poll(lambda: not other.connection.is_still_running(status(query_id)), "end of the canceled statement", 20)
    assert status(query_id).name == "ABORTED"
    people("COMMIT")
    assert people("SELECT DISTINCT age FROM people") == [(0,)]


@pytest.mark.parity(
    "Errors",
    "syntax, unknown column, unknown table and unknown function bear Snowflake's numbers",
    "https://docs.snowflake.com/en/developer-guide/python-connector/python-connector-api#error-and-exceptions",
)
@pytest.mark.parametrize(
    ("statement", "errno", "sqlstate"),
    [
        ("SELEC 1", 1003, "42000"),
        ("SELECT FROM WHERE", 1003, "42000"),
        ("SELECT missing FROM people", 904, "42000"),
        ("SELECT * FROM missing", 2003, "42S02"),
        ("SELECT no_such_function(1)", 2140, "42601"),
        ("CALL no_such_procedure()", 2140, "42601"),
        ("SELECT 1 / 0", 100051, "22012"),
        ("SELECT 'x'::NUMBER", 100038, "22018"),
    ],
)
def test_errors(people: Sql, statement: str, errno: int, sqlstate: str) -> None:
    error = people.fails(statement)
    assert (error.errno, error.sqlstate) == (errno, sqlstate), error


WIDER = "CREATE TABLE wider (n NUMBER(30, 0)) AS SELECT * FROM VALUES (2), (100000000000000000002), (-3), (NULL)"


@pytest.mark.parametrize(
    ("statement", "found"),
    [
        ("UPDATE narrow SET hit = 'y' FROM wider AS w WHERE narrow.n = w.n", [(-3, "y"), (1, "n"), (2, "y")]),
        ("UPDATE narrow SET hit = 'y' FROM wider AS w WHERE narrow.n = w.n + 4 - 1", [(-3, "n"), (1, "n"), (2, "n")]),
        ("DELETE FROM narrow USING wider AS w WHERE w.n = narrow.n", [(1, "n"), (None, "n")]),
        (
            "DELETE FROM narrow USING (SELECT MAX(n) AS n FROM wider) AS w WHERE NOT (w.n = narrow.n)",
            [(None, "n")],
        ),
        (
            """MERGE INTO narrow USING wider AS w ON narrow.n = w.n AND w.n > 0
               WHEN MATCHED THEN UPDATE SET hit = 'y'
               WHEN NOT MATCHED AND w.n < 0 THEN INSERT VALUES (w.n - 1, 'new')""",
            [(-4, "new"), (-3, "n"), (1, "n"), (2, "y")],
        ),
    ],
)
@pytest.mark.parity(
    "MERGE",
    "finds rows by numbers of a wider type than the column's, as UPDATE and DELETE do",
    "https://docs.snowflake.com/en/sql-reference/sql/merge",
)
def test_keys_of_a_wider_type(sql: Sql, statement: str, found: list[tuple[object, ...]]) -> None:
    sql("CREATE TABLE narrow (n NUMBER(9, 0), hit VARCHAR)")
    sql("INSERT INTO narrow VALUES (1, 'n'), (2, 'n'), (-3, 'n'), (NULL, 'n')")
    sql(WIDER)
    sql(statement)
    rows = sql("SELECT n, hit FROM narrow ORDER BY n NULLS LAST")
    assert rows == found + ([] if (None, "n") in found else [(None, "n")])
