"""Every type through the genuine connector: rows, data frames, JSON; nulls and edge values."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pandas as pd
import pyarrow as pa
import pytest
from test_server_fakes import Rig, serving

from snowmelt.base import datatypes as t
from snowmelt.base.datatypes import DataType, Kind

UTC = dt.UTC


@pytest.fixture(scope="module")
def rig() -> Iterator[Rig]:
    with serving() as running:
        yield running


def number(precision: int, scale: int) -> DataType:
    return DataType(Kind.FIXED, precision, scale)


def stamp(kind: Kind, scale: int) -> DataType:
    return DataType(kind, 0, scale)


def utc_times(*values: dt.datetime | None) -> pa.Array:
    return pa.array(values, pa.timestamp("us", tz="UTC"))


def naive_times(*values: dt.datetime | None) -> pa.Array:
    return pa.array(values, pa.timestamp("us"))


OLD, LATE = dt.datetime(1, 1, 1, 0, 0, 0, 1), dt.datetime(9999, 12, 31, 23, 59, 59, 999_999)
BEFORE_1970 = dt.datetime(1969, 12, 31, 23, 59, 59, 999_999)

CASES: dict[str, tuple[DataType, pa.Array, list[Any]]] = {
    "small integer": (t.NUMBER, pa.array([1, None, -128], pa.int64()), [1, None, -128]),
    "integer from decimal": (t.NUMBER, pa.array([Decimal(2**31), None], pa.decimal128(38, 0)), [2**31, None]),
    "int64 bounds": (t.NUMBER, pa.array([2**63 - 1, -(2**63)], pa.int64()), [2**63 - 1, -(2**63)]),
    "uint64": (number(20, 0), pa.array([2**64 - 1, 0], pa.uint64()), [2**64 - 1, 0]),
    "38 digits": (
        t.NUMBER,
        pa.array([Decimal("9" * 38), Decimal("-" + "9" * 38), None], pa.decimal128(38, 0)),
        [int("9" * 38), -int("9" * 38), None],
    ),
    "scaled": (
        number(10, 2),
        pa.array([Decimal("1.25"), None, Decimal("-99999999.99")], pa.decimal128(10, 2)),
        [Decimal("1.25"), None, Decimal("-99999999.99")],
    ),
    "37 decimals": (number(38, 37), pa.array([Decimal("1." + "3" * 37)], pa.decimal128(38, 37)), None),
    "decimal64 scaled": (number(18, 4), pa.array([Decimal("3.1415")], pa.decimal64(18, 4)), [Decimal("3.1415")]),
    "number from float": (number(38, 2), pa.array([1.5, None]), [Decimal("1.50"), None]),
    "number from bool": (t.NUMBER, pa.array([True, None]), [1, None]),
    "only nulls": (t.NUMBER, pa.nulls(2), [None, None]),
    "float": (t.FLOAT, pa.array([1.5, None, float("inf"), -1e300]), [1.5, None, float("inf"), -1e300]),
    "float32": (t.FLOAT, pa.array([0.5], pa.float32()), [0.5]),
    "float from decimal": (t.FLOAT, pa.array([Decimal("0.25")], pa.decimal128(5, 2)), [0.25]),
    "text": (t.VARCHAR, pa.array(["", None, "héllo\n\0☃"]), ["", None, "héllo\n\0☃"]),
    "large text": (t.VARCHAR, pa.array(["a", None], pa.large_string()), ["a", None]),
    "text view": (t.VARCHAR, pa.array(["a", None], pa.string_view()), ["a", None]),
    "dictionary": (t.VARCHAR, pa.array(["x", "y", "x", None]).dictionary_encode(), ["x", "y", "x", None]),
    "null text": (t.VARCHAR, pa.nulls(1), [None]),
    "boolean": (t.BOOLEAN, pa.array([True, False, None]), [True, False, None]),
    "binary": (t.BINARY, pa.array([b"", b"\x00\xff", None], pa.large_binary()), [b"", b"\x00\xff", None]),
    "date": (
        t.DATE,
        pa.array([dt.date(1, 1, 1), None, dt.date(9999, 12, 31)]),
        [dt.date(1, 1, 1), None, dt.date(9999, 12, 31)],
    ),
    "time": (
        t.TIME,
        pa.array([dt.time(0), None, dt.time(23, 59, 59, 999_999)], pa.time64("us")),
        [dt.time(0), None, dt.time(23, 59, 59, 999_999)],
    ),
    "time of seconds": (
        DataType(Kind.TIME, 0, 0),
        pa.array([dt.time(12, 30, 1)], pa.time32("s")),
        [dt.time(12, 30, 1)],
    ),
    "ntz": (t.TIMESTAMP_NTZ, naive_times(OLD, None, BEFORE_1970, LATE), [OLD, None, BEFORE_1970, LATE]),
    "ntz 0": (
        stamp(Kind.TIMESTAMP_NTZ, 0),
        naive_times(BEFORE_1970, None),
        [dt.datetime(1969, 12, 31, 23, 59, 59), None],
    ),
    "ntz 3": (
        stamp(Kind.TIMESTAMP_NTZ, 3),
        naive_times(dt.datetime(2026, 1, 2, 3, 4, 5, 678_901)),
        [dt.datetime(2026, 1, 2, 3, 4, 5, 678_000)],
    ),
    "ntz from ns": (
        t.TIMESTAMP_NTZ,
        pa.array([1_500_000_000_123_456_789, None], pa.timestamp("ns")),
        [dt.datetime(2017, 7, 14, 2, 40, 0, 123_456), None],
    ),
    "ltz": (t.TIMESTAMP_LTZ, utc_times(BEFORE_1970.replace(tzinfo=UTC), None), [BEFORE_1970.replace(tzinfo=UTC), None]),
    "ltz 6": (stamp(Kind.TIMESTAMP_LTZ, 6), utc_times(LATE.replace(tzinfo=UTC)), [LATE.replace(tzinfo=UTC)]),
    "tz": (t.TIMESTAMP_TZ, utc_times(BEFORE_1970.replace(tzinfo=UTC), None), [BEFORE_1970.replace(tzinfo=UTC), None]),
    "tz 3": (
        stamp(Kind.TIMESTAMP_TZ, 3),
        utc_times(dt.datetime(2026, 1, 1, 0, 0, 0, 5000, UTC)),
        [dt.datetime(2026, 1, 1, 0, 0, 0, 5000, UTC)],
    ),
    "variant": (t.VARIANT, pa.array(['{"a": 1}', None]), ['{\n  "a": 1\n}', None]),
    "array from list": (t.ARRAY, pa.array([[1, None], None, []]), ["[\n  1,\n  null\n]", None, "[]"]),
    "object from struct": (t.OBJECT, pa.array([{"a": 1, "b": "x"}, None]), ['{\n  "a": 1,\n  "b": "x"\n}', None]),
}


@pytest.mark.parametrize("as_json", [False, True], ids=["arrow", "json"])
@pytest.mark.parametrize("case", CASES)
def test_rows(rig: Rig, case: str, as_json: bool) -> None:
    data_type, array, expected = CASES[case]
    rig.host.answer(case, [("C", data_type)], [array])
    options = {"session_parameters": {"PYTHON_CONNECTOR_QUERY_RESULT_FORMAT": "JSON"}} if as_json else {}
    with rig.connect(**options) as connection:
        cursor = connection.cursor().execute(case)
        rows = [row[0] for row in cursor.fetchall()]
    assert rows == (array.to_pylist() if expected is None else expected)
    assert cursor.rowcount == len(array)
    if data_type.kind is Kind.BOOLEAN:
        assert {type(value) for value in rows} <= {bool, type(None)}


@pytest.mark.parametrize("case", CASES)
def test_data_frames(rig: Rig, case: str) -> None:
    data_type, array, expected = CASES[case]
    rig.host.answer(case, [("C", data_type)], [array])
    with rig.connect() as connection:
        frame = connection.cursor().execute(case).fetch_pandas_all()
    assert list(frame.columns) == ["C"]
    values = [None if pd.isna(value) else value for value in frame["C"].tolist()]
    wanted = array.to_pylist() if expected is None else expected
    if data_type.kind in (Kind.TIMESTAMP_NTZ, Kind.TIMESTAMP_LTZ, Kind.TIMESTAMP_TZ):
        values = [value if value is None else value.to_pydatetime(warn=False) for value in values]
        wanted = [w if w is None or data_type.kind is Kind.TIMESTAMP_NTZ else w.astimezone(UTC) for w in wanted]
    assert values == [float(w) if isinstance(w, Decimal) and len(str(w)) < 30 else w for w in wanted]


def test_offsets_of_time_zones(rig: Rig) -> None:
    winter, summer = dt.datetime(2026, 1, 1, 12), dt.datetime(2026, 7, 1, 12)
    array = pa.array([winter, summer, None], pa.timestamp("us", tz="Europe/Zurich"))
    rig.host.answer("zones", [("C", t.TIMESTAMP_TZ)], [array])
    with rig.connect() as connection:
        rows = [row[0] for row in connection.cursor().execute("zones").fetchall()]
    assert [None if row is None else row.utcoffset() for row in rows] == [
        dt.timedelta(hours=1),
        dt.timedelta(hours=2),
        None,
    ]
    assert rows[0] == winter.replace(tzinfo=UTC)


def test_session_time_zone_reaches_ltz(rig: Rig) -> None:
    rig.host.answer("ltz zone", [("C", t.TIMESTAMP_LTZ)], [utc_times(dt.datetime(2026, 1, 1, tzinfo=UTC))])
    with rig.connect(session_parameters={"TIMEZONE": "America/New_York"}) as connection:
        value = connection.cursor().execute("ltz zone").fetchone()[0]
    assert value.utcoffset() == dt.timedelta(hours=-5)
    assert value == dt.datetime(2026, 1, 1, tzinfo=UTC)


def test_description(rig: Rig) -> None:
    columns = [
        ("N", number(10, 2)),
        ("T", DataType(Kind.TEXT, length=7)),
        ("B", t.BINARY),
        ("F", t.FLOAT),
        ("TS", t.TIMESTAMP_NTZ),
        ("V", t.VARIANT),
        ("N", t.NUMBER),
    ]
    rig.host.answer("described", columns, [pa.nulls(0) for _ in columns])
    with rig.connect() as connection:
        cursor = connection.cursor().execute("described")
        found = [(c.name, c.type_code, c.internal_size, c.precision, c.scale) for c in cursor.description]
        assert cursor.fetchall() == []
        frame = cursor.fetch_pandas_all()
    assert found == [
        ("N", 0, None, 10, 2),
        ("T", 2, 7, None, None),
        ("B", 11, t.MAX_BINARY, None, None),
        ("F", 1, None, None, None),
        ("TS", 8, None, 0, 9),
        ("V", 5, None, None, None),
        ("N", 0, None, 38, 0),
    ]
    assert frame.shape == (0, 7)


@pytest.mark.parametrize("as_json", [False, True], ids=["arrow", "json"])
def test_large_result_in_chunks(rig: Rig, as_json: bool) -> None:
    count = 200_000
    numbers = pa.array(range(count), pa.int64())
    texts = pa.array([f"row {i}, with some text to make it longer" for i in range(count)])
    rig.host.answer("large", [("N", t.NUMBER), ("S", t.VARCHAR)], [numbers, texts])
    options = {"session_parameters": {"PYTHON_CONNECTOR_QUERY_RESULT_FORMAT": "JSON"}} if as_json else {}
    with rig.connect(**options) as connection:
        cursor = connection.cursor().execute("large")
        batches = cursor.get_result_batches()
        assert len(batches) > 2 and sum(batch.rowcount for batch in batches) == count
        rows = cursor.fetchall()
        assert len(rows) == count
        assert rows[0] == (0, texts[0].as_py()) and rows[-1] == (count - 1, texts[-1].as_py())
        if not as_json:
            frame = connection.cursor().execute("large").fetch_pandas_all()
            assert frame["N"].tolist() == list(range(count))
            assert connection.cursor().execute("large").fetch_arrow_all().num_rows == count
