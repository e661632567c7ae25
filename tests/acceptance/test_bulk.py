"""More rows than the engine keeps in one group of rows: what it does in bulk loses and doubles none."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

#: The engine's row groups hold 40,960 rows.
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


@pytest.mark.parity(
    "INSERT ALL",
    "many rows by one clause, and none by another",
    "https://docs.snowflake.com/en/sql-reference/sql/insert-multi-table",
)
@pytest.mark.parametrize("kind", ["", "TEMPORARY"])
@pytest.mark.parametrize("explicit", [False, True])
def test_a_clause_without_rows_beside_one_with_many(sql: Any, kind: str, explicit: bool) -> None:
    sql(f"CREATE {kind} TABLE TARGET (A INT, B VARCHAR)")
    if explicit:
        sql("BEGIN")
    sql(f"""INSERT ALL WHEN A < 0 THEN INTO TARGET VALUES (A, 'none') WHEN A >= 0 THEN INTO TARGET VALUES (A, 'many')
            SELECT SEQ4() AS A FROM TABLE(GENERATOR(ROWCOUNT => {MANY}))""")
    if explicit:
        sql("INSERT INTO TARGET SELECT A, 'none' FROM TARGET WHERE A < 0")
        sql("UPDATE TARGET SET B = 'changed'")
        sql("COMMIT")
    assert sql("SELECT COUNT(DISTINCT A), MIN(B) FROM TARGET") == [(MANY, "changed" if explicit else "many")]


@pytest.mark.parity(
    "COPY INTO table",
    "an empty file before a large one",
    "https://docs.snowflake.com/en/sql-reference/sql/copy-into-table",
)
@pytest.mark.parametrize("option", ["ABORT_STATEMENT", "CONTINUE", "SKIP_FILE"])
def test_an_empty_file_before_a_large_one(sql: Any, tmp_path: Path, option: str) -> None:
    sql("CREATE TABLE TARGET (A INT, B VARCHAR)")
    sql("CREATE STAGE FILES")
    (tmp_path / "a.csv").write_text("")
    (tmp_path / "b.csv").write_text("".join(f"{i},many\n" for i in range(MANY)))
    sql(f"PUT 'file://{tmp_path}/*.csv' @FILES AUTO_COMPRESS = FALSE")
    sql(f"COPY INTO TARGET FROM @FILES FILE_FORMAT = (TYPE = CSV) ON_ERROR = {option}")
    assert sql("SELECT COUNT(DISTINCT A), MIN(B) FROM TARGET") == [(MANY, "many")]
