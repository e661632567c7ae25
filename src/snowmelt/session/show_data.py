"""SHOW of what holds data: databases, schemas, tables, views, columns, stages and file formats."""

from __future__ import annotations

import json
from typing import Any

from snowmelt.base.datatypes import NUMBER, Kind
from snowmelt.base.errors import object_missing
from snowmelt.catalog.objects import FileFormat, SchemaObject, Stage, Table, TableColumn, View
from snowmelt.session.session import Session
from snowmelt.session.show_scope import Shown, columns, in_scope, row_count
from snowmelt.sql.statements import Show


def show_databases(session: Session, statement: Show) -> Shown:
    """SHOW DATABASES."""
    rows = [
        (
            d.created_on,
            d.name,
            "N",
            "Y" if d.name == session.database else "N",
            "",
            d.owner,
            d.comment,
            "",
            "1",
            "STANDARD",
        )
        for d in session.services.engine.catalog.databases()
    ]
    return columns("created_on name is_default is_current origin owner comment options retention_time kind"), rows


def show_schemas(session: Session, statement: Show) -> Shown:
    """SHOW SCHEMAS."""
    database: str | None = session.database
    if statement.scope == "ACCOUNT":
        database = None
    elif statement.scope_name is not None:
        database = statement.scope_name.name
        session.services.engine.catalog.database(database)
    here = (session.database, session.schema)
    rows = [
        (
            s.created_on,
            s.name,
            "N",
            "Y" if (s.database, s.name) == here else "N",
            s.database,
            s.owner,
            s.comment,
            "",
            "1",
        )
        for s in session.services.engine.catalog.schemas(database)
    ]
    return columns("created_on name is_default is_current database_name owner comment options retention_time"), rows


def show_tables(session: Session, statement: Show) -> Shown:
    """SHOW TABLES; event tables have a command of their own."""
    tables = [item for item in in_scope(session, statement, Table) if not item.is_event]
    rows = [
        (
            t.created_on,
            t.name,
            t.full_name.database,
            t.full_name.schema,
            {"PERMANENT": "TABLE"}.get(t.durability.value, t.durability.value),
            t.comment,
            "",
            row_count(session, t),
            0,
            t.owner,
            str(t.retention_days),
            "ON" if t.change_tracking else "OFF",
            "N",
            "N",
        )
        for t in tables
    ]
    names = (
        "created_on name database_name schema_name kind comment cluster_by rows bytes owner retention_time "
        "change_tracking is_external is_event"
    )
    return columns(names, rows=NUMBER, bytes=NUMBER), rows


def show_event_tables(session: Session, statement: Show) -> Shown:
    """SHOW EVENT TABLES."""
    rows = [
        (t.created_on, t.name, t.full_name.database, t.full_name.schema, t.owner, t.comment, "ROLE", "OFF")
        for t in in_scope(session, statement, Table)
        if t.is_event
    ]
    return columns("created_on name database_name schema_name owner comment owner_role_type change_tracking"), rows


def show_views(session: Session, statement: Show) -> Shown:
    """SHOW VIEWS."""
    rows = [
        (
            v.created_on,
            v.name,
            "",
            v.full_name.database,
            v.full_name.schema,
            v.owner,
            v.comment,
            v.text,
            "false",
            "false",
        )
        for v in in_scope(session, statement, View)
    ]
    names = "created_on name reserved database_name schema_name owner comment text is_secure is_materialized"
    return columns(names), rows


def show_objects(session: Session, statement: Show) -> Shown:
    """SHOW OBJECTS: tables and views together."""
    rows = [
        (
            o.created_on,
            o.name,
            o.full_name.database,
            o.full_name.schema,
            "VIEW" if isinstance(o, View) else "TABLE",
            o.comment,
            "",
            row_count(session, o) if isinstance(o, Table) else None,
            0 if isinstance(o, Table) else None,
            o.owner,
            "1",
        )
        for o in in_scope(session, statement, Table, View)
    ]
    names = "created_on name database_name schema_name kind comment cluster_by rows bytes owner retention_time"
    return columns(names, rows=NUMBER, bytes=NUMBER), rows


def show_columns(session: Session, statement: Show) -> Shown:
    """SHOW COLUMNS, of one table or of all in scope."""
    if statement.scope in ("TABLE", "VIEW") and statement.scope_name is not None:
        found = session.relation(session.scope.full(statement.scope_name))
        if not isinstance(found, (Table, View)):
            raise object_missing("Table", str(statement.scope_name))
        items: list[SchemaObject] = [found]
    else:
        items = in_scope(session, statement, Table, View)
    rows = [
        (
            o.name,
            o.full_name.schema,
            c.name,
            _type_json(c),
            "true" if c.nullable else "NOT_NULL",
            c.default or "",
            "COLUMN",
            "",
            c.comment,
            o.full_name.database,
            "",
        )
        for o in items
        if isinstance(o, (Table, View))
        for c in o.columns
    ]
    return columns(
        "table_name schema_name column_name data_type null? default kind expression comment database_name autoincrement"
    ), rows


def _type_json(column: TableColumn) -> str:
    t = column.type
    body: dict[str, Any] = {"type": t.kind.value, "nullable": column.nullable}
    if t.kind is Kind.FIXED:
        body.update(precision=t.precision, scale=t.scale)
    elif t.kind is Kind.TEXT:
        body.update(length=t.length, byteLength=t.length, fixed=False)
    return json.dumps(body)


def show_stages(session: Session, statement: Show) -> Shown:
    """SHOW STAGES."""
    rows = [
        (
            s.created_on,
            s.name,
            s.full_name.database,
            s.full_name.schema,
            "",
            "N",
            "N",
            s.owner,
            s.comment,
            "INTERNAL TEMPORARY" if s.session is not None else "INTERNAL",
            "Y" if s.directory else "N",
        )
        for s in in_scope(session, statement, Stage)
    ]
    return columns(
        "created_on name database_name schema_name url has_credentials has_encryption_key owner comment type "
        "directory_enabled"
    ), rows


def show_file_formats(session: Session, statement: Show) -> Shown:
    """SHOW FILE FORMATS."""
    rows = [
        (
            f.created_on,
            f.name,
            f.full_name.database,
            f.full_name.schema,
            str(f.options.get("TYPE", "CSV")),
            f.owner,
            f.comment,
            json.dumps(f.options, default=str),
        )
        for f in in_scope(session, statement, FileFormat)
    ]
    return columns("created_on name database_name schema_name type owner comment format_options"), rows
