"""CREATE MODEL and ALTER MODEL.

Source: docs.snowflake.com/en/sql-reference/sql/create-model, .../alter-model
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from snowmelt.base.errors import SqlError, unsupported
from snowmelt.base.request import Request
from snowmelt.base.result import Result, status_result
from snowmelt.catalog.objects import Model, ModelVersion
from snowmelt.models import versions
from snowmelt.session.definitions import create_object, existing, replace_object
from snowmelt.session.session import Session
from snowmelt.session.stages import files_at, resolve_location
from snowmelt.sql.statements import AlterModel, CreateModel


def _version_from_stage(session: Session, model_id: int, name: str, source: str) -> ModelVersion:
    """A version whose artefacts are copied from a stage into the data directory."""
    location = resolve_location(session, source)
    prefix = location.path.rstrip("/") + "/" if location.path else ""
    files = {
        file.path[len(prefix) :]: file.location for file in files_at(session, location) if file.path.startswith(prefix)
    }
    if not files:
        raise SqlError(f"SQL compilation error:\nNo model files found at '{source}'.", 1044, "42601")
    return session.services.inference.adopt(model_id, name, files, session.services.clock.now())


def create_model(session: Session, statement: CreateModel, request: Request) -> Result:
    """CREATE MODEL with its first version."""
    if statement.source is None:
        raise unsupported("CREATE MODEL ... FROM MODEL")
    full = session.scope.full(statement.name)
    if statement.if_not_exists and session.find(Model, full) is not None:
        return status_result(f"{full.name} already exists, statement succeeded.")
    model_id = session.services.engine.next_id()
    name = statement.version or versions.generated_name(())
    versions.check_name(name)
    version = _version_from_stage(session, model_id, name, statement.source)
    model = Model(
        full,
        model_id,
        session.services.clock.now(),
        versions=(version,),
        default_version=version.name,
        comment=statement.comment,
        owner=session.role or "",
    )
    with _files_of(session, (version,)):
        return create_object(session, statement, model, message=f"Model {model.name} successfully created.")


@contextmanager
def _files_of(session: Session, added: Sequence[ModelVersion]) -> Iterator[None]:
    """Files of versions that do not get into the catalog go again."""
    try:
        yield
    except BaseException:
        for version in added:
            session.services.inference.discard(version)
        raise


def _only_in(model: Model, other: Model) -> list[ModelVersion]:
    """The versions of `model` that `other` does not have."""
    known = {version.directory for version in other.versions}
    return [version for version in model.versions if version.directory not in known]


def alter_model(session: Session, statement: AlterModel, request: Request) -> Result:
    """ALTER MODEL."""
    full = session.scope.full(statement.name)
    try:
        model = existing(session, Model, full)
    except SqlError:
        if statement.if_exists:
            return status_result("Statement executed successfully.")
        raise
    action = _ACTIONS.get(statement.action)
    if action is None:
        raise unsupported(f"ALTER MODEL {statement.action}")
    changed = action(session, model, statement.value)
    with _files_of(session, _only_in(changed, model)):
        replace_object(session, model, changed)
    for version in _only_in(model, changed):
        session.services.inference.discard(version)
    return status_result("Statement executed successfully.")


def _add_version(session: Session, model: Model, value: tuple[str | None, str]) -> Model:
    name, source = value
    name = name or versions.generated_name(tuple(version.name for version in model.versions))
    versions.check_new(model, name)
    return versions.add_version(model, _version_from_stage(session, model.id, name, source))


def _modify(session: Session, model: Model, value: tuple[str, dict[str, Any]]) -> Model:
    name, changes = value
    for key, item in changes.items():
        match key:
            case "COMMENT":
                model = versions.set_comment(model, name, str(item))
            case "METADATA":
                model = versions.set_metadata(model, name, str(item))
            case _:
                raise unsupported(f"ALTER MODEL MODIFY VERSION SET {key}")
    return model


_ACTIONS: dict[str, Callable[[Session, Model, Any], Model]] = {
    "ADD VERSION": _add_version,
    "DROP VERSION": lambda session, model, value: versions.drop_version(model, value),
    "SET DEFAULT_VERSION": lambda session, model, value: versions.set_default(model, value),
    "SET COMMENT": lambda session, model, value: dataclasses.replace(model, comment=value),
    "MODIFY VERSION": _modify,
    "VERSION SET ALIAS": lambda session, model, value: versions.set_alias(model, *value),
    "VERSION UNSET ALIAS": lambda session, model, value: versions.unset_alias(model, value),
    "RENAME": lambda session, model, value: dataclasses.replace(model, full_name=session.scope.full(value)),
}
