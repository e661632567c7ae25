"""The files of internal stages, as ordinary files below one root directory: one directory per stage, named by its id.

Files are kept as the client sends them, without the client-side encryption of a Snowflake account: sizes and MD5 are
those of the file itself, as in a stage with ``ENCRYPTION = (TYPE = 'SNOWFLAKE_SSE')``.

Sources: docs.snowflake.com/en/sql-reference/sql/list, .../put, .../get, .../remove
"""

from __future__ import annotations

import hashlib
import re
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import format_datetime
from functools import lru_cache
from pathlib import Path, PurePosixPath
from typing import Any

from snowmelt.base.datatypes import NUMBER, VARCHAR, DataType
from snowmelt.base.errors import SqlError, unsupported
from snowmelt.base.result import Result, Transfer, rows_result

LIST_COLUMNS: list[tuple[str, DataType]] = [
    ("name", VARCHAR),
    ("size", NUMBER),
    ("md5", VARCHAR),
    ("last_modified", VARCHAR),
]
"""Columns of LIST."""

REMOVE_COLUMNS: list[tuple[str, DataType]] = [("name", VARCHAR), ("result", VARCHAR)]
"""Columns of REMOVE."""


@dataclass(frozen=True)
class StagedFile:
    """A file in a stage.

    Attributes:
        name: as LIST and COPY show it: the stage's name in lower case and the path; for user and table stages the
            path alone.
        path: relative to the stage's directory, with slashes.
        location: where it lies on disk.
        stage: name of the stage's directory below the root (the stage's id).
        size: bytes.
        modified: time of the last change, in UTC.
    """

    name: str
    path: str
    location: Path
    stage: str
    size: int
    modified: datetime

    @property
    def key(self) -> str:
        """What load history knows the file by: unique over all stages."""
        return f"{self.stage}/{self.path}"

    @property
    def md5(self) -> str:
        """MD5 of the content in hexadecimal, which is also the ETag of load history."""
        return _md5(self.location, self.size, self.modified)


@lru_cache(maxsize=4096)
def _md5(location: Path, size: int, modified: datetime) -> str:
    """The digest of a file; size and time are part of the key so that a changed file is read again."""
    del size, modified
    with location.open("rb") as stream:
        return hashlib.file_digest(stream, "md5").hexdigest()


class StageFiles:
    """All stages' directories below `root`.

    Args:
        root: the directory that holds one directory per stage; made when it is not there.
    """

    def __init__(self, root: Path) -> None:
        self.root = root.resolve()
        self.root.mkdir(parents=True, exist_ok=True)

    def directory(self, stage: int | str) -> Path:
        """The directory of the stage with this id; it is made when it is not there.

        Raises:
            SqlError: 001003 when `stage` is not a plain directory name.
        """
        name = str(stage)
        if not re.fullmatch(r"[A-Za-z0-9_-]+", name):
            raise _escapes(name)
        directory = self.root / name
        directory.mkdir(exist_ok=True)
        return directory

    def drop(self, stage: int | str) -> None:
        """Delete a stage's directory and its files; nothing happens when there is none."""
        directory = self.directory(stage)
        shutil.rmtree(directory)

    def list_files(
        self,
        stage: int | str,
        path: str = "",
        pattern: str | None = None,
        *,
        stage_name: str | None = None,
    ) -> list[StagedFile]:
        """Files whose path begins with `path` and, if given, matches the regular expression `pattern` as a whole.

        Args:
            stage_name: the named stage's own name (any case); None for user and table stages.

        Raises:
            SqlError: 001003 for a path out of the stage, 100048 for a bad pattern.
        """
        directory = self.directory(stage)
        if path:
            resolve(directory, path)
        matches = _matcher(pattern)
        prefix = f"{stage_name.lower()}/" if stage_name else ""
        found = []
        for location in directory.rglob("*"):
            relative = location.relative_to(directory).as_posix()
            # a symbolic link could point at any file of the machine: links are not staged files
            if not relative.startswith(path) or location.is_symlink() or not location.is_file():
                continue
            if _below_symlink(directory, location) or not matches(relative):
                continue
            status = location.stat()
            modified = datetime.fromtimestamp(status.st_mtime_ns / 1e9, UTC)
            found.append(StagedFile(prefix + relative, relative, location, str(stage), status.st_size, modified))
        return sorted(found, key=lambda file: file.path)

    def remove(self, files: Sequence[StagedFile]) -> None:
        """Delete these files and the directories that become empty, but never a stage's own directory."""
        for file in files:
            file.location.unlink(missing_ok=True)
            parent = file.location.parent
            while parent.parent != self.root and parent != self.root and not any(parent.iterdir()):
                parent.rmdir()
                parent = parent.parent


def resolve(stage_dir: Path, path: str) -> Path:
    """The place of `path` in a stage, which needs not exist.

    Raises:
        SqlError: 001003 when the path is absolute, has ``..`` or leads out of the stage through a symbolic link.
    """
    pure = PurePosixPath(path)
    if pure.is_absolute() or ".." in pure.parts or "\\" in path or "\x00" in path:
        raise _escapes(path)
    target = stage_dir / pure
    if not target.resolve().is_relative_to(stage_dir.resolve()):
        raise _escapes(path)
    return target


def list_result(files: Sequence[StagedFile]) -> Result:
    """The answer to LIST."""
    rows = [(file.name, file.size, file.md5, _http_date(file.modified)) for file in files]
    return rows_result(LIST_COLUMNS, rows)


def remove_result(files: Sequence[StagedFile]) -> Result:
    """The answer to REMOVE of these files."""
    return rows_result(REMOVE_COLUMNS, [(file.name, "removed") for file in files])


_PUT_OPTIONS = frozenset({"PARALLEL", "AUTO_COMPRESS", "SOURCE_COMPRESSION", "OVERWRITE"})
_GET_OPTIONS = frozenset({"PARALLEL", "PATTERN"})


def put_transfer(source: str, stage_dir: Path, path: str, options: dict[str, Any]) -> Transfer:
    """What the client is told to do for PUT.

    Args:
        source: the client's file or pattern, with or without ``file://``.
        stage_dir: the stage's directory.
        path: the directory in the stage that the files go to.
        options: the statement's options by upper-case name.

    Raises:
        SqlError: 001003 for a path out of the stage, 000002 for an unknown option.
    """
    _known(options, _PUT_OPTIONS, "PUT")
    return Transfer(
        "UPLOAD",
        (_local_path(source),),
        str(resolve(stage_dir, path) if path else stage_dir),
        parallel=int(options.get("PARALLEL", 4)),
        auto_compress=_is_true(options.get("AUTO_COMPRESS", True)),
        overwrite=_is_true(options.get("OVERWRITE", False)),
        source_compression=str(options.get("SOURCE_COMPRESSION", "auto_detect")).lower(),
    )


def get_transfer(
    files: Sequence[StagedFile], stage_dir: Path, path: str, target: str, options: dict[str, Any]
) -> Transfer:
    """What the client is told to do for GET.

    Args:
        files: the files to send, from `StageFiles.list_files` (which has applied PATTERN).
        stage_dir: the stage's directory.
        path: the path that the statement names.
        target: the client's directory, with or without ``file://``.

    Raises:
        SqlError: 000002 for an unknown option.
    """
    _known(options, _GET_OPTIONS, "GET")
    # The client drops the first segment of each name for its answer: with the directory above the one that GET
    # names, what it shows is relative to that one, as on Snowflake.
    base = stage_dir / path
    if not base.is_dir():
        base = base.parent
    top = base.parent
    return Transfer(
        "DOWNLOAD",
        tuple(file.location.relative_to(top).as_posix() for file in files),
        str(top),
        local_location=_local_path(target),
        parallel=int(options.get("PARALLEL", 10)),
    )


def _below_symlink(directory: Path, location: Path) -> bool:
    parent = location.parent
    while parent != directory:
        if parent.is_symlink():
            return True
        parent = parent.parent
    return False


def _matcher(pattern: str | None) -> Callable[[str], object]:
    if pattern is None:
        return lambda _: True
    try:
        return re.compile(pattern).fullmatch
    except re.error as error:
        raise SqlError(f"Invalid regular expression: '{pattern}', {error}", 100048, "2201B") from error


def _http_date(moment: datetime) -> str:
    """``Mon, 11 Sep 2023 08:05:30 GMT``."""
    return format_datetime(moment, usegmt=True)


def _local_path(text: str) -> str:
    plain = text.strip()
    if len(plain) >= 2 and plain[0] == plain[-1] == "'":
        plain = plain[1:-1]
    return plain[len("file://") :] if plain.lower().startswith("file://") else plain


def _known(options: dict[str, Any], known: frozenset[str], command: str) -> None:
    for option in options:
        if option.upper() not in known:
            raise unsupported(f"{command} option {option.upper()}")


def _is_true(value: Any) -> bool:
    return value if isinstance(value, bool) else str(value).upper() == "TRUE"


def _escapes(path: str) -> SqlError:
    return SqlError(f"SQL compilation error:\ninvalid path '{path}' in stage location.", 1003, "42000")
