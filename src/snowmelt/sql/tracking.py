"""How tables lie in the engine, and the SQL text of change tracking.

A table with id 17 is ``data.t17(_rid, _ins, columns...)``: `_rid` identifies a row for its whole life, `_ins` is the
transaction that inserted it. Its log is ``data.l17(_lsn, _tx, _rid, _ins, _set, columns...)``: before a row is updated
or deleted, its old image goes there in the same transaction. From the two, the net change since any version follows.
Temporary tables have no log; they live in the session's own ``temp`` schema. Neither have event tables.

The image of an UPDATE holds only the columns that the statement assigns; `_set` has a bit for each, by its position in
the table. What the others were is in a later image of the row, or in the row itself; an image of a deletion is whole
(`_set` is NULL), so that one of the two is always there.

What an explicit transaction has not yet committed is not in these tables: see `snowmelt.sql.pending`.

Statements refer to the running transaction by the engine variable ``tx``.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from snowmelt.base.datatypes import MAX_TEXT, DataType, Kind
from snowmelt.catalog.names import engine_quote
from snowmelt.catalog.objects import Durability, Table, TableColumn
from snowmelt.sql import numbering

TX = "getvariable('tx')"

SESSION_NUMBERS = "temp.row_numbers"
"""A sequence of the session's own, for rows that the account does not see yet, or never."""

CREATE_SESSION_NUMBERS = "CREATE TEMP SEQUENCE row_numbers"

LOG_NUMBER = "(SELECT nextval('snowmelt.log_numbers'))"
"""One number for all images of a statement: no statement logs a row twice, and one number for each would be drawn by
a single thread."""


def is_tracked(table: Table) -> bool:
    """Whether changes of the table are logged: all but temporary and event tables."""
    return table.durability is not Durability.TEMPORARY and not table.is_event


def physical(table: Table) -> str:
    """The engine's name of the table."""
    return f"temp.t{table.id}" if table.durability is Durability.TEMPORARY else f"data.t{table.id}"


def log_of(table: Table) -> str:
    """The engine's name of the table's log."""
    return f"data.l{table.id}"


def column_list(columns: Sequence[TableColumn], prefix: str = "") -> str:
    """The columns as SQL text, each after `prefix` (such as ``o.``)."""
    return ", ".join(prefix + engine_quote(column.name) for column in columns)


def declared_columns(table: Table) -> str:
    """The visible columns with their types and constraints."""
    return ", ".join(
        f"{engine_quote(c.name)} {c.type.duckdb}{'' if c.nullable else ' NOT NULL'}" for c in table.columns
    )


def plain_columns(table: Table) -> str:
    """The visible columns with their types."""
    return ", ".join(f"{engine_quote(c.name)} {c.type.duckdb}" for c in table.columns)


def create_table(table: Table) -> list[str]:
    """Statements that create the table, its row numbers and its log."""
    numbers = [text for column in table.columns for text in create_identity(table, column)]
    hidden = "_rid BIGINT DEFAULT nextval('{}'), _ins BIGINT"
    if table.durability is Durability.TEMPORARY:
        return [
            *numbers,
            f"CREATE TEMP TABLE t{table.id} ({hidden.format(SESSION_NUMBERS)}, {declared_columns(table)})",
        ]
    created = [
        *numbers,
        f"CREATE SEQUENCE data.r{table.id}",
        f"CREATE TABLE {physical(table)} ({hidden.format(f'data.r{table.id}')}, {declared_columns(table)})",
    ]
    if is_tracked(table):
        columns = plain_columns(table)
        created.append(
            f"CREATE TABLE {log_of(table)} (_lsn BIGINT, _tx BIGINT, _rid BIGINT, _ins BIGINT, _set BIGINT, {columns})"
        )
    return created


def create_identity(table: Table, column: TableColumn) -> list[str]:
    """The statement that makes what numbers the column, if it is an AUTOINCREMENT column."""
    identity = column.identity
    if identity is None:
        return []
    temporary = table.durability is Durability.TEMPORARY
    return [numbering.create(identity.id, identity.start, identity.increment, temporary=temporary)]


def identity_sequence(table: Table, column: TableColumn) -> str | None:
    """The engine's name of what numbers the column, or None for any other column."""
    if column.identity is None:
        return None
    return numbering.physical(column.identity.id, temporary=table.durability is Durability.TEMPORARY)


def drop_identities(table: Table) -> list[str]:
    """Statements that remove what numbers the table's AUTOINCREMENT columns."""
    temporary = table.durability is Durability.TEMPORARY
    return [numbering.drop(c.identity.id, temporary=temporary) for c in table.columns if c.identity is not None]


def drop_table(table: Table) -> list[str]:
    """Statements that remove what `create_table` made."""
    numbers = drop_identities(table)
    if table.durability is Durability.TEMPORARY:
        return [f"DROP TABLE IF EXISTS {physical(table)}", *numbers]
    return [
        *numbers,
        f"DROP TABLE IF EXISTS {physical(table)}",
        f"DROP TABLE IF EXISTS {log_of(table)}",
        f"DROP SEQUENCE IF EXISTS data.r{table.id}",
        f'DELETE FROM snowmelt.pruned WHERE "table" = {table.id}',
        forget_loads(table),
    ]


def rows(table: Table) -> str:
    """A query for the table's visible columns."""
    return f"SELECT {column_list(table.columns)} FROM {physical(table)}"


def insert(table: Table, columns: Sequence[TableColumn], source: str) -> str:
    """An INSERT of the query `source`, whose columns are those of `columns`, in order."""
    return f"INSERT INTO {physical(table)} (_ins, {column_list(columns)}) SELECT {TX}, {fitted_rows(columns, source)}"


def fitted_rows(columns: Sequence[TableColumn], source: str) -> str:
    """A select list and FROM for the rows of `source`, to be written into `columns`. It stays a star, so that the
    engine notices columns too many.
    """
    aliases = [f"c{i}" for i in range(len(columns))]
    pairs = [(alias, fitted(column, alias)) for column, alias in zip(columns, aliases, strict=True)]
    checked = ", ".join(f"{text} AS {alias}" for alias, text in pairs if text != alias)
    star = f"s.* REPLACE ({checked})" if checked else "s.*"
    return f"{star} FROM ({source}) AS s({', '.join(aliases)})"


def fitted(column: TableColumn, value: str) -> str:
    """A value to be written into `column`: text that is longer than the column allows is an error (100078)."""
    length = column.type.length
    if column.type.kind is Kind.TEXT and length is not None and length < MAX_TEXT:
        return f"snowmelt_fit(CAST({value} AS VARCHAR), {length})"
    return as_time(column.type, value)


_TIME_MACROS = {
    Kind.DATE: "snowmelt_to_date",
    Kind.TIME: "snowmelt_to_time",
    Kind.TIMESTAMP_NTZ: "snowmelt_to_ntz",
    Kind.TIMESTAMP_LTZ: "snowmelt_to_ltz",
    Kind.TIMESTAMP_TZ: "snowmelt_to_tz",
}


def as_time(data_type: DataType, value: str) -> str:
    """A value of any type as the date or time `data_type`; the value itself for any other type."""
    conversion = _TIME_MACROS.get(data_type.kind)
    if conversion is None:
        return value
    scale = 9 if data_type.scale is None else data_type.scale
    if data_type.kind is Kind.DATE or scale >= 6:
        return f"{conversion}({value})"
    return f"snowmelt_cut({conversion}({value}), {10 ** (6 - scale)})"


def fill(table: Table, source: str) -> str:
    """An INSERT of rows that were there, as it were, before all transactions: they are no change."""
    names = column_list(table.columns)
    return f"INSERT INTO {physical(table)} (_ins, {names}) SELECT 0, s.* FROM ({source}) AS s"


def forget_loads(table: Table) -> str:
    """A statement that forgets which staged files were loaded, as TRUNCATE does."""
    return f'DELETE FROM snowmelt.loads WHERE "table" = {table.id}'


# --- what changed since a version ------------------------------------------------------------------------------------


def window_variables(stream: int) -> tuple[str, str]:
    """Engine variables that tell which transactions committed after a stream's offset: the least such transaction's
    number, and the list of greater numbers that do not belong (older commits, and the reading transaction itself).
    """
    return f"s{stream}_from", f"s{stream}_skip"


def late_variables(stream: int) -> tuple[str, str]:
    """Engine variables that tell which transactions committed after the end of a stream's window: the least such
    transaction's number, and the list of all.
    """
    return f"s{stream}_late_from", f"s{stream}_late"


@dataclass(frozen=True)
class StreamWindow:
    """The window of a stream, which the engine variables tell when the statement runs.

    The window of an explicit transaction ends where the transaction began, since a stream reads repeatably within one:
    with `bounded`, what others committed later does not show.
    """

    stream: int
    bounded: bool

    def fresh(self, column: str) -> str:
        """Whether a transaction committed after the window's start."""
        low, skip = window_variables(self.stream)
        return f"({column} >= getvariable('{low}') AND NOT list_contains(getvariable('{skip}'), {column}))"

    def late(self, column: str) -> str:
        """Whether a transaction committed after the window's end."""
        low, late = late_variables(self.stream)
        return f"({column} >= getvariable('{low}') AND list_contains(getvariable('{late}'), {column}))"

    @property
    def initial(self) -> str:
        """Whether the rows that were there at the window's start count as inserted."""
        return f"getvariable('{initial_variable(self.stream)}')"


@dataclass(frozen=True)
class Versions:
    """The window after the version `start`, up to and including the version `end` or what is there now."""

    start: int
    end: int | None = None

    @property
    def bounded(self) -> bool:
        return self.end is not None

    def fresh(self, column: str) -> str:
        """Whether a transaction committed after the window's start."""
        return _committed_after(column, self.start)

    def late(self, column: str) -> str:
        """Whether a transaction committed after the window's end."""
        assert self.end is not None
        return _committed_after(column, self.end)

    @property
    def initial(self) -> str:
        """Rows that were there at the window's start are no change."""
        return "FALSE"


Window = StreamWindow | Versions


def _committed_after(column: str, version: int) -> str:
    return f"({column} IN (SELECT tx FROM snowmelt.commits WHERE ver > {version}))"


def initial_variable(stream: int) -> str:
    """An engine variable that tells whether an append-only stream shows the rows that were there at its start."""
    return f"s{stream}_initial"


def row_id(table: Table, column: str) -> str:
    """METADATA$ROW_ID: a text that stays with the row."""
    return f"printf('%08x%016x', {table.id}, {column})"


def delta(table: Table, window: Window, *, append_only: bool) -> str:
    """A query for the net change of `table` within a window: its columns, METADATA$ACTION, METADATA$ISUPDATE and
    METADATA$ROW_ID.

    Source: docs.snowflake.com/en/user-guide/streams-intro
    """
    columns = column_list(table.columns)
    base, log = physical(table), log_of(table)
    if window.bounded:
        base, log = _at_end(table, window), f"(SELECT * FROM {log} WHERE NOT {window.late('_tx')})"

    def out(prefix: str, action: str, update: str, names: str = "") -> str:
        identity = row_id(table, prefix + "_rid")
        return (
            f"SELECT {names or column_list(table.columns, prefix)}, '{action}' AS \"METADATA$ACTION\", "
            f'{update} AS "METADATA$ISUPDATE", {identity} AS "METADATA$ROW_ID"'
        )

    old = _first_images(table, log, window.fresh("_tx") + " AND NOT " + window.fresh("_ins"))
    if append_only:
        gone = _first_images(table, log, window.fresh("_tx") + " AND " + window.fresh("_ins"))
        appended = (
            f"WITH g AS MATERIALIZED ({gone}) "
            f"{out('t.', 'INSERT', 'FALSE')} FROM {base} AS t ANTI JOIN g ON t._rid = g._rid "
            f"WHERE {window.fresh('t._ins')} "
            f"UNION ALL {out('g.', 'INSERT', 'FALSE')} FROM ({_whole(table, 'g', base)}) AS g"
        )
        if isinstance(window, Versions):
            return appended
        # What SHOW_INITIAL_ROWS shows: the rows as they were at the window's start.
        initial = _whole(table, f"(SELECT * FROM ({old}) WHERE {window.initial})", base)
        return (
            f"{appended} UNION ALL {out('b.', 'INSERT', 'FALSE')} FROM (SELECT * FROM {base} WHERE {window.initial} "
            f"AND NOT {window.fresh('_ins')}) AS b ANTI JOIN (SELECT _rid FROM {log} WHERE {window.initial} "
            f"AND {window.fresh('_tx')}) AS x ON b._rid = x._rid "
            f"UNION ALL {out('o.', 'INSERT', 'FALSE')} FROM ({initial}) AS o"
        )
    return (
        f"WITH o AS MATERIALIZED ({old}), "
        f"u AS MATERIALIZED (SELECT t._rid, {column_list(table.columns, 't.')} FROM {base} AS t "
        f"SEMI JOIN o ON t._rid = o._rid) "
        f'SELECT {columns}, "METADATA$ACTION", "METADATA$ISUPDATE", "METADATA$ROW_ID" FROM ('
        f"{out('t.', 'INSERT', 'FALSE')} FROM {base} AS t WHERE {window.fresh('t._ins')} "
        f"UNION ALL {out('u.', 'INSERT', 'TRUE')} FROM u "
        f"UNION ALL {out('o.', 'DELETE', 'u._rid IS NOT NULL', _filled(table, 'o', 'u'))} "
        f"FROM o LEFT JOIN u ON o._rid = u._rid)"
    )


def rows_at(table: Table, version: int) -> str:
    """A query for the table's visible columns as its rows were at a version.

    Source: docs.snowflake.com/en/sql-reference/constructs/at-before
    """
    return f"SELECT {column_list(table.columns)} FROM {_at_end(table, Versions(0, version))}"


def _at_end(table: Table, window: Window) -> str:
    """The table's rows as they were at the end of the window."""
    names = "_rid, _ins, " + column_list(table.columns)
    log = log_of(table)
    images = _first_images(table, log, f"{window.late('_tx')} AND NOT {window.late('_ins')}")
    return (
        f"(SELECT {names} FROM {physical(table)} WHERE NOT {window.late('_ins')} "
        f"AND _rid NOT IN (SELECT _rid FROM {log} WHERE {window.late('_tx')}) "
        f"UNION ALL {_whole(table, f'({images})', physical(table))})"
    )


# --- images of rows --------------------------------------------------------------------------------------------------

_BITS = 62
"""Columns that `_set` has bits for; an image that holds others is whole."""


def imaged(table: Table, assigned: Collection[TableColumn]) -> Sequence[int]:
    """The positions of the columns that the image of an UPDATE of the columns `assigned` holds."""
    places = [i for i, column in enumerate(table.columns) if column in assigned]
    return places if places[-1] < _BITS else range(len(table.columns))


def mask(table: Table, held: Collection[int]) -> int | None:
    """The `_set` of an image that holds the columns at the positions `held`; None when these are all."""
    return None if len(held) == len(table.columns) else sum(1 << i for i in held)


def drop_from_images(table: Table, position: int) -> str | None:
    """A statement that makes each `_set` right for the table without the column at that position."""
    if position >= _BITS or not is_tracked(table):
        return None
    low = (1 << position) - 1
    rest = f"(_set & {low}) | ((_set >> {position + 1}) << {position})"
    return f"UPDATE {log_of(table)} SET _set = {rest} WHERE _set IS NOT NULL"


def _holds(image: str, position: int) -> str:
    """Whether an image holds the column at that position."""
    bit = f" OR ({image}_set & {1 << position}) <> 0" if position < _BITS else ""
    return f"({image}_set IS NULL{bit})"


def _first_images(table: Table, log: str, where: str) -> str:
    """A query for what rows were before the first of those changes that `where` chooses from the log: `_rid`, `_ins`,
    `_set` and the columns. What `_set` leaves out none of these changes has touched.
    """
    # Rows that were changed once, which most are, need no look at each column.
    several = ", ".join(
        f"arg_min_null({name}, _lsn) FILTER ({_holds('', i)})"
        for i, name in enumerate(engine_quote(column.name) for column in table.columns)
    )
    return (
        f"WITH w AS MATERIALIZED (SELECT *, count(*) OVER (PARTITION BY _rid) AS _times FROM {log} WHERE {where}) "
        f"SELECT _rid, _ins, _set, {column_list(table.columns)} FROM w WHERE _times = 1 UNION ALL "
        f"SELECT _rid, any_value(_ins), CASE WHEN bool_and(_set IS NOT NULL) THEN bit_or(_set) END, {several} "
        f"FROM w WHERE _times > 1 GROUP BY _rid"
    )


def _filled(table: Table, image: str, row: str) -> str:
    """The columns of a first image, with what it leaves out taken from the row as it was later."""
    return ", ".join(
        f"CASE WHEN {_holds(image + '.', i)} THEN {image}.{name} ELSE {row}.{name} END AS {name}"
        for i, name in enumerate(engine_quote(column.name) for column in table.columns)
    )


def _whole(table: Table, images: str, base: str) -> str:
    """A query for the rows that first images tell of: `_rid`, `_ins` and the columns."""
    return (
        f"SELECT i._rid, i._ins, {_filled(table, 'i', 'b')} FROM {images} AS i LEFT JOIN {base} AS b ON i._rid = b._rid"
    )
