"""ALTER TABLE: each action makes a new picture of the table and the engine's statements that go with it.

Rows, change log and streams stay: a table keeps its id, and table and log are altered alike.

Source: docs.snowflake.com/en/sql-reference/sql/alter-table, .../alter-table-column
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator
from typing import Any

from sqlglot import exp

from snowmelt.base.errors import SqlError, invalid_identifier, object_missing, unsupported
from snowmelt.base.request import Request
from snowmelt.base.result import Result, status_result
from snowmelt.catalog.catalog import Catalog, Change
from snowmelt.catalog.names import engine_quote
from snowmelt.catalog.objects import Constraint, Durability, Table, TableColumn
from snowmelt.catalog.retention import EXTENSION, RETENTION, checked_days
from snowmelt.session.column_changes import changed_column
from snowmelt.session.columns import check_clustering, check_names, finished
from snowmelt.session.constraints import renamed_constraint, with_constraints, without_constraint
from snowmelt.session.definitions import apply_change, replace_object
from snowmelt.session.planner import SessionPlanner
from snowmelt.session.session import Session
from snowmelt.sql import tracking
from snowmelt.sql.parse import parse_expression
from snowmelt.sql.statements import AlterTable
from snowmelt.storage.connection import Connection

DONE = "Statement executed successfully."


@dataclasses.dataclass(frozen=True)
class Alteration:
    """A table's new picture and how the engine's tables get there.

    Attributes:
        table: the table as it will be.
        both: what follows ``ALTER TABLE name`` for table and log.
        rows_only: what follows it for the table alone.
        before: whole statements that come first.
    """

    table: Table
    both: tuple[str, ...] = ()
    rows_only: tuple[str, ...] = ()
    before: tuple[str, ...] = ()
    after: tuple[str, ...] = ()


def alter_table(session: Session, statement: AlterTable, request: Request) -> Result:
    """ALTER TABLE with one action."""
    found = session.relation(session.scope.full(statement.name))
    if not isinstance(found, Table):
        if statement.if_exists and found is None:
            return status_result(DONE)
        raise object_missing("Table", str(statement.name))
    if statement.action == "SWAP":
        _swap(session, found, statement)
        return status_result(DONE)
    if statement.action == "RENAME":
        full = session.scope.full(statement.value)
        session.services.engine.catalog.schema(full.database, full.schema)  # which must be there
        replace_object(session, found, dataclasses.replace(found, full_name=full))
        return status_result(DONE)
    action = _ACTIONS.get(statement.action)
    if action is None:
        raise unsupported(f"ALTER TABLE {statement.action}")
    carry_out(session, found, action(session, found, statement, request))
    return status_result(DONE)


def carry_out(session: Session, old: Table, alteration: Alteration) -> None:
    """Change table and log alike, together with the catalog."""
    targets = [tracking.physical(old)]
    if tracking.is_tracked(old):
        targets.append(tracking.log_of(old))

    def physical(connection: Connection) -> None:
        for text in alteration.before:
            connection.run(text)
        for target in targets:
            for text in alteration.both:
                connection.run(f"ALTER TABLE {target} {text}")
        for text in alteration.rows_only:
            connection.run(f"ALTER TABLE {targets[0]} {text}")
        for text in alteration.after:
            connection.run(text)

    if old.session is not None:
        _in_session(session, old, alteration.table, physical)
        return

    def build(catalog: Catalog) -> Change:
        catalog.check_current(old)
        return Change(put=(alteration.table,))

    apply_change(session, build, physical, alters=old)


def _in_session(session: Session, old: Table, new: Table, physical: Callable[[Connection], None]) -> None:
    session.core.commit()
    connection = session.core.connection
    connection.begin()
    try:
        physical(connection)
        connection.commit()
    except BaseException:
        connection.rollback()
        raise
    replace_object(session, old, new)


# --- columns ---------------------------------------------------------------------------------------------------------


def _add_columns(session: Session, table: Table, statement: AlterTable, request: Request) -> Alteration:
    present = {column.name for column in table.columns}
    wanted = statement.value
    if statement.column_if_exists:
        wanted = tuple(column for column in wanted if column.name not in present)
    return added(session, table, statement, wanted, request)


def added(
    session: Session, table: Table, statement: AlterTable, wanted: tuple[TableColumn, ...], request: Request
) -> Alteration:
    """The table with columns more; rows that are there get the default."""
    for column in wanted:
        if column.name in {each.name for each in table.columns}:
            raise SqlError(f"SQL compilation error:\ncolumn '{column.name}' already exists", 1430, "42601")
    new = tuple(dataclasses.replace(column, added=True) for column in finished(session, wanted, request))
    check_names((*table.columns, *new))
    empty = not session.core.connection.scalar(f"SELECT EXISTS (SELECT 1 FROM {tracking.physical(table)})")
    both: list[str] = []
    rows_only: list[str] = []
    before: list[str] = []
    planner = SessionPlanner(session, request)
    for column in new:
        name = engine_quote(column.name)
        before += tracking.create_identity(table, column)
        if not empty:
            _check_filling(table, column)
        declared = f"ADD COLUMN {name} {column.type.duckdb}"
        # Images of rows get it, too, even when no rows are left.
        if column.default is None or (empty and not _is_constant(column.default)):
            both.append(declared)
        else:
            value = planner.expression(column.default)
            both += (f"{declared} DEFAULT CAST({value} AS {column.type.duckdb})", f"ALTER COLUMN {name} DROP DEFAULT")
        if not column.nullable:
            rows_only.append(f"ALTER COLUMN {name} SET NOT NULL")
    larger = dataclasses.replace(table, columns=(*table.columns, *new))
    clauses = [each for each in statement.constraints if set(each.columns) <= {column.name for column in new}]
    return Alteration(with_constraints(session, larger, clauses), tuple(both), tuple(rows_only), tuple(before))


def _check_filling(table: Table, column: TableColumn) -> None:
    """What rows that are there get in a new column must be one value."""
    if column.identity is not None:
        raise unsupported("AUTOINCREMENT of a column added to a table with rows")
    if column.default is None:
        if not column.nullable:
            raise SqlError(
                f"SQL compilation error:\nNon-nullable column '{column.name}' cannot be added to non-empty table "
                f"'{table.name}' unless it has a non-null default value.",
                2229,
                "42601",
            )
        return
    if not _is_constant(column.default):
        raise SqlError(f"SQL compilation error:\nInvalid column default expression [{column.default}]", 2261, "42601")


def _is_constant(default: str) -> bool:
    tree = parse_expression(default)
    return tree.find(exp.Func, exp.Column) is None or isinstance(tree, exp.Cast)


def _drop_columns(session: Session, table: Table, statement: AlterTable, request: Request) -> Alteration:
    present = {column.name for column in table.columns}
    names: tuple[str, ...] = statement.value
    if statement.column_if_exists:
        names = tuple(name for name in names if name in present)
    return dropped(table, names)


def dropped(table: Table, names: tuple[str, ...]) -> Alteration:
    """The table without some columns, and without the constraints over them."""
    present = {column.name for column in table.columns}
    for name in names:
        if name not in present:
            raise invalid_identifier(name)
    columns = tuple(column for column in table.columns if column.name not in names)
    if not columns:
        raise SqlError(
            f"SQL compilation error:\nCannot drop column '{names[0]}': it is the only column of table '{table.name}'.",
            2033,
            "42601",
        )
    constraints = tuple(each for each in table.constraints if not set(each.columns) & set(names))
    gone = [column for column in table.columns if column.name in names and column.identity is not None]
    numbers = dataclasses.replace(table, columns=tuple(gone))
    return Alteration(
        dataclasses.replace(table, columns=columns, constraints=constraints),
        tuple(f"DROP COLUMN {engine_quote(name)}" for name in names),
        before=tuple(_images_without(table, names)),
        after=tuple(tracking.drop_identities(numbers)),
    )


def _images_without(table: Table, names: tuple[str, ...]) -> Iterator[str]:
    """Statements that take columns from what images hold; from the last on, so that no place has moved before."""
    for position in reversed(range(len(table.columns))):
        if table.columns[position].name in names:
            text = tracking.drop_from_images(table, position)
            if text is not None:
                yield text


def _rename_column(session: Session, table: Table, statement: AlterTable, request: Request) -> Alteration:
    old, new = statement.value
    if old not in {column.name for column in table.columns}:
        raise invalid_identifier(old)
    columns = tuple(dataclasses.replace(c, name=new) if c.name == old else c for c in table.columns)
    check_names(columns)

    def renamed(each: Constraint) -> Constraint:
        return dataclasses.replace(each, columns=tuple(new if name == old else name for name in each.columns))

    larger = dataclasses.replace(table, columns=columns, constraints=tuple(map(renamed, table.constraints)))
    return Alteration(larger, (f"RENAME COLUMN {engine_quote(old)} TO {engine_quote(new)}",))


def _alter_columns(session: Session, table: Table, statement: AlterTable, request: Request) -> Alteration:
    done = Alteration(table)
    for name, change, argument in statement.value:
        step = changed_column(session, done.table, name, change, argument, request)
        done = Alteration(step.table, (*done.both, *step.both), (*done.rows_only, *step.rows_only))
    return done


# --- properties ------------------------------------------------------------------------------------------------------

_PROPERTIES = {
    "COMMENT": ("comment", ""),
    "CHANGE_TRACKING": ("change_tracking", False),
    RETENTION: ("retention_days", None),
    EXTENSION: ("extension_days", None),
}


def _set(session: Session, table: Table, statement: AlterTable, request: Request) -> Alteration:
    unknown = [name for name in statement.value if name not in _PROPERTIES]
    if unknown:
        raise unsupported(f"ALTER TABLE SET {unknown[0]}")
    changes = {_PROPERTIES[name][0]: value for name, value in statement.value.items()}
    for name in (RETENTION, EXTENSION):
        if name in statement.value:
            checked_days(name, statement.value[name], transient=table.durability is not Durability.PERMANENT)
    if "change_tracking" in changes:
        changes |= tracking_change(session, table, changes["change_tracking"])
    return Alteration(dataclasses.replace(table, **changes))


def tracking_change(session: Session, table: Table, wanted: bool) -> dict[str, Any]:
    """What changes in the picture of a table when its CHANGE_TRACKING becomes `wanted`."""
    if wanted == table.change_tracking:
        return {}
    return {"change_tracking": wanted, "tracked_since": session.services.clock.now() if wanted else None}


def _unset(session: Session, table: Table, statement: AlterTable, request: Request) -> Alteration:
    unknown = [name for name in statement.value if name not in _PROPERTIES]
    if unknown:
        raise unsupported(f"ALTER TABLE UNSET {unknown[0]}")
    changes: dict[str, Any] = dict(_PROPERTIES[name] for name in statement.value)
    if "change_tracking" in changes:
        changes["tracked_since"] = None
    return Alteration(dataclasses.replace(table, **changes))


def _cluster_by(session: Session, table: Table, statement: AlterTable, request: Request) -> Alteration:
    clustered = dataclasses.replace(table, cluster_by=statement.value)
    check_clustering(session, clustered, request)
    return Alteration(clustered)


# --- constraints -----------------------------------------------------------------------------------------------------


def _add_constraint(session: Session, table: Table, statement: AlterTable, request: Request) -> Alteration:
    new = with_constraints(session, table, (statement.value,))
    stricter = [new_c for old_c, new_c in zip(table.columns, new.columns, strict=True) if old_c != new_c]
    return Alteration(new, rows_only=tuple(f"ALTER COLUMN {engine_quote(c.name)} SET NOT NULL" for c in stricter))


def _drop_constraint(session: Session, table: Table, statement: AlterTable, request: Request) -> Alteration:
    return Alteration(without_constraint(table, *statement.value))


def _rename_constraint(session: Session, table: Table, statement: AlterTable, request: Request) -> Alteration:
    return Alteration(renamed_constraint(table, *statement.value))


# --- SWAP WITH -------------------------------------------------------------------------------------------------------


def _swap(session: Session, table: Table, statement: AlterTable) -> None:
    """Two tables exchange their names in one change; what refers to a table by its id, such as a stream, stays."""
    other = session.relation(session.scope.full(statement.value))
    if not isinstance(other, Table):
        raise object_missing("Table", str(statement.value))
    if (table.session is None) != (other.session is None):
        raise unsupported("SWAP of a temporary table with one that is not")
    first = dataclasses.replace(table, full_name=other.full_name)
    second = dataclasses.replace(other, full_name=table.full_name)
    if table.session is not None:
        session.core.commit()
        session.core.put_temporary(first)
        session.core.put_temporary(second)
        return

    def build(catalog: Catalog) -> Change:
        catalog.check_current(table, other)
        return Change(put=(first, second))

    apply_change(session, build)


_ACTIONS: dict[str, Callable[[Session, Table, AlterTable, Request], Alteration]] = {
    "SET": _set,
    "UNSET": _unset,
    "ADD COLUMN": _add_columns,
    "DROP COLUMN": _drop_columns,
    "RENAME COLUMN": _rename_column,
    "ALTER COLUMN": _alter_columns,
    "CLUSTER BY": _cluster_by,
    "ADD CONSTRAINT": _add_constraint,
    "DROP CONSTRAINT": _drop_constraint,
    "RENAME CONSTRAINT": _rename_constraint,
}
"""Actions on one table, by the words after its name."""
