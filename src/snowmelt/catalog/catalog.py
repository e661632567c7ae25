"""The catalog: an immutable picture of all databases, schemas and objects at one version.

Readers hold a `Catalog` for the length of a statement. A DDL statement makes a `Change`; storage writes it beside the
physical tables in one transaction and only then does the new picture become current.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import TypeVar

from snowmelt.base.errors import no_current, object_missing
from snowmelt.catalog.names import FullName, Name, display
from snowmelt.catalog.objects import (
    Database,
    Dropped,
    FileFormat,
    Function,
    Model,
    Procedure,
    Routine,
    Schema,
    SchemaObject,
    Sequence,
    Stage,
    Stream,
    Table,
    Task,
    View,
    Warehouse,
    is_in_sql,
)

Entity = Database | Schema | Warehouse | SchemaObject
T = TypeVar("T", bound=SchemaObject)

NAMESPACES: Mapping[type[SchemaObject], str] = {
    Table: "RELATION",
    View: "RELATION",
    Stream: "RELATION",
    Sequence: "SEQUENCE",
    Stage: "STAGE",
    FileFormat: "FILE FORMAT",
    Task: "TASK",
    Procedure: "PROCEDURE",
    Function: "FUNCTION",
    Model: "MODEL",
}
"""Objects whose classes share a namespace can't have the same name."""

Key = tuple[str, ...]


def signature(routine: Routine) -> str:
    """What tells overloads apart: the argument types."""
    return ",".join(argument.type.kind.value for argument in routine.arguments)


def key_of(entity: Entity) -> Key:
    """The key under which an entity is unique."""
    match entity:
        case Database():
            return ("DATABASE", entity.name)
        case Schema():
            return ("SCHEMA", entity.database, entity.name)
        case Warehouse():
            return ("WAREHOUSE", entity.name)
        case _:
            full = entity.full_name
            key: Key = (NAMESPACES[type(entity)], full.database, full.schema, full.name)
            return (*key, signature(entity)) if isinstance(entity, Routine) else key


class Overtaken(Exception):
    """What a change was made from is not what the catalog holds any more: the change is to be made again."""


@dataclass(frozen=True)
class Change:
    """Entities to put (insert or replace by key) and to drop.

    Attributes:
        bury: those of the dropped entities that can be had back.
        forget: ids of what was dropped earlier and is restored now, or gone for good.
    """

    put: tuple[Entity, ...] = ()
    drop: tuple[Entity, ...] = ()
    bury: tuple[Dropped, ...] = ()
    forget: tuple[int, ...] = ()


@dataclass(frozen=True)
class Catalog:
    """All entities by key, and what was dropped by id, at a version that grows with every change."""

    entities: Mapping[Key, Entity] = field(default_factory=dict)
    dropped: Mapping[int, Dropped] = field(default_factory=dict)
    version: int = 0

    @cached_property
    def has_sql_functions(self) -> bool:
        """Whether there is a function in SQL, whose calls are to be looked for."""
        return any(is_in_sql(item) for item in self.entities.values())

    def apply(self, change: Change) -> Catalog:
        """The catalog after `change`."""
        entities = dict(self.entities)
        for entity in change.drop:
            entities.pop(key_of(entity), None)
        for entity in change.put:
            entities[key_of(entity)] = entity
        dropped = self.dropped
        if change.bury or change.forget:
            kept = {number: each for number, each in dropped.items() if number not in change.forget}
            dropped = kept | {each.item.id: each for each in change.bury}
        return Catalog(entities, dropped, self.version + 1)

    def check_current(self, *entities: Entity) -> None:
        """See that a change made from `entities`, read some time ago, loses nothing of what others did since.

        Raises:
            Overtaken: one of them has been changed or dropped.
        """
        for entity in entities:
            if self.entities.get(key_of(entity)) is not entity:
                raise Overtaken(str(key_of(entity)))

    # --- look-ups ----------------------------------------------------------------------------------------------------

    def database(self, name: str) -> Database:
        """The database called `name`.

        Raises:
            SqlError: 002003 when there is none.
        """
        found = self.entities.get(("DATABASE", name))
        if not isinstance(found, Database):
            raise object_missing("Database", display(name))
        return found

    def find_database(self, name: str) -> Database | None:
        """The database called `name`, or None."""
        found = self.entities.get(("DATABASE", name))
        return found if isinstance(found, Database) else None

    def find_schema(self, database: str, name: str) -> Schema | None:
        """The schema `database`.`name`, or None."""
        found = self.entities.get(("SCHEMA", database, name))
        return found if isinstance(found, Schema) else None

    def schema(self, database: str, name: str) -> Schema:
        """The schema `database`.`name`.

        Raises:
            SqlError: 002003 when there is none.
        """
        self.database(database)
        found = self.entities.get(("SCHEMA", database, name))
        if not isinstance(found, Schema):
            raise object_missing("Schema", f"{display(database)}.{display(name)}")
        return found

    def check_schema(self, database: str, name: str) -> None:
        """There must be such a schema, which may be INFORMATION_SCHEMA.

        Raises:
            SqlError: 002003 when there is none.
        """
        if name == "INFORMATION_SCHEMA":
            self.database(database)
        else:
            self.schema(database, name)

    def find(self, kind: type[T], name: FullName) -> T | None:
        """The object of class `kind` called `name`, or None."""
        found = self.entities.get((NAMESPACES[kind], name.database, name.schema, name.name))
        return found if isinstance(found, kind) else None

    def relation(self, name: FullName) -> Table | View | Stream | None:
        """The table, view or stream called `name`, or None."""
        found = self.entities.get(("RELATION", name.database, name.schema, name.name))
        return found if isinstance(found, (Table, View, Stream)) else None

    def overloads(self, kind: type[T], name: FullName) -> list[T]:
        """All procedures or functions of that name."""
        return [item for item in self.all(kind) if item.full_name == name]

    def all(self, kind: type[T]) -> Iterator[T]:
        """All objects of a class, in order of name."""
        found = [item for item in self.entities.values() if isinstance(item, kind)]
        return iter(sorted(found, key=lambda item: (item.full_name, item.id)))

    def databases(self) -> list[Database]:
        """All databases by name."""
        found = [item for item in self.entities.values() if isinstance(item, Database)]
        return sorted(found, key=lambda item: item.name)

    def schemas(self, database: str | None = None) -> list[Schema]:
        """All schemas, or those of one database, by name."""
        found = [
            item
            for item in self.entities.values()
            if isinstance(item, Schema) and (database is None or item.database == database)
        ]
        return sorted(found, key=lambda item: (item.database, item.name))

    def warehouse(self, name: str) -> Warehouse | None:
        """The warehouse that was created under that name, or None."""
        found = self.entities.get(("WAREHOUSE", name))
        return found if isinstance(found, Warehouse) else None

    def warehouses(self) -> list[Warehouse]:
        """All warehouses that were created, by name."""
        found = [item for item in self.entities.values() if isinstance(item, Warehouse)]
        return sorted(found, key=lambda item: item.name)

    def inside(self, database: str, schema: str | None = None) -> list[Entity]:
        """Everything that a DROP of the database (or schema) takes along, its schemas included."""
        found: list[Entity] = []
        for item in self.entities.values():
            if isinstance(item, Schema):
                if schema is None and item.database == database:
                    found.append(item)
            elif isinstance(item, SchemaObject):
                full = item.full_name
                if full.database == database and schema in (None, full.schema):
                    found.append(item)
        return found


@dataclass(frozen=True)
class Scope:
    """Where unqualified names are looked for.

    Attributes:
        database: the current database, or None.
        schema: the current schema, or None.
    """

    database: str | None
    schema: str | None

    def full(self, name: Name) -> FullName:
        """`name` with the missing parts filled in.

        Raises:
            SqlError: 090105 or 090106 when a part is missing and there is no current one.
        """
        database = name.database if name.database is not None else self.database
        if database is None:
            raise no_current("database")
        schema = name.schema if name.schema is not None else self.schema
        if schema is None:
            raise no_current("schema")
        return FullName(database, schema, name.name)

    def schema_name(self, name: Name) -> tuple[str, str]:
        """(database, schema) that a schema's name means; `name.schema` is then its database part."""
        database = name.schema if name.schema is not None else self.database
        if database is None:
            raise no_current("database")
        return database, name.name
