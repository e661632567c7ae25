"""What DuckDB says of statements that it cannot compile, in Snowflake's words.

Statements reach DuckDB rewritten, so that its texts may name functions, types and tables that the user has never
heard of. A text that no rule knows keeps its first sentence only.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from snowmelt.base.datatypes import Kind, from_duckdb
from snowmelt.base.errors import SqlError, invalid_identifier, unsupported, wrong_arguments
from snowmelt.catalog.names import display, logical_name

_HEAD = "SQL compilation error:\n"

_CALLED = {
    "json_extract": "GET",
    "json_extract_string": "GET",
    "strftime": "TO_CHAR",
    "strptime": "TO_TIMESTAMP",
    "list": "ARRAY_AGG",
    "string_agg": "LISTAGG",
    "date_diff": "DATEDIFF",
    "stddev_samp": "STDDEV",
    "var_samp": "VARIANCE",
    "quantile_cont": "PERCENTILE_CONT",
    "arg_max": "MAX_BY",
    "arg_min": "MIN_BY",
}
"""Snowflake's names of functions that reach DuckDB under another."""

_KINDS = {Kind.FIXED: "NUMBER", Kind.REAL: "FLOAT", Kind.TEXT: "VARCHAR"}
_LITERALS = {"INTEGER_LITERAL": "NUMBER(38,0)", "STRING_LITERAL": "VARCHAR", '"NULL"': "NULL", "JSON": "VARIANT"}


def _function(name: str) -> str:
    return _CALLED.get(name.lower(), name.upper().removeprefix("SNOWMELT_"))


def _type(text: str) -> str:
    """A type of the engine's as Snowflake calls it."""
    text = text.strip().upper()
    if text in _LITERALS:
        return _LITERALS[text]
    try:
        found = from_duckdb(text)
    except SqlError:
        return text
    shown = _KINDS.get(found.kind, found.kind.value)
    return f"{shown}({found.precision or 38},{found.scale or 0})" if found.kind is Kind.FIXED else shown


def _types(text: str) -> str:
    """A list of types; those in parentheses hold commas themselves."""
    return ", ".join(_type(item) for item in re.findall(r"(?:[^,(]|\([^)]*\))+", text))


def _compilation(code: int, sqlstate: str, text: str) -> Callable[[re.Match[str]], SqlError]:
    """An error whose text has the match's groups in the places of {0}, {1}."""
    return lambda match: SqlError(_HEAD + text.format(*match.groups()), code, sqlstate)


def _mixed(match: re.Match[str]) -> SqlError:
    return wrong_arguments((match.group(3) or "CASE").strip(), f"{_type(match.group(1))}, {_type(match.group(2))}")


COMPILATION: tuple[tuple[re.Pattern[str], Callable[[re.Match[str]], SqlError]], ...] = (
    (
        re.compile(r"No function matches the given name and argument types '([^\s(]+)\((.*?)\)'\. You"),
        lambda m: wrong_arguments(_function(m.group(1)), _types(m.group(2))),
    ),
    (
        re.compile(r'Could not choose a best candidate function for the function call "([^\s(]+)\((.*?)\)"\. In'),
        lambda m: wrong_arguments(_function(m.group(1)), _types(m.group(2))),
    ),
    (
        re.compile(r"Macro \"?(\w+)\(\)\"? does not support the supplied arguments"),
        lambda m: SqlError(
            f"{_HEAD}Invalid number or types of arguments for function '{_function(m.group(1))}'", 1044, "42000"
        ),
    ),
    (
        re.compile(r"Cannot compare values of type (.+?) and (?:values of )?type (.+?) -()"),
        lambda m: wrong_arguments("=", f"{_type(m.group(1))}, {_type(m.group(2))}"),
    ),
    (re.compile(r"Cannot mix values of type (.+?) and (.+?) in (\w+)"), _mixed),
    (re.compile(r"Cannot combine types of (.+?) and (.+?) - an()"), _mixed),
    (
        re.compile(r"Unimplemented type for cast \((.+?) -> (.+?)\)(?:\s|$)"),
        lambda m: wrong_arguments("CAST", f"{_type(m.group(1))}, {_type(m.group(2))}"),
    ),
    (
        re.compile(r"(WHERE|GROUP BY|JOIN|HAVING) clause cannot contain (?:aggregates|window functions)"),
        lambda m: SqlError(f"{_HEAD}Invalid aggregate function in {m.group(1).lower()} clause", 2035, "42601"),
    ),
    (
        re.compile(r"(?i)\bframe (?:start|starting|end)\b.* cannot "),
        _compilation(2305, "42601", "Invalid window frame"),
    ),
    (
        re.compile(r"Star expression .* resulted in an empty set of columns|list is empty after resolving", re.DOTALL),
        _compilation(1080, "42601", "SELECT with no columns"),
    ),
    (
        re.compile(r"aggregate function calls cannot (?:be nested|contain window)"),
        _compilation(2074, "42601", "Aggregate functions cannot be nested"),
    ),
    (
        re.compile(r"Set operations can only apply to expressions with the same number of result columns"),
        _compilation(1789, "42601", "invalid number of result columns for set operator input branches"),
    ),
    (
        re.compile(r"(ORDER|GROUP BY) term out of range - should be between 1 and (\d+)"),
        lambda m: SqlError(
            f"{_HEAD}{m.group(1).removesuffix(' BY').title()} by position is not in the select list, which has "
            f"{m.group(2)} columns",
            1010,
            "42601",
        ),
    ),
    (
        re.compile(r'Column "(.+?)" does not exist on (?:left|right) side of join'),
        lambda m: invalid_identifier(display(logical_name(m.group(1)))),
    ),
    (
        re.compile(r"VALUES lists must all be the same length, expected (\d+) entr\w+ but found a list with (\d+)"),
        _compilation(2020, "21S01", "Rows of VALUES have different lengths: expecting {0} but got {1}"),
    ),
    (
        re.compile(r"Subquery returns (\d+) columns - expected (\d+)"),
        _compilation(1790, "42601", "Invalid subquery: it has {0} columns where {1} is expected"),
    ),
    (
        re.compile(r'Ambiguous reference to table "(.+?)" \(duplicate alias'),
        lambda m: SqlError(f"{_HEAD}duplicate alias '{display(logical_name(m.group(1)))}'", 2012, "42710"),
    ),
    (
        re.compile(r"at least one window function must appear in the SELECT column or QUALIFY clause"),
        _compilation(2304, "42601", "QUALIFY needs a window function in the select list or in its own condition"),
    ),
    (
        re.compile(r"LIMIT/OFFSET cannot be negative"),
        _compilation(1008, "42601", "Invalid row count in a limit clause: it is negative"),
    ),
    (
        re.compile(r"Cannot extract field '(.+?)' from expression \"(.+?)\" because"),
        lambda m: SqlError(
            f"{_HEAD}invalid identifier '{display(logical_name(m.group(2)))}.{display(logical_name(m.group(1)))}'",
            904,
            "42000",
        ),
    ),
    (
        re.compile(r'Alias "(.+?)" referenced - but the expression has side effects'),
        lambda m: _varying(m.group(1)),
    ),
    (
        re.compile(r"SELECT clause without selection list"),
        _compilation(1003, "42000", "syntax error: nothing selected"),
    ),
    (
        re.compile(r"syntax error at or near \"(.*?)\"|syntax error at end of input()"),
        lambda m: unsupported(f"what stands at {m.group(1) or 'the end'}"),
    ),
)
"""Patterns, and what makes an error of a match."""


def _varying(alias: str) -> SqlError:
    """The refusal of what may differ each time it is computed, such as RANDOM() or a function in Python."""
    if alias.startswith("SNOWMELT_"):
        return unsupported(
            "MERGE with a condition that may differ each time",
            "Compute it in the source: USING (SELECT *, f(x) AS y FROM ...) AS s ... WHEN MATCHED AND s.y",
        )
    return unsupported(f"alias {display(logical_name(alias))} of an expression that may differ each time")


def unknown(body: str) -> SqlError:
    """The error of a text that no rule knows: its first sentence, without advice for users of the engine."""
    sentence = re.split(r"\n|(?<=[a-z)\"'])[.!] (?=[A-Z])| - an explicit cast", body)[0].rstrip(".!")
    return SqlError(f"{_HEAD}{sentence}", 1044, "42000")
