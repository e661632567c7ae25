"""ALTER DATABASE and ALTER SCHEMA. A new name goes to everything inside, and to all that refers to it by name.

Source: docs.snowflake.com/en/sql-reference/sql/alter-database, .../alter-schema
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

from snowmelt.base.errors import object_exists, object_missing, unsupported
from snowmelt.catalog.catalog import Catalog, Change, Entity
from snowmelt.catalog.names import FullName, display, parse_name
from snowmelt.catalog.objects import Database, Schema, SchemaObject, Stream, Table, Task
from snowmelt.catalog.retention import EXTENSION, RETENTION, checked_days
from snowmelt.session.definitions import apply_change
from snowmelt.session.session import Session
from snowmelt.sql.statements import AlterObject


def alter_container(session: Session, statement: AlterObject) -> None:
    """ALTER DATABASE | SCHEMA name RENAME TO, SET or UNSET COMMENT.

    Raises:
        SqlError: 002003 when it is missing, 002002 when the new name is taken.
    """
    catalog = session.services.engine.catalog
    if statement.kind == "DATABASE":
        old: Database | Schema = catalog.database(statement.name.name)
    else:
        old = catalog.schema(*session.scope.schema_name(statement.name))
    if statement.action != "RENAME":
        _set(session, old, statement)
    elif isinstance(old, Database):
        _rename_database(session, old, statement.value.name)
    else:
        database = statement.value.schema or old.database
        _rename_schema(session, old, database, statement.value.name)


_DAYS = {RETENTION: "retention_days", EXTENSION: "extension_days"}


def _set(session: Session, old: Database | Schema, statement: AlterObject) -> None:
    given = statement.value if statement.action == "SET" else dict.fromkeys(statement.value)
    changes: dict[str, Any] = {}
    for name, value in given.items():
        if name == "COMMENT":
            changes["comment"] = str(value or "")
        elif name == "EVENT_TABLE" and isinstance(old, Database):
            changes["event_table"] = None if value is None else event_table(session, str(value))
        elif name in _DAYS:
            changes[_DAYS[name]] = None if value is None else checked_days(name, value, transient=old.transient)
        else:
            raise unsupported(f"ALTER {statement.kind} ... {name}")
    new = dataclasses.replace(old, **changes)

    def build(catalog: Catalog) -> Change:
        catalog.check_current(old)
        return Change(put=(new,))

    apply_change(session, build)


def event_table(session: Session, name: str) -> FullName:
    """The event table that SET EVENT_TABLE names, by its full name.

    Raises:
        SqlError: 002003 when there is no such event table.
    """
    full = session.scope.full(parse_name(name))
    found = session.relation(full)
    if not isinstance(found, Table) or not found.is_event:
        raise object_missing("Event table", str(full))
    return full


def _rename_database(session: Session, old: Database, name: str) -> None:
    def there(full: FullName) -> FullName:
        return dataclasses.replace(full, database=name) if full.database == old.name else full

    def build(catalog: Catalog) -> Change:
        catalog.check_current(old)
        if ("DATABASE", name) in catalog.entities:
            raise object_exists(display(name))
        moved = _Move(there)
        schemas = tuple(dataclasses.replace(item, database=name) for item in catalog.schemas(old.name))
        drop = (old, *catalog.schemas(old.name), *moved.old(catalog))
        table = None if old.event_table is None else there(old.event_table)
        new = dataclasses.replace(old, name=name, event_table=table)
        return Change(put=(new, *schemas, *(each for each in moved.new(catalog) if each.id != old.id)), drop=drop)

    apply_change(session, build)
    if session.database == old.name:
        session.database = name


def _rename_schema(session: Session, old: Schema, database: str, name: str) -> None:
    def there(full: FullName) -> FullName:
        inside = (full.database, full.schema) == (old.database, old.name)
        return FullName(database, name, full.name) if inside else full

    def build(catalog: Catalog) -> Change:
        catalog.check_current(old)
        catalog.database(database)
        if ("SCHEMA", database, name) in catalog.entities or name == "INFORMATION_SCHEMA":
            raise object_exists(display(name))
        moved = _Move(there)
        new = dataclasses.replace(old, name=name, database=database)
        return Change(put=(new, *moved.new(catalog)), drop=(old, *moved.old(catalog)))

    apply_change(session, build)
    if (session.database, session.schema) == (old.database, old.name):
        session.database, session.schema = database, name


class _Move:
    """Objects to which a change of full names means anything, as they are and as they will be."""

    def __init__(self, there: Callable[[FullName], FullName]) -> None:
        self._there = there

    def old(self, catalog: Catalog) -> tuple[Entity, ...]:
        """What gets other names."""
        return tuple(item for item in catalog.entities.values() if self._moved(item) != item)

    def new(self, catalog: Catalog) -> tuple[Entity, ...]:
        """The same, with these names."""
        return tuple(self._moved(item) for item in self.old(catalog))

    def _moved(self, item: Entity) -> Entity:
        if isinstance(item, Database) and item.event_table is not None:
            return dataclasses.replace(item, event_table=self._there(item.event_table))
        if not isinstance(item, SchemaObject):
            return item
        changes: dict[str, Any] = {"full_name": self._there(item.full_name)}
        if isinstance(item, Stream):
            changes["source_name"] = self._there(item.source_name)
        elif isinstance(item, Task):
            changes["after"] = tuple(self._there(name) for name in item.after)
            changes["finalize"] = None if item.finalize is None else self._there(item.finalize)
        return dataclasses.replace(item, **changes)
