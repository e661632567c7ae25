"""Functions that neither the engine nor its macros have, computed in Python on Arrow arrays.

They are known to every connection, under names that user SQL cannot say.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl, urlsplit

import duckdb

from snowmelt.storage import digests, lenient_json

if TYPE_CHECKING:
    import pyarrow as pa


def sha2(text: str, bits: int) -> str:
    """The SHA-2 digest of `text` as hexadecimal digits.

    Raises:
        ValueError: a size other than 224, 256, 384 and 512.
    """
    if bits not in (224, 256, 384, 512):
        raise ValueError(f"Invalid digest size: {bits}")
    return hashlib.new(f"sha{bits}", text.encode()).hexdigest()


_SOUNDS = ("BFPV", "CGJKQSXZ", "DT", "L", "MN", "R")
_CODES = {letter: str(code) for code, letters in enumerate(_SOUNDS, 1) for letter in letters}


def soundex(text: str) -> str:
    """A letter and three digits that stand for how an English word sounds; H and W do not part equal codes."""
    letters = [letter for letter in text if letter.isascii() and letter.isalpha()]
    if not letters:
        return ""
    found, last = letters[0], _CODES.get(letters[0].upper(), "")
    for letter in "".join(letters[1:]).upper():
        code = _CODES.get(letter, "")
        if code and code != last:
            found += code
        if letter not in "HW":
            last = code
    return found[:4].ljust(4, "0")


def parse_url(text: str, permissive: bool) -> str | None:
    """The parts of a URL as JSON.

    Raises:
        ValueError: what is no URL, unless `permissive`, which tells the error in the object.
    """
    parts = urlsplit(text)
    if not parts.scheme:
        if permissive:
            return json.dumps({"error": "scheme not specified"})
        raise ValueError("Error parsing URL: scheme not specified")
    host, _, port = parts.netloc.rpartition(":") if re.search(r":\d+$", parts.netloc) else (parts.netloc, "", "")
    value = {
        "fragment": parts.fragment or None,
        "host": host or None,
        "parameters": dict(parse_qsl(parts.query, keep_blank_values=True)) or None,
        "path": parts.path.lstrip("/") or None,
        "port": port or None,
        "query": parts.query or None,
        "scheme": parts.scheme,
    }
    return json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":"))


def read_json(text: str, mode: str) -> str | None:
    """Text that the engine does not take for JSON, as JSON.

    Args:
        mode: what happens to what is no JSON to Snowflake either: an error (``parse``), null (``try``), or the message
            is the result, which is null otherwise (``check``).

    Raises:
        ValueError: with mode ``parse``, the text is no JSON.
    """
    try:
        made = lenient_json.strict(text)
    except ValueError as error:
        if mode == "parse":
            raise ValueError(f"Error parsing JSON: {error}") from error
        return str(error) if mode == "check" else None
    return None if mode == "check" else made


_FUNCTIONS: dict[str, tuple[Callable[..., object], tuple[str, ...]]] = {
    "snowmelt_combined": (digests.combined, ("VARCHAR[]",)),
    "snowmelt_percentile": (digests.percentile, ("VARCHAR", "DOUBLE")),
    "snowmelt_read_json": (read_json, ("VARCHAR", "VARCHAR")),
    "snowmelt_sha2": (sha2, ("VARCHAR", "INTEGER")),
    "snowmelt_soundex": (soundex, ("VARCHAR",)),
    "snowmelt_parse_url": (parse_url, ("VARCHAR", "BOOLEAN")),
}
"""Functions to text by the engine's name, with the engine's types of their arguments."""


def register(connection: duckdb.DuckDBPyConnection) -> None:
    """Make the functions known to the database that `connection` is open on."""
    for name, (function, types) in _FUNCTIONS.items():
        connection.create_function(  # type: ignore[call-overload]
            name, _over_arrays(function, len(types)), list(types), "VARCHAR", type="arrow", null_handling="special"
        )


def _over_arrays(function: Callable[..., object], count: int) -> Callable[..., pa.Array]:
    """`function` of `count` arguments, row by row; a null among them gives null."""

    def run(*columns: pa.Array) -> pa.Array:
        # Here, so that a store can be opened before it is loaded.
        import pyarrow as pa

        rows = zip(*(column.to_pylist() for column in columns), strict=True)
        return pa.array([None if None in row else function(*row) for row in rows], pa.string())

    # The engine looks at the number of parameters.
    if count == 1:
        return lambda first: run(first)
    return lambda first, second: run(first, second)
