"""SHOW PRIMARY KEYS, UNIQUE KEYS, IMPORTED KEYS, EXPORTED KEYS.

Source: docs.snowflake.com/en/sql-reference/sql/show-primary-keys and its neighbours
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from snowmelt.base.datatypes import NUMBER
from snowmelt.base.errors import object_missing
from snowmelt.catalog.objects import Constraint, Table
from snowmelt.session.session import Session
from snowmelt.session.show_scope import Rows, Shown, columns, in_scope, visible
from snowmelt.sql.statements import Show


def _tables(session: Session, statement: Show) -> list[Table]:
    if statement.scope != "TABLE" or statement.scope_name is None:
        return in_scope(session, statement, Table)
    found = session.relation(session.scope.full(statement.scope_name))
    if not isinstance(found, Table):
        raise object_missing("Table", str(statement.scope_name))
    return [found]


def show_keys(kind: str) -> Callable[[Session, Show], Shown]:
    """SHOW PRIMARY KEYS or UNIQUE KEYS: a row for each column of each key."""

    def shown(session: Session, statement: Show) -> Shown:
        rows: Rows = [
            (
                key.created_on,
                t.full_name.database,
                t.full_name.schema,
                t.name,
                column,
                position + 1,
                key.name,
                "true" if key.rely else "false",
                None,
            )
            for t in _tables(session, statement)
            for key in t.constraints
            if key.kind == kind
            for position, column in enumerate(key.columns)
        ]
        names = "created_on database_name schema_name table_name column_name key_sequence constraint_name rely comment"
        return columns(names, key_sequence=NUMBER), rows

    return shown


def show_imported_keys(session: Session, statement: Show) -> Shown:
    """SHOW IMPORTED KEYS: the foreign keys of tables in scope."""
    pairs = ((t, key) for t in _tables(session, statement) for key in t.constraints if key.references is not None)
    return _HEADER, list(_references(session, pairs))


def show_exported_keys(session: Session, statement: Show) -> Shown:
    """SHOW EXPORTED KEYS: the foreign keys that point to tables in scope."""
    wanted = {table.id for table in _tables(session, statement)}
    pairs = ((t, key) for t in visible(session, Table) for key in t.constraints if key.references in wanted)
    return _HEADER, list(_references(session, pairs))


_HEADER = columns(
    "created_on pk_database_name pk_schema_name pk_table_name pk_column_name fk_database_name fk_schema_name "
    "fk_table_name fk_column_name key_sequence update_rule delete_rule fk_name pk_name deferrability rely comment",
    key_sequence=NUMBER,
)


def _references(session: Session, pairs: Iterator[tuple[Table, Constraint]]) -> Iterator[tuple[object, ...]]:
    targets = {table.id: table for table in visible(session, Table)}
    for table, key in pairs:
        target = targets.get(key.references or 0)
        if target is None:
            continue
        pk_name = next((each.name for each in target.constraints if each.columns == key.referenced), None)
        for position, (own, other) in enumerate(zip(key.columns, key.referenced, strict=True)):
            yield (
                (
                    key.created_on,
                    target.full_name.database,
                    target.full_name.schema,
                    target.name,
                    other,
                    table.full_name.database,
                    table.full_name.schema,
                    table.name,
                    own,
                    position + 1,
                    key.on_update,
                    key.on_delete,
                    key.name,
                    pk_name,
                    "NOT DEFERRABLE",
                    "true" if key.rely else "false",
                    None,
                )
            )
