"""What changed in a table since a version, and its rows as they were then: SQL text over a table and its log.

Source: docs.snowflake.com/en/user-guide/streams-intro
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from snowmelt.catalog.names import engine_quote
from snowmelt.catalog.objects import Table
from snowmelt.sql.tracking import column_list, holds, log_of, physical, row_columns


def window_variables(stream: int) -> tuple[str, str]:
    """Engine variables that tell which transactions committed after a stream's offset: the least such transaction's
    number, and the list of greater numbers that do not belong (older commits, and the reading transaction itself).
    """
    return f"s{stream}_from", f"s{stream}_skip"


def variables_of(stream: int) -> str:
    """What a text contains that needs the engine variables of a stream's window."""
    return f"getvariable('s{stream}_"


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

    The other attributes are what is known of an open window. The engine takes longer to read the text of a delta that
    fits any window than to carry out one that fits the window as it mostly is.

    Attributes:
        least: the least number of a transaction in the window, if all greater ones belong to it, too. With it the
            text needs no engine variables.
        still: ids of tables none of whose rows were updated or deleted in the window.
        once: ids of tables whose rows were updated or deleted once at most.
        shows_initial: whether the stream shows the rows that were there at the window's start; None if not known.
    """

    stream: int
    bounded: bool
    least: int | None = None
    still: frozenset[int] = frozenset()
    once: frozenset[int] = frozenset()
    shows_initial: bool | None = None

    def fresh(self, column: str) -> str:
        """Whether a transaction committed after the window's start."""
        if self.least is not None:
            return f"({column} >= {self.least})"
        low, skip = window_variables(self.stream)
        return f"({column} >= getvariable('{low}') AND NOT list_contains(getvariable('{skip}'), {column}))"

    def late(self, column: str) -> str:
        """Whether a transaction committed after the window's end."""
        low, late = late_variables(self.stream)
        return f"({column} >= getvariable('{low}') AND list_contains(getvariable('{late}'), {column}))"

    @property
    def initial(self) -> str:
        """Whether the stream shows the rows that were there at the window's start, and nothing else."""
        if self.shows_initial is not None:
            return str(self.shows_initial)
        return f"getvariable('{initial_variable(self.stream)}')"


@dataclass(frozen=True)
class Versions:
    """The window after the version `start`, up to and including the version `end` or what is there now."""

    start: int
    end: int | None = None
    still: frozenset[int] = frozenset()
    once: frozenset[int] = frozenset()

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


Window = StreamWindow | Versions


def _committed_after(column: str, version: int) -> str:
    return f"({column} IN (SELECT tx FROM snowmelt.commits WHERE ver > {version}))"


def initial_variable(stream: int) -> str:
    """An engine variable that tells whether a stream still shows the rows that were there at its start."""
    return f"s{stream}_initial"


def row_id(table: Table, column: str) -> str:
    """METADATA$ROW_ID: a text that stays with the row. It is made for every row of a delta, so it is a cheap one."""
    own = f"'{table.id:08x}' || {column}"
    if not table.row_origins:
        return own
    cases = " ".join(f"WHEN {column} <= {last} THEN '{origin:08x}' || {column}" for origin, last in table.row_origins)
    return f"CASE {cases} ELSE {own} END"


METADATA = ("METADATA$ACTION", "METADATA$ISUPDATE", "METADATA$ROW_ID")


@dataclass(frozen=True)
class Images:
    """Queries for rows of a table by what a window did to them; each yields `_rid` and the table's columns.

    Those that take names of relations expect there the rows of the properties so called.
    """

    table: Table
    window: Window

    @property
    def _names(self) -> str:
        return column_list(self.table.columns)

    @property
    def base(self) -> str:
        """The rows at the end of the window."""
        return _at_end(self.table, self.window) if self.window.bounded else physical(self.table)

    @property
    def still(self) -> bool:
        """No row was updated or deleted."""
        return self.table.id in self.window.still

    def _first(self, inserted: str) -> str:
        log = log_of(self.table)
        if self.still:
            return f"SELECT _rid, _ins, _set, {self._names} FROM {log} WHERE FALSE"
        known = f" AND NOT {self.window.late('_tx')}" if self.window.bounded else ""
        where = f"{self.window.fresh('_tx')}{known} AND {inserted}"
        if self.table.id in self.window.once:
            return f"SELECT _rid, _ins, _set, {self._names} FROM {log} WHERE {where}"
        return _first_images(self.table, log, where)

    @property
    def changed(self) -> str:
        """The first images of rows that were there before and have changed; `old` makes them whole."""
        return self._first(f"NOT {self.window.fresh('_ins')}")

    def updated(self, changed: str) -> str:
        """What those of them that are still there are now."""
        if self.still:
            return f"SELECT _rid, {self._names} FROM {physical(self.table)} WHERE FALSE"
        names = column_list(self.table.columns, "t.")
        return f"SELECT t._rid, {names} FROM {self.base} AS t SEMI JOIN {changed} AS x ON t._rid = x._rid"

    def old(self, changed: str, updated: str) -> str:
        """What the rows that have changed were before."""
        names = _filled(self.table, "i", "n")
        return f"SELECT i._rid, {names} FROM {changed} AS i LEFT JOIN {updated} AS n ON i._rid = n._rid"

    @property
    def inserted(self) -> str:
        """New rows, as they are now."""
        return f"SELECT _rid, {self._names} FROM {self.base} AS t WHERE {self.window.fresh('_ins')}"

    @property
    def gone(self) -> str:
        """The first images of new rows that have changed since, or are gone again."""
        return self._first(self.window.fresh("_ins"))

    def appended(self, gone: str) -> str:
        """New rows as they were inserted, also those that are gone again."""
        if self.still:
            return self.inserted
        names = column_list(self.table.columns, "t.")
        return (
            f"SELECT t._rid, {names} FROM {self.base} AS t ANTI JOIN {gone} AS x ON t._rid = x._rid "
            f"WHERE {self.window.fresh('t._ins')} "
            f"UNION ALL SELECT _rid, {self._names} FROM ({_whole(self.table, gone, self.base)})"
        )

    def kept(self, changed: str) -> str:
        """The rows that have not changed."""
        if self.still:
            return self.older
        names = column_list(self.table.columns, "t.")
        return (
            f"SELECT t._rid, {names} FROM {self.base} AS t ANTI JOIN {changed} AS x ON t._rid = x._rid "
            f"WHERE NOT {self.window.fresh('t._ins')}"
        )

    @property
    def present(self) -> str:
        """All rows, as they are at the end of the window."""
        return f"SELECT _rid, {self._names} FROM {self.base} AS t"

    @property
    def older(self) -> str:
        """Of these, those that were there before."""
        return f"SELECT _rid, {self._names} FROM {self.base} AS t WHERE NOT {self.window.fresh('_ins')}"


def delta(table: Table, window: Window, *, append_only: bool) -> str:
    """A query for the net change of `table` within a window: its columns, METADATA$ACTION, METADATA$ISUPDATE and
    METADATA$ROW_ID.
    """
    images = Images(table, window)
    if images.still:
        return _out(table, "t.", "INSERT", "FALSE") + f" FROM ({images.inserted}) AS t"
    if append_only:
        return (
            f"WITH g AS MATERIALIZED ({images.gone}) "
            f"{_out(table, 'a.', 'INSERT', 'FALSE')} FROM ({images.appended('g')}) AS a"
        )
    if table.id in window.once:
        return _changed_once(images)
    return (
        f"WITH o AS MATERIALIZED ({images.changed}), u AS MATERIALIZED ({images.updated('o')}) "
        f"{_out(table, 't.', 'INSERT', 'FALSE')} FROM ({images.inserted}) AS t "
        f"UNION ALL {_out(table, 'u.', 'INSERT', 'TRUE')} FROM u "
        f"UNION ALL {_out(table, 'o.', 'DELETE', 'u._rid IS NOT NULL', _filled(table, 'o', 'u'))} "
        f"FROM o LEFT JOIN u ON o._rid = u._rid"
    )


def _changed_once(images: Images) -> str:
    """The net change where each row has one image at most: one join finds both what was and what is."""
    table = images.table
    names = [engine_quote(column.name) for column in table.columns]
    places = range(len(names))
    both = ", ".join(f"i.{names[n]} AS o{n}, t.{names[n]} AS n{n}" for n in places)
    new = ", ".join(f"n{n} AS {names[n]}" for n in places)
    old = ", ".join(f"CASE WHEN {holds('', n)} THEN o{n} ELSE n{n} END AS {names[n]}" for n in places)
    return (
        f"WITH j AS MATERIALIZED (SELECT i._rid, i._set, t._rid AS _now, {both} "
        f"FROM ({images.changed}) AS i LEFT JOIN {images.base} AS t ON i._rid = t._rid) "
        f"{_out(table, 't.', 'INSERT', 'FALSE')} FROM ({images.inserted}) AS t "
        f"UNION ALL {_out(table, '', 'INSERT', 'TRUE', new)} FROM j WHERE _now IS NOT NULL "
        f"UNION ALL {_out(table, '', 'DELETE', '_now IS NOT NULL', old)} FROM j"
    )


def has_changes(table: Table, window: Window, *, append_only: bool) -> str:
    """A condition: whether `delta` has rows. It asks for no images, which is a fraction of the work."""
    images = Images(table, window)
    if images.still:
        return f"EXISTS ({images.inserted})"
    before = window.fresh("_ins") if append_only else f"NOT {window.fresh('_ins')}"
    known = f" AND NOT {window.late('_tx')}" if window.bounded else ""
    logged = f"SELECT 1 FROM {log_of(table)} WHERE {window.fresh('_tx')}{known} AND {before}"
    return f"(EXISTS ({images.inserted}) OR EXISTS ({logged}))"


def initial(table: Table, window: Window) -> str:
    """A query for the rows before the window, with the columns of `delta`: what SHOW_INITIAL_ROWS shows at first."""
    images = Images(table, window)
    return (
        f"WITH o AS MATERIALIZED ({images.changed}), u AS MATERIALIZED ({images.updated('o')}) "
        f"{_out(table, 'b.', 'INSERT', 'FALSE')} "
        f"FROM ({images.kept('o')} UNION ALL {images.old('o', 'u')}) AS b"
    )


def _out(table: Table, prefix: str, action: str, update: str, names: str = "") -> str:
    names = names or column_list(table.columns, prefix)
    values = (f"'{action}'", update, row_id(table, prefix + "_rid"))
    return f"SELECT {names}, " + ", ".join(f'{v} AS "{n}"' for v, n in zip(values, METADATA, strict=True))


def once_initial(window: StreamWindow, first: str, later: str) -> str:
    """The query `first` until the stream is consumed for the first time, and then the query `later`."""
    if window.shows_initial is not None:
        return first if window.shows_initial else later
    return (
        f"SELECT * FROM ({first}) WHERE {window.initial} UNION ALL SELECT * FROM ({later}) WHERE NOT {window.initial}"
    )


@dataclass(frozen=True)
class Reading:
    """What a statement reads of a stream.

    Attributes:
        tables: the tables whose changes it tells of.
        text: query or condition that fits any window.
        fitted: makes what stands for it once more is known of the window.
    """

    tables: tuple[Table, ...]
    text: str
    fitted: Callable[[StreamWindow], str]


def logged(table: Table, window: StreamWindow) -> str:
    """A query for the least and the greatest statement that updated or deleted rows in a window that is not bounded.

    Both are the same if there was one, and null if there was none.
    """
    return f"SELECT min(_lsn), max(_lsn) FROM {log_of(table)} WHERE {window.fresh('_tx')}"


def backlog(table: Table, start: int) -> str:
    """A query for (version, time, operation, number of change records) of what was committed after a version: a record
    for each row inserted or deleted, and two for each row updated.
    """
    base, log = physical(table), log_of(table)
    return (
        f"WITH w AS MATERIALIZED (SELECT tx, ver, committed_at FROM snowmelt.commits WHERE ver > {start}), "
        f"l AS (SELECT _tx AS tx, _rid, any_value(_ins) AS _ins, lead(_tx) OVER (PARTITION BY _rid ORDER BY "
        f"max(_lsn)) IS NOT NULL AS later FROM {log} WHERE _tx IN (SELECT tx FROM w) GROUP BY _tx, _rid), "
        f"c AS (SELECT tx, CASE WHEN later OR _rid IN (SELECT _rid FROM {base}) THEN 'UPDATE' ELSE 'DELETE' END "
        f"AS operation, count(*) AS rows FROM l WHERE _ins <> tx GROUP BY ALL), "
        f"i AS (SELECT _ins AS tx, 'INSERT' AS operation, count(*) AS rows FROM (SELECT _rid, _ins FROM {base} UNION "
        f"SELECT _rid, _ins FROM l WHERE later OR _ins <> tx) WHERE _ins IN (SELECT tx FROM w) GROUP BY _ins) "
        f"SELECT ver, committed_at, operation, CASE operation WHEN 'UPDATE' THEN 2 ELSE 1 END * rows "
        f"FROM (SELECT * FROM c UNION ALL SELECT * FROM i) JOIN w USING (tx) ORDER BY ver, operation"
    )


def rows_at(table: Table, version: int, *, numbered: bool = False) -> str:
    """A query for the table's visible columns, and their `_rid` before them, as its rows were at a version.

    Source: docs.snowflake.com/en/sql-reference/constructs/at-before
    """
    names = row_columns(table, numbered=numbered)
    return f"SELECT {names} FROM {_at_end(table, Versions(0, version))}"


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


def _first_images(table: Table, log: str, where: str) -> str:
    """A query for what rows were before the first of those changes that `where` chooses from the log: `_rid`, `_ins`,
    `_set` and the columns. What `_set` leaves out none of these changes has touched.
    """
    # Rows that were changed once, which most are, need no look at each column.
    several = ", ".join(
        f"arg_min_null({name}, _lsn) FILTER ({holds('', i)})"
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
        f"CASE WHEN {holds(image + '.', i)} THEN {image}.{name} ELSE {row}.{name} END AS {name}"
        for i, name in enumerate(engine_quote(column.name) for column in table.columns)
    )


def _whole(table: Table, images: str, base: str) -> str:
    """A query for the rows that first images tell of: `_rid`, `_ins` and the columns."""
    return (
        f"SELECT i._rid, i._ins, {_filled(table, 'i', 'b')} FROM {images} AS i LEFT JOIN {base} AS b ON i._rid = b._rid"
    )
