"""What a star shows: EXCLUDE, REPLACE, RENAME and ILIKE.

Source: docs.snowflake.com/en/sql-reference/sql/select
"""

from __future__ import annotations

import re

from sqlglot import exp

from snowmelt.base.datatypes import DataType
from snowmelt.base.errors import invalid_identifier
from snowmelt.catalog.names import display, logical_name
from snowmelt.sql.rewrite.context import TYPE
from snowmelt.sql.typing.scopes import Columns

WRITTEN = "snowmelt_written"
"""Meta key on a star: the columns to be written in its place, since the engine has no such star."""

UNNAMED = "~"
"""Begins the names of sources without an alias."""


def of_star(node: exp.Expr) -> exp.Star | None:
    """The star of ``*`` or ``t.*``; None for any other projection."""
    star = node.this if isinstance(node, exp.Column) else node
    return star if isinstance(star, exp.Star) else None


def shown(
    node: exp.Expr, sources: dict[str, Columns | None], merged: set[tuple[str, str]], types: dict[str, DataType | None]
) -> Columns | None:
    """The columns that a star shows; None when those of a source are not known.

    Args:
        node: the projection.
        sources: columns by the alias of what stands in FROM.
        merged: columns, each with its source's alias, that a NATURAL JOIN shows once.
        types: of the expressions of REPLACE, by the column's name.

    Raises:
        SqlError: 000904 for a column that is not there.
    """
    star = of_star(node)
    assert star is not None
    if isinstance(node, exp.Column):
        sources, merged = {node.table: sources.get(node.table)}, set()
    if any(columns is None for columns in sources.values()):
        return None
    visible = [
        (alias, name, known)
        for alias, columns in sources.items()
        for name, known in columns or ()
        if (alias, name) not in merged
    ]
    _check(star, {name for _, name, _ in visible})
    left_out = {item.name for item in star.args.get("except_") or ()}
    pattern = star.args.get("ilike")
    wanted = _like(pattern.name) if isinstance(pattern, exp.Literal) else None
    visible = [
        column
        for column in visible
        if column[1] not in left_out and (wanted is None or wanted.fullmatch(logical_name(column[1])))
    ]
    renamed = {item.this.name: item.alias for item in star.args.get("rename") or ()}
    replaced = {item.alias: item for item in star.args.get("replace") or ()}
    if wanted is not None or renamed.keys() & replaced.keys():
        node.meta[WRITTEN] = [_written(column, renamed, replaced) for column in visible]
    return tuple((renamed.get(name, name), types.get(name, known)) for _, name, known in visible)


def _check(star: exp.Star, names: set[str]) -> None:
    listed = [item.name for item in star.args.get("except_") or ()]
    listed += [item.this.name for item in star.args.get("rename") or ()]
    listed += [item.alias for item in star.args.get("replace") or ()]
    missing = [name for name in listed if name not in names]
    if missing:
        raise invalid_identifier(display(logical_name(missing[0])))


def _like(pattern: str) -> re.Pattern[str]:
    parts = (".*" if part == "%" else "." if part == "_" else re.escape(part) for part in re.split("([%_])", pattern))
    return re.compile("".join(parts), re.IGNORECASE | re.DOTALL)


def _written(
    column: tuple[str, str, DataType | None], renamed: dict[str, str], replaced: dict[str, exp.Expr]
) -> exp.Expr:
    alias, name, known = column
    made: exp.Expr
    if name in replaced:
        made = replaced[name].this.copy()
    else:
        table = None if alias.startswith(UNNAMED) else exp.to_identifier(alias, quoted=True)
        made = exp.column(exp.to_identifier(name, quoted=True), table=table)
        made.meta[TYPE] = known
        if name not in renamed:
            return made
    written = exp.Alias(this=made, alias=exp.to_identifier(renamed.get(name, name), quoted=True))
    written.meta[TYPE] = made.meta.get(TYPE)
    return written
