"""Genuine Snowpark DataFrames: made, queried, saved, changed, and pandas both ways."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.ml

DATAFRAMES = "https://docs.snowflake.com/en/developer-guide/snowpark/python/working-with-dataframes"
API = "https://docs.snowflake.com/en/developer-guide/snowpark/reference/python/latest/snowpark/api"


def rows(frame: Any) -> list[tuple[Any, ...]]:
    return [tuple(row) for row in frame.collect()]


@pytest.fixture
def people(session: Any) -> Any:
    """A table of three people."""
    frame = session.create_dataframe([(1, "Ann", 30.5), (2, "Bob", 41.0), (3, "Cleo", None)], ["ID", "NAME", "AGE"])
    frame.write.save_as_table("PEOPLE")
    return session.table("PEOPLE")


@pytest.mark.parity(
    "Snowpark: create_dataframe, save_as_table",
    "types and NULLs arrive; append, overwrite, errorifexists, ignore",
    DATAFRAMES,
)
def test_save_as_table(session: Any, people: Any) -> None:
    assert rows(people.sort("ID")) == [(1, "Ann", 30.5), (2, "Bob", 41.0), (3, "Cleo", None)]
    one = session.create_dataframe([(4, "Dan", 1.0)], ["ID", "NAME", "AGE"])
    one.write.mode("append").save_as_table("PEOPLE")
    assert people.count() == 4
    one.write.mode("ignore").save_as_table("PEOPLE")
    assert people.count() == 4
    one.write.mode("overwrite").save_as_table("PEOPLE")
    assert rows(session.table("PEOPLE")) == [(4, "Dan", 1.0)]
    from snowflake.snowpark.exceptions import SnowparkSQLException

    with pytest.raises(SnowparkSQLException, match="already exists"):
        one.write.mode("errorifexists").save_as_table("PEOPLE")
    one.write.save_as_table("SCRATCH", table_type="temporary")
    assert session.table("SCRATCH").count() == 1


@pytest.mark.parity("Snowpark: select, filter, with_column, sort", "expressions run on the server", DATAFRAMES)
def test_queries(people: Any) -> None:
    from snowflake.snowpark.functions import col, lit, upper, when

    frame = (
        people.filter(col("AGE").is_not_null() & (col("ID") > 0))
        .with_column("GROUP", when(col("AGE") > 40, lit("old")).otherwise(lit("young")))
        .select(upper(col("NAME")).alias("NAME"), "GROUP")
        .sort(col("NAME").desc())
    )
    assert rows(frame) == [("BOB", "old"), ("ANN", "young")]
    assert frame.columns == ["NAME", "GROUP"]
    assert people.first()["NAME"] == "Ann" or people.count() == 3


@pytest.mark.parity("Snowpark: group_by, agg", "counts, sums, means, minima and maxima", DATAFRAMES)
def test_group_by(session: Any) -> None:
    from snowflake.snowpark import functions as F

    frame = session.create_dataframe([("a", 1.0), ("a", 3.0), ("b", 5.0)], ["K", "V"])
    found = frame.group_by("K").agg(F.count("*"), F.sum("V"), F.avg("V"), F.min("V"), F.max("V")).sort("K")
    assert rows(found) == [("a", 2, 4.0, 2.0, 1.0, 3.0), ("b", 1, 5.0, 5.0, 5.0, 5.0)]


@pytest.mark.parity("Snowpark: join, union, distinct", "combine DataFrames", DATAFRAMES)
def test_combining(session: Any, people: Any) -> None:
    cities = session.create_dataframe([(1, "Rome"), (2, "Oslo"), (9, "Nice")], ["PERSON", "CITY"])
    joined = people.join(cities, people["ID"] == cities["PERSON"], "left").select("NAME", "CITY").sort("NAME")
    assert rows(joined) == [("Ann", "Rome"), ("Bob", "Oslo"), ("Cleo", None)]
    assert cities.union_all(cities).count() == 6
    assert cities.union_all(cities).distinct().count() == 3


@pytest.mark.parity("Snowpark: windows", "rank and sums over partitions", f"{API}/snowflake.snowpark.Window")
def test_windows(session: Any) -> None:
    from snowflake.snowpark import Window
    from snowflake.snowpark import functions as F

    frame = session.create_dataframe([("a", 1), ("a", 2), ("b", 5)], ["K", "V"])
    window = Window.partition_by("K").order_by(F.col("V").desc())
    found = frame.select("K", "V", F.row_number().over(window).alias("R")).sort("K", "R")
    assert rows(found) == [("a", 2, 1), ("a", 1, 2), ("b", 5, 1)]


@pytest.mark.parity("Snowpark: schema", "types of columns", f"{API}/snowflake.snowpark.DataFrame.schema")
def test_schema(people: Any) -> None:
    kinds = [(field.name, type(field.datatype).__name__) for field in people.schema.fields]
    assert kinds == [("ID", "LongType"), ("NAME", "StringType"), ("AGE", "DoubleType")]


@pytest.mark.parity(
    "Snowpark: Table.update, delete, merge", "change rows and say how many", f"{API}/snowflake.snowpark.Table"
)
def test_changes(session: Any, people: Any) -> None:
    from snowflake.snowpark.functions import col, when_matched, when_not_matched

    assert people.update({"AGE": col("AGE") + 1}, col("AGE") < 40).rows_updated == 1
    assert people.delete(col("NAME") == "Cleo").rows_deleted == 1
    source = session.create_dataframe([(1, "Anna"), (5, "Eve")], ["ID", "NAME"])
    merged = people.merge(
        source,
        people["ID"] == source["ID"],
        [
            when_matched().update({"NAME": source["NAME"]}),
            when_not_matched().insert({"ID": source["ID"], "NAME": source["NAME"]}),
        ],
    )
    assert (merged.rows_inserted, merged.rows_updated, merged.rows_deleted) == (1, 1, 0)
    assert rows(people.sort("ID")) == [(1, "Anna", 31.5), (2, "Bob", 41.0), (5, "Eve", None)]


@pytest.mark.parity(
    "Snowpark: random_split, sample",
    "parts are disjoint, complete, and the same for the same seed",
    f"{API}/snowflake.snowpark.DataFrame.random_split",
)
def test_random_split(session: Any) -> None:
    frame = session.range(1_000).cache_result()
    train, test = frame.random_split([0.8, 0.2], seed=7)
    parts = [{row[0] for row in part.collect()} for part in (train, test)]
    assert parts[0] | parts[1] == set(range(1_000)) and not parts[0] & parts[1]
    assert 700 < len(parts[0]) < 900
    again, _ = frame.random_split([0.8, 0.2], seed=7)
    assert {row[0] for row in again.collect()} == parts[0]
    assert 0 < frame.sample(frac=0.1).count() < 300


@pytest.mark.parity("Snowpark: to_pandas", "types survive", f"{API}/snowflake.snowpark.DataFrame.to_pandas")
def test_to_pandas(people: Any) -> None:
    found = people.sort("ID").to_pandas()
    assert list(found.columns) == ["ID", "NAME", "AGE"]
    assert (found["ID"].dtype.kind, found["AGE"].dtype.kind) == ("i", "f")
    assert found["NAME"].tolist() == ["Ann", "Bob", "Cleo"]
    assert found["AGE"].isna().tolist() == [False, False, True]


@pytest.mark.parity(
    "Snowpark: to_pandas_batches, to_local_iterator",
    "large results arrive in parts",
    f"{API}/snowflake.snowpark.DataFrame.to_pandas_batches",
)
def test_large_result(session: Any) -> None:
    frame = session.sql("SELECT SEQ4() AS N, REPEAT('x', 100) AS TEXT FROM TABLE(GENERATOR(ROWCOUNT => 300000))")
    assert sum(len(part) for part in frame.to_pandas_batches()) == 300_000
    assert sum(1 for _ in session.range(1_000).to_local_iterator()) == 1_000


@pytest.mark.parity(
    "Snowpark: write_pandas",
    "creates a table from a DataFrame, appends and overwrites",
    f"{API}/snowflake.snowpark.Session.write_pandas",
)
def test_write_pandas(session: Any) -> None:
    import pandas as pd

    frame = pd.DataFrame(
        {"ID": [1, 2], "name": ["Ann", None], "SCORE": [0.5, 1.5], "AT": pd.to_datetime(["2026-01-01", "2026-02-01"])}
    )
    session.write_pandas(frame, "SCORES", auto_create_table=True)
    session.write_pandas(frame, "SCORES")
    found = session.table("SCORES").sort("ID").to_pandas()
    assert list(found.columns) == ["ID", "name", "SCORE", "AT"]
    assert (found["ID"].tolist(), found["SCORE"].sum()) == ([1, 1, 2, 2], 4.0)
    assert found["name"].isna().sum() == 2
    session.write_pandas(frame.head(1), "SCORES", overwrite=True, auto_create_table=True)
    assert session.table("SCORES").count() == 1


@pytest.mark.parity(
    "Snowpark: create_dataframe",
    "from pandas, with a schema, from dictionaries",
    f"{API}/snowflake.snowpark.Session.create_dataframe",
)
def test_create_dataframe(session: Any) -> None:
    import pandas as pd
    from snowflake.snowpark.types import BooleanType, DateType, StringType, StructField, StructType, VariantType

    assert session.create_dataframe(pd.DataFrame({"A": [1, 2]})).count() == 2
    assert rows(session.create_dataframe([{"A": 1, "B": "x"}])) == [(1, "x")]
    schema = StructType(
        [
            StructField("S", StringType()),
            StructField("B", BooleanType()),
            StructField("V", VariantType()),
            StructField("D", DateType()),
        ]
    )
    import datetime

    (row,) = session.create_dataframe([["x", True, {"k": 1}, datetime.date(2026, 1, 2)]], schema).collect()
    assert (row["S"], row["B"], "".join(row["V"].split()), row["D"]) == (
        "x",
        True,
        '{"k":1}',
        datetime.date(2026, 1, 2),
    )


@pytest.mark.parity("Snowpark: create_or_replace_view, cache_result", "name and keep a query's rows", DATAFRAMES)
def test_views_and_caches(session: Any, people: Any) -> None:
    people.filter("AGE > 40").create_or_replace_view("OLD")
    assert session.table("OLD").count() == 1
    kept = people.cache_result()
    people.delete()
    assert (kept.count(), session.table("OLD").count()) == (3, 0)


@pytest.mark.parity(
    "Snowpark: session.file", "puts and gets files of a stage", f"{API}/snowflake.snowpark.FileOperation"
)
def test_files(session: Any, tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("hello")
    session.sql("CREATE STAGE files").collect()
    (put,) = session.file.put(f"file://{tmp_path}/a.txt", "@files/x", auto_compress=False)
    assert put.status == "UPLOADED"
    (got,) = session.file.get("@files/x/a.txt", str(tmp_path / "down"))
    assert (tmp_path / "down" / "a.txt").read_text() == "hello"
    assert got.status == "DOWNLOADED"


@pytest.mark.parity(
    "Snowpark: transactions, query_history", "several actions in one transaction", f"{API}/snowflake.snowpark.Session"
)
def test_session(session: Any, people: Any) -> None:
    session.sql("BEGIN").collect()
    people.delete()
    session.sql("ROLLBACK").collect()
    assert people.count() == 3
    with session.query_history() as history:
        people.count()
    assert len(history.queries) == 1
    assert session.get_current_schema() == '"PUBLIC"'


@pytest.mark.parity("Snowpark: async jobs", "collect_nowait", f"{API}/snowflake.snowpark.AsyncJob")
def test_async_job(people: Any) -> None:
    job = people.collect_nowait()
    assert len(job.result()) == 3
    assert job.is_done()


@pytest.mark.parity(
    "Snowpark: DataFrame.read", "reads staged CSV and Parquet files", f"{API}/snowflake.snowpark.DataFrameReader"
)
def test_read_files(session: Any, people: Any, tmp_path: Path) -> None:
    session.sql("CREATE STAGE files").collect()
    people.write.copy_into_location("@files/out/", file_format_type="parquet", header=True)
    assert session.read.parquet("@files/out/").count() == 3
    (tmp_path / "a.csv").write_text("1,x\n2,y\n")
    session.file.put(f"file://{tmp_path}/a.csv", "@files/csv")
    from snowflake.snowpark.types import LongType, StringType, StructField, StructType

    schema = StructType([StructField("N", LongType()), StructField("S", StringType())])
    assert rows(session.read.schema(schema).csv("@files/csv/a.csv.gz").sort("N")) == [(1, "x"), (2, "y")]
