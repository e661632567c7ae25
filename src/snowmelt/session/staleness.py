"""Stale streams: those that have not been read for longer than the changes of their tables are kept.

Source: docs.snowflake.com/en/user-guide/streams-intro#data-retention-period-and-staleness
"""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from snowmelt.base.errors import SqlError
from snowmelt.catalog.objects import Stream, Table
from snowmelt.catalog.retention import extended_retention_of
from snowmelt.storage.moments import from_microseconds

if TYPE_CHECKING:
    from snowmelt.session.session import Session


def last_moved(session: Session) -> dict[int, datetime]:
    """When each stream was consumed last, or made."""
    rows = session.core.connection.run("SELECT stream, epoch_us(moved_at) FROM snowmelt.offsets")
    return {int(stream): from_microseconds(microseconds) for stream, microseconds in rows}


def stale_after(session: Session, table: Table, moved_at: datetime) -> datetime:
    """When a stream on a table goes stale unless it is consumed."""
    services = session.services
    return moved_at + extended_retention_of(services.engine.catalog, services.account, table)


def is_fresh(session: Session, stream: Stream, table: Table) -> bool:
    """Whether a stream can be read."""
    text = "SELECT epoch_us(moved_at) FROM snowmelt.offsets WHERE stream = ?"
    moved_at = session.core.connection.scalar(text, [stream.id])
    if moved_at is None:
        return True  # it was dropped since, which is for others to say
    return session.services.clock.now() < stale_after(session, table, from_microseconds(moved_at))


def check_fresh(session: Session, stream: Stream, table: Table) -> None:
    """Check that a stream can be read.

    Raises:
        SqlError: 091901 when it is stale.
    """
    if not is_fresh(session, stream, table):
        raise SqlError(
            f"SQL compilation error:\nStream '{stream.full_name}' has become stale: its changes have not been consumed "
            "within the retention period of its source.",
            91901,
            "02000",
        )
