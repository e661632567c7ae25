"""The state that a session and the procedures it calls share: connection, transaction, temporary objects."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa

from snowmelt.base.errors import SqlError
from snowmelt.base.versioned import VersionedDict
from snowmelt.catalog.catalog import Key, key_of
from snowmelt.catalog.objects import SchemaObject, Stage
from snowmelt.session.plan_cache import PlanCache
from snowmelt.session.services import Services
from snowmelt.storage.connection import Connection
from snowmelt.storage.stages import StagedFile
from snowmelt.streams.offsets import Window


@dataclass
class OpenTransaction:
    """What a transaction has done so far.

    Attributes:
        windows: what each stream shows, fixed at its first read.
        touched: ids of tables it has changed.
        purged: staged files to remove once it has committed.
        locked: ids of tables whose rows it has updated or deleted.
        half_done: the running statement has changed something and is not through.
        failed: an error ended the engine's transaction; only ROLLBACK is possible.
    """

    windows: dict[int, Window] = field(default_factory=dict)
    touched: set[int] = field(default_factory=set)
    purged: tuple[StagedFile, ...] = ()
    locked: set[int] = field(default_factory=set)
    half_done: bool = False
    failed: bool = False


class Core:
    """State shared by the frames of one session.

    Attributes:
        id: the session's number.
        transaction: the explicit transaction that is open, or None in autocommit.
        temporary: temporary objects by catalog key.
        parameters: session parameters that were set, by upper-case name.
        variables: session variables (SET) by upper-case name.
        plans: plans of statements that may come again.
        checked_views: versions of the catalog with ids of the views whose columns were found to fit their queries.
        history: ids of the queries so far, oldest first; the last ones only.
    """

    def __init__(self, services: Services, session_id: int, connection: Connection) -> None:
        self.services = services
        self.id = session_id
        self.connection: Connection = connection
        self.transaction: OpenTransaction | None = None
        self.temporary: VersionedDict[Key, SchemaObject] = VersionedDict()
        self.parameters: VersionedDict[str, Any] = VersionedDict()
        self.variables: dict[str, Any] = {}
        self.plans = PlanCache()
        self.history: list[str] = []
        self.running: set[str] = set()
        self.cancel = connection.canceled
        self.checked_views: set[tuple[int, int]] = set()
        self._relations = 0

    def put_temporary(self, item: SchemaObject) -> None:
        """Add or replace a temporary object."""
        self.temporary[key_of(item)] = item

    def register_rows(self, table: pa.Table) -> str:
        """Make computed rows visible to the connection's statements; returns the relation's name."""
        self._relations += 1
        name = f"snowmelt_rows_{self._relations}"
        self.connection.register(name, table)
        return name

    def close(self) -> None:
        """Roll back and let go of everything that is the session's own."""
        self.rollback()
        for item in list(self.temporary.values()):
            if isinstance(item, Stage):
                self.services.stages.drop(item.id)
        self.temporary.clear()
        self.connection.close()

    # --- explicit transactions ---------------------------------------------------------------------------------------

    def begin(self) -> None:
        """Open an explicit transaction; BEGIN in one that is open does nothing, as on Snowflake."""
        if self.transaction is None:
            self.connection.begin()
            self.transaction = OpenTransaction()

    def commit(self) -> None:
        """Commit the explicit transaction, if one is open.

        Raises:
            SqlError: a statement in it had failed at run time, or the commit itself failed; all is rolled back.
        """
        transaction = self.transaction
        if transaction is None:
            return
        if transaction.failed:
            self.rollback()
            raise SqlError(
                "The transaction was rolled back because a statement in it had failed.",
                625,
                "57014",
                "Snowmelt ends a transaction at a run-time error; Snowflake would undo only the failed statement.",
            )
        try:
            self.connection.commit()
            self.services.engine.note_changed(transaction.locked)
        finally:
            self.transaction = None
            self.services.engine.locks.release(self)
        self.services.stages.remove(transaction.purged)

    def rollback(self) -> None:
        """Undo the explicit transaction, if one is open."""
        if self.transaction is not None:
            self.transaction = None
            try:
                self.connection.rollback()
            finally:
                self.services.engine.locks.release(self)
