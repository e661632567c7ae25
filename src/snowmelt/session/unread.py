"""What a DROP or a replacement loses: changes that streams have not been asked for. Snowflake says nothing of it."""

from __future__ import annotations

from collections.abc import Iterable

from snowmelt.base.errors import SqlError
from snowmelt.catalog.catalog import Entity
from snowmelt.catalog.objects import Stream, Table, View
from snowmelt.catalog.retention import retention_of
from snowmelt.session.session import Session
from snowmelt.session.staleness import is_fresh, moved_at
from snowmelt.session.stream_reads import stream_tables, unread
from snowmelt.storage.moments import from_microseconds


def warning(session: Session, item: Entity, *, replaced: bool = False) -> str:
    """What to add to the answer of a statement that drops or replaces a stream, a table or a view; empty when
    nothing is lost.

    The session's transaction is committed, as all DDL does.
    """
    session.core.commit()
    if isinstance(item, Stream):
        held = _held(session, item)
        return f" Warning: stream {item.full_name} {held}{_remedy(session, item, replaced)}." if held else ""
    if not isinstance(item, (Table, View)):
        return ""
    return _losses(session, {item.id})


def warning_of_contents(session: Session, items: Iterable[Entity]) -> str:
    """What to add to the answer of a statement that drops or replaces a database or schema with `items` in it; empty
    when nothing is lost. A stream elsewhere loses what its tables have in it.

    The session's transaction is committed, as all DDL does.
    """
    session.core.commit()
    return _losses(session, {item.id for item in items})


def _losses(session: Session, gone: set[int]) -> str:
    """A warning for each stream that is among the objects of these ids, or on a table or view that is."""
    streams = session.services.engine.catalog.all(Stream)
    losing = [each for each in streams if not gone.isdisjoint((each.id, each.source, *each.tables))]
    found = [(each, held) for each in losing if (held := _held(session, each))]
    return "".join(f" Warning: stream {each.full_name} {held} of it." for each, held in found)


def _held(session: Session, stream: Stream) -> str:
    """What a stream held, in words; empty when that is nothing that it could have shown."""
    tables = stream_tables(session, stream)
    if tables is None or not is_fresh(session, tables, moved_at(session, stream)):
        return ""
    try:
        count = unread(session, stream)
    except SqlError as error:
        # A view may name what has been renamed or dropped since; nothing of that keeps anyone from dropping the rest.
        reason = str(error).removeprefix("SQL compilation error:").strip().splitlines()[0]
        return f"may have held unread changes, which cannot be counted ({reason.rstrip('.')}),"
    return f"held {count} unread change{'' if count == 1 else 's'}" if count else ""


def _remedy(session: Session, stream: Stream, replaced: bool) -> str:
    """How the changes can be had back."""
    services = session.services
    retention = retention_of(services.engine.catalog, services.account, stream)
    if not retention:
        return ""
    if not replaced:
        until = f"{services.clock.now() + retention:%F %T} UTC"
        return f"; until {until}, CREATE STREAM ... AT (STREAM => '{stream.name}') finds them"
    text = (
        "SELECT epoch_us(c.committed_at) FROM snowmelt.offsets AS o JOIN snowmelt.commits AS c ON c.ver = o.ver "
        "WHERE o.stream = ?"
    )
    microseconds = session.core.connection.scalar(text, [stream.id])
    if microseconds is None:
        return ""
    moment = from_microseconds(microseconds)
    return f"; CREATE STREAM ... AT (TIMESTAMP => '{moment.isoformat()}'::TIMESTAMP_TZ) finds them"
