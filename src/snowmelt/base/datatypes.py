"""Snowflake's data types and what each is in DuckDB, in Arrow and on the wire: one table.

Source: docs.snowflake.com/en/sql-reference/intro-summary-data-types
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from enum import StrEnum
from functools import lru_cache

from snowmelt.base.errors import SqlError, unsupported

MAX_TEXT = 16_777_216
"""Length in characters of a VARCHAR declared without one."""

MAX_BINARY = 8_388_608
"""Length in bytes of a BINARY declared without one."""


class Kind(StrEnum):
    """The logical type as the wire protocol calls it."""

    FIXED = "FIXED"
    REAL = "REAL"
    TEXT = "TEXT"
    BOOLEAN = "BOOLEAN"
    BINARY = "BINARY"
    DATE = "DATE"
    TIME = "TIME"
    TIMESTAMP_NTZ = "TIMESTAMP_NTZ"
    TIMESTAMP_LTZ = "TIMESTAMP_LTZ"
    TIMESTAMP_TZ = "TIMESTAMP_TZ"
    VARIANT = "VARIANT"
    OBJECT = "OBJECT"
    ARRAY = "ARRAY"
    VECTOR = "VECTOR"


TIMESTAMPS = frozenset({Kind.TIMESTAMP_NTZ, Kind.TIMESTAMP_LTZ, Kind.TIMESTAMP_TZ})

TIMES = TIMESTAMPS | {Kind.DATE, Kind.TIME}

SEMI_STRUCTURED = frozenset({Kind.VARIANT, Kind.OBJECT, Kind.ARRAY})


@dataclass(frozen=True)
class DataType:
    """One Snowflake data type.

    Attributes:
        kind: the logical type.
        precision: digits of a NUMBER (1 to 38); fractional-second digits are in `scale`.
        scale: digits after the point of a NUMBER; for times, digits of the fraction of a second (0 to 9).
        length: characters of a VARCHAR, bytes of a BINARY, elements of a VECTOR.
        element: what a VECTOR is of, REAL or FIXED (both of 32 bits).
        parts: of a structured type: what the elements of an ARRAY are, the keys and the values of a MAP, or the values
            of an OBJECT.
        is_map: whether it is a MAP, which is otherwise an OBJECT.
        names: keys of a structured OBJECT, one for each of its parts.
        not_null: which of the parts must not be null, by position.
        nullable: whether the expression that was found to be of this type may be null; types are equal without it.
    """

    kind: Kind
    precision: int | None = None
    scale: int | None = None
    length: int | None = None
    element: Kind | None = None
    parts: tuple[DataType, ...] | None = None
    is_map: bool = False
    names: tuple[str, ...] | None = None
    not_null: tuple[int, ...] = ()
    nullable: bool = field(default=True, compare=False, repr=False)

    def __deepcopy__(self, memo: object) -> DataType:
        """Itself: types hang on the nodes of trees, which are copied often."""
        return self

    @property
    def sql(self) -> str:
        """The type as Snowflake's DESCRIBE prints it, such as ``NUMBER(38,0)``."""
        if self.parts is not None:
            return f"{self.wire}({', '.join(self._part(i) for i in range(len(self.parts)))})"
        match self.kind:
            case Kind.FIXED:
                return f"NUMBER({self.precision},{self.scale})"
            case Kind.REAL:
                return "FLOAT"
            case Kind.TEXT:
                return f"VARCHAR({self.length})"
            case Kind.BINARY:
                return f"BINARY({self.length})"
            case Kind.TIME | Kind.TIMESTAMP_NTZ | Kind.TIMESTAMP_LTZ | Kind.TIMESTAMP_TZ:
                return f"{self.kind.value}({self.scale})"
            case Kind.VECTOR:
                return f"VECTOR({'FLOAT' if self.element is Kind.REAL else 'INT'}, {self.length})"
            case _:
                return self.kind.value

    def _part(self, position: int) -> str:
        """A part of a structured type, with its key and whether it may be null."""
        assert self.parts is not None
        key = ""
        if self.names is not None:
            name = self.names[position]
            key = f"{name} " if _PLAIN_KEY.fullmatch(name) else '"' + name.replace('"', '""') + '" '
        return f"{key}{self.parts[position].sql}{' NOT NULL' if position in self.not_null else ''}"

    @property
    def wire(self) -> str:
        """The type as clients are told: a MAP is a type of its own."""
        return "MAP" if self.is_map else self.kind.value

    @property
    def duckdb(self) -> str:
        """The DuckDB type that stores it."""
        if self.kind is Kind.FIXED:
            return f"DECIMAL({self.precision},{self.scale})"
        if self.kind is Kind.VECTOR:
            return f"{'FLOAT' if self.element is Kind.REAL else 'INTEGER'}[{self.length}]"
        return _DUCKDB[self.kind]


_PLAIN_KEY = re.compile(r"[A-Za-z_][A-Za-z0-9_$]*")
"""Keys of an OBJECT that need no quotes in its type."""


@lru_cache(maxsize=4096)
def required(data_type: DataType) -> DataType:
    """The type of an expression that is never null."""
    return replace(data_type, nullable=False)


@lru_cache(maxsize=4096)
def optional(data_type: DataType) -> DataType:
    """The type of an expression that may be null."""
    return replace(data_type, nullable=True)


_DUCKDB = {
    Kind.REAL: "DOUBLE",
    Kind.TEXT: "VARCHAR",
    Kind.BOOLEAN: "BOOLEAN",
    Kind.BINARY: "BLOB",
    Kind.DATE: "DATE",
    Kind.TIME: "TIME",
    Kind.TIMESTAMP_NTZ: "TIMESTAMP",
    Kind.TIMESTAMP_LTZ: "TIMESTAMP WITH TIME ZONE",
    Kind.TIMESTAMP_TZ: "INTERVAL",  # see storage/sql/times.sql
    Kind.VARIANT: "JSON",
    Kind.OBJECT: "JSON",
    Kind.ARRAY: "JSON",
}

NUMBER = DataType(Kind.FIXED, 38, 0)
FLOAT = DataType(Kind.REAL)
VARCHAR = DataType(Kind.TEXT, length=MAX_TEXT)
BOOLEAN = DataType(Kind.BOOLEAN)
DATE = DataType(Kind.DATE)
BINARY = DataType(Kind.BINARY, length=MAX_BINARY)
TIME = DataType(Kind.TIME, precision=0, scale=9)
TIMESTAMP_NTZ = DataType(Kind.TIMESTAMP_NTZ, precision=0, scale=9)
TIMESTAMP_LTZ = DataType(Kind.TIMESTAMP_LTZ, precision=0, scale=9)
TIMESTAMP_TZ = DataType(Kind.TIMESTAMP_TZ, precision=0, scale=9)
VARIANT = DataType(Kind.VARIANT)
OBJECT = DataType(Kind.OBJECT)
ARRAY = DataType(Kind.ARRAY)

_SYNONYMS: dict[str, DataType] = {
    **dict.fromkeys(("NUMBER", "DECIMAL", "DEC", "NUMERIC"), NUMBER),
    **dict.fromkeys(("INT", "INTEGER", "BIGINT", "SMALLINT", "TINYINT", "BYTEINT"), NUMBER),
    **dict.fromkeys(("FLOAT", "FLOAT4", "FLOAT8", "DOUBLE", "DOUBLE PRECISION", "REAL"), FLOAT),
    **dict.fromkeys(("VARCHAR", "STRING", "TEXT", "NVARCHAR", "NVARCHAR2", "CHAR VARYING", "NCHAR VARYING"), VARCHAR),
    **dict.fromkeys(("CHAR", "CHARACTER", "NCHAR"), replace(VARCHAR, length=1)),
    **dict.fromkeys(("BINARY", "VARBINARY"), BINARY),
    **dict.fromkeys(("TIMESTAMP_NTZ", "TIMESTAMPNTZ", "DATETIME", "TIMESTAMP"), TIMESTAMP_NTZ),
    **dict.fromkeys(("TIMESTAMP_LTZ", "TIMESTAMPLTZ"), TIMESTAMP_LTZ),
    **dict.fromkeys(("TIMESTAMP_TZ", "TIMESTAMPTZ"), TIMESTAMP_TZ),
    "BOOLEAN": BOOLEAN,
    "DATE": DATE,
    "TIME": TIME,
    "VARIANT": VARIANT,
    "OBJECT": OBJECT,
    "ARRAY": ARRAY,
}

_LONGEST = {Kind.TEXT: 134_217_728, Kind.BINARY: 67_108_864}
"""The greatest length that may be declared."""

MAX_DIMENSION = 4096
"""The most elements of a VECTOR."""

_VECTOR = re.compile(r"\s*VECTOR\s*\(\s*(\w+)\s*,\s*(\d+)\s*\)\s*", re.IGNORECASE)
_TYPE_TEXT = re.compile(r"\s*([A-Z_][A-Z0-9_ ]*?)\s*(?:\(\s*(\d+)\s*(?:,\s*(\d+)\s*)?\))?\s*", re.IGNORECASE)


def parse_type(text: str) -> DataType:
    """The `DataType` that a type name such as ``number(10, 2)`` or ``STRING`` stands for.

    Raises:
        SqlError: 000002 for a type that Snowflake does not have or Snowmelt does not support.
    """
    vector = _VECTOR.fullmatch(text)
    if vector is not None:
        return _vector(text.strip(), vector.group(1), int(vector.group(2)))
    match = _TYPE_TEXT.fullmatch(text)
    base = _SYNONYMS.get(" ".join(match.group(1).upper().split())) if match else None
    if match is None or base is None:
        raise unsupported(f"data type {text.strip()}")
    first, second = match.group(2), match.group(3)
    if first is None:
        return base
    match base.kind:
        case Kind.FIXED:
            precision, scale = int(first), int(second or 0)
            if not 1 <= precision <= 38 or scale > min(37, precision):
                raise SqlError(f"SQL compilation error:\ninvalid number precision or scale: '{text.strip()}'", 1003)
            return DataType(Kind.FIXED, precision, scale)
        case Kind.TEXT | Kind.BINARY:
            if not 1 <= int(first) <= _LONGEST[base.kind]:
                raise SqlError(f"SQL compilation error:\ninvalid length: '{text.strip()}'", 1003)
            return replace(base, length=int(first))
        case Kind.TIME | Kind.TIMESTAMP_NTZ | Kind.TIMESTAMP_LTZ | Kind.TIMESTAMP_TZ:
            if int(first) > 9:
                raise SqlError(f"SQL compilation error:\ninvalid precision: '{text.strip()}'", 1003)
            return replace(base, scale=int(first))
        case _:
            return base


def _vector(text: str, element: str, dimension: int) -> DataType:
    kind = _SYNONYMS[element.upper()].kind if element.upper() in ("FLOAT", "INT", "INTEGER") else None
    if kind is None or not 1 <= dimension <= MAX_DIMENSION:
        raise SqlError(f"SQL compilation error:\nUnsupported data type '{text}'.", 2040, "0A000")
    return DataType(Kind.VECTOR, length=dimension, element=kind)


_FROM_DUCKDB: dict[str, DataType] = {
    **dict.fromkeys(("BOOLEAN",), BOOLEAN),
    "TINYINT": DataType(Kind.FIXED, 3, 0),
    "SMALLINT": DataType(Kind.FIXED, 5, 0),
    "INTEGER": DataType(Kind.FIXED, 10, 0),
    "BIGINT": DataType(Kind.FIXED, 19, 0),
    "UTINYINT": DataType(Kind.FIXED, 3, 0),
    "USMALLINT": DataType(Kind.FIXED, 5, 0),
    "UINTEGER": DataType(Kind.FIXED, 10, 0),
    "UBIGINT": DataType(Kind.FIXED, 20, 0),
    "HUGEINT": NUMBER,
    "UHUGEINT": NUMBER,
    "FLOAT": FLOAT,
    "DOUBLE": FLOAT,
    "VARCHAR": VARCHAR,
    "UUID": VARCHAR,
    "BLOB": BINARY,
    "DATE": DATE,
    "TIME": TIME,
    "TIMESTAMP": TIMESTAMP_NTZ,
    "TIMESTAMP_NS": TIMESTAMP_NTZ,
    "TIMESTAMP_MS": TIMESTAMP_NTZ,
    "TIMESTAMP_S": TIMESTAMP_NTZ,
    "TIMESTAMP WITH TIME ZONE": TIMESTAMP_LTZ,
    "INTERVAL": TIMESTAMP_TZ,
    "JSON": VARIANT,
    "VARIANT": VARIANT,
    '"NULL"': VARCHAR,
    "NULL": VARCHAR,
}


def from_duckdb(text: str) -> DataType:
    """The Snowflake type of a DuckDB result column whose type prints as `text`.

    Raises:
        SqlError: 000002 for a DuckDB type without a Snowflake counterpart.
    """
    name = text.upper()
    if name.startswith("DECIMAL("):
        precision, scale = name[8:-1].split(",")
        return DataType(Kind.FIXED, int(precision), int(scale))
    vector = re.fullmatch(r"(FLOAT|INTEGER)\[(\d+)\]", name)
    if vector is not None:
        return _vector(name, "FLOAT" if vector.group(1) == "FLOAT" else "INT", int(vector.group(2)))
    if name.endswith("]"):
        return ARRAY
    if name.startswith(("STRUCT(", "MAP(")):
        return OBJECT
    found = _FROM_DUCKDB.get(name)
    if found is None:
        raise unsupported(f"result of the engine's type {text}")
    return found
