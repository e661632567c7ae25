"""What all DDL shares: a definition ends the open transaction, honours OR REPLACE and IF NOT EXISTS, and is one change
of the catalog together with its physical tables.

Source: docs.snowflake.com/en/sql-reference/transactions (DDL commits)
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import replace
from typing import TypeVar

from snowmelt.base.errors import object_exists, object_missing
from snowmelt.base.result import Result, status_result
from snowmelt.catalog.catalog import Catalog, Change, Entity, Overtaken, key_of
from snowmelt.catalog.graves import burials
from snowmelt.catalog.names import FullName
from snowmelt.catalog.objects import (
    Durability,
    Function,
    Model,
    Schema,
    SchemaObject,
    Sequence,
    Stage,
    Stream,
    Table,
    Task,
)
from snowmelt.session.services import Services
from snowmelt.session.session import Session
from snowmelt.session.unread import warning
from snowmelt.sql import numbering, tracking
from snowmelt.sql.statements import Create
from snowmelt.storage.connection import Connection
from snowmelt.streams.offsets import drop_offset

S = TypeVar("S", bound=SchemaObject)

KIND_NAMES: dict[str, str] = {
    "Table": "Table",
    "View": "View",
    "Stream": "Stream",
    "Task": "Task",
    "Stage": "Stage area",
    "FileFormat": "File format",
    "Sequence": "Sequence",
    "Procedure": "Function",
    "Function": "Function",
    "Model": "Model",
}
"""What Snowflake calls an object's class in "... successfully created."."""


def apply_change(
    session: Session,
    build: Callable[[Catalog], Change],
    physical: Callable[[Connection], None] | None = None,
    ahead: Callable[[Connection], None] | None = None,
    alters: Table | None = None,
) -> None:
    """Commit the open transaction, then carry out one change of the catalog. What it drops is kept for as long as it
    can be had back. The scheduler is told when there are tasks among it.

    Args:
        ahead: see `Engine.change`.
        alters: the table whose columns change, to which nobody may write meanwhile.

    Raises:
        Overtaken: what the change was made from has been changed by another session.
        SqlError: what `build` or `physical` raise; what `build` does not like commits nothing.
    """
    engine = session.services.engine
    build(engine.catalog)
    session.core.commit()
    dropped: list[Entity] = []
    tasks = False

    def remember(catalog: Catalog) -> Change:
        nonlocal tasks
        change = build(catalog)
        _check_schemas(catalog, change)
        tasks = any(isinstance(entity, Task) for entity in (*change.put, *change.drop))
        kept = {entity.id for entity in change.put}
        gone = [entity for entity in change.drop if entity.id not in kept]
        buried = burials(catalog, session.services.account, session.services.clock.now(), gone)
        recoverable = {each.item.id for each in buried}
        dropped.extend(entity for entity in gone if entity.id not in recoverable)
        return replace(change, bury=(*change.bury, *buried))

    def work(connection: Connection) -> None:
        for entity in dropped:
            drop_physically(connection, entity)
        if physical is not None:
            physical(connection)

    gate = nullcontext() if alters is None else engine.locks.altering(alters.id, session.core.cancel)
    with gate:
        engine.change(session.core.connection, remember, work, ahead)
    if tasks:
        session.services.tasks.tasks_changed()
    for entity in dropped:
        remove_files(session.services, entity)


def _check_schemas(catalog: Catalog, change: Change) -> None:
    """What is put must lie in a schema that is there, or comes with it: another session may have dropped it.

    Raises:
        SqlError: 002003 when it is gone.
    """
    new = {key_of(entity) for entity in change.put}
    for entity in change.put:
        if isinstance(entity, SchemaObject):
            full = entity.full_name
            if ("SCHEMA", full.database, full.schema) not in new:
                catalog.schema(full.database, full.schema)


def drop_physically(connection: Connection, entity: Entity) -> None:
    """Remove what the engine holds of an object that is gone for good."""
    if isinstance(entity, Table):
        for text in tracking.drop_table(entity):
            connection.run(text)
    elif isinstance(entity, Stream):
        drop_offset(connection, entity.id)
    elif isinstance(entity, Sequence):
        connection.run(numbering.drop(entity.id))


def remove_files(services: Services, entity: Entity) -> None:
    """Remove a dropped object's files; the catalog no longer knows them, so a crash here leaves only garbage."""
    if isinstance(entity, Stage):
        services.stages.drop(entity.id)
    elif isinstance(entity, Function):
        services.pool.forget(f"udf_{entity.id}:")
    elif isinstance(entity, Model):
        services.inference.forget(entity)


def create_object(
    session: Session,
    statement: Create,
    item: S,
    *,
    physical: Callable[[Connection, S], None] | None = None,
    ahead: Callable[[Connection], None] | None = None,
    temporary: bool = False,
    message: str | None = None,
    made_from: tuple[Entity, ...] = (),
    check: Callable[[Catalog], None] = lambda catalog: None,
    also: Callable[[Catalog], tuple[Entity, ...]] = lambda catalog: (),
) -> Result:
    """Put a new schema object into the catalog, or among the session's temporary ones.

    Args:
        ahead: as `physical`, for what may take long; see `Engine.change`.
        made_from: what the definition was read from; the statement is run again when it has changed since.
        check: whether the object may be in that catalog; raises when it may not.
        also: what else of the catalog changes with it.

    Raises:
        SqlError: 002002 when the name is taken, 002003 when the schema is missing.
    """
    kind = KIND_NAMES[type(item).__name__]
    session.services.engine.catalog.schema(item.full_name.database, item.full_name.schema)
    done = message or f"{kind} {item.name} successfully created."
    if temporary:

        def make(connection: Connection, created: S) -> None:
            if physical is not None:
                physical(connection, created)
            if ahead is not None:
                ahead(connection)

        return _create_temporary(session, statement, replace(item, session=session.id), make, status_result(done))
    seen = session.services.engine.catalog.entities.get(key_of(item))
    lost = "" if seen is None or not statement.or_replace else warning(session, seen, replaced=True)
    known = False

    def build(catalog: Catalog) -> Change:
        nonlocal known
        catalog.check_current(*made_from)
        present = catalog.entities.get(key_of(item))
        if ahead is not None and present is not seen:
            raise Overtaken(str(item.full_name))
        if not (known := statement.if_not_exists and present is not None):
            check(catalog)
        if present is None:
            return Change(put=(item, *also(catalog)))
        if known:
            return Change()
        if not statement.or_replace or type(present) is not type(item):
            raise object_exists(item.name)
        return Change(put=(item, *also(catalog)), drop=(present,))

    def work(connection: Connection) -> None:
        if physical is not None and not known:
            physical(connection, item)

    in_vain = ahead is None or (seen is not None and statement.if_not_exists)
    apply_change(session, build, work, None if in_vain else ahead)
    return status_result(f"{item.name} already exists, statement succeeded." if known else done + lost)


def _create_temporary(
    session: Session,
    statement: Create,
    item: S,
    physical: Callable[[Connection, S], None],
    done: Result,
) -> Result:
    present = session.core.temporary.get(key_of(item))
    if present is not None:
        if statement.if_not_exists:
            return status_result(f"{item.name} already exists, statement succeeded.")
        if not statement.or_replace:
            raise object_exists(item.name)
    connection = session.core.connection
    session.core.commit()
    connection.begin()
    try:
        physical(connection, item)
        if present is not None:
            drop_physically(connection, present)
        connection.commit()
    except BaseException:
        connection.rollback()
        raise
    session.core.put_temporary(item)
    return done


def drop_temporary(session: Session, item: SchemaObject) -> None:
    """Drop one of the session's temporary objects."""
    drop_physically(session.core.connection, item)
    remove_files(session.services, item)
    del session.core.temporary[key_of(item)]


def create_table_physically(connection: Connection, table: Table) -> None:
    """The physical tables of a new table."""
    for text in tracking.create_table(table):
        connection.run(text)


def create_sequence_physically(connection: Connection, sequence: Sequence) -> None:
    """The engine's sequence behind a new one."""
    connection.run(numbering.create(sequence.id, sequence.start, sequence.increment))


def is_temporary(durability: Durability) -> bool:
    """Whether an object of that durability belongs to its session."""
    return durability is Durability.TEMPORARY


def replace_object(session: Session, old: S, new: S, check: Callable[[Catalog], None] = lambda catalog: None) -> None:
    """Exchange an object's definition for another of the same id, made from it.

    Args:
        check: whether the object may be in that catalog; raises when it may not.

    Raises:
        Overtaken: somebody else changed or dropped it in the meantime.
        SqlError: 002002 when it gets a name that is taken.
    """
    if old.session is not None:
        session.core.temporary.pop(key_of(old), None)
        session.core.put_temporary(new)
        return

    def build(catalog: Catalog) -> Change:
        catalog.check_current(old)
        check(catalog)
        if key_of(new) != key_of(old) and key_of(new) in catalog.entities:
            raise object_exists(new.name)
        return Change(put=(new,), drop=(old,))

    apply_change(session, build)


def existing(session: Session, kind: type[S], full: FullName) -> S:
    """The object of class `kind` of that name.

    Raises:
        SqlError: 002003 when there is none.
    """
    found = session.find(kind, full)
    if found is None:
        raise object_missing(KIND_NAMES[kind.__name__], str(full))
    return found


def dependents(catalog: Catalog, schemas: list[Schema]) -> tuple[Entity, ...]:
    """Everything in the given schemas, and the schemas."""
    found: list[Entity] = []
    for schema in schemas:
        found += catalog.inside(schema.database, schema.name)
    return (*found, *schemas)
