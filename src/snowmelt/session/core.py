"""The state that a session and the procedures it calls share: connection, transaction, temporary objects."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from snowmelt.base.errors import SqlError
from snowmelt.base.late import pyarrow as pa
from snowmelt.base.versioned import VersionedDict
from snowmelt.catalog.catalog import Key, key_of
from snowmelt.catalog.objects import SchemaObject, Stage, Table
from snowmelt.session.deadlines import Deadline
from snowmelt.session.parameters import DEFAULTS
from snowmelt.session.services import Services
from snowmelt.session.transactions import OpenTransaction, forget, publish
from snowmelt.storage.connection import Connection
from snowmelt.storage.loading import CopyPlan
from snowmelt.storage.locks import aborted
from snowmelt.storage.transactions import TransactionRecord

_HISTORY = 1_000


class Core:
    """State shared by the frames of one session.

    Attributes:
        id: the session's number.
        transactions: the explicit transactions that are open; each but the first was begun by a procedure called in
            the one before.
        depth: how many procedures are being called.
        temporary: temporary objects by catalog key.
        parameters: session parameters that were set, by upper-case name.
        variables: session variables (SET) by upper-case name.
        of_statement: parameters that the statement which runs sets for itself.
        checked_views: versions of the catalog with ids of the views whose columns were found to fit their queries.
        user: who has logged in.
        last_transaction: id of the explicit transaction that ended last.
        query_id: the statement that began last.
        began: when it began, in UTC: what CURRENT_TIMESTAMP says all through it.
        deadline: when the request that runs has to be done.
        history: ids of the last queries, oldest first.
        forgotten: how many queries came before those in `history`.
        files: keys of the staged files whose statements run.
        copies: by query id, the tables that COPY INTO has loaded and how, for VALIDATE; the last ones only.
    """

    def __init__(self, services: Services, session_id: int, connection: Connection) -> None:
        self.services = services
        self.id = session_id
        self.connection: Connection = connection
        self.user = ""
        self.transactions: list[OpenTransaction] = []
        self.last_transaction: int | None = None
        self.depth = 0
        self.temporary: VersionedDict[Key, SchemaObject] = VersionedDict()
        self.parameters: VersionedDict[str, Any] = VersionedDict()
        self.of_statement: dict[str, Any] = {}
        self.variables: dict[str, Any] = {}
        self.history: list[str] = []
        self.forgotten = 0
        self.files: set[str] = set()
        self.copies: dict[str, tuple[int, CopyPlan]] = {}
        self.running: set[str] = set()
        self.deadline: Deadline | None = None
        self.query_id = ""
        self.began = services.clock.now()
        self.cancel = services.cancellations[session_id] = connection.canceled
        self.checked_views: set[tuple[int, int]] = set()
        self._relations = 0

    def parameter(self, name: str) -> Any:
        """The present value of one session parameter."""
        for values in (self.of_statement, self.parameters, self.services.account):
            if name in values:
                return values[name]
        return DEFAULTS[name]

    def put_temporary(self, item: SchemaObject) -> None:
        """Add or replace a temporary object."""
        self.temporary[key_of(item)] = item

    def register_rows(self, table: pa.Table) -> str:
        """Make computed rows visible to the connection's statements; returns the relation's name."""
        name = self.relation_name()
        self.connection.register(name, table)
        return name

    def relation_name(self) -> str:
        """A name that no relation of the connection's has had."""
        self._relations += 1
        return f"snowmelt_rows_{self._relations}"

    def now_runs(self, query_id: str) -> None:
        """A statement begins: what it commits is known by its id, and times follow the session's time zone."""
        self.query_id = query_id
        self.began = self.services.clock.now()
        self.connection.use_zone(str(self.parameter("TIMEZONE")))
        self.connection.statements = (query_id,)

    def nth_query(self, number: int) -> str | None:
        """The id of a query of this session: from 1 the first, from -1 the last; None where there is none."""
        index = len(self.history) + number if number < 0 else number - 1 - self.forgotten
        return self.history[index] if number and 0 <= index < len(self.history) else None

    def tell_moment(self) -> None:
        """The statement that runs asks when it began."""
        self.connection.tell_moment(self.began)

    def remember(self, query_id: str) -> None:
        """A query has ended well: LAST_QUERY_ID finds it."""
        self.history.append(query_id)
        if len(self.history) > _HISTORY:
            self.forgotten += 1
            del self.history[0]

    def close(self) -> None:
        """Roll back and let go of everything that is the session's own."""
        while self.transactions:
            self._end("rolled back")
        for item in list(self.temporary.values()):
            if isinstance(item, Stage):
                self.services.stages.drop(item.id)
        self.temporary.clear()
        self.services.cancellations.pop(self.id, None)
        self.connection.close()

    # --- explicit transactions ---------------------------------------------------------------------------------------

    @property
    def transaction(self) -> OpenTransaction | None:
        """The explicit transaction that the next statement belongs to, or None when the statement commits by itself."""
        return self.transactions[-1] if self.transactions else None

    def begin(self, name: str | None = None) -> None:
        """Open an explicit transaction. BEGIN in one that is open does nothing, but for one that a caller has begun:
        then a procedure gets a transaction of its own.
        """
        outer = self.transaction
        if outer is not None and outer.record.scope == self.depth:
            return
        engine = self.services.engine
        record = engine.transactions.start(
            self.services.clock.now(),
            number=engine.next_transaction(),
            user=self.user,
            session=self.id,
            name=name or str(uuid.uuid4()),
            scope=self.depth,
        )
        if outer is not None:
            outer.record.inner = record
        self.transactions.append(OpenTransaction(record, len(self.transactions), engine.version))

    def single_statement(self) -> TransactionRecord:
        """What a statement that commits by itself is to those who wait for its locks."""
        now = self.services.clock.now()
        return TransactionRecord(int(now.timestamp() * 1_000) * 1_000_000, 0, self.user, self.id, "", now)

    def begin_implicitly(self) -> None:
        """What DML does first where AUTOCOMMIT is off."""
        if self.transaction is None and self.parameters.get("AUTOCOMMIT") is False:
            self.begin()

    def commit(self) -> None:
        """Commit the explicit transaction, if one is open.

        Raises:
            SqlError: the transaction was aborted, or the commit itself failed, and all is rolled back; or it was begun
                by a procedure's caller, and stays open.
        """
        transaction = self._own()
        if transaction is None:
            return
        if not self.services.engine.transactions.commits(transaction.record):
            self._end("rolled back")
            raise aborted(transaction.record)
        state = "rolled back"
        try:
            publish(self, transaction)
            state = "committed"
        finally:
            self._end(state)
        self.services.stages.remove(transaction.purged)

    def rollback(self) -> None:
        """Undo the explicit transaction, if one is open.

        Raises:
            SqlError: it was begun by a procedure's caller, and stays open.
        """
        if self._own() is not None:
            self._end("rolled back")

    def _own(self) -> OpenTransaction | None:
        transaction = self.transaction
        if transaction is not None and transaction.record.scope != self.depth:
            raise SqlError(
                "Modifying a transaction that has started at a different scope is not allowed.", 90231, "25000"
            )
        return transaction

    def _end(self, state: str) -> None:
        """Let go of the innermost transaction."""
        transaction = self.transactions.pop()
        record = transaction.record
        record.state, record.ended_on = state, self.services.clock.now()
        self.last_transaction = record.id
        self.services.engine.ended(record.number)
        if self.transaction is not None:
            self.transaction.record.inner = None
        self.services.engine.locks.release(record)
        forget(self, transaction)

    @contextmanager
    def procedure(self) -> Iterator[None]:
        """While a procedure runs: it must end the transactions that it begins.

        Raises:
            SqlError: 090232 when it has not; the transaction is rolled back.
        """
        self.depth += 1
        try:
            yield
        except BaseException:
            self._leave()
            raise
        if self._leave():
            raise SqlError(
                "Stored procedure execution error: Scoped transaction started in stored procedure is incomplete and it "
                "was rolled back.",
                90232,
                "25000",
            )

    def _leave(self) -> bool:
        """Step out of a procedure; whether it has left a transaction open, which is rolled back."""
        left = self.transaction is not None and self.transaction.record.scope == self.depth
        if left:
            self._end("rolled back")
        self.depth -= 1
        return left

    # --- tables ------------------------------------------------------------------------------------------------------

    def present(self, table: Table) -> Table | None:
        """The table as it is now; None when it is gone."""
        known = [*self.temporary.values()] if table.session is not None else self.services.engine.catalog.all(Table)
        return next((t for t in known if isinstance(t, Table) and t.id == table.id), None)
