"""Table functions in Python (UDTF) through the genuine connector and Snowpark."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from harness import Sql

PAGE = "https://docs.snowflake.com/en/developer-guide/udf/python/udf-python-tabular-functions"
VECTORIZED = "https://docs.snowflake.com/en/developer-guide/udf/python/udf-python-tabular-vectorized"
SNOWPARK = "https://docs.snowflake.com/en/developer-guide/snowpark/python/creating-udtfs"

WORDS = """
CREATE FUNCTION words(txt VARCHAR, most NUMBER) RETURNS TABLE (word VARCHAR, letters NUMBER)
LANGUAGE PYTHON RUNTIME_VERSION = '3.11' HANDLER = 'Words' AS $$
class Words:
    def process(self, txt, most):
        for word in (txt or '').split()[:most]:
            yield (word, len(word))
$$
"""

TOTALS = """
CREATE FUNCTION totals(n NUMBER, v VARIANT) RETURNS TABLE (seen NUMBER, total FLOAT, all_v VARIANT)
LANGUAGE PYTHON RUNTIME_VERSION = '3.11' HANDLER = 'Totals' AS $$
class Totals:
    def __init__(self):
        self.seen, self.total, self.all_v = 0, 0.0, []
    def process(self, n, v):
        self.seen += 1
        self.total += n
        self.all_v.append(v)
        if n == 3:
            yield (None, 0.5, {'n': n})
    def end_partition(self):
        yield self.seen, self.total, self.all_v
$$
"""


@pytest.fixture
def rows(sql: Sql) -> Sql:
    """SQL with both functions and a table T of four rows in three groups."""
    sql(WORDS)
    sql(TOTALS)
    sql("CREATE TABLE t (id NUMBER, k VARCHAR, txt VARCHAR)")
    sql("INSERT INTO t VALUES (1, 'x', 'a bb'), (2, 'x', ''), (3, 'y', 'ccc dd e'), (4, NULL, 'zz')")
    return sql


@pytest.mark.parity(
    "Table functions in Python", "of constants, by position and by name, and of a table's columns", PAGE
)
def test_process(rows: Sql) -> None:
    assert rows("SELECT * FROM TABLE(words('a bb ccc', 2))") == [("a", 1), ("bb", 2)]
    assert rows("SELECT word FROM TABLE(words(most => 1, txt => 'q r'))") == [("q",)]
    joined = "SELECT t.id, w.word, w.letters FROM t, TABLE(words(t.txt, 2)) AS w ORDER BY 1, 2"
    found = [(1, "a", 1), (1, "bb", 2), (3, "ccc", 3), (3, "dd", 2), (4, "zz", 2)]
    assert rows(joined) == found
    assert rows(joined.replace("t, TABLE", "t CROSS JOIN TABLE")) == found
    assert rows("SELECT * FROM t, TABLE(words(txt, 1)) w(a, b) WHERE a > 'b' ORDER BY id") == [
        (3, "y", "ccc dd e", "ccc", 3),
        (4, None, "zz", "zz", 2),
    ]
    left = "SELECT id, word FROM t LEFT JOIN TABLE(words(t.txt, 1)) ORDER BY id"
    assert rows(left) == [(1, "a"), (2, None), (3, "ccc"), (4, "zz")]


@pytest.mark.parity("Table functions in Python", "PARTITION BY, ORDER BY and end_partition", PAGE)
def test_partitions(rows: Sql) -> None:
    text = """
    SELECT t.k, t.id, f.seen, f.total, f.all_v::VARCHAR
    FROM t, TABLE(totals(t.id, t.txt::VARIANT) OVER (PARTITION BY t.k ORDER BY t.id DESC)) AS f
    ORDER BY t.k, f.seen NULLS FIRST
    """
    # Only what a partition is made by is shown beside the rows of its end.
    assert rows(text) == [
        ("x", None, 2, 3.0, '["","a bb"]'),
        ("y", 3, None, 0.5, '{"n":3}'),
        ("y", None, 1, 3.0, '["ccc dd e"]'),
        (None, None, 1, 4.0, '["zz"]'),
    ]
    for window in ("OVER (PARTITION BY 1)", "OVER ()", ""):
        of_all = f"SELECT seen, total FROM t, TABLE(totals(t.id, NULL) {window}) WHERE seen IS NOT NULL"
        assert rows(of_all) == [(4, 10.0)]
    by_two = "SELECT COUNT(*) FROM t, TABLE(totals(id, NULL) OVER (PARTITION BY k, id % 2)) WHERE seen > 0"
    assert rows.one(by_two) == 4


@pytest.mark.parity("Table functions in Python", "beside joins, in subqueries, views, CTEs, one after another", PAGE)
def test_places(rows: Sql) -> None:
    rows("CREATE TABLE u AS SELECT 'x' AS k, 1 AS most UNION ALL SELECT 'y', 2")
    joined = "SELECT t.id, u.most, w.word FROM t JOIN u ON t.k = u.k, TABLE(words(t.txt, u.most)) w ORDER BY 1, 3"
    assert rows(joined) == [(1, 1, "a"), (3, 2, "ccc"), (3, 2, "dd")]
    after = "SELECT w.word FROM t, TABLE(words(t.txt, 9)) w JOIN u ON u.most = w.letters ORDER BY 1"
    assert rows(after) == [("a",), ("bb",), ("dd",), ("e",), ("zz",)]
    chain = "SELECT a.word, b.letters FROM t, TABLE(words(t.txt, 9)) a, TABLE(words(a.word, 1)) b ORDER BY 1"
    assert rows(chain) == [("a", 1), ("bb", 2), ("ccc", 3), ("dd", 2), ("e", 1), ("zz", 2)]
    rows("CREATE VIEW v AS SELECT t.k, f.total FROM t, TABLE(totals(t.id, NULL) OVER (PARTITION BY t.k)) f")
    assert rows("SELECT k, SUM(total) FROM v GROUP BY k ORDER BY k") == [("x", 3.0), ("y", 3.5), (None, 4.0)]
    within = (
        "WITH c AS (SELECT id, txt FROM t WHERE id > 2) SELECT COUNT(*) FROM (SELECT 1 FROM c, TABLE(words(txt, 9)))"
    )
    assert rows.one(within) == 4
    assert rows.one("SELECT COUNT(*) FROM TABLE(words('a b', 9)) a, TABLE(words('c d e', 9)) b") == 6
    rows("SET most = (SELECT MAX(letters) FROM TABLE(words('a bbb', 9)))")
    assert rows.one("SELECT $most") == 3
    described = rows.connection.cursor().describe("SELECT * FROM t, TABLE(words(t.txt, 1))")
    assert [column.name for column in described] == ["ID", "K", "TXT", "WORD", "LETTERS"]


@pytest.mark.parity(
    "Table functions in Python", "in INSERT, CREATE TABLE AS, MERGE and COPY; a stream is consumed", PAGE
)
def test_dml(rows: Sql) -> None:
    rows("CREATE STREAM s ON TABLE t")
    rows("CREATE TABLE found AS SELECT id, word FROM t, TABLE(words(t.txt, 1))")
    rows("INSERT INTO t VALUES (5, 'z', 'p q')")
    assert rows.one("INSERT INTO found SELECT id, word FROM s, TABLE(words(s.txt, 9))") == 2
    assert rows("SELECT * FROM s") == []
    merge = """
    MERGE INTO found USING (SELECT id, word FROM t, TABLE(words(t.txt, 2))) AS n
    ON found.id = n.id AND found.word = n.word WHEN NOT MATCHED THEN INSERT VALUES (n.id, n.word)
    """
    assert rows(merge) == [(2,)]
    rows("CREATE STAGE files")
    assert rows("COPY INTO @files FROM (SELECT word FROM t, TABLE(words(t.txt, 9)))")[0][0] == 8
    rows("BEGIN")
    rows("INSERT INTO t VALUES (6, 'z', 'seen')")
    assert rows("SELECT word FROM t, TABLE(words(t.txt, 9)) WHERE id = 6") == [("seen",)]
    rows("ROLLBACK")


@pytest.mark.parity(
    "Table functions in Python", "values of all types, there and back; RETURNS NULL ON NULL INPUT", PAGE
)
def test_types(sql: Sql) -> None:
    columns = (
        "a NUMBER, b FLOAT, c VARCHAR, d DATE, e TIMESTAMP_NTZ, g BINARY, h BOOLEAN, i ARRAY, j OBJECT, "
        "k NUMBER(10, 2), l TIME, m TIMESTAMP_TZ"
    )
    sql(
        f"CREATE FUNCTION same({columns}) RETURNS TABLE ({columns}) LANGUAGE PYTHON RUNTIME_VERSION = '3.11' "
        "HANDLER = 'Same' AS 'class Same:\n    def process(self, *values): return [values]'"
    )
    sql(
        f"CREATE TABLE given ({columns}) AS SELECT 1, 2.5, 'x', '2024-01-02', '2024-01-02 03:04:05.678', "
        "TO_BINARY('ab'), TRUE, [1, 'a'], {'k': NULL}, 3.45, '01:02:03', '2024-01-02 03:04:05 +00:00'"
    )
    sql("INSERT INTO given SELECT * REPLACE (NULL AS a, NULL AS i, NULL AS m, NULL AS k) FROM given")
    names = ", ".join(f"g.{each.split()[0]}" for each in columns.split(", ") if " " in each)
    want = sql("SELECT * FROM given ORDER BY a")
    got = f"SELECT f.* FROM given g, TABLE(same({names})) f ORDER BY a"
    assert sql(got) == want
    assert want[0][9] == Decimal("3.45")
    sql(
        "CREATE FUNCTION strictly(n NUMBER) RETURNS TABLE (more NUMBER) LANGUAGE PYTHON STRICT "
        "RUNTIME_VERSION = '3.11' HANDLER = 'F' AS 'class F:\n    def process(self, n): return [(n + 1,), (n + 2,)]'"
    )
    assert sql("SELECT g.a, more FROM given g, TABLE(strictly(g.a)) ORDER BY 2") == [(1, 2), (1, 3), (None, None)]


@pytest.mark.parity(
    "Table functions in Python", "what a handler raises or gives wrongly is an error with its place", PAGE
)
def test_errors(rows: Sql) -> None:
    head = "RETURNS TABLE (a NUMBER) LANGUAGE PYTHON RUNTIME_VERSION = '3.11' HANDLER = 'F' AS"
    rows(f"CREATE FUNCTION boom(n NUMBER) {head} 'class F:\n  def process(self, n):\n    raise ValueError(n)'")
    assert "line 3, in process" in str(rows.fails("SELECT a FROM t, TABLE(boom(t.id))", 100357))
    rows(f"CREATE FUNCTION bare() {head} 'class F:\n  def process(self): yield 5'")
    assert "tuples of 1 value(s)" in str(rows.fails("SELECT * FROM TABLE(bare())", 100357))
    rows.fails("INSERT INTO t SELECT a, 'k', 'x' FROM t, TABLE(boom(t.id))", 100357)
    assert rows.one("SELECT COUNT(*) FROM t") == 4
    rows.fails("SELECT words('a', 1)", 2140)
    rows.fails("SELECT * FROM TABLE(words('a'))", 2140)
    rows.fails("SELECT * FROM TABLE(words('a', nope => 1))", 1044)
    rows.fails("SELECT * FROM t, TABLE(words(t.nope, 1))", 904)
    assert "condition" in str(rows.fails("SELECT * FROM t JOIN TABLE(words(txt, 1)) w ON w.letters = t.id", 2))
    rows.fails("SELECT (SELECT MAX(letters) FROM TABLE(words(t.txt, 1))) FROM t", 2)


@pytest.mark.ml
@pytest.mark.parity("Table functions in Python", "vectorized end_partition and process get DataFrames", VECTORIZED)
def test_vectorized(rows: Sql) -> None:
    rows("""
    CREATE FUNCTION means(id NUMBER, k VARCHAR) RETURNS TABLE (mean FLOAT, names VARCHAR)
    LANGUAGE PYTHON RUNTIME_VERSION = '3.11' PACKAGES = ('pandas') HANDLER = 'Means' AS $$
import pandas as pd
from _snowflake import vectorized
class Means:
    @vectorized(input=pd.DataFrame)
    def end_partition(self, df):
        return pd.DataFrame({'m': [df['ID'].mean(), None], 'n': [','.join(df.columns)] * 2})
$$
    """)
    found = rows("SELECT t.k, f.* FROM t, TABLE(means(t.id, t.k) OVER (PARTITION BY t.k)) f ORDER BY 1, 2")
    assert found[:2] == [("x", 1.5, "ID,K"), ("x", None, "ID,K")]
    assert len(found) == 6
    rows("""
    CREATE FUNCTION batches(id NUMBER) RETURNS TABLE (rows_at_once NUMBER)
    LANGUAGE PYTHON RUNTIME_VERSION = '3.11' PACKAGES = ('pandas') HANDLER = 'Batches' AS $$
import pandas as pd
from _snowflake import vectorized
class Batches:
    @vectorized(input=pd.DataFrame, max_batch_size=3)
    def process(self, df):
        return ([len(df)] * len(df),)
$$
    """)
    assert rows("SELECT id, rows_at_once FROM t, TABLE(batches(t.id) OVER (ORDER BY id)) ORDER BY id") == [
        (1, 3),
        (2, 3),
        (3, 3),
        (4, 1),
    ]


@pytest.mark.ml
@pytest.mark.parity("Snowpark: udtf", "registered, called, joined with a DataFrame, by partitions", SNOWPARK)
def test_snowpark(session: Any) -> None:
    from snowflake.snowpark.functions import col, lit, udtf
    from snowflake.snowpark.types import IntegerType, StringType, StructField, StructType

    schema = StructType([StructField("word", StringType()), StructField("number", IntegerType())])

    @udtf(output_schema=schema, input_types=[StringType()], session=session)
    class Words:
        def __init__(self):  # type: ignore[no-untyped-def]
            self.number = 0

        def process(self, text):  # type: ignore[no-untyped-def]
            for word in text.split():
                self.number += 1
                yield (word, self.number)

        def end_partition(self):  # type: ignore[no-untyped-def]
            yield ("total", self.number)

    assert [tuple(row) for row in session.table_function(Words(lit("a b"))).collect()] == [
        ("a", 1),
        ("b", 2),
        ("total", 2),
    ]
    frame = session.create_dataframe([("x", 1, "p q"), ("x", 2, "r"), ("y", 1, "s")], ["k", "o", "txt"])
    words = Words(col("txt")).over(partition_by="k", order_by="o")
    found = frame.join_table_function(words).select("k", "word", "number").sort("k", "number", "word")
    assert [tuple(row) for row in found.collect()] == [
        ("x", "p", 1),
        ("x", "q", 2),
        ("x", "r", 3),
        ("x", "total", 3),
        ("y", "s", 1),
        ("y", "total", 1),
    ]


@pytest.mark.ml
@pytest.mark.parity("Snowpark: apply_in_pandas", "a group at a time", SNOWPARK)
def test_apply_in_pandas(session: Any) -> None:
    import pandas as pd
    from snowflake.snowpark.types import FloatType, StringType, StructField, StructType

    def spread(frame: pd.DataFrame) -> pd.DataFrame:
        return pd.DataFrame({"K": [frame["K"].iloc[0]], "S": [frame["N"].max() - frame["N"].min()]})

    frame = session.create_dataframe([("x", 1.0), ("x", 4.5), ("y", 2.0)], ["K", "N"])
    schema = StructType([StructField("K", StringType()), StructField("S", FloatType())])
    found = frame.group_by("K").apply_in_pandas(spread, output_schema=schema).sort("K")
    assert [tuple(row) for row in found.collect()] == [("x", 3.5), ("y", 0.0)]
