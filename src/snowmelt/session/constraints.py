"""Keys and references of tables: what their clauses become in the catalog, and what an ALTER TABLE leaves of them.

Source: docs.snowflake.com/en/sql-reference/constraints-overview
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from uuid import uuid4

from snowmelt.base.errors import SqlError, invalid_identifier, object_missing
from snowmelt.catalog.objects import Constraint, Table
from snowmelt.session.session import Session
from snowmelt.sql.statements import ConstraintClause


def with_constraints(session: Session, table: Table, clauses: Sequence[ConstraintClause]) -> Table:
    """`table` with further constraints; the columns of a primary key become NOT NULL.

    Raises:
        SqlError: 000904 for an unknown column, 002003 for an unknown table, 002266 for a second primary key.
    """
    for clause in clauses:
        table = _with_constraint(session, table, clause)
    return table


def _with_constraint(session: Session, table: Table, clause: ConstraintClause) -> Table:
    names = {column.name for column in table.columns}
    for name in clause.columns:
        if name not in names:
            raise invalid_identifier(name)
    if clause.name is not None and any(each.name == clause.name for each in table.constraints):
        raise SqlError(f"SQL compilation error:\nConstraint '{clause.name}' already exists.", 2002, "42710")
    columns = table.columns
    if clause.kind == "PRIMARY KEY":
        if any(each.kind == "PRIMARY KEY" for each in table.constraints):
            raise SqlError(
                f"SQL compilation error:\nprimary key already exists for table '{table.name}'", 2266, "42601"
            )
        columns = tuple(dataclasses.replace(c, nullable=False) if c.name in clause.columns else c for c in columns)
    target, referenced = _target(session, table, clause)
    made = Constraint(
        clause.kind,
        clause.name or f"SYS_CONSTRAINT_{uuid4()}",
        clause.columns,
        session.services.clock.now(),
        references=target,
        referenced=referenced,
        rely=clause.rely,
        on_update=clause.on_update,
        on_delete=clause.on_delete,
    )
    return dataclasses.replace(table, columns=columns, constraints=(*table.constraints, made))


def _target(session: Session, table: Table, clause: ConstraintClause) -> tuple[int | None, tuple[str, ...]]:
    """The table that a foreign key points to, and the columns there: those of its primary key unless given."""
    if clause.references is None:
        return None, ()
    full = session.scope.full(clause.references)
    found = table if full == table.full_name else session.relation(full)
    if not isinstance(found, Table):
        raise object_missing("Table", str(clause.references))
    referenced = clause.referenced or primary_key(found)
    names = {column.name for column in found.columns}
    if len(referenced) != len(clause.columns):
        raise SqlError("SQL compilation error:\nForeign key and primary key column counts do not match.", 2268, "42601")
    for name in referenced:
        if name not in names:
            raise invalid_identifier(name)
    return found.id, referenced


def primary_key(table: Table) -> tuple[str, ...]:
    """The columns of the primary key, in order; none when there is no such key."""
    return next((each.columns for each in table.constraints if each.kind == "PRIMARY KEY"), ())


def copied(session: Session, constraints: Sequence[Constraint]) -> tuple[Constraint, ...]:
    """Constraints for a table made LIKE another: their system-given names are new."""
    now = session.services.clock.now()
    return tuple(
        dataclasses.replace(
            each,
            created_on=now,
            name=f"SYS_CONSTRAINT_{uuid4()}" if each.name.startswith("SYS_CONSTRAINT_") else each.name,
        )
        for each in constraints
    )


def without_constraint(table: Table, kind: str, name: str | None, columns: tuple[str, ...]) -> Table:
    """`table` without the constraint of that name, or of that kind over those columns.

    Raises:
        SqlError: 002003 when there is none.
    """

    def meant(each: Constraint) -> bool:
        if name is not None:
            return each.name == name
        return each.kind == kind and (kind == "PRIMARY KEY" or each.columns == columns)

    kept = tuple(each for each in table.constraints if not meant(each))
    if len(kept) == len(table.constraints):
        raise object_missing("Constraint", name or kind)
    return dataclasses.replace(table, constraints=kept)


def renamed_constraint(table: Table, old: str, new: str) -> Table:
    """`table` whose constraint `old` is called `new`.

    Raises:
        SqlError: 002003 when there is none.
    """
    if old not in {each.name for each in table.constraints}:
        raise object_missing("Constraint", old)
    kept = tuple(dataclasses.replace(e, name=new) if e.name == old else e for e in table.constraints)
    return dataclasses.replace(table, constraints=kept)
