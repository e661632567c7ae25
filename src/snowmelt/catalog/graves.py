"""What is dropped and for how long it can be had back; finding it again.

Tables, schemas and databases can be undropped, with all that lies in them. Streams are kept for the sake of their
offsets. A schema's or database's content is kept as long as the container, whatever it says for itself.

Source: docs.snowflake.com/en/user-guide/data-time-travel#dropping-and-restoring-objects
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from snowmelt.catalog.catalog import Catalog, Entity
from snowmelt.catalog.names import FullName
from snowmelt.catalog.objects import Database, Dropped, Schema, SchemaObject, Stream, Table, Warehouse
from snowmelt.catalog.retention import Holder, retention_of


def burials(catalog: Catalog, account: Mapping[str, Any], now: datetime, gone: Sequence[Entity]) -> tuple[Dropped, ...]:
    """What is kept of the entities that are dropped together; those whose past is not kept are not among it."""
    databases = {each.name: each for each in gone if isinstance(each, Database)}
    schemas = {(each.database, each.name): each for each in gone if isinstance(each, Schema)}
    kept: list[Dropped] = []
    for entity in gone:
        if isinstance(entity, Warehouse):
            continue
        container = _container(entity, databases, schemas)
        if container is None and not isinstance(entity, (Table, Stream, Schema, Database)):
            continue
        retention = retention_of(catalog, account, container or entity)
        if retention:
            group = None if container is None else container.id
            parent = _parent(catalog, entity)
            kept.append(Dropped(entity, now, catalog.version, now + retention, parent, group))
    return tuple(kept)


def _container(
    entity: Holder, databases: Mapping[str, Database], schemas: Mapping[tuple[str, str], Schema]
) -> Database | Schema | None:
    """The outermost container that is dropped together with what lies in it."""
    match entity:
        case Database():
            return None
        case Schema():
            return databases.get(entity.database)
        case _:
            full = entity.full_name
            return databases.get(full.database) or schemas.get((full.database, full.schema))


def _parent(catalog: Catalog, entity: Holder) -> int:
    match entity:
        case Database():
            return 0
        case Schema():
            found: Database | Schema | None = catalog.find_database(entity.database)
        case _:
            found = catalog.find_schema(entity.full_name.database, entity.full_name.schema)
    return 0 if found is None else found.id


def last_dropped(
    catalog: Catalog, kind: type[Database] | type[Schema] | type[SchemaObject], parent: int, name: str, now: datetime
) -> Dropped | None:
    """What was dropped last of a class under a name, by itself, and is still kept."""
    found = [
        each
        for each in catalog.dropped.values()
        if isinstance(each.item, kind)
        and each.group is None
        and each.parent == parent
        and each.item.name == name
        and each.kept_until > now
    ]
    return max(found, key=lambda each: (each.dropped_on, each.order), default=None)


def restored(catalog: Catalog, dropped: Dropped) -> tuple[Entity, ...]:
    """A dropped entity, and all that was dropped with it, under the names that their containers have now."""
    item = dropped.item
    if isinstance(item, Database):
        return (item, *(each.item for each in catalog.dropped.values() if each.group == item.id))
    if isinstance(item, Schema):
        database = next(each for each in catalog.databases() if each.id == dropped.parent)
        inside = [each.item for each in catalog.dropped.values() if each.group == item.id]
        return (
            dataclasses.replace(item, database=database.name),
            *(
                dataclasses.replace(each, full_name=FullName(database.name, item.name, each.name))
                for each in inside
                if isinstance(each, SchemaObject)
            ),
        )
    schema = next(each for each in catalog.schemas() if each.id == dropped.parent)
    return (dataclasses.replace(item, full_name=FullName(schema.database, schema.name, item.name)),)
