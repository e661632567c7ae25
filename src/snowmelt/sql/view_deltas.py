"""The net change of a view in a window.

A view's rows are made of rows of its leaves (see `snowmelt.sql.view_trees`). A row is new, changed or gone only if one
of the rows that it is made of is. So the rows to look at are, for each leaf, those with a changed row there, an
unchanged one in leaves before it and any in leaves after it: each row comes up once, and where one leaf has few changes
the others are only looked up. That is done with the rows after the window, and again with the rows before it; what is
in both by its row numbers is an update, or no change at all if its columns are the same.

Source: docs.snowflake.com/en/user-guide/streams-intro#streams-on-views
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from snowmelt.catalog.names import engine_quote
from snowmelt.catalog.objects import Table, View
from snowmelt.sql.deltas import METADATA, Images, Window
from snowmelt.sql.tracking import column_list
from snowmelt.sql.view_trees import hidden_name, placeholder


@dataclass(frozen=True)
class ViewQuery:
    """A view whose changes can be told.

    Attributes:
        text: DuckDB text of its query, with a placeholder for each leaf, yielding row numbers behind its columns.
        leaves: the table of each leaf.
        branches: for each leaf the set operations it is below, and on which side.
    """

    view: View
    text: str
    leaves: tuple[Table, ...]
    branches: tuple[dict[int, bool], ...]

    @property
    def tables(self) -> tuple[Table, ...]:
        """The tables, each once."""
        return tuple({table.id: table for table in self.leaves}.values())

    def filled(self, texts: Sequence[str]) -> str:
        """The query with the rows of its leaves, each given by a query that begins with `_rid`."""
        text = self.text
        for number, rows in enumerate(texts):
            names = column_list(self.leaves[number].columns)
            text = text.replace(
                placeholder(number), f"SELECT {names}, _rid AS {engine_quote(hidden_name(number))} FROM ({rows})"
            )
        columns = column_list(self.view.columns)
        numbers = ", ".join(
            f"coalesce({engine_quote(hidden_name(number))}, -1) AS r{number}" for number in range(len(texts))
        )
        return f"SELECT {columns}, {numbers} FROM ({text}) AS v({columns})"

    def apart(self, one: int, other: int) -> bool:
        """Whether two leaves are in different branches of a UNION ALL, so that no row is made of both."""
        sides = self.branches[other]
        return any(sides.get(union, left) != left for union, left in self.branches[one].items())

    def terms(
        self, changed: Callable[[Table], str], before: Callable[[Table], str], after: Callable[[Table], str]
    ) -> str:
        """The rows with a changed row in some leaf, each once."""
        found = []
        for i in range(len(self.leaves)):
            texts = []
            for j, table in enumerate(self.leaves):
                if self.apart(i, j):
                    texts.append(f"SELECT * FROM ({changed(table)}) WHERE FALSE")
                else:
                    texts.append((before if j < i else after if j > i else changed)(table))
            found.append(self.filled(texts))
        return " UNION ALL ".join(found)


def view_delta(source: ViewQuery, window: Window, *, append_only: bool) -> str:
    """A query for the net change of a view: its columns, METADATA$ACTION, METADATA$ISUPDATE and METADATA$ROW_ID.

    Of appended rows alone, each is joined with rows that were appended, too, and with the others as they are at the
    end of the window.
    """
    images = {table.id: Images(table, window) for table in source.tables}
    if append_only:
        prepared = [(f"g{t.id}", images[t.id].gone) for t in source.tables]
        prepared += [(f"a{t.id}", images[t.id].appended(f"g{t.id}")) for t in source.tables]
        rows = source.terms(
            lambda t: f"SELECT * FROM a{t.id}",
            lambda t: images[t.id].older,
            lambda t: f"{images[t.id].older} UNION ALL SELECT * FROM a{t.id}",
        )
        return f"{_with(prepared)} {_out(source, 'n.', 'INSERT', 'FALSE')} FROM ({rows}) AS n"
    new = source.terms(
        lambda t: f"SELECT * FROM p{t.id}", lambda t: images[t.id].kept(f"o{t.id}"), lambda t: images[t.id].present
    )
    old = source.terms(
        lambda t: f"SELECT * FROM d{t.id}",
        lambda t: images[t.id].kept(f"o{t.id}"),
        lambda t: f"{images[t.id].kept(f'o{t.id}')} UNION ALL SELECT * FROM d{t.id}",
    )
    prepared = [*_prepared(source, images), ("n", new), ("m", old)]
    same = " AND ".join(f"n.r{i} = m.r{i}" for i in range(len(source.leaves)))
    names = [engine_quote(column.name) for column in source.view.columns]
    differs = " OR ".join(f"n.{name} IS DISTINCT FROM m.{name}" for name in names)
    return (
        f"{_with(prepared)} {_out(source, 'n.', 'INSERT', 'm.r0 IS NOT NULL')} FROM n LEFT JOIN m ON {same} "
        f"WHERE m.r0 IS NULL OR {differs} "
        f"UNION ALL {_out(source, 'm.', 'DELETE', 'n.r0 IS NOT NULL')} FROM m LEFT JOIN n ON {same} "
        f"WHERE n.r0 IS NULL OR {differs}"
    )


def view_initial(source: ViewQuery, window: Window) -> str:
    """A query for the rows of a view before the window, with the columns of `view_delta`."""
    images = {table.id: Images(table, window) for table in source.tables}
    texts = [f"{images[t.id].kept(f'o{t.id}')} UNION ALL SELECT * FROM d{t.id}" for t in source.leaves]
    return (
        f"{_with(_prepared(source, images))} {_out(source, 'n.', 'INSERT', 'FALSE')} FROM ({source.filled(texts)}) AS n"
    )


def _prepared(source: ViewQuery, images: dict[int, Images]) -> list[tuple[str, str]]:
    """For each table its changed rows: o first images, u as they are now, d as they were; p with the new ones."""
    found = []
    for table in source.tables:
        number, image = table.id, images[table.id]
        found += [
            (f"o{number}", image.changed),
            (f"u{number}", image.updated(f"o{number}")),
            (f"d{number}", image.old(f"o{number}", f"u{number}")),
            (f"p{number}", f"{image.inserted} UNION ALL SELECT * FROM u{number}"),
        ]
    return found


def _with(named: Sequence[tuple[str, str]]) -> str:
    return "WITH " + ", ".join(f"{name} AS MATERIALIZED ({text})" for name, text in named)


def _out(source: ViewQuery, prefix: str, action: str, update: str) -> str:
    names = column_list(source.view.columns, prefix)
    numbers = " || '.' || ".join(f"{prefix}r{number}" for number in range(len(source.leaves)))
    values = (f"'{action}'", update, f"'{source.view.id:08x}' || {numbers}")
    return f"SELECT {names}, " + ", ".join(f'{v} AS "{n}"' for v, n in zip(values, METADATA, strict=True))
