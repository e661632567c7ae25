"""What a stream's name means in a query, whether it has data, and what it has not been asked for yet.

Source: docs.snowflake.com/en/user-guide/streams-intro
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from snowmelt.base.datatypes import NUMBER, TIMESTAMP_LTZ, VARCHAR
from snowmelt.base.errors import SqlError
from snowmelt.base.request import Request
from snowmelt.base.result import StatementType
from snowmelt.catalog.objects import Stream, Table, View
from snowmelt.plan.steps import OpenWindow, Plan, Read
from snowmelt.session.execute import run_plan, run_steps
from snowmelt.session.staleness import check_fresh, reach
from snowmelt.session.view_sources import base_tables, view_query
from snowmelt.sql import deltas
from snowmelt.sql.deltas import Reading, StreamWindow
from snowmelt.sql.view_deltas import view_delta, view_initial
from snowmelt.streams import offsets
from snowmelt.streams.offsets import Window

if TYPE_CHECKING:
    from snowmelt.session.planner import SessionPlanner
    from snowmelt.session.session import Session

_PUT_OFF = timedelta(hours=1)
"""An empty stream that is asked for data is marked as read, but not more often than this."""


def stream_query(planner: SessionPlanner, stream: Stream) -> str:
    """DuckDB text of a query for what a stream shows.

    Raises:
        SqlError: 091901 when what it is on was dropped, 000707 when it is stale.
    """
    _notice(planner, stream)
    texts = _texts(planner, stream)

    def text(window: StreamWindow) -> str:
        first, later = texts(window)
        return later if first is None else deltas.once_initial(window, first, later)

    return _read(planner, stream, text)


def _read(planner: SessionPlanner, stream: Stream, text: Callable[[StreamWindow], str]) -> str:
    """The text for any window, which the statement may replace once the window is open."""
    general = text(_window(planner.session, stream))
    reading = Reading(_tables(planner.session, stream), general, text)
    planner.readings.setdefault(stream.id, []).append(reading)
    return general


def has_data(planner: SessionPlanner, stream: Stream) -> str:
    """DuckDB text of a condition: whether a stream has anything to show, now or, where it begins with the rows of its
    table, when these have been consumed. To ask that of an empty one is as good as reading it.

    Raises:
        SqlError: as `stream_query`.
    """
    _notice(planner, stream)
    source, texts = stream_source(planner.session, stream), _texts(planner, stream)

    def text(window: StreamWindow) -> str:
        first, later = texts(window)
        found = f"EXISTS (SELECT 1 FROM ({later}))"
        if isinstance(source, Table):
            found = deltas.has_changes(source, window, append_only=stream.mode == "APPEND_ONLY")
        if first is not None:
            found = f"({found} OR EXISTS (SELECT 1 FROM ({first}) WHERE {window.initial}))"
        return found

    asked = _read(planner, stream, text)
    planner.repeatable = False
    if not planner.request.describe_only:
        moved = check_fresh(planner.session, stream, _tables(planner.session, stream))
        if moved is not None:
            _put_off(planner.session, stream, moved)
    return asked


def _notice(planner: SessionPlanner, stream: Stream) -> None:
    tables = _tables(planner.session, stream)
    if planner.request.describe_only:
        check_fresh(planner.session, stream, tables)
    planner.streams_read.add(stream.id)
    planner.reach[stream.id] = reach(planner.session, tables)


def _window(session: Session, stream: Stream) -> StreamWindow:
    return StreamWindow(stream.id, bounded=session.core.transaction is not None)


_Texts = Callable[[StreamWindow], tuple[str | None, str]]
"""Queries for the rows that a stream shows at first, if it does, and for its changes."""


def _texts(planner: SessionPlanner, stream: Stream) -> _Texts:
    source = stream_source(planner.session, stream)
    planner.use(source)
    append_only = stream.mode == "APPEND_ONLY"
    if isinstance(source, Table):
        return lambda window: (
            deltas.initial(source, window) if stream.initial_rows else None,
            deltas.delta(source, window, append_only=append_only),
        )
    assert isinstance(source, View)
    query = view_query(planner, source)
    for table in query.tables:
        planner.use(table)
    if {table.id for table in query.tables} != set(stream.base):
        raise _dropped(stream, str(source.full_name))
    return lambda window: (
        view_initial(query, window) if stream.initial_rows else None,
        view_delta(query, window, append_only=append_only),
    )


def changes_in(planner: SessionPlanner, source: Table | View, window: deltas.Window, *, append_only: bool) -> str:
    """DuckDB text of a query for what changed in a table or view.

    Raises:
        SqlError: 091926 for a view whose changes cannot be told.
    """
    if isinstance(source, Table):
        return deltas.delta(source, window, append_only=append_only)
    return view_delta(view_query(planner, source), window, append_only=append_only)


# --- what a stream is on ---------------------------------------------------------------------------------------------


def stream_source(session: Session, stream: Stream) -> Table | View | None:
    """The table or view that a stream is on; None when it was dropped."""
    if stream.source_kind == "VIEW":
        views = session.services.engine.catalog.all(View)
        return next((view for view in views if view.id == stream.source), None)
    return session.table_by_id(stream.source)


def stream_tables(session: Session, stream: Stream) -> tuple[Table, ...] | None:
    """The tables whose changes a stream tells of; None when one of them, or the view, was dropped."""
    tables = tuple(table for each in stream.base if (table := session.table_by_id(each)) is not None)
    gone = len(tables) < len(stream.base) or stream_source(session, stream) is None
    return None if gone else tables


def tables_below(session: Session, source: Table | View) -> tuple[Table, ...]:
    """The tables whose changes are those of a table or view.

    Raises:
        SqlError: 091926 for a view whose changes cannot be told.
    """
    return (source,) if isinstance(source, Table) else base_tables(session, source)


def _tables(session: Session, stream: Stream) -> tuple[Table, ...]:
    tables = stream_tables(session, stream)
    if tables is None:
        raise _dropped(stream, str(stream.source_name))
    return tables


def _dropped(stream: Stream, name: str) -> SqlError:
    return SqlError(
        f"SQL compilation error:\nBase table '{name}' dropped, cannot read from stream '{stream.name}'.", 91901, "01000"
    )


# --- outside of queries ----------------------------------------------------------------------------------------------


def unread(session: Session, stream: Stream) -> int:
    """How many rows a stream would show, and those after them if it begins with the rows of its table."""
    planner = _planner(session)
    window = _window(session, stream)
    first, later = _texts(planner, stream)(window)
    texts = [later]
    if first is not None:
        texts.append(f"SELECT * FROM ({first}) WHERE {window.initial}")
    read = Read(f"SELECT count(*) FROM ({' UNION ALL '.join(f'({text})' for text in texts)})")
    result = run_plan(session, Plan((OpenWindow(stream.id), read), StatementType.SELECT)).table
    assert result is not None
    return int(result.column(0)[0].as_py())


def _planner(session: Session) -> SessionPlanner:
    from snowmelt.session.planner import SessionPlanner

    return SessionPlanner(session, Request("", session.core.query_id))


def _put_off(session: Session, stream: Stream, moved: datetime) -> None:
    """Let an empty stream go stale later.

    Source: docs.snowflake.com/en/sql-reference/functions/system_stream_has_data
    """
    core, engine = session.core, session.services.engine
    if core.transaction is not None or engine.clock.now() - moved < _PUT_OFF:
        return
    owner = core.single_statement()
    try:
        engine.locks.acquire({stream.id}, owner, core.query_id, 0, core.cancel)
    except SqlError:
        return  # it is being consumed, which is better still
    try:
        core.connection.begin()
        try:
            windows: dict[int, Window] = {}
            _, later = _texts(_planner(session), stream)(_window(session, stream))
            read = Read(f"SELECT 1 FROM ({later}) LIMIT 1")
            found = run_steps(session, Plan((OpenWindow(stream.id), read), StatementType.SELECT), windows).table
            assert found is not None
            if not found.num_rows and not windows[stream.id].initial:
                offsets.put_off(core.connection, windows[stream.id])
            core.connection.commit()
        except BaseException:
            core.connection.rollback()
            raise
    finally:
        engine.locks.release(owner)


BACKLOG_COLUMNS = (
    ("TABLE_NAME", VARCHAR),
    ("VERSION", NUMBER),
    ("COMMITTED_ON", TIMESTAMP_LTZ),
    ("OPERATION", VARCHAR),
    ("NUMBER_OF_RECORDS", NUMBER),
)


def backlog(session: Session, stream: Stream) -> list[tuple[Any, ...]]:
    """What was committed since the stream's offset, by version and operation.

    Source: docs.snowflake.com/en/sql-reference/functions/system_stream_backlog
    """
    tables = _tables(session, stream)
    check_fresh(session, stream, tables)
    connection = session.core.connection
    start = int(connection.scalar("SELECT ver FROM snowmelt.offsets WHERE stream = ?", [stream.id]))
    return [
        (str(table.full_name), version, moment, operation, records)
        for table in tables
        for version, moment, operation, records in connection.run(deltas.backlog(table, start))
    ]
