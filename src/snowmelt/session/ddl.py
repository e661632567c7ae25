"""Databases, schemas, and the plain objects: CREATE and DROP."""

from __future__ import annotations

from typing import TypedDict

from snowmelt.base.errors import SqlError, object_exists, object_missing, other_kind, unsupported
from snowmelt.base.request import Request
from snowmelt.base.result import Result, status_result
from snowmelt.catalog.catalog import Catalog, Change, Entity, signature
from snowmelt.catalog.names import FullName, Name, display
from snowmelt.catalog.objects import (
    Database,
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
)
from snowmelt.catalog.retention import EXTENSION, RETENTION, checked_days
from snowmelt.session.definitions import (
    apply_change,
    create_object,
    create_sequence_physically,
    drop_temporary,
    is_temporary,
)
from snowmelt.session.session import Session
from snowmelt.session.stages import typed_format
from snowmelt.session.tasks import drop_task
from snowmelt.session.unread import warning, warning_of_contents
from snowmelt.session.warehouses import drop_warehouse
from snowmelt.sql import statements as st
from snowmelt.storage.formats import parse_format

CLASSES: dict[str, type[SchemaObject]] = {
    "TABLE": Table,
    "VIEW": View,
    "STREAM": Stream,
    "TASK": Task,
    "STAGE": Stage,
    "FILE FORMAT": FileFormat,
    "SEQUENCE": Sequence,
    "PROCEDURE": Procedure,
    "FUNCTION": Function,
    "MODEL": Model,
}
"""Classes by the word that follows DROP, DESCRIBE or COMMENT ON."""


def create_database(session: Session, statement: st.CreateDatabase, request: Request) -> Result:
    """CREATE DATABASE, with its schema PUBLIC; it becomes the current one."""
    engine = session.services.engine
    now = session.services.clock.now()
    database = Database(
        statement.name,
        engine.next_id(),
        now,
        comment=statement.comment,
        transient=statement.transient,
        **_kept(statement),
    )
    public = Schema("PUBLIC", statement.name, engine.next_id(), now)
    known = False
    lost = warning_of_contents(session, engine.catalog.inside(statement.name) if statement.or_replace else ())

    def build(catalog: Catalog) -> Change:
        nonlocal known
        present = catalog.entities.get(("DATABASE", statement.name))
        if present is None:
            return Change(put=(database, public))
        if statement.if_not_exists:
            known = True
            return Change()
        if not statement.or_replace:
            raise object_exists(display(statement.name))
        return Change(put=(database, public), drop=(*catalog.inside(statement.name), present))

    apply_change(session, build)
    session.database, session.schema = statement.name, "PUBLIC"
    if known:
        return status_result(f"{statement.name} already exists, statement succeeded.")
    return status_result(f"Database {statement.name} successfully created.{lost}")


def create_schema(session: Session, statement: st.CreateSchema, request: Request) -> Result:
    """CREATE SCHEMA; it becomes the current one."""
    database, name = session.scope.schema_name(statement.name)
    schema = Schema(
        name,
        database,
        session.services.engine.next_id(),
        session.services.clock.now(),
        comment=statement.comment,
        transient=statement.transient,
        **_kept(statement),
    )
    known = False
    replaced = session.services.engine.catalog.inside(database, name) if statement.or_replace else ()
    lost = warning_of_contents(session, replaced)

    def build(catalog: Catalog) -> Change:
        nonlocal known
        catalog.database(database)
        present = catalog.entities.get(("SCHEMA", database, name))
        if name == "INFORMATION_SCHEMA" or (
            present is not None and not statement.or_replace and not statement.if_not_exists
        ):
            raise object_exists(display(name))
        if present is None:
            return Change(put=(schema,))
        if statement.if_not_exists:
            known = True
            return Change()
        return Change(put=(schema,), drop=(*catalog.inside(database, name), present))

    apply_change(session, build)
    session.database, session.schema = database, name
    if known:
        return status_result(f"{name} already exists, statement succeeded.")
    return status_result(f"Schema {name} successfully created.{lost}")


class _Kept(TypedDict):
    retention_days: int | None
    extension_days: int | None


def _kept(statement: st.CreateDatabase | st.CreateSchema) -> _Kept:
    days, extension = statement.retention_days, statement.extension_days
    return {
        "retention_days": None if days is None else checked_days(RETENTION, days, transient=statement.transient),
        "extension_days": None if extension is None else checked_days(EXTENSION, extension),
    }


def create_sequence(session: Session, statement: st.CreateSequence, request: Request) -> Result:
    """CREATE SEQUENCE."""
    if statement.increment == 0:
        raise SqlError("SQL compilation error:\ninvalid value [0] for parameter 'INCREMENT'", 1008, "22023")
    sequence = Sequence(
        session.scope.full(statement.name),
        session.services.engine.next_id(),
        session.services.clock.now(),
        start=statement.start,
        increment=statement.increment,
        ordered=statement.ordered,
        comment=statement.comment,
        owner=session.role or "",
    )
    return create_object(session, statement, sequence, physical=create_sequence_physically)


def create_stage(session: Session, statement: st.CreateStage, request: Request) -> Result:
    """CREATE STAGE: a directory of the data directory."""
    if statement.file_format:
        typed_format(session, statement.file_format)
    stage = Stage(
        session.scope.full(statement.name),
        session.services.engine.next_id(),
        session.services.clock.now(),
        durability=statement.durability,
        file_format=statement.file_format,
        directory=statement.directory,
        comment=statement.comment,
    )
    return create_object(session, statement, stage, temporary=is_temporary(statement.durability))


def create_file_format(session: Session, statement: st.CreateFileFormat, request: Request) -> Result:
    """CREATE FILE FORMAT; its options are checked at once."""
    parse_format(statement.options)
    file_format = FileFormat(
        session.scope.full(statement.name),
        session.services.engine.next_id(),
        session.services.clock.now(),
        options=statement.options,
        durability=statement.durability,
        comment=statement.comment,
    )
    return create_object(session, statement, file_format, temporary=is_temporary(statement.durability))


# --- DROP ------------------------------------------------------------------------------------------------------------


def drop(session: Session, statement: st.Drop, request: Request) -> Result:
    """DROP of anything."""
    if statement.restrict and statement.kind != "TABLE":
        raise unsupported(f"DROP {statement.kind} ... RESTRICT")
    if statement.kind == "DATABASE":
        return _drop_database(session, statement)
    if statement.kind == "SCHEMA":
        return _drop_schema(session, statement)
    cls = CLASSES.get(statement.kind)
    if cls is None and statement.kind != "WAREHOUSE":
        raise unsupported(f"DROP {statement.kind}")
    try:
        if cls is None:
            drop_warehouse(session, statement.name.name)
            return status_result(f"{statement.name.name} successfully dropped.")
        item = find_object(session, cls, statement.kind, statement.name, statement.arguments)
    except SqlError as error:
        if statement.if_exists and error.code in (2003, 2043):
            return status_result(f"Drop statement executed successfully ({statement.name.name} already dropped).")
        raise
    if statement.restrict:
        _check_references(session, item)
    lost = warning(session, item)
    if item.session is not None:
        drop_temporary(session, item)
    elif isinstance(item, Task):
        drop_task(session, item)
    else:
        _drop_object(session, item)
    return status_result(f"{item.name} successfully dropped.{lost}")


def _drop_object(session: Session, item: SchemaObject) -> None:
    def build(catalog: Catalog) -> Change:
        catalog.check_current(item)
        return Change(drop=(item,))

    apply_change(session, build)


def _check_references(session: Session, item: SchemaObject) -> None:
    """RESTRICT: nothing may point to the table.

    Raises:
        SqlError: 003540 when a foreign key of another table does.
    """
    for table in session.services.engine.catalog.all(Table):
        if table.id != item.id and any(each.references == item.id for each in table.constraints):
            raise SqlError(
                f"SQL compilation error:\nCannot drop table '{item.name}' because it is referenced by a foreign key of "
                f"table '{table.full_name}'.",
                3540,
                "42601",
            )


def find_object(
    session: Session, cls: type[SchemaObject], kind: str, name: Name, arguments: tuple[object, ...] | None = None
) -> SchemaObject:
    """The object that a statement such as DROP or DESCRIBE names.

    Raises:
        SqlError: 002003 when there is none, 002203 when what is there is a table or a view where the other was named.
    """
    full = session.scope.full(name)
    session.services.engine.catalog.schema(full.database, full.schema)
    found: SchemaObject | None
    if issubclass(cls, Routine):
        found = _find_routine(session, cls, full, arguments)
    elif cls in (Table, View, Stream):
        present = session.relation(full)
        found = present if isinstance(present, cls) else None
        if found is None and present is not None and not isinstance(present, Stream) and cls is not Stream:
            raise other_kind(type(present).__name__.upper(), kind)
    else:
        found = session.find(cls, full)
    if found is None:
        raise object_missing(kind.capitalize(), str(name))
    return found


def _find_routine(
    session: Session, cls: type[Routine], full: FullName, arguments: tuple[object, ...] | None
) -> Routine | None:
    wanted = ",".join(item.kind.value for item in arguments or () if hasattr(item, "kind"))
    for item in session.overloads(cls, full):
        if arguments is None or signature(item) == wanted:
            return item
    return None


def _drop_database(session: Session, statement: st.Drop) -> Result:
    name = statement.name.name
    catalog = session.services.engine.catalog
    if statement.if_exists and ("DATABASE", name) not in catalog.entities:
        return status_result(f"Drop statement executed successfully ({name} already dropped).")

    def build(catalog: Catalog) -> Change:
        database = catalog.database(name)
        return Change(drop=(*_without_database(catalog.inside(name)), database))

    lost = warning_of_contents(session, catalog.inside(name))
    apply_change(session, build)
    if session.database == name:
        session.database = session.schema = None
    return status_result(f"{name} successfully dropped.{lost}")


def _without_database(entities: list[Entity]) -> list[Entity]:
    return [entity for entity in entities if not isinstance(entity, Database)]


def _drop_schema(session: Session, statement: st.Drop) -> Result:
    database, name = session.scope.schema_name(statement.name)
    if statement.if_exists and ("SCHEMA", database, name) not in session.services.engine.catalog.entities:
        return status_result(f"Drop statement executed successfully ({name} already dropped).")

    def build(catalog: Catalog) -> Change:
        schema = catalog.schema(database, name)
        return Change(drop=(*catalog.inside(database, name), schema))

    lost = warning_of_contents(session, session.services.engine.catalog.inside(database, name))
    apply_change(session, build)
    if (session.database, session.schema) == (database, name):
        public = ("SCHEMA", database, "PUBLIC") in session.services.engine.catalog.entities
        session.schema = "PUBLIC" if public else None
    return status_result(f"{name} successfully dropped.{lost}")
