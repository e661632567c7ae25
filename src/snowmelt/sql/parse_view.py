"""CREATE VIEW. Source: docs.snowflake.com/en/sql-reference/sql/create-view"""

from __future__ import annotations

from snowmelt.base.errors import unsupported
from snowmelt.catalog.names import display
from snowmelt.sql.cursor import Cursor
from snowmelt.sql.dialect import tokenize
from snowmelt.sql.parse_create import Head
from snowmelt.sql.parse_table import REFUSED_COLUMN_OPTIONS
from snowmelt.sql.statements import Create, CreateView


def view(cursor: Cursor, head: Head) -> Create:
    """CREATE [SECURE] [TEMPORARY] [RECURSIVE] VIEW name [(columns)] [COPY GRANTS] [COMMENT = 'text'] AS query."""
    head.not_transient()
    name, comment, tracking = cursor.name(), "", False
    columns, comments = _columns(cursor)
    while not cursor.at("AS"):
        if cursor.take("COMMENT", "="):
            comment = cursor.string()
        elif cursor.take("CHANGE_TRACKING", "="):
            tracking = cursor.boolean()
        elif cursor.word() in ("WITH", "ROW", "TAG", "AGGREGATION"):
            raise unsupported("view policies and tags")
        else:
            cursor.expect("COPY", "GRANTS")
    cursor.expect("AS")
    first = cursor.index
    query = cursor.query()
    source = cursor.source(first, len(cursor.tokens))
    if head.recursive:
        if not columns:
            raise unsupported("RECURSIVE view without a list of columns")
        listed = ", ".join(display(column) for column in columns)
        own = display(name.name)
        source = f"WITH RECURSIVE {own} ({listed}) AS ({source}) SELECT * FROM {own}"
        query = Cursor(source, tokenize(source)).query()
    return CreateView(
        name=name,
        columns=columns,
        query=query,
        source=source,
        column_comments=comments,
        durability=head.durability,
        secure=head.secure,
        change_tracking=tracking,
        or_alter=head.or_alter,
        comment=comment,
        **head.flags,
    )


def _columns(cursor: Cursor) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Names and comments of the listed columns."""
    columns: list[str] = []
    comments: list[str] = []
    if cursor.at("("):
        for _ in cursor.items():
            columns.append(cursor.identifier())
            if cursor.word() in REFUSED_COLUMN_OPTIONS:
                raise unsupported(REFUSED_COLUMN_OPTIONS[cursor.word()])
            comments.append(cursor.string() if cursor.take("COMMENT") else "")
    return tuple(columns), tuple(comments)
