"""What executing a statement gives back, before any wire format."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import IntEnum
from typing import Any

from snowmelt.base.datatypes import NUMBER, VARCHAR, DataType, Kind
from snowmelt.base.late import pyarrow as pa


class StatementType(IntEnum):
    """The `statementTypeId` that clients read to tell DML from queries."""

    UNKNOWN = 0x0000
    SELECT = 0x1000
    DML = 0x3000
    INSERT = 0x3100
    UPDATE = 0x3200
    DELETE = 0x3300
    MERGE = 0x3400
    MULTI_INSERT = 0x3500
    COPY = 0x3600
    SHOW = 0x4000
    ALTER_SESSION = 0x4100
    USE = 0x4300
    DDL = 0x6000
    CALL = 0x7000
    TRANSACTION = 0x5000
    SET = 0x5001
    MULTI = 0xA000


@dataclass(frozen=True)
class Column:
    """One result column: its name exactly as shown (already folded), type and whether it may hold nulls."""

    name: str
    type: DataType
    nullable: bool = True


@dataclass(frozen=True)
class Transfer:
    """A PUT or GET: which files move between the client's disk and a stage directory of this server.

    Attributes:
        command: ``UPLOAD`` or ``DOWNLOAD``.
        locations: for PUT the client's path patterns, for GET paths relative to `directory`.
        directory: absolute path of the stage's directory on the server's disk.
        local_location: for GET, the client's target directory.
    """

    command: str
    locations: tuple[str, ...]
    directory: str
    local_location: str | None = None
    parallel: int = 4
    auto_compress: bool = True
    overwrite: bool = False
    source_compression: str = "auto_detect"


@dataclass
class Result:
    """A statement's result.

    Attributes:
        columns: names and types, in order.
        table: the rows; column i of the table belongs to ``columns[i]`` (Arrow's own names are not read, they may
            repeat). None for a description (``describeOnly``) and for transfers.
        statement_type: what kind of statement it was.
        transfer: set for PUT and GET, which the client carries out itself.
        children: results of the single statements when the text held several.
        query_id: filled in by the session.
        release: set for rows in a file: lets go of the memory through which they were read.
    """

    columns: tuple[Column, ...]
    table: pa.Table | None
    statement_type: StatementType = StatementType.SELECT
    transfer: Transfer | None = None
    children: tuple[Result, ...] = ()
    query_id: str = ""
    sql: str = ""
    release: Callable[[], None] | None = None

    @property
    def row_count(self) -> int:
        return 0 if self.table is None else int(self.table.num_rows)


def arrow_type(data_type: DataType) -> pa.DataType:
    """The Arrow type in which the engine hands over a column of `data_type`."""
    match data_type.kind:
        case Kind.FIXED:
            return pa.decimal128(data_type.precision or 38, data_type.scale or 0)
        case Kind.REAL:
            return pa.float64()
        case Kind.BOOLEAN:
            return pa.bool_()
        case Kind.BINARY:
            return pa.binary()
        case Kind.DATE:
            return pa.date32()
        case Kind.TIME:
            return pa.time64("us")
        case Kind.TIMESTAMP_NTZ:
            return pa.timestamp("us")
        case Kind.TIMESTAMP_LTZ | Kind.TIMESTAMP_TZ:
            return pa.timestamp("us", tz="UTC")
        case _:
            return pa.string()


def rows_result(
    columns: list[tuple[str, DataType]],
    rows: list[tuple[Any, ...]],
    statement_type: StatementType = StatementType.SHOW,
) -> Result:
    """A `Result` of Python rows, as SHOW and DESCRIBE give."""
    arrays = [
        pa.array([row[i] for row in rows], type=arrow_type(data_type)) for i, (_, data_type) in enumerate(columns)
    ]
    names = [f"c{i}" for i in range(len(columns))]
    return Result(
        tuple(Column(name, data_type) for name, data_type in columns),
        pa.Table.from_arrays(arrays, names=names),
        statement_type,
    )


def status_result(message: str, statement_type: StatementType = StatementType.DDL) -> Result:
    """The one-cell result of DDL, such as ``Table T successfully created.``"""
    return rows_result([("status", VARCHAR)], [(message,)], statement_type)


def dml_result(statement_type: StatementType, **counts: int) -> Result:
    """A DML statement's counts; keyword names become column names with blanks (``number of rows inserted``)."""
    columns = [(name.replace("_", " "), NUMBER) for name in counts]
    return rows_result(columns, [tuple(counts.values())], statement_type)
