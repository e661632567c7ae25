"""How DML changes tables: the changes are found by one query, staged, and then carried out.

A staged row says what happens to one row of the table: `_act` is one of the `ACTIONS`, ``o0, o1, ...`` are
its columns before and ``n0, n1, ...`` those afterwards, by position in the table; of the latter there are only those
that the statement gives values to, and of the former only those that images hold. As the query runs once, the images
in the log are those of the very rows that change, whatever the condition reads.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

from snowmelt.catalog.names import engine_quote
from snowmelt.catalog.objects import Table, TableColumn
from snowmelt.sql import tracking
from snowmelt.sql.pending import Pending
from snowmelt.sql.pending import relation as rows_seen
from snowmelt.sql.tracking import LOG_NUMBER, TX, as_time, column_list, fitted, fitted_rows, physical

STAGED = "snowmelt_changes"

UPDATED, DELETED, INSERTED = 1, 2, 3
ACTIONS = {"updated": UPDATED, "deleted": DELETED, "inserted": INSERTED}
"""What `_act` is, by the name of its count. Numbers, as the engine takes longer to write and compare letters."""

COUNTS = f"SELECT _act, count(*) FROM {STAGED} GROUP BY ALL"
"""How many rows each action has."""

TWICE = 0

COUNTS_AND_TWICE = (
    f"{COUNTS} UNION ALL SELECT {TWICE}, count(*) FROM "
    f"(SELECT 1 FROM {STAGED} WHERE _act <> {INSERTED} GROUP BY _rid HAVING count(*) > 1)"
)
"""The same, and under `TWICE` how many rows of the table are staged more than once."""

KEEP_ONE = (
    f"DELETE FROM {STAGED} WHERE _act <> {INSERTED} AND rowid NOT IN (SELECT min(rowid) FROM {STAGED} GROUP BY _rid)"
)
"""Leaves one of the staged rows for each row of the table."""


def ambiguous(table: Table, pending: Pending | None, *, deletes_agree: bool) -> str:
    """A query for the columns of a row for which more than one change is staged; several deletions of a row can be the
    same as one.
    """
    several = "count(*) > 1" + (f" AND bool_or(_act <> {DELETED})" if deletes_agree else "")
    row = f"SELECT _rid FROM {STAGED} WHERE _act <> {INSERTED} GROUP BY _rid HAVING {several} LIMIT 1"
    seen = rows_seen(table, pending, hidden=True)
    return f"SELECT {column_list(table.columns)} FROM ({seen}) AS t WHERE _rid = ({row})"


def stage(table: Table, old: Sequence[int], new: Sequence[int], query: str) -> str:
    """A statement that stages what `query` yields: the action, `_rid`, `_ins`, the columns at the positions `old`, and
    the values for those at the positions `new`.
    """
    kept = ["_act", "_rid", "_ins", *(f"o{i}" for i in old)]
    given = [(f"n{i}", table.columns[i].type) for i in new]
    values = [f"CAST({as_time(of_type, name)} AS {of_type.duckdb}) AS {name}" for name, of_type in given]
    names = ", ".join([*kept, *(name for name, _ in given)])
    return f"CREATE OR REPLACE TEMP TABLE {STAGED} AS SELECT {', '.join([*kept, *values])} FROM ({query}) AS q({names})"


def log_staged(table: Table, old: Collection[int], pending: Pending | None) -> str | None:
    """A statement that keeps the images of staged rows, of which the columns at the positions `old` are staged; None
    for a table that has no log.
    """
    values = "".join(f", o{i}" for i in old)
    source = f"FROM {STAGED} WHERE _act <> {INSERTED}"
    if pending is not None:
        return f"INSERT INTO {pending.images} SELECT {pending.statement}, _rid, _ins{values} {source}"
    if not tracking.is_tracked(table):
        return None
    return f"{log_head(table, old)} _rid, _ins{values} {source}"


def update_staged(table: Table, assigned: Sequence[TableColumn], pending: Pending | None) -> str:
    """A statement that carries out the staged updates of the columns `assigned`."""
    places = [table.columns.index(column) for column in assigned]
    if pending is None:
        values = ", ".join(
            f"{engine_quote(table.columns[i].name)} = {fitted(table.columns[i], f's.n{i}')}" for i in places
        )
        place = physical(table)
        return f"UPDATE {place} AS t SET {values} FROM {STAGED} AS s WHERE t._rid = s._rid AND s._act = {UPDATED}"
    columns = ", ".join(fitted(column, f"n{i}") if i in places else f"o{i}" for i, column in enumerate(table.columns))
    return f"INSERT INTO {pending.rows} SELECT _rid, _ins, {columns} FROM {STAGED} WHERE _act = {UPDATED}"


def delete_staged(table: Table, pending: Pending | None) -> str:
    """A statement that carries out the staged deletions; in an explicit transaction also the first half of updates."""
    if pending is None:
        return f"DELETE FROM {physical(table)} WHERE _rid IN (SELECT _rid FROM {STAGED} WHERE _act = {DELETED})"
    return f"DELETE FROM {pending.rows} WHERE _rid IN (SELECT _rid FROM {STAGED} WHERE _act <> {INSERTED})"


def insert_staged(table: Table, given: Sequence[TableColumn], pending: Pending | None) -> str:
    """A statement that carries out the staged insertions, which give values to the columns `given`."""
    columns = ", ".join(f"n{table.columns.index(column)}" for column in given)
    return insert(table, given, f"SELECT {columns} FROM {STAGED} WHERE _act = {INSERTED}", pending)


def insert(table: Table, columns: Sequence[TableColumn], source: str, pending: Pending | None) -> str:
    """An INSERT of the query `source`, whose columns are those of `columns`, in order."""
    if pending is None:
        return tracking.insert(table, columns, source)
    return pending.insert(column_list(columns), fitted_rows(columns, source))


def log_head(table: Table, held: Collection[int]) -> str:
    """The head of an INSERT of images into the table's log: what is to follow are `_rid`, `_ins` and the columns at the
    positions `held`, and where they are from.
    """
    mask = tracking.mask(table, held)
    columns = column_list([table.columns[i] for i in held])
    return (
        f"INSERT INTO {tracking.log_of(table)} (_lsn, _tx, _set, _rid, _ins, {columns}) "
        f"SELECT {LOG_NUMBER}, {TX}, {'NULL' if mask is None else mask},"
    )


def log_rows(table: Table, prefix: str, held: Collection[int]) -> str:
    """The head of an INSERT into the log of rows of the table, which a FROM clause calls `prefix`."""
    columns = column_list([table.columns[i] for i in held], prefix + ".")
    return f"{log_head(table, held)} {prefix}._rid, {prefix}._ins, {columns}"


def logged_now(table: Table) -> str:
    """A query for the number of images that the transaction has written, and of how many rows they are."""
    return f"SELECT count(*), count(DISTINCT _rid) FROM {tracking.log_of(table)} WHERE _tx = {TX}"


def delete_all(table: Table, pending: Pending | None) -> list[str]:
    """Statements that log and delete every row."""
    if pending is not None:
        seen = rows_seen(table, pending, hidden=True)
        return [
            f"INSERT INTO {pending.images} SELECT {pending.statement}, * FROM ({seen})",
            f"DELETE FROM {pending.rows}",
        ]
    everything = f"DELETE FROM {physical(table)}"
    if not tracking.is_tracked(table):
        return [everything]
    return [f"{log_rows(table, 't', range(len(table.columns)))} FROM {physical(table)} AS t", everything]
