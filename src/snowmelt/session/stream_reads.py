"""What a stream's name means in a query, whether it has data, and what it has not been asked for yet.

Source: docs.snowflake.com/en/user-guide/streams-intro
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from snowmelt.base.datatypes import NUMBER, TIMESTAMP_LTZ, VARCHAR
from snowmelt.base.errors import SqlError
from snowmelt.base.result import StatementType
from snowmelt.catalog.objects import Stream, Table
from snowmelt.plan.steps import OpenWindow, Plan, Read
from snowmelt.session.execute import run_plan, run_steps
from snowmelt.session.staleness import check_fresh, moved_at
from snowmelt.sql import deltas
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
        SqlError: 091901 when its table was dropped, 000707 when it is stale.
    """
    _notice(planner, stream)
    window, later = _changes(planner.session, stream)
    if not stream.initial_rows:
        return later
    return deltas.once_initial(window, deltas.initial(source_of(planner.session, stream), window), later)


def has_data(planner: SessionPlanner, stream: Stream) -> str:
    """DuckDB text of a condition: whether a stream has anything to show, now or, where it begins with the rows of its
    table, when these have been consumed.

    Raises:
        SqlError: as `stream_query`.
    """
    _notice(planner, stream)
    window, later = _changes(planner.session, stream)
    found = f"EXISTS (SELECT 1 FROM ({later}))"
    if stream.initial_rows:
        first = deltas.initial(source_of(planner.session, stream), window)
        found = f"({found} OR EXISTS (SELECT 1 FROM ({first}) WHERE {window.initial}))"
    return found


def _notice(planner: SessionPlanner, stream: Stream) -> None:
    check_fresh(planner.session, stream, source_of(planner.session, stream))
    planner.repeatable = False
    planner.streams_read.add(stream.id)


def source_of(session: Session, stream: Stream) -> Table:
    """The table that a stream is on.

    Raises:
        SqlError: 091901 when it was dropped.
    """
    table = session.table_by_id(stream.source)
    if table is None:
        raise SqlError(
            f"SQL compilation error:\nBase table '{stream.source_name}' dropped, cannot read from stream "
            f"'{stream.name}'.",
            91901,
            "01000",
        )
    return table


def _changes(session: Session, stream: Stream) -> tuple[deltas.StreamWindow, str]:
    window = deltas.StreamWindow(stream.id, bounded=session.core.transaction is not None)
    table = source_of(session, stream)
    return window, deltas.delta(table, window, append_only=stream.mode == "APPEND_ONLY")


# --- outside of queries ----------------------------------------------------------------------------------------------


def unread(session: Session, stream: Stream) -> int:
    """How many rows a stream would show, and those after them if it begins with the rows of its table."""
    window, later = _changes(session, stream)
    texts = [later]
    if stream.initial_rows:
        first = deltas.initial(source_of(session, stream), window)
        texts.append(f"SELECT * FROM ({first}) WHERE {window.initial}")
    read = Read(f"SELECT count(*) FROM ({' UNION ALL '.join(texts)})")
    result = run_plan(session, Plan((OpenWindow(stream.id), read), StatementType.SELECT)).table
    assert result is not None
    return int(result.column(0)[0].as_py())


def put_off(session: Session, stream: Stream) -> None:
    """Asking an empty stream for data is as good as reading it: it goes stale later.

    Source: docs.snowflake.com/en/sql-reference/functions/system_stream_has_data
    """
    core, engine = session.core, session.services.engine
    moved = moved_at(session, stream)
    if core.transaction is not None or moved is None or engine.clock.now() - moved < _PUT_OFF:
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
            _, later = _changes(session, stream)
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
    table = source_of(session, stream)
    check_fresh(session, stream, table)
    connection = session.core.connection
    start = int(connection.scalar("SELECT ver FROM snowmelt.offsets WHERE stream = ?", [stream.id]))
    return [
        (str(table.full_name), version, moment, operation, records)
        for version, moment, operation, records in connection.run(deltas.backlog(table, start))
    ]
