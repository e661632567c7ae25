"""Where a stage reference points: ``@db.schema.stage/path``, ``@~/path``, ``@%table/path``, ``snow://model/...``.

Source: docs.snowflake.com/en/sql-reference/sql/list (internalStage)
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from snowmelt.base.errors import SqlError, unsupported
from snowmelt.catalog.names import Name, parse_name

_CLOUDS = frozenset({"s3", "s3gov", "s3china", "s3compat", "gcs", "azure"})


class StageKind(StrEnum):
    """Which files a location is about."""

    NAMED = "named"
    USER = "user"
    TABLE = "table"
    SNOW = "snow"


@dataclass(frozen=True)
class StageLocation:
    """A stage and a path in it.

    Attributes:
        kind: named stage, the user's (``@~``), a table's (``@%t``) or an object's own files (``snow://``).
        name: the stage, table or object; None for the user's stage.
        path: the path in it, without a leading slash; ``""`` for all of it. It is a prefix of file names, not
            necessarily a directory.
        domain: for ``snow://`` the object's kind in lower case, such as ``model``.
    """

    kind: StageKind
    name: Name | None
    path: str
    domain: str | None = None

    def __str__(self) -> str:
        if self.kind is StageKind.SNOW:
            return f"snow://{self.domain}/{self.name}/{self.path}"
        head = {StageKind.USER: "@~", StageKind.TABLE: f"@%{self.name}"}.get(self.kind, f"@{self.name}")
        return f"{head}/{self.path}" if self.path else head


def parse_location(text: str) -> StageLocation:
    """The location that `text` names; single quotes around the whole are allowed.

    Raises:
        SqlError: 001003 when it is not a stage reference, 000002 when it is a cloud's storage.
    """
    plain = text.strip()
    if len(plain) >= 2 and plain[0] == plain[-1] == "'":
        plain = plain[1:-1].replace("\\'", "'").replace("''", "'")
    if plain.lower().startswith("snow://"):
        return _parse_snow(plain)
    scheme, colon, _ = plain.partition("://")
    if colon and scheme.lower() in _CLOUDS:
        raise unsupported(f"location {scheme.lower()}://")
    if not plain.startswith("@"):
        raise _invalid(text)
    head, path = _split_unquoted(plain[1:])
    path = path.lstrip("/")
    if head == "~":
        return StageLocation(StageKind.USER, None, path)
    namespace, percent, table = _rpartition_unquoted(head)
    if percent:
        if not table:
            raise _invalid(text)
        return StageLocation(StageKind.TABLE, parse_name(namespace + table), path)
    if not head:
        raise _invalid(text)
    return StageLocation(StageKind.NAMED, parse_name(head), path)


def _parse_snow(plain: str) -> StageLocation:
    """``snow://model/DB.SCHEMA.NAME/versions/V1/...``."""
    domain, _, rest = plain[len("snow://") :].partition("/")
    head, path = _split_unquoted(rest)
    if not domain or not head:
        raise _invalid(plain)
    return StageLocation(StageKind.SNOW, parse_name(head), path.lstrip("/"), domain.lower())


def _split_unquoted(text: str) -> tuple[str, str]:
    """`text` before and after its first slash that is outside double quotes."""
    quoted = False
    for position, char in enumerate(text):
        if char == '"':
            quoted = not quoted
        elif char == "/" and not quoted:
            return text[:position], text[position + 1 :]
    return text, ""


def _rpartition_unquoted(head: str) -> tuple[str, bool, str]:
    """Namespace (with its final dot) and table name of a table stage ``db.schema.%t``; False when it is none."""
    quoted = False
    for position, char in enumerate(head):
        if char == '"':
            quoted = not quoted
        elif char == "%" and not quoted:
            return head[:position], True, head[position + 1 :]
    return head, False, ""


def _invalid(text: str) -> SqlError:
    return SqlError(f"SQL compilation error:\ninvalid stage location '{text}'.", 1003, "42000")
