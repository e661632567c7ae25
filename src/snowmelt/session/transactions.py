"""A session's explicit transactions: begun, ended, and undone to where a CALL began.

Between statements no engine transaction is open; what a transaction has changed lies in temporary tables until COMMIT
(`snowmelt.sql.pending`). A procedure that begins a transaction while its caller's is open has one of its own: the two
are on a stack, and neither sees the other's changes.

Source: docs.snowflake.com/en/sql-reference/transactions#scoped-transactions
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from snowmelt.base.datatypes import DataType
from snowmelt.base.errors import SqlError
from snowmelt.catalog.objects import Table
from snowmelt.sql.pending import Pending
from snowmelt.sql.tracking import is_tracked
from snowmelt.storage.stages import StagedFile
from snowmelt.storage.transactions import TransactionRecord
from snowmelt.streams import offsets
from snowmelt.streams.offsets import Window

if TYPE_CHECKING:
    from snowmelt.session.core import Core


@dataclass
class OpenTransaction:
    """What an explicit transaction has done so far.

    Attributes:
        record: what others see of it.
        level: how many others of the session it was begun in.
        version: the newest version when it began; streams show what came before.
        windows: what each stream shows, fixed at its first read.
        consumed: the streams whose offsets it moves.
        pending: its changes by table.
        loads: statements, with their parameters, about the history of loaded files.
        loaded: (table, file, etag) of the files that it has loaded.
        purged: staged files to remove once it has committed.
        statements: how many changed something.
        queries: the ids of these.
        savepoints: what to go back to when a CALL fails, innermost last.
    """

    record: TransactionRecord
    level: int
    version: int
    windows: dict[int, Window] = field(default_factory=dict)
    consumed: frozenset[int] = frozenset()
    pending: dict[int, Pending] = field(default_factory=dict)
    loads: tuple[tuple[str, tuple[Any, ...]], ...] = ()
    loaded: frozenset[tuple[int, str, str]] = frozenset()
    purged: tuple[StagedFile, ...] = ()
    statements: int = 0
    queries: tuple[str, ...] = ()
    savepoints: list[Savepoint] = field(default_factory=list)

    def changes_of(self, table: Table) -> Pending:
        """What it has changed of `table`, as the next statement finds it.

        Raises:
            SqlError: 000625 when another session has altered the table since.
        """
        known = self.pending.get(table.id)
        if known is None:
            return Pending(table, self.level, self.statements)
        if _columns(known.table) != _columns(table):
            raise _altered(table, "The transaction can only be rolled back.")
        return replace(known, statement=self.statements)

    def has_changed(self, table: Table, *, touches: bool) -> None:
        """Remember that a statement has changed rows of `table`."""
        known = self.changes_of(table)
        self.pending[table.id] = replace(known, begun=True, touched=known.touched or touches)

    @property
    def shape(self) -> tuple[Any, ...]:
        """What the plan of a query depends on."""
        return self.level, *((p.table.id, p.touched) for p in self.pending.values())


@dataclass
class Savepoint:
    """A transaction as it was before a CALL: what is small is kept at once, changes of a table when it changes again.

    Attributes:
        name: of the copies of changes.
        kept: the tables whose changes have been copied.
    """

    name: str
    windows: dict[int, Window]
    consumed: frozenset[int]
    pending: dict[int, Pending]
    loads: tuple[tuple[str, tuple[Any, ...]], ...]
    loaded: frozenset[tuple[int, str, str]]
    purged: tuple[StagedFile, ...]
    kept: set[int] = field(default_factory=set)


def publish(core: Core, transaction: OpenTransaction) -> None:
    """Make a transaction's changes the account's, in one engine transaction.

    Raises:
        SqlError: nothing of it was kept, as a table was dropped meanwhile, or the disk is full.
    """
    tables = known_to_all(pending.table for pending in transaction.pending.values())
    with core.services.engine.locks.writing(tables, core.cancel):
        _publish(core, transaction)


def known_to_all(tables: Iterable[Table]) -> frozenset[int]:
    """The ids of those of the tables that other sessions know, and can alter."""
    return frozenset(table.id for table in tables if table.session is None)


def _publish(core: Core, transaction: OpenTransaction) -> None:
    connection = core.connection
    for pending in transaction.pending.values():
        _check_table(core, pending)
    connection.begin(transaction.record.number)
    ending = connection.statements
    connection.statements = (*transaction.queries, *ending)
    try:
        for pending in transaction.pending.values():
            for text in pending.publish():
                connection.run(text)
            connection.wrote = connection.wrote or is_tracked(pending.table)
            connection.changed.add(pending.table.id)
        for text, parameters in transaction.loads:
            connection.run(text, parameters)
        for stream in sorted(transaction.consumed):
            offsets.advance(connection, transaction.windows[stream])
        connection.commit()
    except BaseException:
        connection.rollback()
        raise
    finally:
        connection.statements = ending


def _check_table(core: Core, pending: Pending) -> None:
    """A table that was dropped or altered since cannot take the changes: what its new columns have would be lost."""
    present = core.present(pending.table)
    if present is None or _columns(pending.table) != _columns(present):
        raise _altered(pending.table, "The transaction was rolled back.")


def _columns(table: Table) -> list[tuple[str, DataType]]:
    return [(column.name, column.type) for column in table.columns]


def _altered(table: Table, so: str) -> SqlError:
    return SqlError(f"Table '{table.name}' was dropped or altered by another session. {so}", 625, "57014")


def forget(core: Core, transaction: OpenTransaction) -> None:
    """Drop what a transaction has kept aside."""
    for pending in transaction.pending.values():
        core.connection.tidy(pending.drop())


# --- CALL ------------------------------------------------------------------------------------------------------------


@contextmanager
def undone_on_error(core: Core) -> Iterator[None]:
    """A CALL in an open transaction: when it fails, what it has changed in that transaction is undone."""
    transaction = core.transaction
    if transaction is None:
        yield
        return
    savepoint = Savepoint(
        f"s{len(transaction.savepoints)}",
        dict(transaction.windows),
        transaction.consumed,
        dict(transaction.pending),
        transaction.loads,
        transaction.loaded,
        transaction.purged,
    )
    transaction.savepoints.append(savepoint)
    try:
        yield
    except BaseException:
        if transaction in core.transactions:
            _restore(core, transaction, savepoint)
        raise
    finally:
        transaction.savepoints.remove(savepoint)
        if transaction in core.transactions:
            for table in savepoint.kept:
                core.connection.tidy(savepoint.pending[table].drop_copy(savepoint.name))


def keep_before(core: Core, transaction: OpenTransaction, tables: tuple[Table, ...]) -> None:
    """Copy the changes of `tables` that a statement is about to add to, where a CALL could have to go back to them."""
    for savepoint in transaction.savepoints:
        for table in tables:
            if table.id in savepoint.pending and table.id not in savepoint.kept:
                for text in savepoint.pending[table.id].copy_to(savepoint.name):
                    core.connection.run(text)
                savepoint.kept.add(table.id)


def _restore(core: Core, transaction: OpenTransaction, savepoint: Savepoint) -> None:
    for table, pending in transaction.pending.items():
        if table not in savepoint.pending:
            core.connection.tidy(pending.drop())
        elif table in savepoint.kept:
            core.connection.tidy(pending.restore_from(savepoint.name))
    transaction.windows, transaction.pending = savepoint.windows, savepoint.pending
    transaction.consumed, transaction.purged = savepoint.consumed, savepoint.purged
    transaction.loads, transaction.loaded = savepoint.loads, savepoint.loaded
