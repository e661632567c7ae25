"""How tables lie in the engine, and the SQL text of change tracking.

A table with id 17 is ``data.t17(_rid, _ins, columns...)``: `_rid` identifies a row for its whole life, `_ins` is the
transaction that inserted it. Its log is ``data.l17(_lsn, _tx, _rid, _ins, _set, columns...)``: before a row is updated
or deleted, its old image goes there in the same transaction. From the two, the net change since any version follows
(`snowmelt.sql.deltas`).
Temporary tables have no log; they live in the session's own ``temp`` schema. Neither have event tables.

The image of an UPDATE holds only the columns that the statement assigns; `_set` has a bit for each, by its position in
the table. What the others were is in a later image of the row, or in the row itself; an image of a deletion is whole
(`_set` is NULL), so that one of the two is always there.

What an explicit transaction has not yet committed is not in these tables: see `snowmelt.sql.pending`.

Statements refer to the running transaction by the engine variable ``tx``.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

from snowmelt.base.datatypes import MAX_BINARY, MAX_TEXT, DataType, Kind
from snowmelt.catalog.names import engine_quote
from snowmelt.catalog.objects import Durability, Table, TableColumn
from snowmelt.sql import numbering

TX = "getvariable('tx')"

SESSION_NUMBERS = "temp.row_numbers"
"""A sequence of the session's own, for rows that the account does not see yet, or never."""

CREATE_SESSION_NUMBERS = "CREATE TEMP SEQUENCE IF NOT EXISTS row_numbers"
"""It is made with the first table that takes numbers of it: most sessions of tasks have none."""

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


def create_table(table: Table, first_row: int = 1) -> list[str]:
    """Statements that create the table, its row numbers, which begin with `first_row`, and its log."""
    numbers = [text for column in table.columns for text in create_identity(table, column)]
    if table.durability is Durability.TEMPORARY:
        return [
            *numbers,
            CREATE_SESSION_NUMBERS,
            f"CREATE TEMP TABLE t{table.id} ({_hidden_columns(SESSION_NUMBERS)}, {declared_columns(table)})",
        ]
    created = [
        *numbers,
        f"CREATE SEQUENCE data.r{table.id} START {first_row}",
        f"CREATE TABLE {physical(table)} ({_hidden_columns(f'data.r{table.id}')}, {declared_columns(table)})",
    ]
    if is_tracked(table):
        created.append(f"CREATE TABLE {log_of(table)} ({_log_columns(table)})")
    return created


_FIXED_WIDTH = frozenset(
    {Kind.FIXED, Kind.REAL, Kind.BOOLEAN, Kind.DATE, Kind.TIME, Kind.TIMESTAMP_NTZ, Kind.TIMESTAMP_LTZ}
)


def _log_columns(table: Table) -> str:
    """The columns of the table's log. Images are written with each change and soon pruned, and most of their columns
    are NULL, which takes no room in any case: trying out how numbers compress best costs more than it saves.
    """
    hidden = [(name, "BIGINT", True) for name in ("_lsn", "_tx", "_rid", "_ins", "_set")]
    shown = [(engine_quote(c.name), c.type.duckdb, c.type.kind in _FIXED_WIDTH) for c in table.columns]
    return ", ".join(
        f"{name} {kind}{' USING COMPRESSION uncompressed' if plain else ''}" for name, kind, plain in (*hidden, *shown)
    )


def _hidden_columns(numbers: str) -> str:
    """The columns that no user sees; `numbers` is the sequence of `_rid`."""
    return f"_rid BIGINT DEFAULT {numbering.unordered_value(numbers)}, _ins BIGINT"


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


def rows(table: Table, *, numbered: bool = False) -> str:
    """A query for the table's visible columns, and their `_rid` before them."""
    return f"SELECT {row_columns(table, numbered=numbered)} FROM {physical(table)}"


def row_columns(table: Table, *, numbered: bool) -> str:
    """The visible columns as SQL text, after `_rid` if they are to be `numbered`."""
    return ("_rid, " if numbered else "") + column_list(table.columns)


def last_row(table: Table) -> str:
    """A query for the greatest `_rid` of the table's rows, those included that were there."""
    return f"SELECT max(_rid) FROM (SELECT _rid FROM {physical(table)} UNION ALL SELECT _rid FROM {log_of(table)})"


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
    """A value to be written into `column`: what is longer than the column allows is an error (100078)."""
    length = column.type.length
    if column.type.kind is Kind.TEXT and length is not None and length < MAX_TEXT:
        return f"snowmelt_fit(CAST({value} AS VARCHAR), {length})"
    if column.type.kind is Kind.BINARY and length is not None and length < MAX_BINARY:
        return f"snowmelt_fit_binary(CAST({value} AS BLOB), {length})"
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


def fill(table: Table, source: str, *, numbered: bool = False) -> str:
    """An INSERT of rows that were there, as it were, before all transactions: they are no change."""
    names = row_columns(table, numbered=numbered)
    return f"INSERT INTO {physical(table)} (_ins, {names}) SELECT 0, s.* FROM ({source}) AS s"


def forget_loads(table: Table) -> str:
    """A statement that forgets which staged files were loaded, as TRUNCATE does."""
    return f'DELETE FROM snowmelt.loads WHERE "table" = {table.id}'


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


def holds(image: str, position: int) -> str:
    """Whether an image holds the column at that position."""
    bit = f" OR ({image}_set & {1 << position}) <> 0" if position < _BITS else ""
    return f"({image}_set IS NULL{bit})"
