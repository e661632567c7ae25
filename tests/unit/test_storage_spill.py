"""Results that do not fit into memory."""

from __future__ import annotations

from pathlib import Path

import duckdb
import pyarrow as pa
import pytest

from snowmelt.storage.spill import collect

ROWS = 1000


def reader(batches: int) -> pa.RecordBatchReader:
    schema = pa.schema([("n", pa.int64()), ("s", pa.string())])
    made = (
        pa.record_batch([list(range(i * ROWS, (i + 1) * ROWS)), [str(i)] * ROWS], schema=schema) for i in range(batches)
    )
    return pa.RecordBatchReader.from_batches(schema, made)


@pytest.mark.parametrize(("in_memory", "spilled"), [(1 << 20, False), (5 * ROWS, True), (0, True)])
def test_the_rows_are_the_same_in_memory_and_in_a_file(tmp_path: Path, in_memory: int, spilled: bool) -> None:
    rows = collect(reader(5), tmp_path, in_memory)
    assert rows.table == reader(5).read_all()
    assert (rows.release is not None) == spilled


def test_released_rows_can_be_read_again(tmp_path: Path) -> None:
    rows = collect(reader(50), tmp_path, 0)
    first = rows.table.slice(0, 7).to_pylist()
    assert rows.release is not None
    rows.release()
    assert rows.table.slice(0, 7).to_pylist() == first


def test_the_file_has_no_name(tmp_path: Path) -> None:
    rows = collect(reader(5), tmp_path / "spill", 0)
    assert rows.table.num_rows == 5 * ROWS
    assert list((tmp_path / "spill").iterdir()) == []


def test_no_rows(tmp_path: Path) -> None:
    assert collect(reader(0), tmp_path).table.num_rows == 0


def test_an_error_of_the_engine_in_the_middle_of_the_rows_is_its_own(tmp_path: Path) -> None:
    connection = duckdb.connect()
    failing = connection.sql(
        "SELECT CASE WHEN n = 999999 THEN error('too far') ELSE n END AS n FROM range(1000000) r(n)"
    )
    with pytest.raises(duckdb.Error, match="too far"):
        collect(failing.to_arrow_reader(1000), tmp_path, 0)
