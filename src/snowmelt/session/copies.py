"""Copies of objects: their pictures in the catalog, and what goes with them in the engine.

Rows are copied. A copy has a history of its own, which begins with it: its rows are marked as older than all
transactions, so that a stream which is copied along has nothing to show.

Source: docs.snowflake.com/en/user-guide/object-clone
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable
from typing import Any

from snowmelt.base.errors import unsupported
from snowmelt.catalog.catalog import Entity, key_of
from snowmelt.catalog.names import FullName, parse_name
from snowmelt.catalog.objects import (
    Constraint,
    Durability,
    FileFormat,
    Function,
    Procedure,
    SchemaObject,
    Sequence,
    Stream,
    Table,
    TableColumn,
    Task,
    TaskStatus,
    View,
)
from snowmelt.session.constraints import copied
from snowmelt.session.session import Session
from snowmelt.session.tasks import acting_user
from snowmelt.session.time_travel import Point
from snowmelt.sql import deltas, numbering, tracking
from snowmelt.storage.connection import Connection
from snowmelt.streams.offsets import copy_offset, create_offset

There = Callable[[FullName], FullName]
"""The name that a copy has; for what is not copied, its own."""

_NEXTVAL = ".NEXTVAL"
_PLAIN = (FileFormat, Procedure, Function)


class Copies:
    """The copies that one statement makes.

    Args:
        point: the point in time whose rows are copied; None for the present.

    Attributes:
        entities: the new objects.
        sources: what they are made from, of what there is at present.
    """

    def __init__(self, session: Session, there: There, point: Point | None) -> None:
        self.entities: list[Entity] = []
        self.sources: list[SchemaObject] = []
        self._session = session
        self._there = there
        self._point = point
        self._tables: dict[int, int] = {}
        self._views: dict[int, int] = {}
        self._physical: list[Callable[[Connection], None]] = []

    def add(self, items: Iterable[SchemaObject], durability: Durability | None = None) -> None:
        """Copy objects; those that refer to each other will refer to each other's copies.

        Args:
            durability: of the tables; None for that which they have.
        """
        listed = list(items)
        present = self._session.services.engine.catalog.entities
        self.sources += [item for item in listed if present.get(key_of(item)) is item]
        tables = [item for item in listed if isinstance(item, Table)]
        self._views |= {item.id: self._session.services.engine.next_id() for item in listed if isinstance(item, View)}
        self._tables |= {table.id: self._session.services.engine.next_id() for table in tables}
        for table in tables:
            self.entities.append(self._table(table, durability or table.durability))
        for item in listed:
            if isinstance(item, Stream):
                self.entities.append(self._stream(item))
            elif isinstance(item, Sequence):
                self.entities.append(self._sequence(item))
            elif isinstance(item, Task):
                self.entities.append(self._task(item))
            elif isinstance(item, View):
                self.entities.append(self._copy(item, id=self._views[item.id]))
            elif isinstance(item, _PLAIN):
                self.entities.append(self._copy(item))

    def fill(self, connection: Connection) -> None:
        """Make and fill what the engine holds of the copies, in the open transaction."""
        for work in self._physical:
            work(connection)

    # --- one kind each -----------------------------------------------------------------------------------------------

    def _copy(self, item: SchemaObject, **changes: Any) -> SchemaObject:
        services = self._session.services
        head: dict[str, Any] = {
            "full_name": self._there(item.full_name),
            "id": services.engine.next_id(),
            "created_on": services.clock.now(),
            "session": None,
        }
        return dataclasses.replace(item, **(head | changes))

    def _table(self, table: Table, durability: Durability) -> Table:
        columns = tuple(self._column(table, column) for column in table.columns)
        constraints = copied(self._session, tuple(map(self._constraint, table.constraints)))
        made = self._copy(
            table,
            id=self._tables[table.id],
            columns=columns,
            constraints=constraints,
            durability=durability,
            tracked_since=None,
            row_origins=(),
        )
        assert isinstance(made, Table)
        if tracking.is_tracked(table) and tracking.is_tracked(made):
            last = self._session.core.connection.scalar(tracking.last_row(table)) or 0
            made = dataclasses.replace(made, row_origins=(*table.row_origins, (table.id, int(last))))
        self._physical.append(lambda connection: self._fill_table(connection, table, made))
        return made

    def _column(self, table: Table, column: TableColumn) -> TableColumn:
        if column.identity is not None:
            if table.durability is Durability.TEMPORARY:
                raise unsupported("CLONE of a temporary table with an AUTOINCREMENT column")
            identity = dataclasses.replace(column.identity, id=self._session.services.engine.next_id())
            return dataclasses.replace(column, identity=identity)
        default = column.default
        if default is not None and default.upper().endswith(_NEXTVAL):
            name = parse_name(default[: -len(_NEXTVAL)])
            if name.database is not None and name.schema is not None:
                there = self._there(FullName(name.database, name.schema, name.name))
                return dataclasses.replace(column, default=f"{there}{_NEXTVAL}")
        return column

    def _constraint(self, constraint: Constraint) -> Constraint:
        if constraint.references is None:
            return constraint
        return dataclasses.replace(
            constraint, references=self._tables.get(constraint.references, constraint.references)
        )

    def _fill_table(self, connection: Connection, table: Table, made: Table) -> None:
        begun = dataclasses.replace(
            made,
            columns=tuple(
                self._numbered(connection, old, new) for old, new in zip(table.columns, made.columns, strict=True)
            ),
        )
        # Rows keep their numbers; those that came since the clone was planned count as the clone's own.
        numbered = bool(made.row_origins)
        first = int(connection.scalar(tracking.last_row(table)) or 0) + 1 if numbered else 1
        for text in tracking.create_table(begun, first):
            connection.run(text)
        if self._point is None:
            rows = tracking.rows(table, numbered=numbered)
        else:
            rows = deltas.rows_at(table, self._point.version, numbered=numbered)
        connection.run(tracking.fill(made, rows, numbered=numbered))
        connection.wrote = connection.wrote or tracking.is_tracked(made)

    @staticmethod
    def _numbered(connection: Connection, old: TableColumn, new: TableColumn) -> TableColumn:
        """A copied AUTOINCREMENT column goes on where the old one is."""
        if old.identity is None or new.identity is None:
            return new
        start = int(connection.scalar(numbering.following(old.identity.id, old.identity.increment)))
        return dataclasses.replace(new, identity=dataclasses.replace(new.identity, start=start))

    def _sequence(self, sequence: Sequence) -> SchemaObject:
        made = self._copy(sequence)

        def work(connection: Connection) -> None:
            start = int(connection.scalar(numbering.following(sequence.id, sequence.increment)))
            connection.run(numbering.create(made.id, start, sequence.increment))

        self._physical.append(work)
        return made

    def _stream(self, stream: Stream) -> SchemaObject:
        """A stream on what is copied along begins with the copy; any other goes on where the old one is."""
        copied = self._tables | self._views
        made = self._copy(
            stream,
            source=copied.get(stream.source, stream.source),
            source_name=self._there(stream.source_name),
            tables=tuple(copied.get(table, table) for table in stream.tables),
        )
        assert isinstance(made, Stream)
        if (made.source, made.tables) == (stream.source, stream.tables):
            self._physical.append(lambda connection: copy_offset(connection, stream.id, made.id))
        else:
            self._physical.append(lambda connection: create_offset(connection, made))
        return made

    def _task(self, task: Task) -> SchemaObject:
        return self._copy(
            task,
            state=TaskStatus.SUSPENDED,
            after=tuple(map(self._there, task.after)),
            finalize=None if task.finalize is None else self._there(task.finalize),
            last_committed_on=None,
            last_suspended_on=None,
            suspended_reason=None,
            created_by=acting_user(self._session),
        )
