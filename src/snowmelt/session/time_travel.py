"""Time travel: which version AT and BEFORE mean, and the rows or changes of then.

Historical rows come with the columns that the table has now.

Source: docs.snowflake.com/en/sql-reference/constructs/at-before, .../changes
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from sqlglot import exp

from snowmelt.base.errors import SqlError, object_missing, unsupported
from snowmelt.base.late import pyarrow as pa
from snowmelt.base.zoned import zoned_moments
from snowmelt.catalog.graves import last_dropped
from snowmelt.catalog.names import parse_name
from snowmelt.catalog.objects import Stream, Table, View
from snowmelt.catalog.retention import retention_of
from snowmelt.session.staleness import check_fresh, out_of_reach
from snowmelt.session.stream_reads import changes_in, stream_tables, tables_below
from snowmelt.sql import deltas, tracking
from snowmelt.sql.past import Interval, Moment
from snowmelt.sql.rewrite.rules import rewrite
from snowmelt.storage.moments import from_microseconds

if TYPE_CHECKING:
    from snowmelt.session.planner import SessionPlanner
    from snowmelt.session.session import Session

_INSTANT = timedelta(microseconds=1)


@dataclass(frozen=True)
class Point:
    """A point in time.

    Attributes:
        version: the newest version by then.
        moment: the time itself; an object must have existed by then, and its past be kept from then on.
        of_stream: it is the offset of a stream that is not stale.
    """

    version: int
    moment: datetime
    of_stream: bool = False


def now(session: Session) -> Point:
    """The present."""
    return Point(session.services.engine.version, session.services.clock.now())


def point_of(planner: SessionPlanner, moment: Moment, source: Table | View | None = None) -> Point:
    """The point that a statement means.

    Args:
        source: the table whose changes are asked for; only then may a stream's offset be the point.

    Raises:
        SqlError: 000709 for an unknown statement, 002003 for an unknown stream, 000002 for what is yet to come.
    """
    session = planner.session
    if planner.request.describe_only:
        return now(session)
    if moment.kind == "STREAM":
        if source is None:
            raise unsupported("AT (STREAM => ...) other than in CREATE STREAM and CHANGES")
        return _offset_of(planner, str(_value(planner, moment.value)), source)
    if moment.kind == "STATEMENT":
        return _end_of(session, str(_value(planner, moment.value)), before=moment.before)
    time = _time(planner, moment)
    present = session.services.clock.now()
    if time > present:
        raise unsupported("time travel into the future")
    operator = "<" if moment.before else "<="
    text = f"SELECT coalesce(max(ver), 0) FROM snowmelt.commits WHERE committed_at {operator} ?"
    version = int(session.core.connection.scalar(text, [time]))
    return Point(version, time - _INSTANT if moment.before else time)


def _time(planner: SessionPlanner, moment: Moment) -> datetime:
    value = _value(planner, moment.value)
    if moment.kind == "OFFSET":
        if isinstance(value, bool) or not isinstance(value, (int, float, Decimal)):
            raise _invalid(moment, value)
        return planner.session.services.clock.now() + timedelta(seconds=float(value))
    if isinstance(value, str):
        # Without a cast a text is a time in UTC.
        value = _value(planner, exp.cast(exp.Literal.string(value), "TIMESTAMPNTZ"))
    if not isinstance(value, datetime):
        raise _invalid(moment, value)
    return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


def _invalid(moment: Moment, value: Any) -> SqlError:
    return SqlError(f"SQL compilation error:\ninvalid value [{value}] for parameter '{moment.kind}'", 1008, "22023")


def _value(planner: SessionPlanner, value: exp.Expr) -> Any:
    """The value of a constant expression."""
    inner = planner.beside()
    _, table = planner.session.core.connection.query(inner.at_once(f"SELECT {rewrite(value, inner)}"))
    planner.registered += inner.registered
    found = table.column(0)
    if pa.types.is_interval(found.type):
        found, _ = zoned_moments(found.combine_chunks())
    return found[0].as_py()


def _end_of(session: Session, query_id: str, *, before: bool) -> Point:
    """The version that a statement's commit made, or that there was when it had been carried out."""
    connection = session.core.connection
    text = "SELECT ver, epoch_us(committed_at) FROM snowmelt.commits WHERE list_contains(statements, ?) LIMIT 1"
    rows = connection.run(text, [query_id])
    if rows:
        version, microseconds = rows[0]
        moment = from_microseconds(microseconds)
        return Point(version - 1 if before else version, moment)
    known = session.services.engine.moments.get(query_id)
    if known is None:
        raise SqlError(f"Statement {query_id} not found", 709, "02000")
    return Point(*known)


def _offset_of(planner: SessionPlanner, name: str, source: Table | View) -> Point:
    """The offset of a stream; of one that was dropped, if there is none of that name. For what it is not on it is a
    point like any other.
    """
    session = planner.session
    catalog, full = session.services.engine.catalog, planner.scope.full(parse_name(name))
    stream: object = session.relation(full)
    if stream is None:
        parent = catalog.schema(full.database, full.schema).id
        dropped = last_dropped(catalog, Stream, parent, full.name, session.services.clock.now())
        stream = None if dropped is None else dropped.item
    if not isinstance(stream, Stream):
        raise object_missing("Stream", name)
    text = "SELECT ver, epoch_us(moved_at) FROM snowmelt.offsets WHERE stream = ?"
    version, microseconds = session.core.connection.run(text, [stream.id])[0]
    of_stream = stream.source == source.id
    if of_stream:
        check_fresh(session, stream, stream_tables(session, stream) or ())
    return Point(version, from_microseconds(microseconds), of_stream=of_stream)


# --- rows and changes of then ----------------------------------------------------------------------------------------


def rows_at(session: Session, table: Table, point: Point) -> str:
    """DuckDB text of a query for the rows that a table had.

    Raises:
        SqlError: 000707 when the table did not exist yet, or its past is not kept for so long.
    """
    if not tracking.is_tracked(table):
        raise unsupported("time travel of a temporary or event table")
    check_reach(session, table, point)
    return deltas.rows_at(table, point.version)


def check_reach(session: Session, table: Table, point: Point) -> None:
    """Check that the past of a table is still known.

    Raises:
        SqlError: 000707.
    """
    services = session.services
    kept = retention_of(services.engine.catalog, services.account, table)
    oldest = max(table.created_on, services.clock.now() - kept)
    pruned = session.core.connection.scalar('SELECT ver FROM snowmelt.pruned WHERE "table" = ?', [table.id])
    if point.moment < oldest or (pruned is not None and point.version < pruned):
        raise out_of_reach(table)


def changes(planner: SessionPlanner, source: Table | View | Stream, interval: Interval) -> str:
    """DuckDB text of a query for what changed in a table or view between two points.

    Raises:
        SqlError: 000707, 091930 when changes are not tracked.
    """
    if isinstance(source, Stream):
        raise unsupported("CHANGES of a stream")
    tables = tables_below(planner.session, source)
    if not all(tracking.is_tracked(table) for table in tables):
        raise unsupported("CHANGES of a temporary or event table")
    if planner.request.describe_only:
        return changes_in(planner, source, deltas.Versions(0), append_only=interval.append_only)
    start = point_of(planner, interval.start, source)
    end = None if interval.end is None else point_of(planner, interval.end, source)
    if isinstance(source, View) and not source.change_tracking:
        raise untracked(source)
    for table in tables:
        check_tracked(planner.session, table, start)
    # What others commit while the statement runs is not for it.
    version = planner.session.services.engine.version if end is None else max(end.version, start.version)
    window = deltas.Versions(start.version, version)
    return changes_in(planner, source, window, append_only=interval.append_only)


def check_tracked(session: Session, table: Table, start: Point) -> None:
    """Check that a table's changes since a point are known.

    Raises:
        SqlError: 000707, 091930.
    """
    if start.of_stream:
        return  # for its sake they are kept
    check_reach(session, table, start)
    since = table.tracked_since or table.created_on
    if not table.change_tracking or start.moment < since:
        raise untracked(table)


def untracked(table: Table | View) -> SqlError:
    """The refusal of changes that are not known (091930)."""
    return SqlError(
        "SQL compilation error:\nChange tracking is not enabled or has been missing for the time range requested on "
        f"table '{table.full_name}'.",
        91930,
        "2F003",
    )
