"""EXECUTE IMMEDIATE FROM: the statements of a file on a stage, one after another.

Source: docs.snowflake.com/en/sql-reference/sql/execute-immediate-from
"""

from __future__ import annotations

from dataclasses import replace

from snowmelt.base.datatypes import VARCHAR
from snowmelt.base.errors import SqlError, unsupported
from snowmelt.base.request import Request
from snowmelt.base.result import Column, Result, StatementType
from snowmelt.session.session import Session, description
from snowmelt.session.stages import files_at, resolve_location
from snowmelt.sql.blocks import RunFile
from snowmelt.sql.cursor import Outside
from snowmelt.sql.parse import parse_one, split
from snowmelt.storage.stages import StagedFile

_TEMPLATES = ("--!jinja", "#!jinja")
"""How a file begins that is a template."""


def run_file(session: Session, statement: RunFile, request: Request) -> Result:
    """Run a file's statements; the result is that of the last one. What was done before one that fails stays done.

    Raises:
        SqlError: 091016 for a file that is not there, 000900 for one without statements, 000002 for templates and
            relative paths;
            whatever a statement raises.
    """
    file = _staged(session, statement.location)
    if request.describe_only:
        return description((Column("result", VARCHAR),), StatementType.CALL)
    running = session.core.files
    if file.key in running:
        raise SqlError(f"SQL compilation error:\nFile '{statement.location}' would execute itself.", 1003, "42601")
    texts = split(_text(file, statement.location))
    if not texts:
        raise SqlError("SQL compilation error:\nEmpty SQL statement.", 900, "42601")
    running.add(file.key)
    try:
        results = [_run(session, text, request) for text in texts]
    finally:
        running.discard(file.key)
    return results[-1]


def _staged(session: Session, location: str) -> StagedFile:
    if not location.startswith(("@", "snow://")):
        raise unsupported(f"EXECUTE IMMEDIATE FROM the relative path '{location}'")
    place = resolve_location(session, location)
    for file in files_at(session, place):
        if file.path == place.path:
            return file
    raise SqlError(f"Remote file '{location}' was not found.", 91016, "02000")


def _text(file: StagedFile, location: str) -> str:
    try:
        text = file.location.read_text("utf-8-sig")
    except UnicodeDecodeError as error:
        raise SqlError(f"SQL compilation error:\nFile '{location}' is not text in UTF-8.", 1003, "42601") from error
    if text.lstrip().startswith(_TEMPLATES):
        raise unsupported(f"template '{location}' in EXECUTE IMMEDIATE FROM")
    return text


def _run(session: Session, text: str, request: Request) -> Result:
    # Read only now, since an earlier statement of the file may have set a variable that stands for a name.
    outside = Outside({}, {name: str(value) for name, value in session.core.variables.items()})
    return session.run_within(parse_one(text, outside), replace(request, text=text, bindings={}))
