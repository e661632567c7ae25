"""How a value of a file becomes a value of a column: DuckDB expressions with Snowflake's rules and error texts.

Source: docs.snowflake.com/en/sql-reference/sql/copy-into-table and .../date-time-input-output (formats of AUTO)
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from snowmelt.base.datatypes import MAX_BINARY, MAX_TEXT, DataType, Kind
from snowmelt.base.errors import SqlError
from snowmelt.catalog.names import engine_quote
from snowmelt.storage.formats import CsvFormat, JsonFormat
from snowmelt.storage.formats_dates import strptime_format

TRUE_TEXTS = ("true", "t", "yes", "y", "on", "1")
FALSE_TEXTS = ("false", "f", "no", "n", "off", "0")


def literal(text: str) -> str:
    """`text` as a DuckDB string literal."""
    return "'" + text.replace("'", "''") + "'"


def texts(items: tuple[str, ...]) -> str:
    """Strings as a DuckDB list of expressions in parentheses."""
    return "(" + ", ".join(literal(item) for item in items) + ")"


@dataclass(frozen=True)
class Conversion:
    """One column of a file turned into a column of the table.

    Attributes:
        source: the DuckDB expression that gives the file's value.
        strict: the converted value; its evaluation raises on a value that does not fit.
        lenient: the converted value, or NULL where it does not fit.
        column: the target column's name.
        type: the target column's type.
        required: the column refuses NULL.
    """

    source: str
    strict: str
    lenient: str
    column: str
    type: DataType
    required: bool = False

    @property
    def bad(self) -> str:
        """A DuckDB condition: the file's value does not fit the column."""
        unfit = f"({self.source} IS NOT NULL AND {self.lenient} IS NULL)"
        return f"({unfit} OR {self.source} IS NULL)" if self.required else unfit


def convert_text(
    source: str,
    column: str,
    target: DataType,
    fmt: CsvFormat | JsonFormat,
    *,
    required: bool = False,
    truncate: bool = False,
) -> Conversion:
    """The conversion of a text `source`, a DuckDB expression of type VARCHAR, to `target`.

    Args:
        truncate: shorten too long text (TRUNCATECOLUMNS = TRUE) instead of refusing it.
    """
    strict, lenient = _TEXT_RULES.get(target.kind, _cast)(source, target, fmt)
    if target.kind is Kind.TEXT:
        strict, lenient = _limited(source, target, truncate)
    return Conversion(source, strict, lenient, column, target, required)


def semistructured(source: str) -> str:
    """A struct, list or map as a VARIANT. A struct has all its fields in each row; one that is null there is missing
    from the object, which is what the patch does.
    """
    return f"snowmelt_sorted(json_merge_patch('{{}}', to_json({source})))"


def convert_value(
    source: str, source_type: str, column: str, target: DataType, *, required: bool = False, truncate: bool = False
) -> Conversion:
    """The conversion of a typed `source`, such as a Parquet column of DuckDB type `source_type`, to `target`."""
    nested = source_type.startswith(("STRUCT", "MAP")) or source_type.endswith("]")
    if target.kind is Kind.TEXT:
        text = f"CAST({semistructured(source) if nested else source} AS VARCHAR)"
        text = source if source_type == "VARCHAR" else text
        strict, lenient = _limited(text, target, truncate)
    elif target.kind in {Kind.VARIANT, Kind.OBJECT, Kind.ARRAY} and source_type != "JSON":
        strict = lenient = semistructured(source) if nested else f"to_json({source})"
    elif target.kind is Kind.TIMESTAMP_TZ:
        strict = lenient = f"snowmelt_to_tz({source})"
    else:
        strict, lenient = f"CAST({source} AS {target.duckdb})", f"TRY_CAST({source} AS {target.duckdb})"
    return Conversion(source, strict, lenient, column, target, required)


def _limited(text: str, target: DataType, truncate: bool) -> tuple[str, str]:
    """Text within its column's length."""
    if target.length is None or target.length >= MAX_TEXT:
        return text, text
    if truncate:
        return (f"left({text}, {target.length})",) * 2
    fits = f"CASE WHEN {text} IS NULL OR length({text}) <= {target.length} THEN {text}"
    return f"{fits} ELSE error('User character length limit ({target.length}) exceeded') END", f"{fits} END"


Pair = tuple[str, str]


def _cast(source: str, target: DataType, fmt: CsvFormat | JsonFormat) -> Pair:
    del fmt
    return f"CAST({source} AS {target.duckdb})", f"TRY_CAST({source} AS {target.duckdb})"


def _boolean(source: str, target: DataType, fmt: CsvFormat | JsonFormat) -> Pair:
    del target, fmt
    value = f"lower(trim({source}))"
    cases = f"CASE WHEN {value} IN {texts(TRUE_TEXTS)} THEN true WHEN {value} IN {texts(FALSE_TEXTS)} THEN false"
    return f"{cases} WHEN {source} IS NOT NULL THEN error('Boolean value is not recognized') END", f"{cases} END"


def _date(source: str, target: DataType, fmt: CsvFormat | JsonFormat) -> Pair:
    if fmt.date_format is not None:
        return _parsed(source, fmt.date_format, "DATE")
    return _detected(source, target)


def _time(source: str, target: DataType, fmt: CsvFormat | JsonFormat) -> Pair:
    if fmt.time_format is not None:
        return _parsed(source, fmt.time_format, "TIME")
    return _detected(source, target)


def _timestamp(source: str, target: DataType, fmt: CsvFormat | JsonFormat) -> Pair:
    if fmt.timestamp_format is None:
        return _detected(source, target)
    if target.kind is Kind.TIMESTAMP_TZ:
        return _parsed_zoned(source, fmt.timestamp_format)
    return _parsed(source, fmt.timestamp_format, target.duckdb)


_MACROS = {
    Kind.DATE: "date",
    Kind.TIME: "time",
    Kind.TIMESTAMP_NTZ: "ntz",
    Kind.TIMESTAMP_LTZ: "ltz",
    Kind.TIMESTAMP_TZ: "tz",
}


def _detected(source: str, target: DataType) -> Pair:
    """A date or time in one of the forms of AUTO."""
    name = _MACROS[target.kind]
    return f"snowmelt_to_{name}({source})", f"snowmelt_try_to_{name}({source})"


def _morning(source: str, form: str) -> tuple[str, str]:
    """Hours up to 12 are those of the morning where nothing else is said, so that 12 is midnight."""
    return (f"({source} || ' AM')", f"{form} %p") if "%I" in form and "%p" not in form else (source, form)


def _parsed(source: str, text: str, duckdb_type: str) -> Pair:
    source, form = _morning(source, strptime_format(text))
    form = literal(form)
    return (
        f"CAST(strptime({source}, {form}) AS {duckdb_type})",
        f"CAST(try_strptime({source}, {form}) AS {duckdb_type})",
    )


def _parsed_zoned(source: str, text: str) -> Pair:
    """A TIMESTAMP_TZ keeps the offset that the text has."""
    value, form = _morning(source, strptime_format(text))
    parsed = [f"{name}({value}, {literal(form)})" for name in ("strptime", "try_strptime")]
    if "%z" not in form:
        return f"snowmelt_tz_of({parsed[0]}, NULL)", f"snowmelt_tz_of({parsed[1]}, NULL)"
    minutes = f"coalesce(snowmelt_text_minutes({source}), 0)"
    strict, lenient = (f"snowmelt_tz(timezone('UTC', {each}), {minutes})" for each in parsed)
    return strict, lenient


def _binary(source: str, target: DataType, fmt: CsvFormat | JsonFormat) -> Pair:
    function = {"HEX": "unhex", "BASE64": "from_base64", "UTF8": "encode"}[fmt.binary_format]
    strict, lenient = f"{function}({source})", f"TRY({function}({source}))"
    if (target.length or MAX_BINARY) >= MAX_BINARY:
        return strict, lenient
    fits = f"CASE WHEN octet_length({lenient}) <= {target.length} THEN {lenient} END"
    return f"snowmelt_fit_binary({strict}, {target.length})", fits


_TEXT_RULES = {
    Kind.BOOLEAN: _boolean,
    Kind.DATE: _date,
    Kind.TIME: _time,
    Kind.TIMESTAMP_NTZ: _timestamp,
    Kind.TIMESTAMP_LTZ: _timestamp,
    Kind.TIMESTAMP_TZ: _timestamp,
    Kind.BINARY: _binary,
}

_NOT_RECOGNIZED = {
    Kind.FIXED: ("Numeric value '{}' is not recognized", 100038, "22018"),
    Kind.REAL: ("Numeric value '{}' is not recognized", 100038, "22018"),
    Kind.BOOLEAN: ("Boolean value '{}' is not recognized", 100037, "22018"),
    Kind.DATE: ("Date '{}' is not recognized", 100040, "22007"),
    Kind.TIME: ("Time '{}' is not recognized", 100108, "22007"),
    Kind.TIMESTAMP_NTZ: ("Timestamp '{}' is not recognized", 100035, "22007"),
    Kind.TIMESTAMP_LTZ: ("Timestamp '{}' is not recognized", 100035, "22007"),
    Kind.TIMESTAMP_TZ: ("Timestamp '{}' is not recognized", 100035, "22007"),
    Kind.BINARY: ("The following string is not a legal hex-encoded value: '{}'", 100115, "22000"),
}


def unfit(conversion: Conversion, value: str | None) -> SqlError:
    """The error for `value` (as text) in a conversion that refused it."""
    if value is None:
        return SqlError("NULL result in a non-nullable column", 100072, "22000")
    target = conversion.type
    if target.kind is Kind.TEXT:
        return SqlError(
            f"User character length limit ({target.length}) exceeded by string '{value[:100]}'", 100078, "22000"
        )
    if target.kind is Kind.BINARY and re.fullmatch(r"(?:[0-9a-fA-F]{2})*", value):
        return SqlError(f"Binary value '{value}' is too long and would be truncated", 100078, "22000")
    if target.kind is Kind.FIXED and _is_number(value):
        return SqlError(f"Numeric value '{value}' is out of range", 100039, "22003")
    message, code, state = _NOT_RECOGNIZED.get(target.kind, ("Error parsing JSON: {}", 100069, "22P02"))
    return SqlError(message.format(value), code, state)


def _is_number(value: str) -> bool:
    try:
        float(value)
    except ValueError:
        return False
    return True


def as_column(conversion: Conversion) -> str:
    """The strict conversion as an item of a SELECT list, named as the target column."""
    return f"{conversion.strict} AS {engine_quote(conversion.column)}"
