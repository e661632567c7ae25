"""CREATE TABLE, CREATE VIEW, ALTER TABLE."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

from snowmelt.base.datatypes import DataType, Kind
from snowmelt.base.errors import SqlError, invalid_identifier, object_exists, object_missing, unsupported
from snowmelt.base.request import Request
from snowmelt.base.result import Result, StatementType, status_result
from snowmelt.catalog.catalog import Catalog, Change
from snowmelt.catalog.names import Name, quote
from snowmelt.catalog.objects import Table, TableColumn, View
from snowmelt.plan.query import plan_query
from snowmelt.plan.steps import Read, Write
from snowmelt.session.columns import check_names, finished
from snowmelt.session.core import OpenTransaction
from snowmelt.session.definitions import (
    apply_change,
    create_object,
    create_table_physically,
    is_temporary,
    replace_object,
)
from snowmelt.session.execute import run_steps
from snowmelt.session.planner import SessionPlanner
from snowmelt.session.queries import describe_query, release
from snowmelt.session.session import Session
from snowmelt.sql import tracking
from snowmelt.sql.statements import AlterTable, CreateTable, CreateView
from snowmelt.storage.connection import Connection
from snowmelt.telemetry.events import EVENT_COLUMNS


def create_table(session: Session, statement: CreateTable, request: Request) -> Result:
    """CREATE TABLE in all its forms."""
    if statement.clone is not None:
        raise unsupported("CREATE TABLE ... CLONE")
    columns = _columns_of(session, statement, request)
    check_names(columns)
    columns = finished(session, columns, request)
    table = Table(
        session.scope.full(statement.name),
        session.services.engine.next_id(),
        session.services.clock.now(),
        columns=columns,
        durability=statement.durability,
        is_event=statement.is_event,
        retention_days=1 if statement.retention_days is None else statement.retention_days,
        change_tracking=statement.change_tracking,
        comment=statement.comment,
        owner=session.role or "",
    )
    temporary = is_temporary(statement.durability)
    kind = "Event table" if statement.is_event else "Table"
    message = f"{kind} {table.name} successfully created."
    if statement.query is None or _exists(session, statement, table):
        return create_object(
            session, statement, table, physical=create_table_physically, temporary=temporary, message=message
        )
    return _create_as(session, statement, table, request, message)


def _exists(session: Session, statement: CreateTable, table: Table) -> bool:
    return statement.if_not_exists and session.relation(table.full_name) is not None


def _columns_of(session: Session, statement: CreateTable, request: Request) -> tuple[TableColumn, ...]:
    if statement.is_event:
        return EVENT_COLUMNS
    if statement.like is not None:
        model = session.relation(session.scope.full(statement.like))
        if not isinstance(model, Table):
            raise object_missing("Table", str(statement.like))
        return model.columns
    if statement.query is None:
        return statement.columns
    described = describe_query(session, statement.query, request)
    if not statement.columns:
        return tuple(TableColumn(column.name, _stored(column.type)) for column in described)
    if len(statement.columns) != len(described):
        raise SqlError(
            f"SQL compilation error:\nInvalid column definition list: {len(statement.columns)} columns for "
            f"{len(described)} in the query.",
            2026,
            "42601",
        )
    return statement.columns


def _stored(data_type: DataType) -> DataType:
    """The type of a table's column made from a query's: integers keep Snowflake's full width."""
    if data_type.kind is Kind.FIXED and data_type.scale == 0:
        return dataclasses.replace(data_type, precision=38)
    return data_type


def _create_as(session: Session, statement: CreateTable, table: Table, request: Request, message: str) -> Result:
    """CREATE TABLE AS: table and rows appear in one transaction, which also moves the offsets of streams read."""
    session.core.commit()
    planner = SessionPlanner(session, request)
    try:
        assert statement.query is not None
        plan = plan_query(statement.query, planner)
        read = plan.steps[-1]
        assert isinstance(read, Read)
        fill = dataclasses.replace(
            plan,
            steps=(*plan.steps[:-1], Write(tracking.insert(table, table.columns, read.sql))),
            kind=StatementType.INSERT,
            writes=frozenset({table.id} if tracking.is_tracked(table) else ()),
        )

        def physical(connection: Connection, created: Table) -> None:
            create_table_physically(connection, created)
            run_steps(session, fill, OpenTransaction())

        temporary = is_temporary(statement.durability)
        return create_object(session, statement, table, physical=physical, temporary=temporary, message=message)
    finally:
        release(session, planner)


def create_view(session: Session, statement: CreateView, request: Request) -> Result:
    """CREATE VIEW."""
    described = describe_query(session, statement.query, request)
    names = statement.columns or tuple(column.name for column in described)
    if len(names) != len(described):
        raise SqlError("SQL compilation error:\nInvalid column definition list", 2026, "42601")
    view = View(
        session.scope.full(statement.name),
        session.services.engine.next_id(),
        session.services.clock.now(),
        columns=tuple(TableColumn(name, column.type) for name, column in zip(names, described, strict=True)),
        query=statement.query.sql(dialect="snowflake"),
        text=statement.text,
        comment=statement.comment,
        owner=session.role or "",
    )
    return create_object(session, statement, view, temporary=is_temporary(statement.durability))


# --- ALTER TABLE -----------------------------------------------------------------------------------------------------


def alter_table(session: Session, statement: AlterTable, request: Request) -> Result:
    """ALTER TABLE with one action."""
    found = session.relation(session.scope.full(statement.name))
    if not isinstance(found, Table):
        if statement.if_exists and found is None:
            return status_result("Statement executed successfully.")
        raise object_missing("Table", str(statement.name))
    action = _ACTIONS.get(statement.action)
    if action is None:
        raise unsupported(f"ALTER TABLE {statement.action}")
    action(session, found, statement.value)
    return status_result("Statement executed successfully.")


def _rename(session: Session, table: Table, value: Name) -> None:
    replace_object(session, table, dataclasses.replace(table, full_name=session.scope.full(value)))


def _set(session: Session, table: Table, value: dict[str, Any]) -> None:
    known = {
        "COMMENT": "comment",
        "CHANGE_TRACKING": "change_tracking",
        "DATA_RETENTION_TIME_IN_DAYS": "retention_days",
    }
    unknown = [name for name in value if name not in known]
    if unknown:
        raise unsupported(f"ALTER TABLE SET {unknown[0]}")
    replace_object(session, table, dataclasses.replace(table, **{known[name]: item for name, item in value.items()}))


def _add_columns(session: Session, table: Table, value: tuple[TableColumn, ...]) -> None:
    columns = (*table.columns, *value)
    check_names(columns)
    if any(not column.nullable for column in value):
        raise unsupported("ALTER TABLE ADD COLUMN ... NOT NULL")
    texts = [f"ADD COLUMN {quote(column.name)} {column.type.duckdb}" for column in value]
    _alter(session, table, dataclasses.replace(table, columns=columns), texts)


def _drop_columns(session: Session, table: Table, value: tuple[str, ...]) -> None:
    names = {column.name for column in table.columns}
    for name in value:
        if name not in names:
            raise invalid_identifier(name)
    columns = tuple(column for column in table.columns if column.name not in value)
    _alter(session, table, dataclasses.replace(table, columns=columns), [f"DROP COLUMN {quote(n)}" for n in value])


def _rename_column(session: Session, table: Table, value: tuple[str, str]) -> None:
    old, new = value
    if old not in {column.name for column in table.columns}:
        raise invalid_identifier(old)
    columns = tuple(dataclasses.replace(c, name=new) if c.name == old else c for c in table.columns)
    check_names(columns)
    text = f"RENAME COLUMN {quote(old)} TO {quote(new)}"
    _alter(session, table, dataclasses.replace(table, columns=columns), [text])


_ACTIONS: dict[str, Callable[[Session, Table, Any], None]] = {
    "RENAME": _rename,
    "SET": _set,
    "ADD COLUMN": _add_columns,
    "DROP COLUMN": _drop_columns,
    "RENAME COLUMN": _rename_column,
}


def _alter(session: Session, old: Table, new: Table, texts: list[str]) -> None:
    """Change table and log alike, together with the catalog."""
    targets = [tracking.physical(old)]
    if tracking.is_tracked(old):
        targets.append(tracking.log_of(old))

    def physical(connection: Connection) -> None:
        for target in targets:
            for text in texts:
                connection.run(f"ALTER TABLE {target} {text}")

    if old.session is not None:
        session.core.commit()
        physical(session.core.connection)
        replace_object(session, old, new)
        return

    def build(catalog: Catalog) -> Change:
        if catalog.relation(old.full_name) != old:
            raise object_exists(old.name)
        return Change(put=(new,))

    apply_change(session, build, physical)
