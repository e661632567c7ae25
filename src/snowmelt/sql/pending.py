"""What an explicit transaction has changed and not yet committed.

DuckDB has one snapshot for a transaction and ends it at a run-time error. Snowflake's statements each see what others
have committed by then, and one that fails undoes only itself. So no engine transaction stays open between statements:
each runs in one of its own, and what an explicit transaction changes lies in two temporary tables of the session for
each table, until COMMIT moves it all in one engine transaction:

- rows: rows that the transaction has inserted, and those that it has updated, as they are now;
- images: what the changed rows were before, statement by statement. A row that has an image is not to be read from the
  table itself any more; its images become the table's log.

Source: docs.snowflake.com/en/sql-reference/transactions#read-committed-isolation
"""

from __future__ import annotations

from dataclasses import dataclass

from snowmelt.catalog.objects import Table
from snowmelt.sql import numbering, tracking
from snowmelt.sql.tracking import CREATE_SESSION_NUMBERS, SESSION_NUMBERS, TX, column_list, physical

_ROW_NUMBER = f"{TX} * 4294967296 + {numbering.unordered_value(SESSION_NUMBERS)}"
"""A row's `_rid`, drawn without writing to the file: greater than any that a table's own sequence comes to."""


def _create(name: str) -> str:
    return f"CREATE TEMP TABLE {name.removeprefix('temp.')}"


@dataclass(frozen=True)
class Pending:
    """One transaction's changes of one table.

    Attributes:
        table: as it was when the transaction first wrote to it.
        level: how many transactions of the session the transaction was begun in.
        statement: number of the statement that is planned, in its transaction.
        begun: the two temporary tables exist.
        touched: rows of the table itself may have images.
    """

    table: Table
    level: int
    statement: int
    begun: bool = False
    touched: bool = False

    @property
    def rows(self) -> str:
        return f"temp.w{self.level}_{self.table.id}"

    @property
    def images(self) -> str:
        return f"temp.i{self.level}_{self.table.id}"

    def create(self) -> list[str]:
        """Statements that make the two tables."""
        return [
            CREATE_SESSION_NUMBERS,
            f"{_create(self.rows)} (_rid BIGINT, _ins BIGINT, {tracking.declared_columns(self.table)})",
            f"{_create(self.images)} (_statement BIGINT, _rid BIGINT, _ins BIGINT, "
            f"{tracking.plain_columns(self.table)})",
        ]

    def drop(self) -> list[str]:
        """Statements that forget the changes."""
        return [f"DROP TABLE IF EXISTS {self.rows}", f"DROP TABLE IF EXISTS {self.images}"]

    def insert(self, names: str, rows: str) -> str:
        """An INSERT of new rows: the columns `names` from the select list and FROM that `rows` is."""
        return f"INSERT INTO {self.rows} (_rid, _ins, {names}) SELECT {_ROW_NUMBER}, {TX}, {rows}"

    def copy_to(self, name: str) -> list[str]:
        """Statements that keep the present state under `name`."""
        return [f"{_create(place)}_{name} AS FROM {place}" for place in (self.rows, self.images)]

    def restore_from(self, name: str) -> list[str]:
        """Statements that go back to what `copy_to` kept."""
        return [
            text
            for place in (self.rows, self.images)
            for text in (f"DELETE FROM {place}", f"INSERT INTO {place} FROM {place}_{name}")
        ]

    def drop_copy(self, name: str) -> list[str]:
        """Statements that forget what `copy_to` kept."""
        return [f"DROP TABLE {place}_{name}" for place in (self.rows, self.images)]

    def publish(self) -> list[str]:
        """Statements that move the changes into the table and its log, at COMMIT."""
        table, columns = self.table, column_list(self.table.columns)
        texts = []
        if self.touched and tracking.is_tracked(table):
            # In the order of the statements, for a row may have been changed by several.
            texts.append(
                f"INSERT INTO {tracking.log_of(table)} (_lsn, _tx, _rid, _ins, {columns}) "
                f"SELECT n._lsn, {TX}, i._rid, i._ins, {column_list(table.columns, 'i.')} FROM {self.images} AS i "
                f"JOIN (SELECT _statement, nextval('snowmelt.log_numbers') AS _lsn FROM "
                f"(SELECT DISTINCT _statement FROM {self.images} ORDER BY _statement)) AS n "
                f"ON i._statement = n._statement"
            )
        if self.touched:
            texts.append(
                f"DELETE FROM {physical(table)} WHERE _rid IN (SELECT _rid FROM {self.images} WHERE _ins <> {TX})"
            )
        texts.append(
            f"INSERT INTO {physical(table)} (_rid, _ins, {columns}) SELECT _rid, _ins, {columns} FROM {self.rows}"
        )
        return texts


def relation(table: Table, pending: Pending | None, *, hidden: bool = False) -> str:
    """A query for the table's rows as a statement sees them; with `hidden` also `_rid` and `_ins`."""
    columns = ("_rid, _ins, " if hidden else "") + column_list(table.columns)
    if pending is None or not pending.begun:
        return f"SELECT {columns} FROM {physical(table)}"
    unchanged = f"{physical(table)} AS b" + (
        f" ANTI JOIN {pending.images} AS i ON b._rid = i._rid" if pending.touched else ""
    )
    return f"SELECT {columns} FROM {unchanged} UNION ALL SELECT {columns} FROM {pending.rows}"
