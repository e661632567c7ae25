"""Table functions: a class whose instances each see one partition of the input.

Source: docs.snowflake.com/en/developer-guide/udf/python/udf-python-tabular-functions,
.../udf-python-tabular-vectorized
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pyarrow as pa

from snowmelt.procs.messages import FunctionSpec
from snowmelt.procs.values import frame_of, is_missing, json_texts, python_values, result_array


def table_function(spec: FunctionSpec, handler: Callable[..., Any]) -> Callable[[pa.Table], pa.Array]:
    """A handler class over a table of its arguments, whose last column numbers the partitions.

    The result is a struct for each row that the function gives: ``row``, the row of the table that it belongs to;
    ``ended``, whether it came at the end of that row's partition; and the function's columns.
    """
    batches, by_frames = _is_vectorized(handler, "process"), _is_vectorized(handler, "end_partition")
    work = _batches if batches else _frames if by_frames else _rows

    def apply(table: pa.Table) -> pa.Array:
        found = _Found(spec)
        numbers = table.column(table.num_columns - 1).to_pylist()
        arguments = table.select(range(table.num_columns - 1))
        work(spec, handler, arguments, list(_partitions(numbers)), found)
        return found.array()

    return apply


def _is_vectorized(handler: Callable[..., Any], method: str) -> bool:
    return getattr(getattr(handler, method, None), "_sf_vectorized_input", None) is not None


def _partitions(numbers: list[Any]) -> Iterator[range]:
    """The rows of each partition, which lie together."""
    first = 0
    for place in range(1, len(numbers) + 1):
        if place == len(numbers) or numbers[place] != numbers[first]:
            yield range(first, place)
            first = place


def _rows(
    spec: FunctionSpec, handler: Callable[..., Any], table: pa.Table, partitions: list[range], found: _Found
) -> None:
    """``process`` for each row, and ``end_partition``, where there is such a method."""
    columns = [python_values(column, i in spec.semi_structured) for i, column in enumerate(table.columns)]
    rows: list[tuple[Any, ...]] = list(zip(*columns, strict=True)) if columns else []
    for partition in partitions:
        instance = handler()
        for place in partition:
            row = rows[place] if rows else ()
            if spec.strict and None in row:
                found.take([(None,) * found.width], place)
            else:
                found.take(instance.process(*row), place)
        end = getattr(instance, "end_partition", None)
        if end is not None:
            found.take(end(), partition[-1], ended=True)


_BATCH = 5_000
"""Rows that a vectorized ``process`` gets at once, where it does not say how many it wants."""


def _batches(
    spec: FunctionSpec, handler: Callable[..., Any], table: pa.Table, partitions: list[range], found: _Found
) -> None:
    """A vectorized ``process``: it gets a DataFrame of some rows, and gives one row for each."""
    size = getattr(handler.process, "_sf_max_batch_size", None) or _BATCH  # type: ignore[attr-defined]
    for partition in partitions:
        instance = handler()
        for first in range(partition.start, partition.stop, size):
            batch = range(first, min(first + size, partition.stop))
            found.take_frame(instance.process(_frame(spec, table, batch)), batch)
        end = getattr(instance, "end_partition", None)
        if end is not None:
            found.take_frames(end(), partition[-1])


def _frames(
    spec: FunctionSpec, handler: Callable[..., Any], table: pa.Table, partitions: list[range], found: _Found
) -> None:
    """A vectorized ``end_partition``: each partition is one DataFrame."""
    for partition in partitions:
        found.take_frames(handler().end_partition(_frame(spec, table, partition)), partition[-1])


def _frame(spec: FunctionSpec, table: pa.Table, places: range) -> Any:
    """Rows as a DataFrame whose columns are called as the arguments are."""
    rows = table.slice(places.start, len(places))
    frame = frame_of(rows)
    for i in spec.semi_structured:
        frame[frame.columns[i]] = python_values(rows.column(i), True)
    frame.columns = list(spec.names)
    return frame


class _Found:
    """What a function has given so far."""

    def __init__(self, spec: FunctionSpec) -> None:
        self._spec = spec
        self._rows: list[int] = []
        self._ended: list[bool] = []
        self.width = spec.result.num_fields - 2
        self._columns: list[list[Any]] = [[] for _ in range(self.width)]

    def take(self, given: Any, row: int, *, ended: bool = False) -> None:
        """The tuples that a method gives for a row, or at the end of its partition; None stands for none.

        Raises:
            TypeError: it gives something else.
        """
        if given is None:
            return
        for values in given:
            if not isinstance(values, (tuple, list)) or len(values) != self.width:
                raise TypeError(
                    f"{self._spec.name} must give tuples of {self.width} value(s), and has given {values!r}"
                )
            self._rows.append(row)
            self._ended.append(ended)
            for column, value in zip(self._columns, values, strict=True):
                column.append(value)

    def take_frames(self, given: Any, row: int) -> None:
        """One DataFrame, or tuple of columns, or several, at the end of the partition in which the row is."""
        one = given is None or hasattr(given, "iloc") or isinstance(given, tuple)
        for frame in [given] if one else given:
            self.take_frame(frame, row)

    def take_frame(self, given: Any, rows: int | range) -> None:
        """The rows of a DataFrame, or of a tuple of columns: one for each of `rows`, or as many as there are at the end
        of the partition in which the row is.

        Raises:
            TypeError: it has another number of columns or rows.
        """
        if given is None:
            return
        given = [given.iloc[:, i] for i in range(given.shape[1])] if hasattr(given, "iloc") else list(given)
        if len(given) != self.width:
            raise TypeError(f"{self._spec.name} must give {self.width} column(s), and has given {len(given)}")
        lists = [column.tolist() if hasattr(column, "tolist") else list(column) for column in given]
        count = len(lists[0]) if lists else 0
        if isinstance(rows, range) and len(rows) != count:
            raise TypeError(f"{self._spec.name} must give {len(rows)} row(s), and has given {count}")
        places = rows if isinstance(rows, range) else [rows] * count
        for place, *values in zip(places, *lists, strict=True):
            plain = [None if is_missing(value) else value for value in values]
            self.take([plain], place, ended=not isinstance(rows, range))

    def array(self) -> pa.Array:
        """All of it as Arrow."""
        fields = list(self._spec.result)
        arrays = [pa.array(self._rows, pa.int64()), pa.array(self._ended, pa.bool_())]
        for number, (values, field) in enumerate(zip(self._columns, fields[2:], strict=True)):
            if number in self._spec.semi_results:
                values = json_texts(values)
            arrays.append(result_array(values, field.type))
        return pa.StructArray.from_arrays(arrays, fields=fields)
