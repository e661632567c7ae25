"""PRIMARY KEY, UNIQUE and FOREIGN KEY, of a column or of a table. They are kept and shown, not enforced.

Source: docs.snowflake.com/en/sql-reference/sql/create-table-constraint
"""

from __future__ import annotations

from dataclasses import replace

from snowmelt.base.errors import unsupported
from snowmelt.sql.cursor import Cursor
from snowmelt.sql.statements import ConstraintClause

CONSTRAINTS = ("CONSTRAINT", "PRIMARY KEY", "PRIMARY", "UNIQUE", "FOREIGN KEY", "FOREIGN", "REFERENCES", "CHECK")
"""Words with which a constraint begins."""


def table_constraint(cursor: Cursor) -> ConstraintClause:
    """[CONSTRAINT name] PRIMARY KEY | UNIQUE | FOREIGN KEY (columns) ..."""
    name = cursor.identifier() if cursor.take("CONSTRAINT") else None
    if cursor.at("CHECK"):
        raise unsupported("CHECK constraint")
    for kind in ("PRIMARY KEY", "UNIQUE"):
        if cursor.take(kind):
            return _properties(cursor, ConstraintClause(kind, cursor.identifiers(), name))
    cursor.expect("FOREIGN KEY")
    return _properties(cursor, _references(cursor, ConstraintClause("FOREIGN KEY", cursor.identifiers(), name)))


def column_constraint(cursor: Cursor, column: str) -> ConstraintClause:
    """[CONSTRAINT name] PRIMARY KEY | UNIQUE | [FOREIGN KEY] REFERENCES ..., behind a column's type."""
    name = cursor.identifier() if cursor.take("CONSTRAINT") else None
    if cursor.take("PRIMARY KEY"):
        return _properties(cursor, ConstraintClause("PRIMARY KEY", (column,), name))
    if cursor.take("FOREIGN KEY") or cursor.at("REFERENCES"):
        return _properties(cursor, _references(cursor, ConstraintClause("FOREIGN KEY", (column,), name)))
    cursor.expect("UNIQUE")
    return _properties(cursor, ConstraintClause("UNIQUE", (column,), name))


def _references(cursor: Cursor, made: ConstraintClause) -> ConstraintClause:
    cursor.expect("REFERENCES")
    table = cursor.name()
    return replace(made, references=table, referenced=cursor.identifiers() if cursor.at("(") else ())


def _properties(cursor: Cursor, made: ConstraintClause) -> ConstraintClause:
    """`made` with its properties; all but RELY and the rules of a foreign key say nothing that could differ here."""
    while True:
        if cursor.take("RELY"):
            made = replace(made, rely=True)
        elif cursor.at("ENFORCED"):
            raise unsupported("ENFORCED constraint")
        elif cursor.take_one_of("DEFERRABLE", "ENABLE", "DISABLE", "VALIDATE", "NOVALIDATE", "NORELY"):
            continue
        elif cursor.at("NOT", "ENFORCED") or cursor.at("NOT", "DEFERRABLE") or cursor.at("INITIALLY"):
            cursor.index += 2
        elif cursor.take("MATCH"):
            cursor.identifier()
        elif cursor.take("ON", "DELETE"):
            made = replace(made, on_delete=_rule(cursor))
        elif cursor.take("ON", "UPDATE"):
            made = replace(made, on_update=_rule(cursor))
        else:
            return made


def _rule(cursor: Cursor) -> str:
    if first := cursor.take_one_of("SET", "NO"):
        return f"{first} {cursor.step().text.upper()}"
    return cursor.identifier()
