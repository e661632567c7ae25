"""Databases and schemas of the REST API: requests as SQL, and rows of SHOW as the API's JSON.

Follows snowflake.core's `database/_generated` and `schema/_generated`;
docs.snowflake.com/en/developer-guide/snowflake-rest-api/reference/database, .../schema
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from snowmelt.base.errors import object_missing, unsupported
from snowmelt.catalog.names import Name, display
from snowmelt.server.rest_tasks import Row, identifier, invalid, text

PATH = re.compile(r"/api/v2/databases(?:/([^/:]+)(/schemas(?:/([^/:]+))?)?)?(?::([a-z_-]+))?/?")


class Sql(Protocol):
    """Runs statements in a session."""

    def rows(self, statement: str) -> list[Row]:
        """A statement's rows, with lower-case names of columns."""
        ...

    def done(self, statement: str) -> dict[str, Any]:
        """A statement's status, as the API tells it."""
        ...


@dataclass(frozen=True)
class Container:
    """A database or schema, or all of them.

    Attributes:
        kind: ``DATABASE`` or ``SCHEMA``.
        database: of schemas, the database that they are in.
        name: its name, or None for all.
    """

    kind: str
    database: str | None
    name: str | None

    @classmethod
    def of(cls, database: str | None, schemas: bool, schema: str | None) -> Container:
        """What a path's segments mean, which are identifiers as SQL writes them.

        Raises:
            SqlError: 001008 for what is no identifier.
        """
        place = None if database is None else identifier(database)
        if not schemas:
            return cls("DATABASE", None, place)
        return cls("SCHEMA", place, None if schema is None else identifier(schema))

    def full(self, name: str) -> str:
        """SQL text of the full name of one of these."""
        return str(Name(name) if self.database is None else Name(name, self.database))

    @property
    def place(self) -> str:
        """SQL text of where they are."""
        return "" if self.database is None else f" IN DATABASE {Name(self.database)}"


@dataclass(frozen=True)
class Asked:
    """What a request says besides: what follows the path's question mark, and its JSON."""

    query: Mapping[str, str]
    body: Mapping[str, Any]

    def flag(self, name: str) -> bool:
        """A true or false of the query."""
        value = self.query.get(name, "false").lower()
        if value not in ("true", "false"):
            raise invalid(name)
        return value == "true"


Action = Callable[[Container, Asked, Sql], Any]


def _list(container: Container, asked: Asked, sql: Sql) -> Any:
    parts = [f"SHOW {container.kind}S"]
    if asked.flag("history"):
        parts.append("HISTORY")
    if "like" in asked.query:
        parts.append(f"LIKE {text(asked.query['like'])}")
    statement = " ".join(parts) + container.place
    if "startsWith" in asked.query:
        statement += f" STARTS WITH {text(asked.query['startsWith'])}"
    if "showLimit" in asked.query:
        limit = asked.query["showLimit"]
        if not limit.isdecimal():
            raise invalid("showLimit")
        statement += f" LIMIT {limit}"
        if "fromName" in asked.query:
            statement += f" FROM {text(asked.query['fromName'])}"
    return [_json(row) for row in sql.rows(statement)]


def _fetch(container: Container, asked: Asked, sql: Sql) -> Any:
    for row in sql.rows(f"SHOW {container.kind}S{container.place}"):
        if row["name"] == container.name:
            return _json(row)
    raise object_missing(container.kind.capitalize(), container.full(str(container.name)))


def _json(row: Row) -> dict[str, Any]:
    """A row of SHOW as the API's model has it."""
    transient = "TRANSIENT" in str(row["options"])
    known = {
        **row,
        "name": display(row["name"]),
        "created_on": row["created_on"].isoformat(),
        "kind": "TRANSIENT" if transient else "PERMANENT",
        "is_default": row["is_default"] == "Y",
        "is_current": row["is_current"] == "Y",
        "retention_time": int(row["retention_time"]),
        "data_retention_time_in_days": int(row["retention_time"]),
    }
    if "database_name" in row:
        known["database_name"] = display(row["database_name"])
    if row.get("dropped_on") is not None:
        known["dropped_on"] = row["dropped_on"].isoformat()
    return {name: value for name, value in known.items() if value is not None and name != "object_visibility"}


_MODES = {"errorIfExists": ("", ""), "orReplace": ("OR REPLACE ", ""), "ifNotExists": ("", "IF NOT EXISTS ")}
_READ_ONLY = frozenset({"name", "kind", "created_on", "dropped_on", "is_default", "is_current", "database_name"})
_READ_ONLY |= {"origin", "owner", "options", "retention_time", "budget", "owner_role_type"}
_DAYS = ("data_retention_time_in_days", "max_data_extension_time_in_days")


def _create(container: Container, asked: Asked, sql: Sql) -> Any:
    """CREATE with what the body says.

    Raises:
        SqlError: 001008 for a value that cannot be, 000002 for a property that there is not here.
    """
    name, mode = asked.body.get("name"), asked.query.get("createMode", "errorIfExists")
    if not isinstance(name, str):
        raise invalid("name")
    if mode not in _MODES:
        raise unsupported(f"createMode {mode} of a {container.kind.lower()}")
    replacing, tolerant = _MODES[mode]
    kind = str(asked.query.get("kind") or asked.body.get("kind") or "PERMANENT").upper()
    if kind not in ("PERMANENT", "TRANSIENT"):
        raise invalid("kind")
    transient = "TRANSIENT " if kind == "TRANSIENT" else ""
    statement = f"CREATE {replacing}{transient}{container.kind} {tolerant}{container.full(identifier(name))}"
    for key, value in asked.body.items():
        if value is None or value is False or key in _READ_ONLY:
            continue
        if key == "comment":
            statement += f" COMMENT = {text(value)}"
        elif key in _DAYS and isinstance(value, int):
            statement += f" {key.upper()} = {value}"
        else:
            raise unsupported(f"property {key} of a {container.kind.lower()}")
    return sql.done(statement)


def _drop(container: Container, asked: Asked, sql: Sql) -> Any:
    tolerant = "IF EXISTS " if asked.flag("ifExists") else ""
    return sql.done(f"DROP {container.kind} {tolerant}{container.full(str(container.name))}")


def _undrop(container: Container, asked: Asked, sql: Sql) -> Any:
    return sql.done(f"UNDROP {container.kind} {container.full(str(container.name))}")


ACTIONS: dict[tuple[str, str, str], Action] = {
    ("GET", "", ""): _list,
    ("POST", "", ""): _create,
    ("GET", "name", ""): _fetch,
    ("DELETE", "name", ""): _drop,
    ("POST", "name", "undrop"): _undrop,
}
"""What can be asked of them, by method, whether one is named, and what follows its name."""
