"""CREATE TABLE in all its forms."""

from __future__ import annotations

import dataclasses

from snowmelt.base.errors import SqlError, object_missing, unsupported
from snowmelt.base.request import Request
from snowmelt.base.result import Result, StatementType
from snowmelt.catalog.names import FullName
from snowmelt.catalog.objects import Durability, Table, TableColumn
from snowmelt.catalog.retention import EXTENSION, RETENTION, checked_days
from snowmelt.plan.dml import needs_casts, with_casts
from snowmelt.plan.query import plan_query
from snowmelt.plan.steps import Read, Write
from snowmelt.session.columns import check_clustering, check_names, check_star, finished
from snowmelt.session.constraints import copied, with_constraints
from snowmelt.session.create_or_alter import create_or_alter
from snowmelt.session.definitions import (
    create_object,
    create_table_physically,
    is_temporary,
)
from snowmelt.session.execute import run_steps
from snowmelt.session.planner import SessionPlanner
from snowmelt.session.queries import describe_query, release
from snowmelt.session.session import Session
from snowmelt.session.templates import template_columns
from snowmelt.sql import tracking
from snowmelt.sql.statements import CreateTable
from snowmelt.storage.connection import Connection
from snowmelt.telemetry.events import EVENT_COLUMNS


def create_table(session: Session, statement: CreateTable, request: Request) -> Result:
    """CREATE TABLE in all its forms."""
    if statement.or_alter:
        if statement.query is not None or statement.like is not None:
            raise unsupported("CREATE OR ALTER TABLE ... AS SELECT or LIKE")
        present = session.relation(session.scope.full(statement.name))
        if isinstance(present, Table):
            days = _days(RETENTION, statement.retention_days, present.durability)
            extension = _days(EXTENSION, statement.extension_days, present.durability)
            wanted = dataclasses.replace(statement, retention_days=days, extension_days=extension)
            return create_or_alter(session, present, wanted, request)
    columns = _columns_of(session, statement, request)
    check_names(columns)
    columns = finished(session, columns, request)
    name = session.scope.full(statement.name)
    durability = durability_in(session, name, statement.durability)
    table = Table(
        name,
        session.services.engine.next_id(),
        session.services.clock.now(),
        columns=columns,
        durability=durability,
        is_event=statement.is_event,
        retention_days=_days(RETENTION, statement.retention_days, durability),
        extension_days=_days(EXTENSION, statement.extension_days, durability),
        change_tracking=statement.change_tracking is True,
        cluster_by=statement.cluster_by,
        comment=statement.comment,
        owner=session.role or "",
    )
    table = _with_keys(session, statement, table)
    check_clustering(session, table, request)
    temporary = is_temporary(statement.durability)
    kind = "Event table" if statement.is_event else "Table"
    message = f"{kind} {table.name} successfully created."
    if statement.query is None or _exists(session, statement, table):
        return create_object(
            session, statement, table, physical=create_table_physically, temporary=temporary, message=message
        )
    return _create_as(session, statement, table, request, message)


def durability_in(session: Session, name: FullName, wanted: Durability) -> Durability:
    """How long a table lives: all in a transient schema or database are transient."""
    catalog = session.services.engine.catalog
    schema = catalog.schema(name.database, name.schema)
    transient = schema.transient or catalog.database(name.database).transient
    return Durability.TRANSIENT if transient and wanted is Durability.PERMANENT else wanted


def _days(name: str, value: int | None, durability: Durability) -> int | None:
    return None if value is None else checked_days(name, value, transient=durability is not Durability.PERMANENT)


def _with_keys(session: Session, statement: CreateTable, table: Table) -> Table:
    """`table` with its constraints; LIKE takes constraints and clustering key of the other table along."""
    if statement.like is None:
        return with_constraints(session, table, statement.constraints)
    model = session.relation(session.scope.full(statement.like))
    assert isinstance(model, Table)
    cluster_by = statement.cluster_by or model.cluster_by
    return dataclasses.replace(table, constraints=copied(session, model.constraints), cluster_by=cluster_by)


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
    if statement.template is not None:
        return template_columns(session, statement.template, request)
    if statement.query is None:
        return statement.columns
    described = describe_query(session, statement.query, request)
    if not statement.columns:
        check_star(statement.query)
        return tuple(TableColumn(column.name, column.type) for column in described)
    if len(statement.columns) != len(described):
        raise SqlError(
            f"SQL compilation error:\nInvalid column definition list: {len(statement.columns)} columns for "
            f"{len(described)} in the query.",
            2026,
            "42601",
        )
    return statement.columns


def _create_as(session: Session, statement: CreateTable, table: Table, request: Request, message: str) -> Result:
    """CREATE TABLE AS: table and rows appear in one transaction, which also moves the offsets of streams read."""
    session.core.commit()
    planner = SessionPlanner(session, request)
    try:
        assert statement.query is not None
        plan = plan_query(statement.query, planner)
        structured = any(column.type.parts is not None for column in table.columns)
        if structured and needs_casts(table.columns, planner.types):
            plan = plan_query(with_casts(table.columns, statement.query), planner)
        read = plan.steps[-1]
        assert isinstance(read, Read)
        fill = dataclasses.replace(
            plan,
            steps=(*plan.steps[:-1], Write(tracking.insert(table, table.columns, read.sql))),
            kind=StatementType.INSERT,
            targets=(table,),
        )

        def ahead(connection: Connection) -> None:
            create_table_physically(connection, table)
            run_steps(session, fill, {})
            connection.wrote = connection.wrote or fill.tracked

        temporary = is_temporary(statement.durability)
        return create_object(
            session, statement, table, ahead=ahead, made_from=fill.made_from, temporary=temporary, message=message
        )
    finally:
        release(session, planner)
