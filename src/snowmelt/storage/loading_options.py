"""Options of COPY INTO <table>, which files it takes, and what it remembers of them.

Source: docs.snowflake.com/en/sql-reference/sql/copy-into-table (copyOptions, load metadata)
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import Any

from snowmelt.base.errors import SqlError, unsupported
from snowmelt.catalog.names import fold
from snowmelt.storage.stages import StagedFile

HISTORY_KEPT = timedelta(days=64)
"""How long a table remembers the files loaded into it."""


class OnError(StrEnum):
    """What a record that does not fit does."""

    ABORT_STATEMENT = "ABORT_STATEMENT"
    CONTINUE = "CONTINUE"
    SKIP_FILE = "SKIP_FILE"


class MatchColumns(StrEnum):
    """MATCH_BY_COLUMN_NAME."""

    NONE = "NONE"
    CASE_SENSITIVE = "CASE_SENSITIVE"
    CASE_INSENSITIVE = "CASE_INSENSITIVE"


@dataclass(frozen=True)
class CopyOptions:
    """Options of one COPY INTO <table>.

    Attributes:
        skip_limit: with SKIP_FILE, how many bad records a file may hold before it is skipped (SKIP_FILE = 1).
        skip_percent: the same in per cent of its records, or None.
        truncate: shorten too long text (TRUNCATECOLUMNS = TRUE or ENFORCE_LENGTH = FALSE).
        size_limit: no further file is taken once these bytes are loaded; None for no limit.
        files: names after the location's path, in the order given; None for all.
        validation: VALIDATION_MODE: how many rows to return, or RETURN_ERRORS or RETURN_ALL_ERRORS; nothing is loaded.
        metadata: INCLUDE_METADATA: target columns, with the METADATA$ column that each is filled from.
    """

    on_error: OnError = OnError.ABORT_STATEMENT
    skip_limit: int = 1
    skip_percent: float | None = None
    purge: bool = False
    force: bool = False
    match: MatchColumns = MatchColumns.NONE
    truncate: bool = False
    size_limit: int | None = None
    return_failed_only: bool = False
    files: tuple[str, ...] | None = None
    validation: int | str | None = None
    metadata: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class LoadRecord:
    """What a load did with a file: remembered in the transaction of the load.

    Attributes:
        file: `StagedFile.key`.
        etag: `StagedFile.md5` when it was loaded; empty when nothing was: the file may be loaded again.
        status: ``LOADED``, ``PARTIALLY_LOADED`` or ``LOAD_FAILED``.
        size: of the file, in bytes.
        errors: records that did not fit; the fields below are about the first of them.
    """

    file: str
    etag: str
    name: str
    status: str
    rows_parsed: int
    rows_loaded: int
    path: str
    size: int
    error_limit: int
    errors: int
    message: str | None = None
    line: int | None = None
    character: int | None = None
    column: str | None = None


_SKIP_FILE = re.compile(r"SKIP_FILE(?:_(\d+)(%?))?")
_ACCEPTED = {
    "LOAD_UNCERTAIN_FILES": ("TRUE", "FALSE"),
    "FILE_FORMAT": None,
    "PATTERN": None,
    "LOAD_MODE": ("FULL_INGEST",),
}


def parse_copy_options(options: Mapping[str, Any]) -> CopyOptions:
    """Typed options from a statement's; FILE_FORMAT and PATTERN are for others to read.

    Raises:
        SqlError: 000002 for an option or a value that is not supported.
    """
    values: dict[str, Any] = {}
    for name, value in ((name.upper(), value) for name, value in options.items()):
        match name:
            case "ON_ERROR":
                values.update(_on_error(str(value).strip("'").upper()))
            case "PURGE" | "FORCE" | "RETURN_FAILED_ONLY":
                values[name.lower()] = _truth(value)
            case "TRUNCATECOLUMNS":
                values["truncate"] = _truth(value)
            case "ENFORCE_LENGTH":
                values["truncate"] = not _truth(value)
            case "MATCH_BY_COLUMN_NAME":
                values["match"] = _match_columns(value)
            case "SIZE_LIMIT":
                values["size_limit"] = _size(value)
            case "FILES":
                values["files"] = tuple(str(item) for item in value)
            case "VALIDATION_MODE":
                values["validation"] = _validation(value)
            case "INCLUDE_METADATA" if isinstance(value, dict):
                pairs = ((fold(str(key)), str(item).strip('"').upper()) for key, item in value.items())
                values["metadata"] = tuple(pairs)
            case _ if name not in _ACCEPTED:
                raise unsupported(f"COPY option {name}")
            case _:
                allowed = _ACCEPTED[name]
                if allowed is not None and str(value).upper() not in allowed:
                    raise unsupported(f"{name} = {value}")
    found = CopyOptions(**values)
    if found.metadata and found.match is MatchColumns.NONE:
        raise unsupported("INCLUDE_METADATA without MATCH_BY_COLUMN_NAME")
    return found


def choose_files(
    files: Sequence[StagedFile],
    location_path: str,
    options: CopyOptions,
    history: Collection[tuple[str, str]],
) -> list[StagedFile]:
    """The files that a COPY loads.

    Args:
        files: what `StageFiles.list_files` gives for the location's path and PATTERN.
        location_path: the path of the location, which the names of FILES are relative to.
        history: (key, etag) of the files that the table has loaded within `HISTORY_KEPT`.

    Raises:
        SqlError: 091016 when a name of FILES is not there.
    """
    chosen = list(files) if options.files is None else _named(files, location_path, options.files)
    if not options.force:
        # the digest is only needed of files whose names are known: a first load reads no file twice
        known = {key for key, _ in history}
        chosen = [file for file in chosen if file.key not in known or (file.key, file.md5) not in history]
    if options.size_limit is None:
        return chosen
    limited: list[StagedFile] = []
    size = 0
    for file in chosen:
        if limited and size >= options.size_limit:
            break
        limited.append(file)
        size += file.size
    return limited


def _named(files: Sequence[StagedFile], location_path: str, names: Sequence[str]) -> list[StagedFile]:
    found = [(name, _file_called(name, files, location_path)) for name in names]
    missing = next((name for name, file in found if file is None), None)
    if missing is not None:
        raise not_staged(missing)
    return [file for _, file in found if file is not None]


def missing_names(files: Sequence[StagedFile], location_path: str, names: Sequence[str]) -> tuple[str, ...]:
    """Those of `names`, which are relative to a location's path, that no file bears."""
    return tuple(name for name in names if _file_called(name, files, location_path) is None)


def _file_called(name: str, files: Sequence[StagedFile], location_path: str) -> StagedFile | None:
    base = location_path.rstrip("/")
    # a location without a final slash is a prefix, so both readings of its names are tried
    candidates = (f"{base}/{name.lstrip('/')}" if base else name.lstrip("/"), location_path + name)
    by_path = {file.path: file for file in files if file.path in candidates}
    return next((by_path[path] for path in candidates if path in by_path), None)


def not_staged(name: str) -> SqlError:
    """The error of a name in FILES that no file bears (091016)."""
    return SqlError(
        f"Remote file '{name}' was not found. There are several potential causes. The file might not exist. "
        "The required credentials may be missing or invalid. If you are running a copy command, please make "
        "sure files are not deleted when they are being loaded or files are not being loaded into two "
        "different tables concurrently with auto purge option.",
        91016,
        "22000",
    )


def _on_error(value: str) -> dict[str, Any]:
    if value in {OnError.ABORT_STATEMENT, OnError.CONTINUE}:
        return {"on_error": OnError(value)}
    matched = _SKIP_FILE.fullmatch(value)
    if matched is None:
        raise _invalid("ON_ERROR", value)
    number, percent = matched.groups()
    if percent:
        return {"on_error": OnError.SKIP_FILE, "skip_percent": float(number)}
    return {"on_error": OnError.SKIP_FILE, "skip_limit": int(number or 1)}


_RETURN_ROWS = re.compile(r"RETURN_(\d+)_ROWS")


def _validation(value: Any) -> int | str | None:
    text = str(value).strip("'").upper()
    if value is None or text in {"RETURN_ERRORS", "RETURN_ALL_ERRORS"}:
        return None if value is None else text
    matched = _RETURN_ROWS.fullmatch(text)
    if matched is None:
        raise SqlError(
            f"SQL compilation error:\ninvalid value [{value}] for parameter 'VALIDATION_MODE'", 1008, "22023"
        )
    return int(matched[1])


def _size(value: Any) -> int | None:
    if value is not None and (not str(value).isdigit() or int(value) == 0):
        raise _invalid("SIZE_LIMIT", value)
    return None if value is None else int(value)


def _match_columns(value: Any) -> MatchColumns:
    text = "NONE" if value is None else str(value).upper()
    if text not in set(MatchColumns):
        raise _invalid("MATCH_BY_COLUMN_NAME", value)
    return MatchColumns(text)


def _invalid(name: str, value: Any) -> SqlError:
    return SqlError(f"SQL compilation error:\ninvalid value [{value}] for parameter '{name}'", 1008, "22023")


def _truth(value: Any) -> bool:
    return value if isinstance(value, bool) else str(value).upper() == "TRUE"
