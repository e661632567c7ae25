"""File formats: options of FILE FORMAT objects and of FILE_FORMAT = (...) as typed values with Snowflake's defaults.

Every option is either honoured or refused by name; one whose only supported value is Snowflake's default is accepted
with that value. Source: docs.snowflake.com/en/sql-reference/sql/create-file-format
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from typing import Any

from snowmelt.base.errors import SqlError, unsupported

NO_NULLS: tuple[str, ...] = ()
DEFAULT_NULLS = ("\\N",)


@dataclass(frozen=True)
class CsvFormat:
    """TYPE = CSV. `None` stands for NONE and, in the three date formats, for AUTO.

    Attributes:
        compression: AUTO, NONE, GZIP or ZSTD; AUTO looks at the file's first bytes.
        escape: escapes the enclosing character inside an enclosed field; None means that it is doubled.
    """

    compression: str = "AUTO"
    field_delimiter: str | None = ","
    record_delimiter: str = "\n"
    skip_header: int = 0
    parse_header: bool = False
    field_optionally_enclosed_by: str | None = None
    escape: str | None = None
    null_if: tuple[str, ...] = DEFAULT_NULLS
    empty_field_as_null: bool = True
    trim_space: bool = False
    skip_blank_lines: bool = False
    error_on_column_count_mismatch: bool = True
    date_format: str | None = None
    time_format: str | None = None
    timestamp_format: str | None = None
    binary_format: str = "HEX"
    file_extension: str | None = None


@dataclass(frozen=True)
class JsonFormat:
    """TYPE = JSON."""

    compression: str = "AUTO"
    strip_outer_array: bool = False
    null_if: tuple[str, ...] = NO_NULLS
    trim_space: bool = False
    date_format: str | None = None
    time_format: str | None = None
    timestamp_format: str | None = None
    binary_format: str = "HEX"
    file_extension: str | None = None


@dataclass(frozen=True)
class ParquetFormat:
    """TYPE = PARQUET.

    Attributes:
        compression: when unloading AUTO (snappy), SNAPPY, ZSTD, GZIP or NONE; a Parquet file being read tells itself.
        binary_as_text: byte arrays without a logical type are UTF-8 text.
        use_logical_type: timestamps and times of nanoseconds are read as such; else they are the integers they are
            stored as.
    """

    compression: str = "AUTO"
    binary_as_text: bool = True
    use_logical_type: bool = False
    trim_space: bool = False
    null_if: tuple[str, ...] = NO_NULLS


_OTHER_TYPES = frozenset({"AVRO", "ORC", "XML", "CUSTOM"})

FileFormat = CsvFormat | JsonFormat | ParquetFormat


def parse_format(options: Mapping[str, Any] | None) -> FileFormat:
    """The format that `options` describe: names in any case, ``TYPE`` among them (CSV when it is absent).

    Raises:
        SqlError: 000002 for an option, a value or a type that is not supported, 001006 for an option and 001008 for
            a value that Snowflake does not have.
    """
    given = {name.upper(): value for name, value in (options or {}).items()}
    kind = str(given.pop("TYPE", "CSV")).upper()
    parser = _PARSERS.get(kind)
    if parser is None:
        raise unsupported(f"file format type {kind}") if kind in _OTHER_TYPES else _invalid("TYPE", kind)
    return parser(given)


def choose_format(
    statement: Mapping[str, Any] | None,
    stage: Mapping[str, Any] | None,
    named: Callable[[str], Mapping[str, Any]],
) -> FileFormat:
    """The format that a statement uses: its own FILE_FORMAT, else the stage's, else CSV; the two are never merged.

    Args:
        statement: the FILE_FORMAT of the statement, perhaps only a ``FORMAT_NAME``.
        stage: the FILE_FORMAT of the stage.
        named: gives the options of the FILE FORMAT object of a name (SQL text); raises when there is none.
    """
    for source in (statement, stage):
        if not source:
            continue
        given = {name.upper(): value for name, value in source.items()}
        name = given.pop("FORMAT_NAME", None)
        if name is None:
            return parse_format(given)
        if given:
            raise SqlError(
                "SQL compilation error:\nFORMAT_NAME and other file format options are mutually exclusive.", 2010
            )
        return parse_format(named(str(name)))
    return CsvFormat()


# --- one converter per kind of value ---------------------------------------------------------------------------------

Converter = Callable[[str, Any], Any]


def _boolean(name: str, value: Any) -> bool:
    if isinstance(value, bool):
        return value
    text = str(value).upper()
    if text not in {"TRUE", "FALSE"}:
        raise _invalid(name, value)
    return text == "TRUE"


def _integer(name: str, value: Any) -> int:
    try:
        found = int(value)
        if found < 0:
            raise _invalid(name, value)
        return found
    except (TypeError, ValueError) as error:
        raise _invalid(name, value) from error


_ESCAPES = {"t": "\t", "n": "\n", "r": "\r", "\\": "\\", "'": "'", '"': '"', "0": "\0", "b": "\b", "f": "\f"}
_ESCAPE = re.compile(r"\\(x[0-9A-Fa-f]{2}|[0-7]{3}|.)|^0x([0-9A-Fa-f]{2})$", re.DOTALL)


def _unescape(text: str) -> str:
    """Escape sequences of delimiters (``\\t``, octal, hexadecimal), whether or not the SQL parser resolved them."""

    def one(match: re.Match[str]) -> str:
        token = match.group(1)
        if token is None:
            return chr(int(match.group(2), 16))
        if token[0] == "x":
            return chr(int(token[1:], 16))
        return chr(int(token, 8)) if len(token) == 3 else _ESCAPES.get(token, token)

    return text if text == "\\" else _ESCAPE.sub(one, text)


def _text_or_none(name: str, value: Any) -> str | None:
    del name
    return None if value is None or str(value).upper() == "NONE" else _unescape(str(value))


def _format_or_auto(name: str, value: Any) -> str | None:
    del name
    return None if value is None or str(value).upper() == "AUTO" else str(value)


def _texts(name: str, value: Any) -> tuple[str, ...]:
    del name
    if value is None:
        return ()
    items = value if isinstance(value, list | tuple) else [value]
    return tuple("\\N" if item == "\\\\N" else str(item) for item in items)


def _one_of(*allowed: str) -> Converter:
    def convert(name: str, value: Any) -> str:
        text = ("NONE" if value is None else str(value)).upper().replace("-", "")
        if text not in allowed:
            raise unsupported(f"{name} = {value}") if text in _COMPRESSIONS else _invalid(name, value)
        return text

    return convert


_COMPRESSIONS = frozenset({"BZ2", "BROTLI", "DEFLATE", "RAW_DEFLATE", "LZO"})
"""What Snowflake reads and this does not."""


def _record_delimiter(name: str, value: Any) -> str:
    text = _unescape(str(value))
    if text not in {"\n", "\r\n", "\r"}:
        raise unsupported(f"{name} = {value}")
    return text


def _single(name: str, value: Any) -> str | None:
    text = _text_or_none(name, value)
    if text is not None and len(text) != 1:
        raise _invalid(name, value)
    return text


_COMPRESSION = _one_of("AUTO", "NONE", "GZIP", "ZSTD")
_PARQUET_COMPRESSION = _one_of("AUTO", "NONE", "GZIP", "ZSTD", "SNAPPY")
_TEXT_OPTIONS: dict[str, Converter] = {
    "COMPRESSION": _COMPRESSION,
    "NULL_IF": _texts,
    "TRIM_SPACE": _boolean,
    "DATE_FORMAT": _format_or_auto,
    "TIME_FORMAT": _format_or_auto,
    "TIMESTAMP_FORMAT": _format_or_auto,
    "BINARY_FORMAT": _one_of("HEX", "BASE64", "UTF8"),
    "FILE_EXTENSION": _text_or_none,
}
_CSV: dict[str, Converter] = {
    **_TEXT_OPTIONS,
    "FIELD_DELIMITER": _text_or_none,
    "RECORD_DELIMITER": _record_delimiter,
    "SKIP_HEADER": _integer,
    "PARSE_HEADER": _boolean,
    "FIELD_OPTIONALLY_ENCLOSED_BY": _single,
    "ESCAPE": _single,
    "EMPTY_FIELD_AS_NULL": _boolean,
    "ERROR_ON_COLUMN_COUNT_MISMATCH": _boolean,
    "SKIP_BLANK_LINES": _boolean,
}
_JSON: dict[str, Converter] = {**_TEXT_OPTIONS, "STRIP_OUTER_ARRAY": _boolean}
_PARQUET: dict[str, Converter] = {
    "COMPRESSION": _PARQUET_COMPRESSION,
    "BINARY_AS_TEXT": _boolean,
    "USE_LOGICAL_TYPE": _boolean,
    "TRIM_SPACE": _boolean,
    "NULL_IF": _texts,
}

_ANY = object()
_ONLY_DEFAULT: dict[str, dict[str, Any]] = {
    "CSV": {
        "ENCODING": ("UTF8",),
        "MULTI_LINE": ("TRUE",),
        "ESCAPE_UNENCLOSED_FIELD": ("NONE", "\\", "\\\\"),
        "REPLACE_INVALID_CHARACTERS": ("FALSE",),
        "VALIDATE_UTF8": ("TRUE",),
        "SKIP_BYTE_ORDER_MARK": ("TRUE",),
    },
    "JSON": {
        "ENABLE_OCTAL": ("FALSE",),
        "ALLOW_DUPLICATE": ("FALSE",),
        "STRIP_NULL_VALUES": ("FALSE",),
        "REPLACE_INVALID_CHARACTERS": ("FALSE",),
        "IGNORE_UTF8_ERRORS": ("FALSE",),
        "SKIP_BYTE_ORDER_MARK": ("TRUE",),
        "MULTI_LINE": ("TRUE",),
    },
    "PARQUET": {
        # Both tell Snowflake how to read or write, not what comes out: accepted with any value.
        "USE_VECTORIZED_SCANNER": _ANY,
        "SNAPPY_COMPRESSION": ("TRUE",),
        "REPLACE_INVALID_CHARACTERS": ("FALSE",),
    },
}
"""Options without a field: the values under which they change nothing here."""


def _parser(kind: str, cls: type[Any], converters: dict[str, Converter]) -> Callable[[Mapping[str, Any]], Any]:
    defaults = _ONLY_DEFAULT[kind]
    assert {name.lower() for name in converters} == {field.name for field in fields(cls)}

    def parse(given: Mapping[str, Any]) -> Any:
        values = {}
        for name, value in given.items():
            if name in converters:
                values[name.lower()] = converters[name](name, value)
            elif name not in defaults:
                raise SqlError(f"SQL compilation error:\ninvalid parameter '{name}'", 1006, "22023")
            elif defaults[name] is not _ANY and str(value).upper().replace("-", "") not in defaults[name]:
                raise unsupported(f"{name} = {value}")
        return _checked(cls(**values))

    return parse


def _checked(parsed: FileFormat) -> FileFormat:
    if isinstance(parsed, CsvFormat):
        if parsed.parse_header and parsed.skip_header:
            raise SqlError(
                "SQL compilation error:\ninvalid parameter: PARSE_HEADER and SKIP_HEADER exclude each other.", 1008
            )
        if parsed.escape is not None and parsed.field_optionally_enclosed_by is None:
            raise unsupported("ESCAPE without FIELD_OPTIONALLY_ENCLOSED_BY")
        if parsed.field_delimiter is not None and len(parsed.field_delimiter.encode()) > 4:
            raise unsupported("FIELD_DELIMITER longer than four bytes")
    elif parsed.trim_space or parsed.null_if not in (NO_NULLS, DEFAULT_NULLS):
        raise unsupported("TRIM_SPACE and NULL_IF of semi-structured files")
    return parsed


def _invalid(name: str, value: Any) -> SqlError:
    return SqlError(f"SQL compilation error:\ninvalid value [{value}] for parameter '{name}'", 1008, "22023")


_PARSERS: dict[str, Callable[[Mapping[str, Any]], FileFormat]] = {
    "CSV": _parser("CSV", CsvFormat, _CSV),
    "JSON": _parser("JSON", JsonFormat, _JSON),
    "PARQUET": _parser("PARQUET", ParquetFormat, _PARQUET),
}
