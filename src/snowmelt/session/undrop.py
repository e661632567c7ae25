"""UNDROP TABLE, SCHEMA and DATABASE.

Source: docs.snowflake.com/en/sql-reference/sql/undrop
"""

from __future__ import annotations

import dataclasses
from datetime import datetime

from snowmelt.base.errors import SqlError, object_exists
from snowmelt.base.request import Request
from snowmelt.base.result import Result, status_result
from snowmelt.catalog.catalog import Catalog, Change, Entity, key_of
from snowmelt.catalog.graves import last_dropped, restored
from snowmelt.catalog.names import display
from snowmelt.catalog.objects import Database, Dropped, Schema, Table, Task, TaskStatus
from snowmelt.session.definitions import apply_change
from snowmelt.session.session import Session
from snowmelt.sql.statements import Undrop


def undrop(session: Session, statement: Undrop, request: Request) -> Result:
    """UNDROP of what was dropped last under a name."""

    def build(catalog: Catalog) -> Change:
        found = _find(session, catalog, statement)
        if found is None:
            kind = statement.kind.capitalize()
            raise SqlError(f"{kind} {statement.name.name} did not exist or was purged.", 90025, "02000")
        entities = tuple(_at_rest(each, found.dropped_on) for each in restored(catalog, found))
        if key_of(entities[0]) in catalog.entities:
            raise object_exists(display(statement.name.name))
        return Change(put=entities, forget=tuple(each.id for each in entities))

    apply_change(session, build)
    return status_result(f"{statement.kind.capitalize()} {statement.name.name} successfully restored.")


def _at_rest(entity: Entity, dropped_on: datetime) -> Entity:
    """Tasks come back suspended."""
    if not isinstance(entity, Task) or entity.state is TaskStatus.SUSPENDED:
        return entity
    return dataclasses.replace(
        entity,
        state=TaskStatus.SUSPENDED,
        last_suspended_on=dropped_on,
        suspended_reason="SCHEMA_OR_DATABASE_DELETED",
    )


def _find(session: Session, catalog: Catalog, statement: Undrop) -> Dropped | None:
    now = session.services.clock.now()
    match statement.kind:
        case "DATABASE":
            return last_dropped(catalog, Database, 0, statement.name.name, now)
        case "SCHEMA":
            database, name = session.scope.schema_name(statement.name)
            return last_dropped(catalog, Schema, catalog.database(database).id, name, now)
        case _:
            full = session.scope.full(statement.name)
            return last_dropped(catalog, Table, catalog.schema(full.database, full.schema).id, full.name, now)
