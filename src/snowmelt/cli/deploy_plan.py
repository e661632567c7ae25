"""What a deployment would change, found out by questions only: nothing is run.

Each statement is compared with what GET_DDL, SHOW and LIST say of the account. What a statement loses is counted: rows
of a table that is replaced or loses columns, changes that a stream has not been asked for.
"""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

from snowflake.connector import DictCursor, SnowflakeConnection
from snowflake.connector.errors import ProgrammingError

from snowmelt.base.errors import SqlError
from snowmelt.catalog.names import Name, display, parse_name
from snowmelt.cli.manifest import Action
from snowmelt.sql import statements as sql
from snowmelt.sql.parse import parse_one


class Change(StrEnum):
    """What a statement does to an object."""

    ADDED = "added"
    ALTERED = "altered"
    REPLACED = "replaced"
    DROPPED = "dropped"
    UNCHANGED = "unchanged"
    RUN = "run"  # it makes no object: ALTER, USE, INSERT


@dataclass(frozen=True)
class Effect:
    """What one statement, or one file of a PUT, would do.

    Attributes:
        kind: the kind of object, such as TABLE; empty where a statement makes none.
        name: the object's name, or the statement's first line.
        detail: what is altered, in words.
        loses: what would be gone afterwards, in words.
    """

    change: Change
    kind: str
    name: str
    action: Action
    detail: str = ""
    loses: str = ""


def effects(connection: SnowflakeConnection, actions: Sequence[Action]) -> Iterator[Effect]:
    """Say what `actions` would change, in their order."""
    planner = _Planner(connection)
    for action in actions:
        yield from planner.of(action)


#: The kinds that GET_DDL knows, by the dataclass of their CREATE statement.
_DEFINED = {
    sql.CreateView: "VIEW",
    sql.CreateStream: "STREAM",
    sql.CreateTask: "TASK",
    sql.CreateSequence: "SEQUENCE",
    sql.CreateFileFormat: "FILE FORMAT",
}


class _Planner:
    """Follows the statements' USE, and asks the account what is there."""

    def __init__(self, connection: SnowflakeConnection) -> None:
        self.connection = connection
        self.database = connection.database
        self.schema = connection.schema
        self.added: set[str] = set()

    def of(self, action: Action) -> Iterator[Effect]:
        if action.files:
            yield from self.put(action)
            return
        try:
            statement = parse_one(action.text)
        except SqlError:
            # Something that only an account knows: it would be run, and more cannot be said here.
            statement = None
        match statement:
            case sql.Use(kind="DATABASE", name=name):
                self.database, self.schema = name.name, "PUBLIC"
            case sql.Use(kind="SCHEMA" | "", name=name):
                self.database, self.schema = name.schema or self.database, name.name
            case sql.Use():
                pass
            case sql.Create():
                yield self.create(action, statement)
            case sql.Drop(kind=kind, name=name):
                yield self.drop(action, kind, name)
            case _:
                yield Effect(Change.RUN, "", action.title, action)

    # --- kinds of statements

    def create(self, action: Action, statement: sql.Create) -> Effect:
        kind, name = _kind(statement), self.full(statement)
        found = self.definition(kind, name, statement)
        if found is None:
            self.added.add(f"{kind} {name}")
            return Effect(Change.ADDED, kind, name, action)
        if statement.if_not_exists:
            return Effect(Change.UNCHANGED, kind, name, action)
        if isinstance(statement, sql.CreateTable) and statement.or_alter and isinstance(found, sql.CreateTable):
            return self.alter_table(action, name, found, statement)
        same = not isinstance(statement, sql.CreateTable) and self.plain(found) == self.plain(statement)
        loses = self.lost(kind, name)
        return Effect(Change.UNCHANGED if same and not loses else Change.REPLACED, kind, name, action, loses=loses)

    def alter_table(self, action: Action, name: str, old: sql.CreateTable, new: sql.CreateTable) -> Effect:
        before, after = ({c.name: c for c in table.columns} for table in (old, new))
        added, gone = [n for n in after if n not in before], [n for n in before if n not in after]
        changed = [n for n in after if n in before and before[n] != after[n]]
        words = (("adds", added), ("drops", gone), ("changes", changed))
        detail = "; ".join(f"{verb} {', '.join(map(display, names))}" for verb, names in words if names)
        rows = self.count(name) if gone else 0
        loses = f"{', '.join(map(display, gone))} of {_number(rows, 'row')}" if rows else ""
        return Effect(Change.ALTERED if detail else Change.UNCHANGED, "TABLE", name, action, detail, loses)

    def drop(self, action: Action, kind: str, name: Name) -> Effect:
        written = self.qualified(name) if kind not in ("DATABASE", "SCHEMA", "WAREHOUSE") else str(name)
        return Effect(Change.DROPPED, kind, written, action, loses=self.lost(kind, written))

    def put(self, action: Action) -> Iterator[Effect]:
        """Compare the files with those on the stage by their digests; where a stage is encrypted these never agree."""
        try:
            listed = self.rows(f"LIST {self.stage(action.target)}")
        except ProgrammingError:
            listed = []
        digests = {Path(row["name"]).name: row["md5"] for row in listed}
        for path in action.files:
            digest = hashlib.md5(path.read_bytes(), usedforsecurity=False).hexdigest()
            kept = digests.get(path.name)
            same = action.keeps or kept == digest
            change = Change.ADDED if kept is None else Change.UNCHANGED if same else Change.REPLACED
            yield Effect(change, "FILE", f"{action.target}/{path.name}", action)

    # --- questions

    def definition(self, kind: str, name: str, statement: sql.Create) -> sql.Statement | None:
        """The statement that would make again what is there, or None when nothing is.

        Of what has no such statement, `statement` itself: only whether it is there can be known. One that cannot be
        read is an empty statement, which equals no other.
        """
        if kind in ("DATABASE", "SCHEMA", "STAGE", "WAREHOUSE"):
            return statement if self.shown(kind, name) else None
        signature = ""
        if isinstance(statement, sql.CreateRoutine):
            signature = f"({', '.join(argument.type.sql for argument in statement.arguments)})"
        try:
            text = self.rows("SELECT GET_DDL(%s, %s) AS DDL", (kind.replace(" ", "_"), f"{name}{signature}"))[0]["DDL"]
        except ProgrammingError:
            return None
        try:
            return parse_one(text)
        except SqlError:
            return sql.Statement()

    def shown(self, kind: str, name: str) -> bool:
        """Is there a container or a stage of this name?"""
        *parents, own = (_bare(part) for part in name.split("."))
        place = f" IN {'DATABASE' if kind == 'SCHEMA' else 'SCHEMA'} {'.'.join(map(display, parents))}"
        try:
            rows = self.rows(f"SHOW {kind}S LIKE '{own}'{place if parents else ''}")
        except ProgrammingError:
            return False
        return any(row["name"] == own for row in rows)

    def lost(self, kind: str, name: str) -> str:
        """What dropping or replacing an object loses, in words."""
        match kind:
            case "STREAM":
                unread = self.count(name)
                return _number(unread, "unread change") if unread else ""
            case "TABLE":
                rows = self.count(name)
                lost = [_number(rows, "row")] if rows else []
                for stream in self.streams_of(name):
                    if unread := self.count(stream):
                        lost.append(f"{_number(unread, 'unread change')} of {stream}")
                return ", ".join(lost)
            case "DATABASE" | "SCHEMA":
                return "everything in it" if self.shown(kind, name) else ""
            case _:
                return ""

    def streams_of(self, table: str) -> list[str]:
        """The streams on a table, in whichever schema."""
        return [
            str(Name(row["name"], row["schema_name"], row["database_name"]))
            for row in self.rows("SHOW STREAMS IN ACCOUNT")
            if row["table_name"] == table
        ]

    def count(self, name: str) -> int:
        """How many rows a table or a stream has; none when it is missing or cannot be read."""
        try:
            return int(self.rows(f"SELECT COUNT(*) AS N FROM {name}")[0]["N"])
        except ProgrammingError:
            return 0

    def rows(self, text: str, values: Sequence[Any] | None = None) -> list[dict[str, Any]]:
        with self.connection.cursor(DictCursor) as cursor:
            cursor.execute(text, values)
            return [dict(row) for row in cursor.fetchall()]

    # --- names

    def full(self, statement: sql.Create) -> str:
        """The whole name of what a statement makes."""
        match statement:
            case sql.CreateDatabase(name=name) | sql.CreateWarehouse(name=name):
                return display(name)
            case sql.CreateSchema(name=name):
                return str(Name(name.name, name.schema or self.database))
            case _:
                return self.qualified(statement.name)  # type: ignore[attr-defined]

    def qualified(self, name: Name) -> str:
        return str(self.whole(name))

    def stage(self, target: str) -> str:
        """A stage's location with its whole name, since a plan leaves the session's schema as it is."""
        name, slash, path = target.removeprefix("@").partition("/")
        return target if name[:1] in ("~", "%") else f"@{self.qualified(parse_name(name))}{slash}{path}"

    def whole(self, name: Name) -> Name:
        return Name(name.name, name.schema or self.schema, name.database or self.database)

    def plain(self, statement: sql.Statement) -> object:
        """What two statements that make the same thing have in common."""
        if isinstance(statement, sql.CreateView):
            return statement.query.sql("snowflake")
        same = {"name": None, "text": "", "or_replace": False, "if_not_exists": False, "or_alter": False}
        if isinstance(statement, sql.CreateRoutine):
            statement = dataclasses.replace(statement, imports=tuple(map(self.stage, statement.imports)))
        values = {field.name: getattr(statement, field.name) for field in dataclasses.fields(statement)}
        return type(statement), {name: self._plain(same.get(name, value)) for name, value in values.items()}

    def _plain(self, value: Any) -> Any:
        match value:
            case Name():
                return self.whole(value)
            case tuple():
                return tuple(self._plain(item) for item in value)
            case _:
                return value


def _kind(statement: sql.Create) -> str:
    match statement:
        case sql.CreateTable(is_event=True):
            return "EVENT TABLE"
        case sql.CreateRoutine(kind=kind) | sql.Clone(kind=kind):
            return kind.upper()
        case _:
            named = type(statement).__name__.removeprefix("Create").upper()
            return _DEFINED.get(type(statement), named)


def _bare(part: str) -> str:
    return part.strip('"')


def _number(count: int, noun: str) -> str:
    return f"{count:,} {noun}{'' if count == 1 else 's'}"
