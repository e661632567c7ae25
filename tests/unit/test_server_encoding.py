"""The wire layouts themselves: integer widths, JSON text of nested values, chunks."""

from __future__ import annotations

import json
from decimal import Decimal

import pyarrow as pa
import pytest

from snowmelt.base.datatypes import NUMBER, TIMESTAMP_NTZ, VARCHAR, DataType, Kind
from snowmelt.base.errors import SqlError
from snowmelt.base.result import Column
from snowmelt.server.arrow import wire_column, wire_table
from snowmelt.server.chunks import Chunk, ChunkStore, arrow_stream, split
from snowmelt.server.jsontext import render


@pytest.mark.parametrize(
    ("digits", "values", "width"),
    [
        (2, [99, -99], pa.int8()),
        (3, [1], pa.int16()),
        (9, [None], pa.int32()),
        (18, [], pa.int64()),
        (38, [1], pa.int64()),
        (38, [10**18 - 1, None], pa.int64()),
        (38, [10**18], pa.decimal128(38, 0)),
        (38, [2**63], pa.decimal128(38, 0)),
        (38, [], pa.int64()),
    ],
)
def test_numbers_are_as_wide_as_declared(digits: int, values: list[int | None], width: pa.DataType) -> None:
    decimals = pa.chunked_array([pa.array(values, pa.decimal128(38, 0))])
    wire = wire_column(decimals, DataType(Kind.FIXED, digits, 0))
    assert wire.type == width
    assert [None if value is None else int(value) for value in wire.to_pylist()] == values


def test_width_counts_unscaled_digits_over_all_chunks() -> None:
    money = DataType(Kind.FIXED, 10, 2)
    chunks = [pa.array([Decimal(text)], pa.decimal128(10, 2)) for text in ("1.00", "327.68")]
    assert wire_column(pa.chunked_array(chunks), money).to_pylist() == [100, 32768]
    assert wire_column(pa.chunked_array(chunks), money).type == pa.int32()


def test_slices_are_encoded_alone() -> None:
    decimals = pa.array([Decimal("900.00"), Decimal("1.00"), None], pa.decimal128(10, 2)).slice(1)
    assert wire_column(pa.chunked_array([decimals]), DataType(Kind.FIXED, 10, 2)).to_pylist() == [100, None]
    times = pa.array([0, -1, None], pa.timestamp("us")).slice(1)
    wire = wire_column(pa.chunked_array([times]), TIMESTAMP_NTZ)
    assert wire.to_pylist() == [{"epoch": -1, "fraction": 999_999_000}, None]


def test_a_column_without_chunks() -> None:
    for kind in Kind:
        empty = pa.chunked_array([], pa.null())
        assert len(wire_column(empty, DataType(kind, scale=0))) == 0


NESTED = [
    pa.array([{"a": 1, "b": [1.5, None]}, {"a": None, "b": None}, None]),
    pa.array([['quote " and \\', "new\nline\ttab\r", "bell\x07\x00"], [], None, [None, "ü☃"]]),
    pa.array([[{"k": [[1], []]}], None]),
    pa.array([[True, False, None]]),
    pa.array([[("a", 1), ('b"', None)], None, []], pa.map_(pa.string(), pa.int64())),
    pa.array([[1, 2], None], pa.list_(pa.int32(), 2)),
    pa.array([{}, None], pa.struct([])),
    pa.array([[1], [2, 3], [4]]).slice(1),
    pa.array(["x", None]).dictionary_encode(),
    pa.array([{"when": "2026-01-01"}]),
]


def simplified(value: object) -> object:
    """A Python value as it should come back from JSON: objects without their null fields."""
    if isinstance(value, dict):
        return {key: simplified(item) for key, item in value.items() if item is not None}
    if isinstance(value, list) and value and all(isinstance(item, tuple) for item in value):
        return dict(value)
    return [simplified(item) for item in value] if isinstance(value, list) else value


@pytest.mark.parametrize("array", NESTED, ids=lambda array: str(array.type))
def test_nested_values_become_json(array: pa.Array) -> None:
    texts = render(array)
    assert texts.type == pa.string() and len(texts) == len(array)
    found = [None if text is None else json.loads(text) for text in texts.to_pylist()]
    expected = [simplified(value) for value in array.to_pylist()]
    if pa.types.is_map(array.type):
        expected = [{} if value == [] else value for value in expected]
    assert found == expected


def test_numbers_that_json_lacks() -> None:
    texts = render(pa.array([[float("nan"), float("inf"), float("-inf"), 1.0]])).to_pylist()
    assert texts == ['["NaN","Infinity","-Infinity",1]']


def test_types_without_json_are_refused_by_name() -> None:
    with pytest.raises(SqlError, match="duration"):
        render(pa.array([[1]], pa.list_(pa.duration("s"))))


def big_table(rows: int) -> pa.Table:
    columns = (Column("N", NUMBER), Column("S", VARCHAR))
    texts = pa.array(["x" * 100] * rows)
    return wire_table(columns, pa.Table.from_arrays([pa.array(range(rows), pa.int64()), texts], names=["a", "b"]))


def test_pieces_hold_all_rows_in_order() -> None:
    table = big_table(10_000)
    pieces = split(table, inline_bytes=10_000, chunk_bytes=300_000)
    assert len(pieces) == 5
    assert pa.concat_tables(pieces).equals(table)
    assert split(table.slice(0, 1), 1, 1)[0].num_rows == 1
    read = pa.ipc.open_stream(arrow_stream(pieces[1])).read_all()
    assert read.equals(pieces[1]) and read.schema.equals(table.schema, check_metadata=True)


def test_store_drops_the_longest_untouched() -> None:
    moment = 0.0
    table = big_table(100)
    piece = Chunk((), table, table.schema, json=False)
    store = ChunkStore(lambda: moment, kept_bytes=piece.size * 2, kept_seconds=10)
    first, second = (store.add((piece,))[0].split("/")[0] for _ in range(2))
    assert store.get(first, 0) is piece and store.get(first, 1) is None and store.get(first, -1) is None
    third = store.add((piece,))[0].split("/")[0]
    assert store.get(second, 0) is None and store.get(first, 0) is piece
    moment = 9.0
    assert store.get(third, 0) is piece
    moment = 15.0
    assert store.get(first, 0) is None and store.get(third, 0) is piece
    huge = Chunk((), big_table(1000), table.schema, json=False)
    key = store.add((huge,))[0].split("/")[0]
    assert store.get(key, 0) is huge and store.get(third, 0) is None
