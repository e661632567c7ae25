"""Structured types as the genuine clients read them: what is told of columns, and the form in which values arrive."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import date, datetime, time
from decimal import Decimal
from typing import Any

import pytest
from harness import Sql
from snowflake.connector import SnowflakeConnection
from snowflake.connector.constants import FIELD_ID_TO_NAME
from snowflake.connector.cursor import ResultMetadataV2

PAGE = "https://docs.snowflake.com/en/sql-reference/data-types-structured"
TOLD = "ENABLE_STRUCTURED_TYPES_IN_CLIENT_RESPONSE"
NATIVE = "ENABLE_STRUCTURED_TYPES_NATIVE_ARROW_FORMAT"


@pytest.fixture
def table(sql: Sql) -> str:
    """A table with a column of each structured type, and one row."""
    sql(
        "CREATE TABLE t (a ARRAY(NUMBER(5, 1) NOT NULL), m MAP(VARCHAR, NUMBER),"
        ' o OBJECT(city VARCHAR(10) NOT NULL, "B c" ARRAY(DATE), v VARIANT))'
    )
    sql("""INSERT INTO t SELECT [1, 2.5], {'k': 1}, {'city': 'x', 'B c': ['2024-01-02'], 'v': {'n': 1.25}}""")
    return "t"


def shape(column: ResultMetadataV2) -> tuple[Any, ...]:
    """Name, type and nullability of a column, and the same of what it holds."""
    held = tuple(shape(each) for each in column.fields or ())
    return (column.name, FIELD_ID_TO_NAME[column.type_code], column.is_nullable, *held)


def shapes(connection: SnowflakeConnection, text: str) -> list[tuple[Any, ...]]:
    """`shape` of each column of a query, which is not carried out."""
    return [shape(column) for column in connection.cursor()._describe_internal(text)]


@pytest.mark.parity("Structured types", "arrive as JSON text under semi-structured types unless asked for", PAGE)
def test_not_asked_for(connection: SnowflakeConnection, sql: Sql, table: str) -> None:
    assert shapes(connection, "SELECT * FROM t") == [("A", "ARRAY", True), ("M", "OBJECT", True), ("O", "OBJECT", True)]
    (row,) = sql("SELECT * FROM t")
    assert [json.loads(cell) for cell in row] == [
        [1.0, 2.5],
        {"k": 1},
        {"city": "x", "B c": ["2024-01-02"], "v": {"n": 1.25}},
    ]


@pytest.mark.parity("Structured types", "their parts are told when the session asks for that", PAGE)
def test_told(connection: SnowflakeConnection, sql: Sql, table: str) -> None:
    sql(f"ALTER SESSION SET {TOLD} = TRUE")
    assert shapes(connection, "SELECT * FROM t") == [
        ("A", "ARRAY", True, ("", "FIXED", False)),
        ("M", "MAP", True, ("", "TEXT", False), ("", "FIXED", True)),
        (
            *("O", "OBJECT", True),
            ("city", "TEXT", False),
            ("B c", "ARRAY", True, ("", "DATE", True)),
            ("v", "VARIANT", True),
        ),
    ]
    assert json.loads(sql.one("SELECT m FROM t")) == {"k": 1}


@pytest.mark.parity("Structured types", "are lists and dictionaries when the session asks for Arrow's own form", PAGE)
def test_native(connection: SnowflakeConnection, sql: Sql, table: str) -> None:
    sql(f"ALTER SESSION SET {TOLD} = TRUE")
    sql(f"ALTER SESSION SET {NATIVE} = TRUE")
    sql("INSERT INTO t VALUES (NULL, NULL, NULL)")
    rows = sql("SELECT * FROM t ORDER BY m:k NULLS LAST")
    value = {"city": "x", "B c": [date(2024, 1, 2)], "v": '{"n":1.25}'}
    assert rows == [([Decimal("1.0"), Decimal("2.5")], {"k": 1}, value), (None, None, None)]
    frame = connection.cursor().execute("SELECT a, m FROM t WHERE a IS NOT NULL").fetch_pandas_all()
    assert frame.to_json() == '{"A":{"0":[1.0,2.5]},"M":{"0":[["k",1.0]]}}'


@pytest.mark.parity("Structured types", "all kinds of parts, and nulls among them, travel in Arrow's own form", PAGE)
@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ("[1, NULL]::ARRAY(NUMBER(9, 0))", [1, None]),
        ("[12345678901234567890123456789012345678]::ARRAY(NUMBER)", [12345678901234567890123456789012345678]),
        ("[0.5, '1e3']::ARRAY(FLOAT)", [0.5, 1000.0]),
        ("[TRUE, FALSE]::ARRAY(BOOLEAN)", [True, False]),
        ("['grüße', NULL]::ARRAY(VARCHAR)", ["grüße", None]),
        ("{'1': [[1], NULL]}::MAP(NUMBER(5, 0), ARRAY(ARRAY(NUMBER(5, 0))))", {1: [[1], None]}),
        ("PARSE_JSON('{\"a\": null}')::OBJECT(a OBJECT(b NUMBER))", {"a": None}),
        ("[]::ARRAY(DATE)", []),
        ("['1969-12-31 23:59:59.5', NULL]::ARRAY(TIMESTAMP_NTZ)", [datetime(1969, 12, 31, 23, 59, 59, 500_000), None]),
        ("['2024-01-02 03:04:05.678']::ARRAY(TIMESTAMP_NTZ(3))", [datetime(2024, 1, 2, 3, 4, 5, 678_000)]),
        ("['03:04:05.5']::ARRAY(TIME)", [time(3, 4, 5, 500_000)]),
        ("[[1, 'x'], {'a': 'b'}]::ARRAY(VARIANT)", ['[1,"x"]', '{"a":"b"}']),
    ],
)
def test_native_parts(sql: Sql, expression: str, value: object) -> None:
    for parameter in (TOLD, NATIVE):
        sql(f"ALTER SESSION SET {parameter} = TRUE")
    assert sql.one(f"SELECT {expression}") == value


@pytest.fixture
def structured_semantics(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Snowpark with its switch for structured types on."""
    context = pytest.importorskip("snowflake.snowpark.context")
    monkeypatch.setattr(context, "_use_structured_type_semantics", True)
    yield


@pytest.mark.parity("Structured types", "Snowpark reads and writes them, and knows their schema", PAGE)
@pytest.mark.usefixtures("structured_semantics")
def test_snowpark(session: Any, sql: Sql) -> None:
    from snowflake.snowpark.functions import array_construct, col, lit, object_construct
    from snowflake.snowpark.types import ArrayType, DoubleType, LongType, MapType, StringType, StructField, StructType

    for parameter in (TOLD, NATIVE):
        sql(f"ALTER SESSION SET {parameter} = TRUE")
    keys = [StructField(name, kind, _is_column=False) for name, kind in (("A", StringType()), ("b", DoubleType()))]
    kinds = {
        "MAP": MapType(StringType(), LongType(), structured=True),
        "OBJ": StructType(keys, structured=True),
        "ARR": ArrayType(DoubleType(), structured=True),
    }
    frame = session.range(1).select(
        object_construct(lit("k1"), lit(1)).cast(kinds["MAP"]).alias("MAP"),
        object_construct(lit("A"), lit("foo"), lit("b"), lit(0.05)).cast(kinds["OBJ"]).alias("OBJ"),
        array_construct(lit(1.0), lit(3.1)).cast(kinds["ARR"]).alias("ARR"),
    )
    frame.write.save_as_table("saved")
    table = session.table("saved")
    assert {field.name: field.datatype for field in table.schema.fields} == kinds
    picked = table.select(table.map["k1"].alias("v"), col("obj")["A"].alias("w"), table.arr[1].alias("x"))
    assert [tuple(row) for row in picked.collect()] == [(1, "foo", 3.1)]
    (row,) = table.collect()
    assert (row["MAP"], row["OBJ"].as_dict(), row["ARR"]) == ({"k1": 1}, {"A": "foo", "b": 0.05}, [1.0, 3.1])
