"""Version names of a model: ``V1``, ``V1.1`` ... ``V1.9``, ``V1.10``, ``V2``. A version is a pair of integers."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import NamedTuple

import insurance_spec as spec
from snowflake.snowpark import Session

_NAME = re.compile(r"V(\d+)(?:\.(\d+))?")


class Version(NamedTuple):
    """A model version; versions compare as pairs of integers, so that V1.10 comes after V1.9."""

    major: int
    minor: int = 0

    def __str__(self) -> str:
        return f"V{self.major}.{self.minor}" if self.minor else f"V{self.major}"

    @classmethod
    def parse(cls, name: str) -> Version | None:
        """Read ``V1`` or ``V1.10``; None for any other name, such as one that somebody gave by hand."""
        match = _NAME.fullmatch(name.upper())
        return cls(int(match[1]), int(match[2] or 0)) if match else None


def next_version(names: Iterable[str], major: bool) -> Version:
    """The version that follows the newest of `names`: a major or a minor step; V1 when there is none yet."""
    known = [version for version in map(Version.parse, names) if version is not None]
    if not known:
        return Version(1)
    newest = max(known)
    return Version(newest.major + 1) if major else Version(newest.major, newest.minor + 1)


def plain_name(identifier: str) -> str:
    """A version's name without the quotes that snowflake-ml puts around an identifier with a dot in it."""
    return identifier.strip('"')


def quoted(version: str) -> str:
    """A version's name as an SQL identifier: the dot in it needs quotes."""
    return '"' + version.replace('"', '""') + '"'


def version_names(session: Session) -> list[str]:
    """All versions of the model, in no particular order.

    Raises:
        SnowparkSQLException: there is no model yet.
    """
    return [row["name"] for row in session.sql(f"SHOW VERSIONS IN MODEL {spec.MODEL_NAME}").collect()]


def serving_version(session: Session) -> str:
    """The version that serves: the model's default.

    Raises:
        LookupError: no model has been trained yet.
    """
    models = session.sql(f"SHOW MODELS LIKE '{spec.MODEL_NAME}' IN SCHEMA").collect()
    if not models:
        raise LookupError(f"there is no model {spec.MODEL_NAME} yet: train one first")
    return str(models[0]["default_version_name"])
