"""Snowflake's date and time formats as DuckDB's strptime and strftime formats.

Source: docs.snowflake.com/en/sql-reference/date-time-input-output (elements of formats)
"""

from __future__ import annotations

import re

from snowmelt.base.errors import unsupported

_ELEMENTS = {
    "YYYY": "%Y",
    "YY": "%y",
    "MMMM": "%B",
    "MON": "%b",
    "MM": "%m",
    "DD": "%d",
    "DY": "%a",
    "HH24": "%H",
    "HH12": "%I",
    "AM": "%p",
    "PM": "%p",
    "MI": "%M",
    "SS": "%S",
    "TZHTZM": "%z",
    "TZH:TZM": "%z",
    "TZH": "%z",
}
_FRACTION = re.compile(r"FF\d?", re.IGNORECASE)
_TOKEN = re.compile(
    r'"([^"]*)"|(FF\d?)|(' + "|".join(sorted(map(re.escape, _ELEMENTS), key=len, reverse=True)) + r")|(.)",
    re.IGNORECASE | re.DOTALL,
)


def strptime_format(text: str) -> str:
    """The strptime format of a Snowflake input format such as ``YYYY-MM-DD HH24:MI:SS.FF3``.

    Raises:
        SqlError: 000002 for an element that has no counterpart.
    """
    return _translate(text, "%f")


def strftime_format(text: str) -> str:
    """The strftime format of a Snowflake output format; fractions are written with 3, 6 or 9 digits only.

    Raises:
        SqlError: 000002 for an element that has no counterpart.
    """
    return _translate(text, None)


def _translate(text: str, fraction: str | None) -> str:
    parts = []
    for match in _TOKEN.finditer(text):
        quoted, digits, element, other = match.groups()
        if quoted is not None:
            parts.append(quoted.replace("%", "%%"))
        elif digits is not None:
            parts.append(fraction or _output_fraction(digits, text))
        elif element is not None:
            parts.append(_ELEMENTS[element.upper()])
        elif other.isalpha() and other.upper() != "T":
            raise unsupported(f"date or time format '{text}'")
        else:
            parts.append("%%" if other == "%" else other)
    return "".join(parts)


def _output_fraction(token: str, text: str) -> str:
    formats = {"FF3": "%g", "FF6": "%f", "FF9": "%n", "FF": "%n"}
    found = formats.get(token.upper())
    if found is None:
        raise unsupported(f"date or time format '{text}'")
    return found
