"""COPY FILES: files of one stage copied to another.

Source: docs.snowflake.com/en/sql-reference/sql/copy-files
"""

from __future__ import annotations

import shutil
import uuid
from typing import TYPE_CHECKING

from snowmelt.base.datatypes import NUMBER, VARCHAR
from snowmelt.base.request import Request
from snowmelt.base.result import Result, StatementType, rows_result
from snowmelt.session.stages import directory_of, files_at, resolve_location, writable_location
from snowmelt.sql.statements import CopyFiles
from snowmelt.storage.loading_options import CopyOptions, choose_files
from snowmelt.storage.stages import resolve

if TYPE_CHECKING:
    from snowmelt.session.session import Session


def copy_files(session: Session, statement: CopyFiles, request: Request) -> Result:
    """COPY FILES: names below the source's path are kept, files that are there already are replaced.

    Raises:
        SqlError: 002003 for a stage that does not exist, 091016 for a name of FILES that does not, 001003 for a path
            out of a stage.
    """
    source, target = resolve_location(session, statement.source), writable_location(session, statement.target)
    files = files_at(session, source, statement.pattern)
    if statement.files is not None:
        files = choose_files(files, source.path, CopyOptions(files=statement.files, force=True), ())
    here, there = directory_of(session, source), directory_of(session, target)
    # the location is a prefix of names: what is kept of a name begins after its last whole directory
    base = source.path if (here / source.path).is_dir() else source.path.rpartition("/")[0]
    copied = []
    for file in files:
        kept = file.path.removeprefix(base.rstrip("/")).lstrip("/")
        path = f"{target.path.rstrip('/')}/{kept}".lstrip("/")
        place = resolve(there, path)
        place.parent.mkdir(parents=True, exist_ok=True)
        # never half a file under the final name
        scratch = place.with_name(f".{uuid.uuid4().hex}")
        shutil.copyfile(file.location, scratch)
        scratch.replace(place)
        copied.append((path,))
    if not statement.detailed:
        return rows_result([("numOfFilesCopied", NUMBER)], [(len(copied),)], StatementType.COPY)
    return rows_result([("file", VARCHAR)], copied, StatementType.COPY)
