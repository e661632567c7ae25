"""DuckDB's errors in Snowflake's words."""

from __future__ import annotations

import re
from collections.abc import Callable

import duckdb

from snowmelt.base.errors import SqlError, ambiguous_column, canceled, invalid_identifier, unknown_function
from snowmelt.base.marks import shown
from snowmelt.catalog.names import display, logical_name
from snowmelt.storage import errors_compilation


def _shown(name: str) -> str:
    """A name of the engine's as Snowflake writes it."""
    return display(logical_name(name))


_RAISED = re.compile(r"Could not convert string ['\"]snowmelt: (.*?)['\"] to BOOL(?:\n\nLINE |$)", re.DOTALL)
"""What the macro `snowmelt_sure` raises."""

_DIRECTORIES = re.compile(r"(?<![\w./])/(?:[^/\s'\"]+/)+")
"""The directories of an absolute path; the file's name stays."""

_Rule = tuple[re.Pattern[str], Callable[[re.Match[str]], SqlError]]


def _not_recognized(what: str) -> Callable[[re.Match[str]], SqlError]:
    code = 100037 if what == "Boolean" else 100038
    return lambda match: SqlError(f"{what} value '{match.group(1)}' is not recognized", code, "22018")


def conflict() -> SqlError:
    """A transaction that would consume a stream which another has consumed since it read it (000625)."""
    return SqlError(
        "The statement was aborted because another transaction changed the same rows or consumed the same stream "
        "first.",
        625,
        "57014",
    )


def _wrong_width(expected: int, got: int) -> SqlError:
    return SqlError(
        f"SQL compilation error:\nInsert value list does not match column list expecting {expected} but got {got}",
        2020,
        "21S01",
    )


def _number_from_text(match: re.Match[str]) -> SqlError:
    """A text that is a number was too large; any other is none."""
    value = match.group(1)
    if re.fullmatch(r"\s*[-+]?(\d+\.?\d*|\.\d+)(e[-+]?\d+)?\s*", value, re.IGNORECASE):
        return SqlError(f"Numeric value '{value}' is out of range", 100046, "22003")
    return SqlError(f"Numeric value '{value}' is not recognized", 100038, "22018")


_UNREADABLE = {"Date": 100040, "Time": 100108, "Timestamp": 100035}


def _failed_cast(value: str, target: str) -> SqlError:
    return SqlError(f"Failed to cast variant value {value} to {target}", 100071, "22000")


_RULES: tuple[_Rule, ...] = (
    (
        re.compile(r"Python exception occurred while executing the UDF: ValueError: (Error parsing JSON: .*)"),
        lambda m: SqlError(m.group(1), 100069, "22P02"),
    ),
    (
        re.compile(r"Python exception occurred while executing the UDF: ValueError: (Error parsing URL: .*)"),
        lambda m: SqlError(m.group(1), 100139, "22000"),
    ),
    (
        re.compile(r"Python exception occurred while executing the UDF: ValueError: (Invalid state of .*)"),
        lambda m: SqlError(m.group(1), 100047, "22023"),
    ),
    (
        re.compile(r"Python exception occurred while executing the UDF: ValueError: (Invalid digest size: .*)"),
        lambda m: SqlError(f"{m.group(1)} in function SHA2", 1044, "42000"),
    ),
    # Early, since a handler's own message may look like any of the others.
    (
        re.compile(r"Python exception occurred while executing the UDF: SqlError: SQL execution canceled"),
        lambda m: canceled(),
    ),
    (
        re.compile(r"Python exception occurred while executing the UDF: SqlError: (.*)", re.DOTALL),
        lambda m: SqlError(m.group(1), 100357, "P0000"),
    ),
    (
        re.compile(r'Referenced column "(.+?)" (?:was )?not found|Table "?.+?"? does not have a column named "(.+?)"'),
        lambda m: invalid_identifier(_shown(m.group(1) or m.group(2))),
    ),
    (
        re.compile(r'Values list "(.+?)" does not have a column named "(.+?)"'),
        lambda m: invalid_identifier(f"{_shown(m.group(1))}.{_shown(m.group(2))}"),
    ),
    (re.compile(r'Referenced table "(.+?)" not found'), lambda m: invalid_identifier(_shown(m.group(1)))),
    (
        re.compile(r'Ambiguous reference to column name "(.+?)"'),
        lambda m: ambiguous_column(_shown(m.group(1))),
    ),
    (
        re.compile(r"(?:Scalar|Table|Aggregate|Macro) ?(?:Macro )?Function with name \"?(\w+)\"? does not exist"),
        lambda m: unknown_function(m.group(1).upper()),
    ),
    (re.compile(r"Could not convert string ['\"](.*?)['\"] to (?:INT|DECIMAL|UINT)"), _number_from_text),
    (re.compile(r"Could not convert string ['\"](.*?)['\"] to (?:DOUBLE|FLOAT)"), _not_recognized("Numeric")),
    (re.compile(r"Could not convert string ['\"](.*?)['\"] to BOOL"), _not_recognized("Boolean")),
    (
        re.compile(r"Malformed JSON at byte (\d+) of input: (.*?)\.  Input", re.DOTALL),
        lambda m: SqlError(f"Error parsing JSON: {m.group(2)}, pos {m.group(1)}", 100069, "22P02"),
    ),
    (re.compile(r"Not a truth value: (.*)", re.DOTALL), _not_recognized("Boolean")),
    (
        re.compile(r"Not hexadecimal: (.*)", re.DOTALL),
        lambda m: SqlError(f"The following string is not a legal hex-encoded value: '{m.group(1)}'", 100115, "22000"),
    ),
    (
        re.compile(r"Too many bytes: (.*)", re.DOTALL),
        lambda m: SqlError(f"Binary value '{m.group(1)}' is too long and would be truncated", 100078, "22000"),
    ),
    (
        re.compile(r"Too long: (.*)", re.DOTALL),
        lambda m: SqlError(f"String '{m.group(1)}' is too long and would be truncated", 100078, "22000"),
    ),
    (
        re.compile(r"Type \w+ with value (-?[\d.e+]+) can't be cast because the value is out of range"),
        lambda m: SqlError(f"Numeric value '{m.group(1)}' is out of range", 100046, "22003"),
    ),
    (
        re.compile(
            r"(?:[Cc]ould not (?:cast|convert)|Casting) (?:value |DECIMAL\S* value )?"
            r"\"?(-?[\d.e+]+)\"? to (?:type )?DECIMAL"
        ),
        lambda m: SqlError(f"Numeric value '{m.group(1)}' is out of range", 100046, "22003"),
    ),
    (
        re.compile(r'Casting value "(-?[\d.e+]+)" to type DECIMAL\S* failed'),
        lambda m: SqlError(f"Numeric value '{m.group(1)}' is out of range", 100046, "22003"),
    ),
    (
        re.compile(r"^Invalid Input Error: ((Date|Time|Timestamp) '.*' is not recognized)", re.DOTALL),
        lambda m: SqlError(m.group(1), _UNREADABLE[m.group(2)], "22007"),
    ),
    (
        re.compile(r"(Can't parse '.*' as (?:date|time|timestamp) with format '.*')", re.DOTALL),
        lambda m: SqlError(m.group(1), 100096, "22007"),
    ),
    (
        re.compile(r"(Can't parse '.*' as number with format '.*')", re.DOTALL),
        lambda m: SqlError(m.group(1), 100140, "22007"),
    ),
    (
        re.compile(r"Expected array of size (\d+), but got '.*' with size (\d+)", re.DOTALL),
        lambda m: SqlError(
            f"Array-like value being cast to a vector has incorrect dimension: expected {m.group(1)}, got {m.group(2)}",
            100119,
            "22000",
        ),
    ),
    (
        re.compile(r"(Failed to cast variant value .* to (?:ARRAY|MAP|OBJECT|BOOLEAN).*)", re.DOTALL),
        lambda m: SqlError(m.group(1), 100071, "22000"),
    ),
    (
        re.compile(r"NULL in a non-nullable part: (.*)", re.DOTALL),
        lambda m: SqlError(f"NULL result in a non-nullable part of {m.group(1)}", 100072, "22000"),
    ),
    (
        re.compile(r"Failed to cast value to (numerical|decimal): (.*?)(?: when casting from|\n|$)"),
        lambda m: _failed_cast(m.group(2), "FIXED" if m.group(1) == "decimal" else "REAL"),
    ),
    (
        re.compile(r"Argument for ntile must be greater than zero"),
        lambda m: SqlError("SQL compilation error:\nNTILE argument must be at least 1", 1020, "22023"),
    ),
    (
        re.compile(r"Unknown TimeZone '(.*?)'"),
        lambda m: SqlError(f"Invalid time zone: '{m.group(1)}'", 100047, "22023"),
    ),
    (
        re.compile(r"Macro snowmelt_\w+\(\) (?:does not support the supplied|has multiple overloads)"),
        lambda m: SqlError("SQL compilation error:\nInvalid argument types for a date or time function", 1044, "42P13"),
    ),
    (
        re.compile(r"Not a time: (.*)", re.DOTALL),
        lambda m: SqlError(f"SQL compilation error:\n'{m.group(1)}' is no date or time", 1044, "42P13"),
    ),
    (
        re.compile(r"invalid date field format: ['\"](.*?)['\"]"),
        lambda m: SqlError(f"Date '{m.group(1)}' is not recognized", 100040, "22007"),
    ),
    (
        re.compile(r"invalid timestamp field format: ['\"](.*?)['\"]"),
        lambda m: SqlError(f"Timestamp '{m.group(1)}' is not recognized", 100035, "22007"),
    ),
    (
        re.compile(r"NOT NULL constraint failed: .*?\.(\S+)"),
        lambda m: SqlError(f"NULL result in a non-nullable column: {m.group(1)}", 100072, "22000"),
    ),
    (
        re.compile(r'table "[ds]" has (\d+) columns available but (\d+) columns specified'),
        lambda m: _wrong_width(int(m.group(2)), int(m.group(1))),
    ),
    (
        # The transaction's number, which stands before the row's values, does not count.
        re.compile(r"mismatch for insert.*?: expected (\d+) columns but (\d+) values"),
        lambda m: _wrong_width(int(m.group(1)) - 1, int(m.group(2)) - 1),
    ),
    (re.compile(r"Division by zero"), lambda m: SqlError("Division by zero", 100051, "22012")),
    (
        re.compile(r'column "(.+?)" must appear in the GROUP BY clause'),
        lambda m: SqlError(
            f"SQL compilation error:\n'{_shown(m.group(1))}' is not a valid group by expression", 979, "42601"
        ),
    ),
    (
        re.compile(r"time field value out of range: ['\"](.*?)['\"]|Could not convert string ['\"](.*?)['\"] to TIME"),
        lambda m: SqlError(f"Time '{m.group(1) or m.group(2)}' is not recognized", 100108, "22007"),
    ),
    (
        re.compile(r"(?:date|timestamp) field value out of range: ['\"](.*?)['\"]"),
        lambda m: SqlError(f"Date '{m.group(1)}' is not recognized", 100040, "22007"),
    ),
    (
        re.compile(r"More than one row returned by a subquery"),
        lambda m: SqlError("Single-row subquery returns more than one row.", 90150, "22000"),
    ),
    (
        re.compile(r"Overflow in \w+ of \w+ \((-?[\d.]+) (.) (-?[\d.]+)\)|(?:Overflow|Out of Range Error)()()()"),
        lambda m: SqlError(
            "Number out of representable range" + (f": {m.group(1)} {m.group(2)} {m.group(3)}" if m.group(1) else ""),
            100132,
            "22003",
        ),
    ),
    (
        re.compile(r"(Invalid value \[.*?\] for function '\w+')"),
        lambda m: SqlError(m.group(1), 100047, "22023"),
    ),
    (
        re.compile(r"(Invalid floating point operation: \w+\(.*?\))"),
        lambda m: SqlError(m.group(1), 100047, "22023"),
    ),
    (
        re.compile(r"cannot take (logarithm|square root) of (?:a )?(zero|negative number)"),
        lambda m: SqlError(f"Invalid floating point operation: {m.group(1)} of {m.group(2)}", 100047, "22023"),
    ),
    (
        re.compile(r"extract specifier ['\"](.*?)['\"] not recognized"),
        lambda m: SqlError(
            f"SQL compilation error:\n'{m.group(1)}' is not a valid date/time component.", 1037, "22023"
        ),
    ),
    (
        re.compile(r"^Invalid Input Error: (missing .*?|no argument for repetition.*?|invalid .*?): (.*)", re.DOTALL),
        lambda m: SqlError(f"Invalid regular expression: '{m.group(2)}', {m.group(1)}", 100048, "2201B"),
    ),
    (
        re.compile(r"Transaction conflict|write-write conflict|Conflict on"),
        lambda m: conflict(),
    ),
)


def translate(error: duckdb.Error) -> SqlError:
    """The `SqlError` for an error of the engine; the engine's own text is kept where Snowflake's is not known."""
    if isinstance(error, duckdb.InterruptException):
        return canceled()
    text = shown(str(error))
    raised = _RAISED.search(text)
    if raised is not None:
        text = "Invalid Input Error: " + raised.group(1)
    for pattern, make in _RULES + errors_compilation.COMPILATION:
        match = pattern.search(text)
        if match is not None:
            return make(match)
    body = re.sub(r"^(?:\w+ )+Error: ", "", text.split("\n\nLINE ")[0])
    # Where the server keeps its files is none of a client's business.
    body = _DIRECTORIES.sub("", body)
    if isinstance(error, (duckdb.BinderException, duckdb.CatalogException, duckdb.ParserException)):
        return errors_compilation.unknown(body)
    return SqlError(body.split("\n")[0], 100000, "22000")
