"""Streams: CREATE."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

from snowmelt.base.errors import object_missing, other_kind, unsupported
from snowmelt.base.request import Request
from snowmelt.base.result import Result
from snowmelt.catalog.catalog import Catalog, Entity
from snowmelt.catalog.objects import Stream, Table, View
from snowmelt.session.alter_table import tracking_change
from snowmelt.session.definitions import create_object
from snowmelt.session.planner import SessionPlanner
from snowmelt.session.queries import release
from snowmelt.session.session import Session
from snowmelt.session.stream_reads import tables_below
from snowmelt.session.time_travel import check_tracked, point_of
from snowmelt.sql import tracking
from snowmelt.sql.past import Moment
from snowmelt.sql.statements import CreateStream
from snowmelt.storage.connection import Connection
from snowmelt.streams.offsets import create_offset


def create_stream(session: Session, statement: CreateStream, request: Request) -> Result:
    """CREATE STREAM ... ON TABLE | VIEW."""
    source = session.relation(session.scope.full(statement.source))
    kind = statement.source_kind
    if isinstance(source, (Table, View)) and isinstance(source, View) != (kind == "VIEW"):
        raise other_kind(type(source).__name__.upper(), kind)
    if not isinstance(source, View if kind == "VIEW" else Table):
        raise object_missing(kind.capitalize(), str(statement.source))
    assert isinstance(source, (Table, View))
    if source.session is not None or (isinstance(source, Table) and not tracking.is_tracked(source)):
        raise unsupported("stream on a temporary view" if kind == "VIEW" else "stream on a temporary or event table")
    tables = tables_below(session, source)
    stream = Stream(
        session.scope.full(statement.name),
        session.services.engine.next_id(),
        session.services.clock.now(),
        source=source.id,
        source_name=source.full_name,
        source_kind=kind,
        tables=tuple(table.id for table in tables) if kind == "VIEW" else (),
        mode="APPEND_ONLY" if statement.append_only else "DEFAULT",
        initial_rows=statement.show_initial_rows,
        comment=statement.comment,
        owner=session.role or "",
    )
    version = None if statement.at is None else _start(session, source, tables, statement.at, request)

    def tracked(catalog: Catalog) -> tuple[Entity, ...]:
        """A stream switches change tracking on."""
        present: dict[int, Table | View] = {each.id: each for each in catalog.all(Table)}
        present |= {each.id: each for each in catalog.all(View)}
        if any(each.id not in present for each in (source, *tables)):
            raise object_missing(kind.capitalize(), str(statement.source))
        found = {each.id: present[each.id] for each in (source, *tables) if not present[each.id].change_tracking}
        return tuple(
            dataclasses.replace(each, change_tracking=True)
            if isinstance(each, View)
            else dataclasses.replace(each, **tracking_change(session, each, True))
            for each in found.values()
        )

    def physical(connection: Connection, created: Stream) -> None:
        create_offset(connection, created, version)

    return create_object(session, statement, stream, physical=physical, also=tracked)


def _start(session: Session, source: Table | View, tables: Sequence[Table], moment: Moment, request: Request) -> int:
    """The version from which on a stream shows changes."""
    session.core.commit()
    planner = SessionPlanner(session, request)
    try:
        point = point_of(planner, moment, source)
        for table in tables:
            check_tracked(session, table, point)
    finally:
        release(session, planner)
    return point.version
