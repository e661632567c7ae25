"""What all SHOW commands share: the shape of what they give, and which objects are meant."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any, TypeVar

from snowmelt.base.datatypes import TIMESTAMP_LTZ, VARCHAR, DataType
from snowmelt.catalog.objects import Database, Schema, SchemaObject, Table
from snowmelt.catalog.retention import Holder, retention_of
from snowmelt.sql.statements import Show
from snowmelt.sql.tracking import physical

if TYPE_CHECKING:
    from snowmelt.session.session import Session

Columns = list[tuple[str, DataType]]
Rows = list[tuple[Any, ...]]
Shown = tuple[Columns, Rows]

T = TypeVar("T", bound=SchemaObject)
H = TypeVar("H", bound=Database | Schema | SchemaObject)


def columns(text: str, **types: DataType) -> Columns:
    """Column definitions from names in one text; VARCHAR unless named in `types`, and ``created_on`` is a time."""
    known = {"created_on": TIMESTAMP_LTZ, "dropped_on": TIMESTAMP_LTZ, **types}
    return [(name, known.get(name, VARCHAR)) for name in text.split()]


def visible(session: Session, *kinds: type[T]) -> list[T]:
    """All objects of the given classes that the session can see, temporary ones of its own included."""
    found: list[T] = [item for kind in kinds for item in session.services.engine.catalog.all(kind)]
    found += [item for item in session.core.temporary.values() if isinstance(item, kinds)]
    return found


def dropped(session: Session, statement: Show, kind: type[H]) -> dict[int, tuple[H, datetime]]:
    """What SHOW ... HISTORY shows of dropped objects: by id the object and when it was dropped."""
    if not statement.history:
        return {}
    now = session.services.clock.now()
    graves = session.services.engine.catalog.dropped.values()
    return {
        each.item.id: (each.item, each.dropped_on)
        for each in graves
        if isinstance(each.item, kind) and each.kept_until > now
    }


def with_dropped_on(header: str, statement: Show) -> str:
    """The columns' names, with dropped_on for HISTORY."""
    return header.replace("retention_time", "retention_time dropped_on") if statement.history else header


def in_scope(session: Session, statement: Show, *kinds: type[T]) -> list[T]:
    """The visible objects of the given classes within the statement's scope, by name; dropped ones for HISTORY."""
    database, schema = _scope(session, statement)
    graves = [item for kind in kinds for item, _ in dropped(session, statement, kind).values()]
    chosen = [
        item
        for item in (*visible(session, *kinds), *graves)
        if database in (None, item.full_name.database) and schema in (None, item.full_name.schema)
    ]
    return sorted(chosen, key=lambda item: (item.full_name, item.id))


def _scope(session: Session, statement: Show) -> tuple[str | None, str | None]:
    """The database and schema that a SHOW is limited to; None for all."""
    name = statement.scope_name
    catalog = session.services.engine.catalog
    match statement.scope:
        case "ACCOUNT":
            return None, None
        case "DATABASE":
            database = session.database if name is None else name.name
            if database is None:
                return None, None
            catalog.database(database)
            return database, None
        case "SCHEMA" if name is not None:
            found_database, schema = session.scope.schema_name(name)
            catalog.check_schema(found_database, schema)
            return found_database, schema
        case "" if name is not None:
            found_database, schema = session.scope.schema_name(name)
            return found_database, schema
        case _:
            return session.database, session.schema


def retention_days(session: Session, item: Holder) -> int:
    """For how many days the past of an object is kept."""
    services = session.services
    return retention_of(services.engine.catalog, services.account, item).days


def row_counts(session: Session, tables: Sequence[Table]) -> dict[int, int]:
    """How many rows tables have now, by their ids; one query for all, which the engine answers from its statistics."""
    if not tables:
        return {}
    counts = " UNION ALL ".join(f"SELECT {t.id}, count(*) FROM {physical(t)}" for t in tables)
    return {int(number): int(count) for number, count in session.core.connection.run(counts)}


_ROW_BYTES = 16
"""A plausible size of a row's column on disk: the engine knows the real one only by reading the table."""


def byte_count(table: Table, rows: int) -> int:
    """About how many bytes the table takes: not measured, but 0 for no rows, and more for more."""
    return rows * len(table.columns) * _ROW_BYTES
