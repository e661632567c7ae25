"""What the footers of Parquet files tell: columns, types, numbers of rows. No data is read."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from snowmelt.base.errors import SqlError
from snowmelt.base.late import pyarrow as pa
from snowmelt.storage.formats import ParquetFormat
from snowmelt.storage.stages import StagedFile


@dataclass(frozen=True)
class ParquetColumn:
    """A top-level column of a Parquet file.

    Attributes:
        type: its Arrow type; dictionaries are given by their values' type.
        physical: Parquet's physical type (``INT64``), empty for nested columns.
        legacy_type: the ConvertedType (``TIMESTAMP_MICROS``), ``NONE`` where there is none.
        unit: of times and timestamps, as in DuckDB's ``epoch_ns``: ``ns``, ``us`` or ``ms``; else empty.
        nullable: whether the file allows nulls.
    """

    name: str
    type: pa.DataType
    physical: str
    legacy_type: str
    unit: str
    nullable: bool

    def is_raw_time(self, fmt: ParquetFormat) -> bool:
        """Whether Snowflake sees just an integer: a time or timestamp that only a logical type describes."""
        temporal = pa.types.is_timestamp(self.type) or pa.types.is_time(self.type)
        return (
            temporal and not fmt.use_logical_type and self.physical == "INT64" and not self.legacy_type.startswith("TI")
        )

    def is_text(self, fmt: ParquetFormat) -> bool:
        """Whether a byte array without a logical type is to be read as text."""
        plain = pa.types.is_binary(self.type) or pa.types.is_large_binary(self.type)
        return plain and fmt.binary_as_text


_UNITS = {"nanoseconds": "ns", "microseconds": "us", "milliseconds": "ms"}


def parquet_columns(file: Path) -> tuple[ParquetColumn, ...]:
    """The top-level columns of a Parquet file, from its footer alone.

    Raises:
        SqlError: 100182 when it is not a Parquet file.
    """
    import pyarrow.parquet as pq

    try:
        with pq.ParquetFile(file) as parquet:
            arrow, leaves = parquet.schema_arrow, parquet.schema
            by_path = {leaves.column(i).path: leaves.column(i) for i in range(len(leaves.names))}
    except (pa.ArrowInvalid, OSError) as error:
        raise SqlError(f"Error parsing the parquet file: {file.name}: {error}", 100182, "22000") from error
    columns = []
    for field in arrow:
        leaf = by_path.get(field.name)
        data_type = field.type.value_type if pa.types.is_dictionary(field.type) else field.type
        physical = leaf.physical_type if leaf is not None else ""
        legacy = str(leaf.converted_type) if leaf is not None else "NONE"
        logical = str(leaf.logical_type) if leaf is not None else ""
        unit = next((short for word, short in _UNITS.items() if word in logical), "")
        columns.append(ParquetColumn(field.name, data_type, physical, legacy, unit, field.nullable))
    return tuple(columns)


def has_raw_times(files: Iterable[StagedFile], fmt: ParquetFormat) -> bool:
    """Whether a column's times are mere integers under this format."""
    return any(column.is_raw_time(fmt) for file in files for column in parquet_columns(file.location))


def parquet_rows(file: Path) -> int:
    """How many rows a Parquet file has, from its footer alone."""
    import pyarrow.parquet as pq

    return int(pq.read_metadata(file).num_rows)
