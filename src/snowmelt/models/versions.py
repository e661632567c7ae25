"""The versions of a model: names, aliases, the default one. Pure functions from one `Model` to the next.

Three aliases belong to the system and follow the model: ``DEFAULT``, ``FIRST`` (the oldest version) and ``LAST`` (the
newest). A version's name and its aliases share one space of names within the model.

Source: docs.snowflake.com/en/sql-reference/sql/alter-model and its pages for ADD VERSION, DROP VERSION, MODIFY VERSION
"""

from __future__ import annotations

import json
from collections.abc import Collection
from dataclasses import replace
from itertools import count

from snowmelt.base.errors import SqlError
from snowmelt.catalog.names import display
from snowmelt.catalog.objects import Model, ModelVersion

SYSTEM_ALIASES = ("DEFAULT", "FIRST", "LAST")
"""Aliases that every model has and that nobody can set, in the order in which they are shown."""

_ADJECTIVES = ("BRAVE", "CALM", "EAGER", "FAIR", "GENTLE", "HAPPY", "KIND", "LUCKY", "MIGHTY", "QUICK", "SLY")
_ANIMALS = ("PANDA", "OTTER", "HERON", "LYNX", "MOOSE", "NEWT", "ROBIN", "SEAL", "TAPIR", "VOLE", "WREN", "YAK")


def generated_name(existing: Collection[str]) -> str:
    """A name such as ``CALM_OTTER_1`` for a version that was given none; always the same for the same `existing`."""
    taken = set(existing)
    names = (
        f"{_ADJECTIVES[number % len(_ADJECTIVES)]}_{_ANIMALS[number % len(_ANIMALS)]}_{number}"
        for number in count(len(taken) + 1)
    )
    return next(name for name in names if name not in taken)


def version_missing(model: Model, name: str) -> SqlError:
    """A version or alias that the model does not have (002003)."""
    return SqlError(
        f"SQL compilation error:\nVersion '{display(name)}' of model '{model.full_name}' does not exist.", 2003, "42S02"
    )


def resolve_version(model: Model, name: str | None) -> ModelVersion:
    """The version that `name`, a stored version name or alias, stands for; None means the default one.

    Raises:
        SqlError: 002003 when the model has no such version or alias.
    """
    match name:
        case None | "DEFAULT":
            name = model.default_version
        case "FIRST":
            return model.versions[0]
        case "LAST":
            return model.versions[-1]
        case _:
            pass
    for version in model.versions:
        if name == version.name or name in version.aliases:
            return version
    raise version_missing(model, name)


def aliases_of(model: Model, version: ModelVersion) -> tuple[str, ...]:
    """All names by which `version` goes besides its own: the system's first, then its own aliases."""
    system = tuple(alias for alias in SYSTEM_ALIASES if resolve_version(model, alias).name == version.name)
    return system + version.aliases


def check_new(model: Model, name: str) -> None:
    """See that `name` can be the name of a new version.

    Raises:
        SqlError: 001008 for a system alias, 002002 when a version or an alias of that name exists.
    """
    check_name(name)
    for version in model.versions:
        if name == version.name or name in version.aliases:
            kind = "Version" if name == version.name else "Version alias"
            raise SqlError(
                f"SQL compilation error:\n{kind} '{display(name)}' already exists in model '{model.full_name}'.",
                2002,
                "42710",
            )


def check_name(name: str) -> None:
    """See that `name` can be the name of a version or an alias at all.

    Raises:
        SqlError: 001008 for a system alias.
    """
    if name in SYSTEM_ALIASES:
        raise SqlError(
            f"SQL compilation error:\n'{name}' is a system alias of model versions and cannot be set or removed.",
            1008,
            "22023",
        )


def add_version(model: Model, version: ModelVersion) -> Model:
    """The model with one more version; the default version stays as it is.

    Raises:
        SqlError: as `check_new`.
    """
    check_new(model, version.name)
    return replace(model, versions=(*model.versions, version))


def drop_version(model: Model, name: str) -> Model:
    """The model without a version, and without its aliases.

    Raises:
        SqlError: 002003 when there is no such version, 001008 for the default one (so for the only one too).
    """
    version = resolve_version(model, name)
    if version.name == model.default_version:
        only = len(model.versions) == 1
        raise SqlError(
            f"SQL compilation error:\nCannot drop the default version '{display(version.name)}' of model "
            f"'{model.full_name}'.",
            1008,
            "22023",
            "It is the only one: drop the model." if only else "Make another version the default one first.",
        )
    return replace(model, versions=tuple(item for item in model.versions if item is not version))


def set_default(model: Model, name: str) -> Model:
    """The model with another default version, given by name or alias.

    Raises:
        SqlError: 002003 when there is no such version.
    """
    return replace(model, default_version=resolve_version(model, name).name)


def set_alias(model: Model, name: str, alias: str) -> Model:
    """The model with `alias` for one of its versions, in place of the alias it had: a version has at most one.

    Raises:
        SqlError: 002003 when there is no such version, 001008 for a system alias, 002002 when a version goes by that
            name already.
    """
    version = resolve_version(model, name)
    if alias in version.aliases:
        return model
    check_new(model, alias)
    return _changed(model, version, replace(version, aliases=(alias,)))


def unset_alias(model: Model, name: str) -> Model:
    """The model without the alias of one of its versions, which may be given by that alias; it need not have one.

    Raises:
        SqlError: 002003 when there is no such version or alias, 001008 for a system alias.
    """
    check_name(name)
    version = resolve_version(model, name)
    return _changed(model, version, replace(version, aliases=()))


def set_comment(model: Model, name: str, comment: str) -> Model:
    """The model with another comment on one of its versions.

    Raises:
        SqlError: 002003 when there is no such version.
    """
    version = resolve_version(model, name)
    return _changed(model, version, replace(version, comment=comment))


def set_metadata(model: Model, name: str, metadata: str) -> Model:
    """The model with other metadata, the text of a JSON object, on one of its versions.

    Raises:
        SqlError: 002003 when there is no such version, 001008 when the text is not a JSON object.
    """
    version = resolve_version(model, name)
    try:
        value = json.loads(metadata)
    except ValueError as error:
        raise _invalid_metadata(str(error)) from error
    if not isinstance(value, dict):
        raise _invalid_metadata("it is not a JSON object")
    return _changed(model, version, replace(version, metadata=metadata))


def _invalid_metadata(reason: str) -> SqlError:
    return SqlError(f"SQL compilation error:\ninvalid value for parameter 'METADATA': {reason}", 1008, "22023")


def _changed(model: Model, old: ModelVersion, new: ModelVersion) -> Model:
    return replace(model, versions=tuple(new if item is old else item for item in model.versions))
