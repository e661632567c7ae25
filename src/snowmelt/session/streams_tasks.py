"""Streams: CREATE."""

from __future__ import annotations

import dataclasses

from snowmelt.base.errors import object_missing, unsupported
from snowmelt.base.request import Request
from snowmelt.base.result import Result
from snowmelt.catalog.catalog import Catalog, Entity
from snowmelt.catalog.objects import Stream, Table
from snowmelt.session.alter_table import tracking_change
from snowmelt.session.definitions import create_object
from snowmelt.session.planner import SessionPlanner
from snowmelt.session.queries import release
from snowmelt.session.session import Session
from snowmelt.session.time_travel import check_tracked, point_of
from snowmelt.sql import tracking
from snowmelt.sql.past import Moment
from snowmelt.sql.statements import CreateStream
from snowmelt.storage.connection import Connection
from snowmelt.streams.offsets import create_offset


def create_stream(session: Session, statement: CreateStream, request: Request) -> Result:
    """CREATE STREAM ... ON TABLE."""
    if statement.source_kind != "TABLE":
        raise unsupported(f"CREATE STREAM ON {statement.source_kind}")
    source = session.relation(session.scope.full(statement.source))
    if not isinstance(source, Table):
        raise object_missing("Table", str(statement.source))
    if not tracking.is_tracked(source):
        raise unsupported("stream on a temporary or event table")
    stream = Stream(
        session.scope.full(statement.name),
        session.services.engine.next_id(),
        session.services.clock.now(),
        source=source.id,
        source_name=source.full_name,
        mode="APPEND_ONLY" if statement.append_only else "DEFAULT",
        initial_rows=statement.show_initial_rows,
        comment=statement.comment,
        owner=session.role or "",
    )
    version = None if statement.at is None else _start(session, source, statement.at, request)

    def tracked(catalog: Catalog) -> tuple[Entity, ...]:
        """A stream switches change tracking of its table on."""
        table = next((each for each in catalog.all(Table) if each.id == source.id), None)
        if table is None:
            raise object_missing("Table", str(statement.source))
        return () if table.change_tracking else (dataclasses.replace(table, **tracking_change(session, table, True)),)

    def physical(connection: Connection, created: Stream) -> None:
        create_offset(connection, created, version)

    return create_object(session, statement, stream, physical=physical, also=tracked)


def _start(session: Session, source: Table, moment: Moment, request: Request) -> int:
    """The version from which on a stream shows changes."""
    session.core.commit()
    planner = SessionPlanner(session, request)
    try:
        point = point_of(planner, moment, source)
        check_tracked(session, source, point)
    finally:
        release(session, planner)
    return point.version
