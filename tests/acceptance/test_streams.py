"""Streams: what they give, and when they are consumed."""

from __future__ import annotations

import pytest
from harness import Sql

STREAMS = "https://docs.snowflake.com/en/user-guide/streams-intro"
CREATE = "https://docs.snowflake.com/en/sql-reference/sql/create-stream"
CHANGES = "SELECT n, METADATA$ACTION, METADATA$ISUPDATE FROM s ORDER BY n, METADATA$ACTION"


@pytest.fixture
def numbers(sql: Sql) -> Sql:
    """A table of 1 and 2 with a stream that has seen neither, and a table to consume it into."""
    sql("CREATE TABLE t AS SELECT 1::NUMBER AS n UNION ALL SELECT 2")
    sql("CREATE STREAM s ON TABLE t")
    sql("CREATE TABLE seen (n NUMBER, action VARCHAR)")
    return sql


CONSUME = "INSERT INTO seen SELECT n, METADATA$ACTION FROM s"
HAS_DATA = "SELECT SYSTEM$STREAM_HAS_DATA('s')"


@pytest.mark.parity("CREATE STREAM", "starts with what changes after it, unless SHOW_INITIAL_ROWS", CREATE)
def test_initial_rows(numbers: Sql) -> None:
    assert numbers(CHANGES) == []
    numbers("CREATE STREAM all_rows ON TABLE t SHOW_INITIAL_ROWS = TRUE")
    assert numbers("SELECT n FROM all_rows ORDER BY n") == [(1,), (2,)]
    numbers("INSERT INTO seen SELECT n, 'x' FROM all_rows")
    numbers("INSERT INTO t VALUES (3)")
    assert numbers("SELECT n FROM all_rows") == [(3,)]


@pytest.mark.parity(
    "Streams", "net changes: an update is a DELETE and an INSERT with METADATA$ISUPDATE", f"{STREAMS}#stream-columns"
)
def test_net_changes(numbers: Sql) -> None:
    numbers("INSERT INTO t VALUES (3), (4)")
    numbers("UPDATE t SET n = 10 WHERE n = 1")
    numbers("DELETE FROM t WHERE n IN (2, 3)")
    assert numbers(CHANGES) == [
        (1, "DELETE", True),
        (2, "DELETE", False),
        (4, "INSERT", False),
        (10, "INSERT", True),
    ]
    ids = numbers("SELECT METADATA$ROW_ID, COUNT(*) FROM s GROUP BY 1 ORDER BY 2")
    assert [count for _, count in ids] == [1, 1, 2], "both halves of an update bear one METADATA$ROW_ID"


@pytest.mark.parity("Streams", "changes that undo each other are none", STREAMS)
def test_undone_changes(numbers: Sql) -> None:
    numbers("INSERT INTO t VALUES (3)")
    numbers("DELETE FROM t WHERE n = 3")
    assert numbers(CHANGES) == []


@pytest.mark.parity(
    "Streams", "append-only streams give inserted rows only, deleted ones too", f"{STREAMS}#types-of-streams"
)
def test_append_only(numbers: Sql) -> None:
    numbers("CREATE STREAM added ON TABLE t APPEND_ONLY = TRUE")
    numbers("INSERT INTO t VALUES (3), (4)")
    numbers("UPDATE t SET n = 10 WHERE n = 1")
    numbers("DELETE FROM t WHERE n = 4")
    assert numbers("SELECT n, METADATA$ACTION, METADATA$ISUPDATE FROM added ORDER BY n") == [
        (3, "INSERT", False),
        (4, "INSERT", False),
    ]


@pytest.mark.parity(
    "Streams", "reading does not consume, DML that commits does", f"{STREAMS}#data-retention-period-and-staleness"
)
def test_consumption(numbers: Sql) -> None:
    numbers("INSERT INTO t VALUES (3)")
    assert numbers("SELECT n FROM s") == numbers("SELECT n FROM s") == [(3,)]
    assert numbers.one(HAS_DATA) is True
    numbers(CONSUME)
    assert numbers("SELECT * FROM seen") == [(3, "INSERT")]
    assert numbers("SELECT n FROM s") == []
    assert numbers.one(HAS_DATA) is False


@pytest.mark.parity("Streams", "DML consumes the whole stream even when it filters", STREAMS)
def test_filtered_consumption(numbers: Sql) -> None:
    numbers("INSERT INTO t VALUES (3)")
    numbers("INSERT INTO seen SELECT n, 'x' FROM s WHERE FALSE")
    assert numbers.one(HAS_DATA) is False


@pytest.mark.parity("Streams", "CREATE TABLE AS SELECT and MERGE consume", STREAMS)
def test_consumption_by_other_statements(numbers: Sql) -> None:
    numbers("INSERT INTO t VALUES (3)")
    numbers("CREATE TABLE taken AS SELECT n FROM s")
    assert (numbers("SELECT * FROM taken"), numbers.one(HAS_DATA)) == ([(3,)], False)
    numbers("INSERT INTO t VALUES (4)")
    numbers(
        "MERGE INTO seen USING (SELECT n FROM s) AS c ON seen.n = c.n WHEN NOT MATCHED THEN INSERT (n) VALUES (c.n)"
    )
    assert (numbers("SELECT n FROM seen"), numbers.one(HAS_DATA)) == ([(4,)], False)


@pytest.mark.parity(
    "Streams", "are read alike within a transaction, whatever others commit", f"{STREAMS}#repeatable-read-isolation"
)
def test_repeatable_read(numbers: Sql, other: Sql) -> None:
    numbers("INSERT INTO t VALUES (3)")
    numbers("BEGIN")
    assert numbers("SELECT n FROM s") == [(3,)]
    other("INSERT INTO t VALUES (4)")
    assert numbers("SELECT n FROM s") == [(3,)]
    numbers(CONSUME)
    numbers(CONSUME)
    numbers("COMMIT")
    assert numbers("SELECT n FROM seen") == [(3,), (3,)]
    assert numbers("SELECT n FROM s") == [(4,)]


@pytest.mark.parity("Streams", "a rolled-back or failed statement consumes nothing", STREAMS)
def test_rollback_consumes_nothing(numbers: Sql) -> None:
    numbers("INSERT INTO t VALUES (3)")
    numbers("BEGIN")
    numbers(CONSUME)
    numbers("ROLLBACK")
    numbers.fails("INSERT INTO seen SELECT 1 / (n - 3), 'x' FROM s")
    assert numbers("SELECT n FROM s") == [(3,)]
    assert numbers("SELECT * FROM seen") == []


@pytest.mark.parity(
    "Streams", "several on one table do not know of each other", f"{STREAMS}#multiple-consumers-of-streams"
)
def test_independent_streams(numbers: Sql) -> None:
    numbers("CREATE STREAM second ON TABLE t")
    numbers("INSERT INTO t VALUES (3)")
    numbers(CONSUME)
    assert numbers("SELECT n FROM second") == [(3,)]


@pytest.mark.parity("Streams", "TRUNCATE TABLE is seen as the deletion of all rows", STREAMS)
def test_truncate(numbers: Sql) -> None:
    numbers("TRUNCATE TABLE t")
    assert numbers(CHANGES) == [(1, "DELETE", False), (2, "DELETE", False)]


@pytest.mark.parity(
    "SYSTEM$STREAM_HAS_DATA",
    "looks without consuming",
    "https://docs.snowflake.com/en/sql-reference/functions/system_stream_has_data",
)
def test_has_data(numbers: Sql) -> None:
    assert numbers.one(HAS_DATA) is False
    numbers("INSERT INTO t VALUES (3)")
    numbers("CREATE TABLE looked AS SELECT SYSTEM$STREAM_HAS_DATA('s') AS has")
    assert numbers.one("SELECT has FROM looked") is True
    assert numbers.one(HAS_DATA) is True
    numbers.fails("SELECT SYSTEM$STREAM_HAS_DATA('missing')", 2003)


@pytest.mark.parity(
    "SHOW STREAMS", "name, table, mode, stale", "https://docs.snowflake.com/en/sql-reference/sql/show-streams"
)
def test_show_streams(numbers: Sql, database: str) -> None:
    numbers("CREATE STREAM added ON TABLE t APPEND_ONLY = TRUE")
    shown = [(row["name"], row["table_name"], row["mode"], row["stale"]) for row in numbers.dicts("SHOW STREAMS")]
    assert shown == [
        ("ADDED", f"{database}.PUBLIC.T", "APPEND_ONLY", "false"),
        ("S", f"{database}.PUBLIC.T", "DEFAULT", "false"),
    ]


@pytest.mark.parity(
    "DESCRIBE STREAM", "the row that SHOW STREAMS gives", "https://docs.snowflake.com/en/sql-reference/sql/desc-stream"
)
def test_describe_stream(numbers: Sql) -> None:
    (described,) = numbers.dicts("DESCRIBE STREAM s")
    assert (described["name"], described["mode"]) == ("S", "DEFAULT")


@pytest.mark.parity(
    "DROP STREAM", "takes it away, and its table stays", "https://docs.snowflake.com/en/sql-reference/sql/drop-stream"
)
def test_drop_stream(numbers: Sql) -> None:
    numbers("DROP STREAM s")
    numbers.fails("SELECT * FROM s", 2003)
    assert numbers.one("SELECT COUNT(*) FROM t") == 2


@pytest.mark.parity("CREATE STREAM", "OR REPLACE begins anew, IF NOT EXISTS keeps", CREATE)
def test_replace_stream(numbers: Sql) -> None:
    numbers("INSERT INTO t VALUES (3)")
    numbers("CREATE STREAM IF NOT EXISTS s ON TABLE t")
    assert numbers.one(HAS_DATA) is True
    numbers("CREATE OR REPLACE STREAM s ON TABLE t")
    assert numbers.one(HAS_DATA) is False
    numbers.fails("CREATE STREAM s ON TABLE t", 2002)
