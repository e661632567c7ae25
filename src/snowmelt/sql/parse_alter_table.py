"""ALTER TABLE. Source: docs.snowflake.com/en/sql-reference/sql/alter-table"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from snowmelt.base.errors import unsupported
from snowmelt.catalog.names import Name
from snowmelt.sql.cursor import Cursor
from snowmelt.sql.parse_constraint import CONSTRAINTS, table_constraint
from snowmelt.sql.parse_create import take_options
from snowmelt.sql.parse_table import TABLE_OPTIONS, clustering_key, column, refuse_options
from snowmelt.sql.statements import AlterTable, ConstraintClause, Statement


def alter_table(cursor: Cursor) -> Statement:
    """ALTER TABLE [IF EXISTS] name action."""
    if_exists = cursor.take("IF", "EXISTS")
    name = cursor.name()
    if cursor.take("SWAP", "WITH"):
        return AlterTable(name=name, action="SWAP", value=cursor.name(), if_exists=if_exists)
    if cursor.take("RENAME"):
        return replace(_rename(cursor, name), if_exists=if_exists)
    if cursor.take("ADD"):
        return replace(_add(cursor, name), if_exists=if_exists)
    if cursor.take("DROP"):
        return replace(_drop(cursor, name), if_exists=if_exists)
    if cursor.take("CLUSTER BY"):
        return AlterTable(name=name, action="CLUSTER BY", value=clustering_key(cursor), if_exists=if_exists)
    if cursor.take_one_of("ALTER", "MODIFY"):
        return AlterTable(name=name, action="ALTER COLUMN", value=_alter_columns(cursor), if_exists=if_exists)
    if cursor.take("SET"):
        if cursor.word() in ("TAG", "MASKING", "ROW"):
            raise unsupported(f"ALTER TABLE ... SET {cursor.word()}")
        options = take_options(cursor, *TABLE_OPTIONS, refused="ALTER TABLE ... SET")
        refuse_options(options)
        if not options:
            raise cursor.unexpected()
        return AlterTable(name=name, action="SET", value=options, if_exists=if_exists)
    if cursor.take("UNSET"):
        keys = [cursor.identifier()]
        while cursor.take(","):
            keys.append(cursor.identifier())
        return AlterTable(name=name, action="UNSET", value=tuple(keys), if_exists=if_exists)
    raise unsupported(f"ALTER TABLE ... {cursor.word()}") if cursor.word() else cursor.unexpected()


def _rename(cursor: Cursor, name: Name) -> AlterTable:
    if cursor.take("TO"):
        return AlterTable(name=name, action="RENAME", value=cursor.name())
    if cursor.take("CONSTRAINT"):
        constraint = cursor.identifier()
        cursor.expect("TO")
        return AlterTable(name=name, action="RENAME CONSTRAINT", value=(constraint, cursor.identifier()))
    cursor.expect("COLUMN")
    old = cursor.identifier()
    cursor.expect("TO")
    return AlterTable(name=name, action="RENAME COLUMN", value=(old, cursor.identifier()))


def _add(cursor: Cursor, name: Name) -> AlterTable:
    if cursor.word() in CONSTRAINTS:
        return AlterTable(name=name, action="ADD CONSTRAINT", value=table_constraint(cursor))
    if cursor.word() in ("ROW", "SEARCH", "TAG", "PARTITION"):
        raise unsupported(f"ALTER TABLE ... ADD {cursor.word()}")
    cursor.take("COLUMN")
    missing_only = cursor.take("IF", "NOT", "EXISTS")
    found = [column(cursor)]
    while cursor.take(","):
        cursor.take("ADD")
        cursor.take("COLUMN")
        missing_only = cursor.take("IF", "NOT", "EXISTS") or missing_only
        found.append(column(cursor))
    constraints: tuple[ConstraintClause, ...] = sum((own for _, own in found), ())
    return AlterTable(
        name=name,
        action="ADD COLUMN",
        value=tuple(made for made, _ in found),
        column_if_exists=missing_only,
        constraints=constraints,
    )


def _drop(cursor: Cursor, name: Name) -> AlterTable:
    if cursor.take("CLUSTERING", "KEY"):
        return AlterTable(name=name, action="CLUSTER BY", value="")
    if cursor.word() in CONSTRAINTS:
        return AlterTable(name=name, action="DROP CONSTRAINT", value=_dropped_constraint(cursor))
    if cursor.word() in ("ROW", "SEARCH", "ALL"):
        raise unsupported(f"ALTER TABLE ... DROP {cursor.word()}")
    cursor.take("COLUMN")
    present_only = cursor.take("IF", "EXISTS")
    columns = [cursor.identifier()]
    while cursor.take(","):
        cursor.take("DROP")
        cursor.take("COLUMN")
        columns.append(cursor.identifier())
    return AlterTable(name=name, action="DROP COLUMN", value=tuple(columns), column_if_exists=present_only)


def _dropped_constraint(cursor: Cursor) -> tuple[str, str | None, tuple[str, ...]]:
    """Kind, name and columns of the constraint that DROP means, as far as they are given."""
    found: tuple[str, str | None, tuple[str, ...]]
    if cursor.take("CONSTRAINT"):
        found = "", cursor.identifier(), ()
    elif cursor.take("PRIMARY KEY"):
        found = "PRIMARY KEY", None, ()
    else:
        kind = "UNIQUE" if cursor.take("UNIQUE") else "FOREIGN KEY"
        if kind == "FOREIGN KEY":
            cursor.expect("FOREIGN KEY")
        found = kind, None, cursor.identifiers()
    cursor.take_one_of("CASCADE", "RESTRICT")
    return found


def _alter_columns(cursor: Cursor) -> tuple[tuple[str, str, Any], ...]:
    """One or more changes of columns: (column, change, argument)."""
    wrapped = cursor.take("(")
    changes = [_alter_column(cursor)]
    while cursor.take(","):
        changes.append(_alter_column(cursor))
    if wrapped:
        cursor.expect(")")
    return tuple(changes)


def _alter_column(cursor: Cursor) -> tuple[str, str, Any]:
    cursor.take("COLUMN")
    name = cursor.identifier()
    if cursor.take("DROP", "DEFAULT"):
        return name, "DROP DEFAULT", None
    if cursor.take("SET", "DEFAULT"):
        return name, "SET DEFAULT", cursor.expression_text(",")
    if cursor.take("COMMENT"):
        return name, "COMMENT", cursor.string()
    if cursor.take("UNSET", "COMMENT"):
        return name, "COMMENT", ""
    if cursor.take("DROP", "NOT", "NULL"):
        return name, "DROP NOT NULL", None
    if cursor.take("SET", "NOT", "NULL") or cursor.take("NOT", "NULL"):
        return name, "SET NOT NULL", None
    if cursor.word() in ("SET", "UNSET") and cursor.word(1) in ("MASKING", "PROJECTION", "TAG"):
        raise unsupported(f"ALTER COLUMN ... {cursor.word()} {cursor.word(1)}")
    if cursor.take("SET", "DATA"):
        cursor.expect("TYPE")
    else:
        cursor.take("TYPE")
    return name, "SET DATA TYPE", cursor.data_type()
