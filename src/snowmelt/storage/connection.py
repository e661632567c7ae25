"""One connection to the engine: statements, results as Arrow, and the transaction it is in."""

from __future__ import annotations

import contextlib
import re
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING, Any

import duckdb

from snowmelt.base.datatypes import from_duckdb
from snowmelt.base.errors import canceled
from snowmelt.base.late import pyarrow as pa
from snowmelt.base.result import Column
from snowmelt.catalog.names import logical_name
from snowmelt.storage.errors import translate
from snowmelt.storage.moments import microseconds
from snowmelt.storage.spill import Rows, collect

if TYPE_CHECKING:
    from snowmelt.storage.engine import Engine


_BATCH_ROWS = 122_880
"""Rows that the engine hands over at once."""

MOMENT = "CAST(getvariable('moment') AS BIGINT)"
"""What `tell_moment` has told, in microseconds since 1970 in UTC, for statements that are planned for any moment."""

_QUOTE = "'"

_INTERRUPT_AGAIN = 0.02
_INTERRUPT_PATIENCE = 5.0
"""Seconds between two interrupts of a statement, and until the interrupting gives up: a handler runs to its end."""


_INSERT = re.compile(r"INSERT INTO ([\w.]+) ")


def bound(key: str) -> str:
    """What stands for a bind variable in statements that are planned for any text; see `Connection.tell_binds`."""
    return f"CAST(getvariable('bind_{key}') AS VARCHAR)"


class Connection:
    """A DuckDB cursor with the bookkeeping of change tracking.

    Attributes:
        tx: number of the open transaction, 0 when there is none.
        wrote: whether the open transaction wrote rows of tracked tables or moved offsets.
        canceled: set while the running statement is to stop; whoever begins a statement clears it.
        statements: ids of the queries that the next commit is made of.
        sequences: sequences of the engine that statements have taken values of since the last commit.
    """

    def __init__(self, engine: Engine, cursor: duckdb.DuckDBPyConnection) -> None:
        self.engine = engine
        self._cursor = cursor
        self.tx = 0
        self._own = False
        self._marked = 0
        self._zone = "UTC"
        self._moment: datetime | None = None
        self.wrote = False
        self.changed: set[int] = set()
        self.statements: tuple[str, ...] = ()
        self.sequences: set[str] = set()
        self.canceled = threading.Event()
        self._idle = threading.Event()
        self._idle.set()
        self._turn = threading.Lock()
        self._given_nothing: set[str] = set()

    # --- transaction -------------------------------------------------------------------------------------------------

    def begin(self, number: int | None = None) -> None:
        """Open a transaction with the given number or one of its own; its snapshot is taken by the first statement."""
        self._own = number is None
        number = number or self.engine.next_transaction()
        self.mark_with(number)
        self._cursor.execute("BEGIN")
        self.tx = number
        self.wrote = False
        self.changed = set()
        self._given_nothing.clear()

    def mark_with(self, number: int) -> None:
        """Let statements mark what they write with the transaction number `number`."""
        if self._marked != number:
            self._cursor.execute(f"SET VARIABLE tx = {number}")
            self._marked = number

    def commit(self) -> None:
        """Commit; rows become visible and get their version.

        Raises:
            SqlError: the commit failed; everything is rolled back.
        """
        self.engine.await_notes()
        try:
            if self.wrote:
                self.engine.commit(self._cursor, self.tx, self.statements, frozenset(self.changed))
            else:
                self._cursor.execute("COMMIT")
            self.sequences.clear()
        except duckdb.Error as error:
            self.rollback()
            raise translate(error) from error
        finally:
            self._end()

    def rollback(self) -> None:
        """Undo the open transaction, if there is one."""
        if self.tx:
            self._end()
            try:
                self._cursor.execute("ROLLBACK")
            except duckdb.TransactionException as error:
                # COMMIT that fails has already rolled back.
                if "no transaction is active" not in str(error):
                    raise
            self._keep_numbers()

    def _end(self) -> None:
        """No transaction is open any more."""
        if self._own and self.tx:
            self.engine.ended(self.tx)
        self.tx = 0

    def _keep_numbers(self) -> None:
        """Make the file remember how far sequences have come: values that a rollback undid are never given again."""
        for name in self.sequences:
            with contextlib.suppress(duckdb.CatalogException):  # the rollback undid the sequence itself
                self._cursor.execute(f"SELECT nextval('{name}')").fetchall()
        self.sequences.clear()

    def use_zone(self, zone: str) -> None:
        """Let conversions between TIMESTAMP and TIMESTAMPTZ follow the time zone `zone`, which must exist."""
        if zone != self._zone:
            self._cursor.execute(f"SET TimeZone = '{zone}'")
            self._zone = zone

    def tell_moment(self, moment: datetime) -> None:
        """Let `MOMENT` be the moment `moment`, until another is told."""
        if moment != self._moment:
            self._cursor.execute(f"SET VARIABLE moment = {microseconds(moment)}")
            self._moment = moment

    def tell_binds(self, values: Mapping[str, str]) -> None:
        """Let `bound` stand for the bind variables' values, by position, until others are told."""
        texts = (f"SET VARIABLE bind_{key} = '{value.replace(_QUOTE, _QUOTE * 2)}'" for key, value in values.items())
        self._cursor.execute("; ".join(texts))

    # --- statements --------------------------------------------------------------------------------------------------

    def run(self, sql: str, parameters: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """Execute DuckDB text and fetch all rows as Python values.

        Raises:
            SqlError: in Snowflake's words.
        """
        table = _INSERT.match(sql) if self.tx else None
        if table is not None and table.group(1) in self._given_nothing:
            # DuckDB 2.0.0 loses the rows of a bulk INSERT (more than a row group) when the same transaction has put no
            # rows at all into the same table by another; one that returns rows is not done in bulk.
            sql = f"WITH i AS ({sql} RETURNING 1) SELECT count(*) FROM i"
        try:
            with self._running():
                rows = self._cursor.execute(sql, list(parameters) or None).fetchall()
        except duckdb.Error as error:
            raise translate(error) from error
        if table is not None and rows == [(0,)]:
            self._given_nothing.add(table.group(1))
        return rows

    def scalar(self, sql: str, parameters: Sequence[Any] = ()) -> Any:
        """The first cell of the first row, or None."""
        rows = self.run(sql, parameters)
        return rows[0][0] if rows else None

    def query(self, sql: str) -> tuple[tuple[Column, ...], pa.Table]:
        """Execute a query: its columns with Snowflake's types, and its rows; Arrow columns are named c0, c1, ..."""
        try:
            with self._running():
                columns, result = self._submit(sql, "arrow")
                table = result.arrow_table()
        except duckdb.Error as error:
            raise translate(error) from error
        return columns, table.rename_columns([f"c{i}" for i in range(table.num_columns)])

    def stream(self, sql: str) -> tuple[tuple[Column, ...], Rows]:
        """As `query`, but a large result goes to a file while it is read."""
        try:
            with self._running():
                columns, result = self._submit(sql, "stream")
                rows = collect(result.arrow_reader(), self.engine.spill)
        except duckdb.Error as error:
            self.check_canceled()  # an interrupt in the middle of the rows reaches us as any other error
            raise translate(error) from error
        return columns, replace(rows, table=rows.table.rename_columns([f"c{i}" for i in range(len(columns))]))

    def _submit(self, sql: str, form: str) -> tuple[tuple[Column, ...], Any]:
        """Run a query: its columns, and a result of DuckDB's that gives its rows in `form`: ``arrow`` or ``stream``."""
        # What `sql()` gives does the same after it has planned the query once already, to know its columns.
        cursor: Any = self._cursor
        result = cursor._submit(sql, None, form, _BATCH_ROWS)
        described = result.description
        return _columns([name for name, *_ in described], [str(of_type) for _, of_type, *_ in described]), result

    def tidy(self, texts: Iterable[str]) -> None:
        """Execute statements that must be carried out though the user's statement was canceled.

        Raises:
            SqlError: in Snowflake's words.
        """
        try:
            for text in texts:
                self._cursor.execute(text)
        except duckdb.Error as error:
            raise translate(error) from error

    def drop_temporary(self, name: str) -> None:
        """Forget a relation given to `register`, or a temporary table, whichever `name` is."""
        try:
            self._cursor.unregister(name)
            self._cursor.execute(f"DROP TABLE IF EXISTS temp.{name}")
        except duckdb.TransactionException:
            return  # the transaction was ended by an error; its temporary tables go with it

    def create_function(
        self, name: str, function: Callable[..., pa.Array], parameters: Sequence[str], returns: str
    ) -> None:
        """Make a Python function of Arrow arrays callable from SQL; types are DuckDB's names."""
        self._cursor.create_function(  # type: ignore[call-overload]
            name, function, list(parameters), returns, type="arrow", null_handling="special", side_effects=True
        )

    def describe(self, sql: str) -> tuple[Column, ...]:
        """The columns a query would have, without running it."""
        rows = self.run(f"DESCRIBE {sql}")
        return _columns([row[0] for row in rows], [row[1] for row in rows])

    def register(self, name: str, table: pa.Table) -> None:
        """Make an Arrow table visible to this connection's statements under `name`."""
        self._cursor.register(name, table)

    def unregister(self, name: str) -> None:
        """Forget a table given to `register`."""
        self._cursor.unregister(name)

    def interrupt(self) -> None:
        """Abort the running statement, from another thread."""
        self.canceled.set()
        # The engine forgets an interrupt that comes before it really runs, so one is not enough.
        deadline = time.monotonic() + _INTERRUPT_PATIENCE
        while True:
            with self._turn:
                if self._idle.is_set():
                    return
                self._cursor.interrupt()
            if self._idle.wait(_INTERRUPT_AGAIN) or time.monotonic() > deadline:
                return

    @contextmanager
    def _running(self) -> Iterator[None]:
        """While a statement runs it may be interrupted; COMMIT and ROLLBACK never are.

        Raises:
            SqlError: 000604 when it was canceled before it began.
        """
        with self._turn:
            self._idle.clear()
        try:
            self.check_canceled()
            yield
        finally:
            with self._turn:
                self._idle.set()

    def check_canceled(self) -> None:
        """Stop here when the running statement has been canceled.

        Raises:
            SqlError: 000604.
        """
        if self.canceled.is_set():
            raise canceled()

    def close(self) -> None:
        """Roll back what is open and let go of temporary tables."""
        self.rollback()
        self._cursor.close()


def _columns(names: Sequence[str], types: Sequence[str]) -> tuple[Column, ...]:
    return tuple(Column(logical_name(name), from_duckdb(text)) for name, text in zip(names, types, strict=True))
