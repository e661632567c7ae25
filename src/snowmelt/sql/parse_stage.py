"""Stages and file formats; PUT, GET, LIST, REMOVE and COPY INTO in both directions.

Source: docs.snowflake.com/en/sql-reference/sql/create-stage, .../create-file-format, .../put, .../copy-into-table
"""

from __future__ import annotations

from typing import Any, cast

from sqlglot import exp

from snowmelt.base.errors import unsupported
from snowmelt.catalog.names import quote
from snowmelt.sql.cursor import Cursor
from snowmelt.sql.dialect import parse_table_tree
from snowmelt.sql.parse_create import Head, take_options
from snowmelt.sql.statements import (
    CopyFiles,
    CopyIntoLocation,
    CopyIntoTable,
    Create,
    CreateFileFormat,
    CreateStage,
    Get,
    ListFiles,
    Put,
    RemoveFiles,
    Statement,
)

_ENUMERATIONS = frozenset({"TYPE", "COMPRESSION", "ON_ERROR", "MATCH_BY_COLUMN_NAME", "BINARY_FORMAT"})
"""Options whose values are words even when written as strings."""

_EXTERNAL = ("URL", "STORAGE_INTEGRATION", "CREDENTIALS", "AWS_ACCESS_POINT_ARN", "ENDPOINT")

_COPY_REFUSED = ("STORAGE_INTEGRATION", "CREDENTIALS", "ENCRYPTION", "PARTITION")


def stage(cursor: Cursor, head: Head) -> Create:
    """CREATE [TEMPORARY] STAGE name [FILE_FORMAT = (...)] [DIRECTORY = (ENABLE = b)] [COMMENT = 'text']."""
    head.not_transient()
    name = cursor.name()
    options = cursor.options()
    for key in options:
        if key in _EXTERNAL:
            raise unsupported("external stage")
        if key not in ("FILE_FORMAT", "COPY_OPTIONS", "DIRECTORY", "ENCRYPTION", "COMMENT"):
            raise unsupported(f"CREATE STAGE {key}")
    if options.get("COPY_OPTIONS"):
        raise unsupported("CREATE STAGE COPY_OPTIONS")
    directory = options.get("DIRECTORY")
    return CreateStage(
        name=name,
        durability=head.durability,
        file_format=file_format(options["FILE_FORMAT"]) if "FILE_FORMAT" in options else None,
        directory=isinstance(directory, dict) and directory.get("ENABLE") is True,
        comment=str(options.get("COMMENT", "")),
        **head.flags,
    )


def create_file_format(cursor: Cursor, head: Head) -> Create:
    """CREATE [TEMPORARY] FILE FORMAT name TYPE = type options."""
    name = cursor.name()
    options = normal_options(cursor.options())
    comment = str(options.pop("COMMENT", ""))
    return CreateFileFormat(name=name, options=options, durability=head.durability, comment=comment, **head.flags)


def file_format(value: Any) -> dict[str, Any]:
    """The value of FILE_FORMAT as a dict: the options in parentheses, or ``FORMAT_NAME`` for a name."""
    return normal_options(value) if isinstance(value, dict) else {"FORMAT_NAME": value} if value else {}


def normal_options(options: dict[str, Any]) -> dict[str, Any]:
    """Options of a file format, words in upper case even when they were written as strings."""
    return {
        key: value.upper() if key in _ENUMERATIONS and isinstance(value, str) else value
        for key, value in options.items()
    }


# --- files -----------------------------------------------------------------------------------------------------------


def put(cursor: Cursor) -> Statement:
    """PUT file @stage options."""
    cursor.expect("PUT")
    source, target = cursor.location(), cursor.location()
    allowed = ("PARALLEL", "AUTO_COMPRESS", "SOURCE_COMPRESSION", "OVERWRITE")
    return Put(source=source, target=target, options=take_options(cursor, *allowed, refused="PUT"))


def get(cursor: Cursor) -> Statement:
    """GET @stage file options."""
    cursor.expect("GET")
    source, target = cursor.location(), cursor.location()
    return Get(source=source, target=target, options=take_options(cursor, "PARALLEL", "PATTERN", refused="GET"))


def list_files(cursor: Cursor) -> Statement:
    """LIST | LS @stage[/path] [PATTERN = 'regex']."""
    cursor.step()
    location = cursor.location()
    return ListFiles(location=location, pattern=_pattern(cursor, "LIST"))


def remove_files(cursor: Cursor) -> Statement:
    """REMOVE | RM @stage[/path] [PATTERN = 'regex']."""
    cursor.step()
    location = cursor.location()
    return RemoveFiles(location=location, pattern=_pattern(cursor, "REMOVE"))


def _pattern(cursor: Cursor, statement: str) -> str | None:
    return take_options(cursor, "PATTERN", refused=statement).get("PATTERN")


# --- COPY INTO -------------------------------------------------------------------------------------------------------


def copy(cursor: Cursor) -> Statement:
    """COPY INTO a table from a stage, or into a stage from a table."""
    cursor.expect("COPY")
    if cursor.take("FILES"):
        return _copy_files(cursor)
    cursor.expect("INTO")
    if cursor.at("@") or cursor.at_string():
        return _copy_into_location(cursor)
    return _copy_into_table(cursor)


def _copy_files(cursor: Cursor) -> Statement:
    cursor.expect("INTO")
    target = cursor.location()
    cursor.expect("FROM")
    if cursor.at("("):
        raise unsupported("COPY FILES FROM a query")
    source = cursor.location()
    options = take_options(cursor, "FILES", "PATTERN", "DETAILED_OUTPUT", refused="COPY FILES")
    files = options.get("FILES")
    return CopyFiles(
        target=target,
        source=source,
        files=None if files is None else tuple(str(name) for name in files),
        pattern=options.get("PATTERN"),
        detailed=options.get("DETAILED_OUTPUT", True) is not False,
    )


def _copy_into_table(cursor: Cursor) -> Statement:
    target = cursor.name()
    columns = cursor.identifiers() if cursor.at("(") else ()
    if not cursor.take("FROM"):
        # Then the files lie in the table's own stage.
        namespace = "".join(f"{quote(part)}." for part in (target.database, target.schema) if part is not None)
        own = f"@{namespace}%{quote(target.name)}"
        return CopyIntoTable(target=target, columns=columns, location=own, select=None, options=_options(cursor))
    select = None
    if cursor.at("("):
        with cursor.within() as inner:
            query = inner.query()
        location = _stage_of(query)
        if not isinstance(query, exp.Select) or location is None:
            raise unsupported("COPY INTO table FROM a query that reads no stage")
        select = query
    else:
        location = cursor.location()
    return CopyIntoTable(target=target, columns=columns, location=location, select=select, options=_options(cursor))


def _stage_of(query: exp.Query) -> str | None:
    """The stage path in a query's FROM."""
    clause = query.args.get("from_")
    table = clause.this if isinstance(clause, exp.From) else None
    if not isinstance(table, exp.Table) or query.args.get("joins"):
        return None
    if isinstance(table.this, exp.Literal) or (isinstance(table.this, exp.Var) and table.this.name.startswith("@")):
        return str(table.this.name)
    return None


def _copy_into_location(cursor: Cursor) -> Statement:
    location = cursor.location()
    cursor.expect("FROM")
    if cursor.at("("):
        with cursor.within() as inner:
            source = cast(exp.Expression, inner.query())
    else:
        first = cursor.index
        cursor.name()
        source = parse_table_tree(cursor.text, cursor.tokens[first : cursor.index])
    partition_by = cursor.expression(*_UNLOAD_OPTIONS) if cursor.take("PARTITION BY") else None
    return CopyIntoLocation(location=location, source=source, partition_by=partition_by, options=_options(cursor))


_UNLOAD_OPTIONS = (
    *("FILE_FORMAT", "HEADER", "SINGLE", "OVERWRITE", "MAX_FILE_SIZE", "INCLUDE_QUERY_ID", "DETAILED_OUTPUT"),
    "VALIDATION_MODE",
)
"""What may come after an expression of PARTITION BY."""


def _options(cursor: Cursor) -> dict[str, Any]:
    found: dict[str, Any] = {}
    while not cursor.done:
        if cursor.word() in _COPY_REFUSED or cursor.at("PARTITION BY"):
            raise unsupported(f"COPY INTO ... {cursor.word()}")
        # Unloading allows a bare HEADER... = TRUE only; all options are pairs.
        pairs = cursor.options()
        if not pairs:
            raise cursor.unexpected()
        found |= pairs
        cursor.take(",")
    for key in found:
        if key in _COPY_REFUSED:
            raise unsupported(f"COPY INTO ... {key}")
    if "FILE_FORMAT" in found:
        found["FILE_FORMAT"] = file_format(found["FILE_FORMAT"])
    return normal_options(found)
