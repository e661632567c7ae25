"""How values are shown whose type JSON has no word for: they are JSON strings with a mark (see marks.sql of storage).

Source: docs.snowflake.com/en/sql-reference/functions/typeof, .../is_timestamp, .../array_construct
"""

from __future__ import annotations

import re

MARK = "\\u000B"
"""What marked strings begin with, as JSON text has it."""

_MARKED = re.compile(r'"\\u000B(?P<kind>[ BDTNLZ]?)(?P<text>[^"\\]*)"')
_SHOWN_FRACTION = re.compile(r"(\.\d{3})\d{3}")


def shown(text: str) -> str:
    """JSON text as clients get it: a FLOAT with its exponent, times by the default formats, `undefined` for NULL."""
    return _MARKED.sub(_shown, text) if MARK in text else text


def _shown(found: re.Match[str]) -> str:
    kind, text = found["kind"], found["text"]
    match kind:
        case "":
            return found.group() if text else "undefined"
        case " ":
            return text
        case "T":
            return f'"{text.partition(".")[0]}"'
        case _:
            cut = _SHOWN_FRACTION.sub(r"\1", text)
            return f'"{cut}"'
