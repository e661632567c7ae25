"""Which stage a location means, and the typed file format of a statement's options."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from snowmelt.base.errors import SqlError, object_missing, unsupported
from snowmelt.catalog.names import Name, fold, parse_name
from snowmelt.catalog.objects import FileFormat, Stage, Table
from snowmelt.storage.formats import FileFormat as TypedFormat
from snowmelt.storage.formats import parse_format
from snowmelt.storage.stages import StagedFile
from snowmelt.storage.stages_location import StageKind, parse_location

if TYPE_CHECKING:
    from snowmelt.session.session import Session


@dataclass(frozen=True)
class ResolvedLocation:
    """A stage location whose stage exists.

    Attributes:
        stage: name of the stage's directory: the id of the stage, or of the table or user it belongs to.
        shown: the stage's name as LIST shows it; None for stages of tables and users.
        path: the path in it.
        file_format: the stage's own file format options.
        full_name: the stage as COPY_HISTORY shows it, such as ``DB.PUBLIC.FILES``.
        read_only: the files of a model's version, which never change.
    """

    stage: str
    shown: str | None
    path: str
    file_format: Mapping[str, Any] | None = None
    read_only: bool = False
    full_name: str = ""


def resolve_location(session: Session, text: str) -> ResolvedLocation:
    """The stage that a text such as ``@db.schema.stage/dir`` means.

    Raises:
        SqlError: 002003 when it does not exist.
    """
    location = parse_location(text)
    match location.kind:
        case StageKind.NAMED if location.name is not None:
            stage = session.find(Stage, session.scope.full(location.name))
            if stage is None:
                raise SqlError(
                    f"SQL compilation error:\nStage '{session.scope.full(location.name)}' does not exist or not "
                    "authorized.",
                    2003,
                    "02000",
                )
            return ResolvedLocation(
                str(stage.id), stage.name, location.path, stage.file_format, full_name=str(stage.full_name)
            )
        case StageKind.TABLE if location.name is not None:
            table = session.relation(session.scope.full(location.name))
            if not isinstance(table, Table):
                raise object_missing("Table", str(location.name))
            return ResolvedLocation(f"table-{table.id}", None, location.path, full_name=f"%{table.full_name}")
        case StageKind.USER:
            return ResolvedLocation("user", None, location.path, full_name="~")
        case StageKind.SNOW if location.name is not None and location.domain == "model":
            return _model_location(session, location.name, location.path)
        case _:
            raise unsupported(f"location {text}")


def _model_location(session: Session, name: Name, path: str) -> ResolvedLocation:
    """The files of a model's version: ``snow://model/NAME/versions/VERSION/path``."""
    head, _, rest = path.partition("/")
    version_name, _, inner = rest.partition("/")
    if head != "versions" or not version_name:
        raise unsupported(f"location snow://model/{name}/{path}")
    _, version = session.model_version(name, fold(version_name))
    return ResolvedLocation(version.directory, f"versions/{version.name}", inner, read_only=True)


def writable_location(session: Session, text: str) -> ResolvedLocation:
    """As `resolve_location`, for a place that files are written to or removed from.

    Raises:
        SqlError: 002003 when it does not exist, 001003 when its files cannot change.
    """
    location = resolve_location(session, text)
    if location.read_only:
        raise SqlError(f"SQL compilation error:\nThe files at '{text}' are read-only.", 1003, "42000")
    return location


def directory_of(session: Session, location: ResolvedLocation) -> Path:
    """The stage's directory on disk."""
    return session.services.stages.directory(location.stage)


def files_at(session: Session, location: ResolvedLocation, pattern: str | None = None) -> list[StagedFile]:
    """The files at a location."""
    return session.services.stages.list_files(location.stage, location.path, pattern, stage_name=location.shown)


def typed_format(session: Session, options: Mapping[str, Any] | str | None) -> TypedFormat:
    """The format that FILE_FORMAT names or spells out.

    Raises:
        SqlError: 002003 for a named format that does not exist, 000002 for what is not supported.
    """
    if isinstance(options, str):
        options = {"FORMAT_NAME": options}
    given = dict(options or {})
    name = given.pop("FORMAT_NAME", None)
    if name is None:
        return parse_format(given)
    found = session.find(FileFormat, session.scope.full(parse_name(str(name).strip("'"))))
    if found is None:
        raise object_missing("File format", str(name))
    return parse_format({**found.options, **given})
