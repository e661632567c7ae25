"""Stale streams: those that have not been read for longer than the changes of their tables are kept.

Source: docs.snowflake.com/en/user-guide/streams-intro#data-retention-period-and-staleness
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from snowmelt.base.errors import SqlError
from snowmelt.catalog.objects import Database, Schema, Stream, Table
from snowmelt.catalog.retention import extended_retention_of
from snowmelt.plan.steps import Reach
from snowmelt.storage.moments import from_microseconds

if TYPE_CHECKING:
    from snowmelt.session.session import Session


def last_moved(session: Session) -> dict[int, datetime]:
    """When each stream was consumed last, or made."""
    rows = session.core.connection.run("SELECT stream, epoch_us(moved_at) FROM snowmelt.offsets")
    return {int(stream): from_microseconds(microseconds) for stream, microseconds in rows}


def stale_after(session: Session, tables: Sequence[Table], moved_at: datetime) -> datetime:
    """When a stream that tells of changes of tables goes stale unless it is consumed."""
    return moved_at + reach(session, tables).time


def reach(session: Session, tables: Sequence[Table]) -> Reach:
    """How long the changes are kept that a stream on tables tells of."""
    services = session.services
    kept = min(extended_retention_of(services.engine.catalog, services.account, each) for each in tables)
    return Reach(kept, tables[0])


def moved_at(session: Session, stream: Stream) -> datetime | None:
    """When a stream was consumed last, or made; None when it was dropped since."""
    text = "SELECT epoch_us(moved_at) FROM snowmelt.offsets WHERE stream = ?"
    microseconds = session.core.connection.scalar(text, [stream.id])
    return None if microseconds is None else from_microseconds(microseconds)


def is_fresh(session: Session, tables: Sequence[Table], moved: datetime | None) -> bool:
    """Whether a stream that was consumed last, or made, at `moved` can be read."""
    if moved is None:
        return True  # it was dropped since, which is for others to say
    return session.services.clock.now() < stale_after(session, tables, moved)


def check_fresh(session: Session, stream: Stream, tables: Sequence[Table]) -> datetime | None:
    """Check that a stream can be read; what `moved_at` says of it.

    Raises:
        SqlError: 000707 when it is stale: the changes since its offset need not be there any more.
    """
    moved = moved_at(session, stream)
    if not is_fresh(session, tables, moved):
        raise out_of_reach(tables[0])
    return moved


def out_of_reach(item: Table | Schema | Database) -> SqlError:
    """The refusal of a past that is not kept (000707)."""
    return SqlError(
        f"Time travel data is not available for {type(item).__name__.lower()} {item.name}. The requested time is "
        "either beyond the allowed time travel period or before the object creation time.",
        707,
        "02000",
    )
