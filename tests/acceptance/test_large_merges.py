"""MERGE of more rows than the engine keeps in one group of rows, in an explicit transaction."""

from __future__ import annotations

from typing import Any

import pytest

#: The engine's row groups hold 122,880 rows.
MANY = 150_000


@pytest.mark.parity(
    "MERGE",
    "in a transaction, inserts many rows beside none, one or many updated ones",
    "https://docs.snowflake.com/en/sql-reference/sql/merge",
)
@pytest.mark.parametrize("known", [0, 1, 130_000])
def test_a_merge_in_a_transaction_keeps_all_its_rows(sql: Any, known: int) -> None:
    sql(f"CREATE TABLE SOURCE AS SELECT SEQ4() AS A, 'new' AS B FROM TABLE(GENERATOR(ROWCOUNT => {MANY}))")
    sql(f"CREATE TABLE TARGET AS SELECT A, 'old' AS B FROM SOURCE WHERE A < {known}")
    sql("BEGIN")
    merge = """MERGE INTO TARGET AS t USING SOURCE AS s ON t.A = s.A
               WHEN MATCHED THEN UPDATE SET B = s.B WHEN NOT MATCHED THEN INSERT VALUES (s.A, s.B)"""
    assert sql(merge) == [(MANY - known, known)]
    counted = "SELECT COUNT(*), COUNT(DISTINCT A), COUNT(DISTINCT B) FROM TARGET"
    assert sql(counted) == [(MANY, MANY, 1)]
    sql("COMMIT")
    assert sql(counted) == [(MANY, MANY, 1)]
