"""Takes telemetry from workers and writes it to the event table of the database, or of the account."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from snowmelt.base.errors import SqlError
from snowmelt.catalog.objects import Table
from snowmelt.sql.tracking import insert
from snowmelt.storage.engine import Engine
from snowmelt.telemetry.events import event_rows

log = logging.getLogger("snowmelt.telemetry")


class EventSink:
    """Writes batches as they come, each in a transaction of its own: telemetry of a failed call must stay.

    Args:
        target: the active event table of a database, or None when there is none; then batches are dropped, as on
            Snowflake.
    """

    def __init__(self, target: Callable[[str | None], Table | None], engine: Engine) -> None:
        self._target = target
        self._connection = engine.connect()
        self._lock = threading.Lock()

    def receive(self, records: Sequence[Mapping[str, Any]], attributes: Mapping[str, Any]) -> None:
        """Write records of one source; `attributes` describe where it comes from (RESOURCE_ATTRIBUTES)."""
        table = self._target(attributes.get("snow.database.name"))
        if table is None:
            return
        rows = event_rows(records, attributes)
        with self._lock:
            name = "snowmelt_events"
            self._connection.register(name, rows)
            try:
                self._connection.run(insert(table, table.columns, f"SELECT * FROM {name}"))
            except SqlError:
                # The table may have been dropped in this very moment; losing telemetry must not fail the call.
                log.exception("telemetry could not be written to %s", table.full_name)
            finally:
                self._connection.unregister(name)
