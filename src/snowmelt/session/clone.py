"""CREATE ... CLONE of tables, schemas, databases, and of single streams, sequences, file formats and tasks.

Source: docs.snowflake.com/en/sql-reference/sql/create-clone
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any, TypeVar

from snowmelt.base.errors import SqlError, object_exists, object_missing, unsupported
from snowmelt.base.request import Request
from snowmelt.base.result import Result, status_result
from snowmelt.catalog.catalog import Catalog, Change, Overtaken, key_of
from snowmelt.catalog.names import FullName, display
from snowmelt.catalog.objects import (
    Database,
    Durability,
    FileFormat,
    Schema,
    SchemaObject,
    Stream,
    Table,
    Task,
)
from snowmelt.catalog.objects import Sequence as SequenceObject
from snowmelt.session.copies import Copies
from snowmelt.session.definitions import apply_change, create_object, existing
from snowmelt.session.planner import SessionPlanner
from snowmelt.session.queries import release
from snowmelt.session.session import Session
from snowmelt.session.staleness import out_of_reach
from snowmelt.session.tables import durability_in
from snowmelt.session.time_travel import Point, check_reach, point_of
from snowmelt.sql import tracking
from snowmelt.sql.statements import Clone

_SINGLE: dict[str, type[SchemaObject]] = {
    "STREAM": Stream,
    "SEQUENCE": SequenceObject,
    "FILE FORMAT": FileFormat,
    "TASK": Task,
}


def clone(session: Session, statement: Clone, request: Request) -> Result:
    """CREATE ... CLONE."""
    session.core.commit()
    point = _point(session, statement, request)
    match statement.kind:
        case "DATABASE":
            return _clone_database(session, statement, point)
        case "SCHEMA":
            return _clone_schema(session, statement, point)
        case "TABLE":
            return _clone_table(session, statement, point)
        case _:
            item = existing(session, _SINGLE[statement.kind], session.scope.full(statement.source))
            return _create(session, statement, item, None, None)


def _point(session: Session, statement: Clone, request: Request) -> Point | None:
    if statement.at is None:
        return None
    planner = SessionPlanner(session, request)
    try:
        return point_of(planner, statement.at)
    finally:
        release(session, planner)


def _clone_table(session: Session, statement: Clone, point: Point | None) -> Result:
    source = session.relation(session.scope.full(statement.source))
    if not isinstance(source, Table):
        raise object_missing("Table", str(statement.source))
    if source.is_event:
        raise unsupported("CLONE of an event table")
    if point is not None:
        if not tracking.is_tracked(source):
            raise unsupported("time travel of a temporary table")
        check_reach(session, source, point)
    durability = durability_in(session, session.scope.full(statement.name), statement.durability)
    _check_durability(source.durability, durability)
    return _create(session, statement, source, point, durability)


def _check_durability(source: Durability, wanted: Durability) -> None:
    """A clone is kept no better than what it is made of."""
    if wanted is Durability.PERMANENT and source is not Durability.PERMANENT:
        kind = "Transient" if source is Durability.TRANSIENT else "Temporary"
        raise SqlError(f"SQL compilation error:\n{kind} object cannot be cloned to a permanent object.", 2120, "0A000")


def _create(
    session: Session, statement: Clone, item: SchemaObject, point: Point | None, durability: Durability | None
) -> Result:
    name = session.scope.full(statement.name)
    copies = Copies(session, lambda full: name if full == item.full_name else full, point)
    copies.add([item], durability)
    (made,) = copies.entities
    assert isinstance(made, SchemaObject)
    if statement.new_comment is not None:
        made = dataclasses.replace(made, comment=statement.new_comment)
    return create_object(
        session,
        statement,
        made,
        ahead=copies.fill,
        temporary=durability is Durability.TEMPORARY,
        made_from=tuple(copies.sources),
    )


# --- schemas and databases -------------------------------------------------------------------------------------------


def _clone_schema(session: Session, statement: Clone, point: Point | None) -> Result:
    catalog = session.services.engine.catalog
    database, name = session.scope.schema_name(statement.name)
    source = catalog.schema(*session.scope.schema_name(statement.source))
    catalog.database(database)
    _check_existed(source, point)
    transient = catalog.database(database).transient or statement.durability is Durability.TRANSIENT
    _check_durability(_durability(source), Durability.TRANSIENT if transient else Durability.PERMANENT)

    def there(full: FullName) -> FullName:
        inside = (full.database, full.schema) == (source.database, source.name)
        return FullName(database, name, full.name) if inside else full

    copies = Copies(session, there, point)
    copies.add(_members(session, statement, source, point))
    made = _container(session, statement, source, name=name, database=database, transient=transient)
    return _create_container(session, statement, (made,), copies)


def _clone_database(session: Session, statement: Clone, point: Point | None) -> Result:
    catalog = session.services.engine.catalog
    source, name = catalog.database(statement.source.name), statement.name.name
    _check_existed(source, point)
    transient = statement.durability is Durability.TRANSIENT
    _check_durability(_durability(source), Durability.TRANSIENT if transient else Durability.PERMANENT)

    def there(full: FullName) -> FullName:
        return dataclasses.replace(full, database=name) if full.database == source.name else full

    copies = Copies(session, there, point)
    schemas = _existed(session, catalog.schemas(source.name), source.id, Schema, point)
    members = [item for schema in schemas for item in _members(session, statement, schema, point)]
    copies.add(members)
    table = None if source.event_table is None else there(source.event_table)
    made = _container(session, statement, source, name=name, transient=transient, event_table=table)
    inside = tuple(_container(session, None, schema, database=name) for schema in schemas)
    return _create_container(session, statement, (made, *inside), copies)


def _check_existed(container: Database | Schema, point: Point | None) -> None:
    if point is not None and point.moment < container.created_on:
        raise out_of_reach(container)


def _durability(container: Database | Schema) -> Durability:
    return Durability.TRANSIENT if container.transient else Durability.PERMANENT


C = TypeVar("C", Database, Schema)


def _container(session: Session, statement: Clone | None, source: C, **changes: Any) -> C:
    services = session.services
    if statement is not None and statement.new_comment is not None:
        changes["comment"] = statement.new_comment
    head: dict[str, Any] = {"id": services.engine.next_id(), "created_on": services.clock.now()}
    return dataclasses.replace(source, **(head | changes))


E = TypeVar("E", Schema, SchemaObject)


def _existed(session: Session, present: Sequence[E], parent: int, kind: type[E], point: Point | None) -> list[E]:
    """Of what lies in a container, what there was at a point, also where it has been dropped since."""
    if point is None:
        return list(present)
    found = [item for item in present if item.created_on <= point.moment]
    for dropped in session.services.engine.catalog.dropped.values():
        item = dropped.item
        if (
            isinstance(item, kind)
            and dropped.parent == parent
            and item.created_on <= point.moment < dropped.dropped_on
            and dropped.kept_until > session.services.clock.now()
        ):
            found.append(item)
    return found


def _members(session: Session, statement: Clone, schema: Schema, point: Point | None) -> list[SchemaObject]:
    """What is copied of a schema: not stages and models, nor tables whose past is gone, where that is asked for."""
    catalog = session.services.engine.catalog
    present: list[SchemaObject] = []
    if catalog.find_schema(schema.database, schema.name) == schema:
        inside = catalog.inside(schema.database, schema.name)
        present = [item for item in inside if isinstance(item, SchemaObject)]
    members: list[SchemaObject] = []
    for item in _existed(session, present, schema.id, SchemaObject, point):
        if isinstance(item, Table) and point is not None:
            try:
                check_reach(session, item, point)
            except SqlError:
                if statement.ignore_purged:
                    continue
                raise
        members.append(item)
    return members


def _create_container(
    session: Session, statement: Clone, containers: tuple[Database | Schema, ...], copies: Copies
) -> Result:
    top = containers[0]
    seen = session.services.engine.catalog.entities.get(key_of(top))
    known = seen is not None and statement.if_not_exists

    def build(catalog: Catalog) -> Change:
        catalog.check_current(*copies.sources)
        present = catalog.entities.get(key_of(top))
        if present is not seen:
            raise Overtaken(top.name)
        put = (*containers, *copies.entities)
        if present is None:
            return Change(put=put)
        if known:
            return Change()
        if not statement.or_replace:
            raise object_exists(display(top.name))
        inside = catalog.inside(top.name) if isinstance(top, Database) else catalog.inside(top.database, top.name)
        return Change(put=put, drop=(*inside, present))

    apply_change(session, build, ahead=None if known else copies.fill)
    if isinstance(top, Schema):
        session.database, session.schema = top.database, top.name
    else:
        public = session.services.engine.catalog.find_schema(top.name, "PUBLIC")
        session.database, session.schema = top.name, None if public is None else public.name
    if known:
        return status_result(f"{top.name} already exists, statement succeeded.")
    return status_result(f"{statement.kind.capitalize()} {top.name} successfully created.")
