"""SHOW of what holds data: databases, schemas, tables, views, columns, stages and file formats."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from snowmelt.base.datatypes import NUMBER, Kind
from snowmelt.base.errors import object_missing
from snowmelt.catalog.objects import (
    Database,
    FileFormat,
    Schema,
    SchemaObject,
    Sequence,
    Stage,
    Table,
    TableColumn,
    View,
)
from snowmelt.session.file_format_options import all_options
from snowmelt.session.session import Session
from snowmelt.session.show_scope import (
    Shown,
    byte_count,
    columns,
    dropped,
    in_scope,
    retention_days,
    row_counts,
    with_dropped_on,
)
from snowmelt.sql import numbering
from snowmelt.sql.statements import Show


def show_databases(session: Session, statement: Show) -> Shown:
    """SHOW DATABASES [HISTORY]."""
    gone = dropped(session, statement, Database)
    databases = session.services.engine.catalog.databases() + [database for database, _ in gone.values()]
    rows = [
        (
            d.created_on,
            d.name,
            "N",
            _mark(d.name == session.database),
            "",
            d.owner,
            d.comment,
            "TRANSIENT" if d.transient else "",
            str(retention_days(session, d)),
            *_dropped_on(d.id, gone, statement),
            "STANDARD",
            None,
            "ROLE",
            None,
        )
        for d in sorted(databases, key=lambda database: database.name)
    ]
    names = (
        "created_on name is_default is_current origin owner comment options retention_time kind budget "
        "owner_role_type object_visibility"
    )
    return columns(with_dropped_on(names, statement)), rows


def _dropped_on(number: int, gone: Mapping[int, tuple[Any, datetime]], statement: Show) -> tuple[datetime | None, ...]:
    """The cell that HISTORY adds to a row."""
    return (gone[number][1] if number in gone else None,) if statement.history else ()


def show_schemas(session: Session, statement: Show) -> Shown:
    """SHOW SCHEMAS, INFORMATION_SCHEMA of each database among them."""
    catalog = session.services.engine.catalog
    database: str | None = session.database
    if statement.scope == "ACCOUNT":
        database = None
    elif statement.scope_name is not None:
        database = statement.scope_name.name
        catalog.database(database)
    here = (session.database, session.schema)
    gone = dropped(session, statement, Schema)
    schemas = catalog.schemas(database) + [s for s, _ in gone.values() if database in (None, s.database)]
    found: list[tuple[Any, ...]] = [
        (
            s.created_on,
            s.name,
            "N",
            _mark((s.database, s.name) == here),
            s.database,
            s.owner,
            s.comment,
            "TRANSIENT" if s.transient else "",
            str(retention_days(session, s)),
            *_dropped_on(s.id, gone, statement),
            "ROLE",
            None,
        )
        for s in schemas
    ]
    never = _dropped_on(0, gone, statement)
    found += [
        (d.created_on, "INFORMATION_SCHEMA", "N", "N", d.name, "", _INFORMATION_SCHEMA, "", "1", *never, "", None)
        for d in catalog.databases()
        if database in (None, d.name)
    ]
    names = (
        "created_on name is_default is_current database_name owner comment options retention_time "
        "owner_role_type budget"
    )
    return columns(with_dropped_on(names, statement)), sorted(found, key=lambda row: (str(row[4]), str(row[1])))


_INFORMATION_SCHEMA = "Views describing the contents of schemas in this database"


def _mark(flag: bool) -> str:
    return "Y" if flag else "N"


def show_tables(session: Session, statement: Show) -> Shown:
    """SHOW TABLES [HISTORY]; event tables have a command of their own."""
    gone = dropped(session, statement, Table)
    tables = [item for item in in_scope(session, statement, Table) if not item.is_event]
    counts = row_counts(session, tables)
    rows = [
        (
            t.created_on,
            t.name,
            t.full_name.database,
            t.full_name.schema,
            table_kind(t),
            t.comment,
            clustering(t),
            counts[t.id],
            byte_count(t, counts[t.id]),
            t.owner,
            str(retention_days(session, t)),
            *_dropped_on(t.id, gone, statement),
            "ON" if t.cluster_by else "OFF",
            "ON" if t.change_tracking else "OFF",
            "OFF",
            None,
            None,
            "N",
            "N",
            "ROLE",
            "N",
            None,
            "N",
            "N",
            "N",
            "N",
        )
        for t in tables
    ]
    names = (
        "created_on name database_name schema_name kind comment cluster_by rows bytes owner retention_time "
        "automatic_clustering change_tracking search_optimization search_optimization_progress "
        "search_optimization_bytes is_external enable_schema_evolution owner_role_type is_event budget is_hybrid "
        "is_iceberg is_dynamic is_immutable"
    )
    numbers = ("rows", "bytes", "search_optimization_progress", "search_optimization_bytes")
    return columns(with_dropped_on(names, statement), **dict.fromkeys(numbers, NUMBER)), rows


def table_kind(table: Table) -> str:
    """TABLE, TRANSIENT or TEMPORARY."""
    return {"PERMANENT": "TABLE"}.get(table.durability.value, table.durability.value)


def clustering(table: Table) -> str:
    """The clustering key as SHOW prints it, empty when there is none."""
    return f"LINEAR({table.cluster_by})" if table.cluster_by else ""


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
            _truth(v.secure),
            "false",
            "ROLE",
            "ON" if v.change_tracking else "OFF",
        )
        for v in in_scope(session, statement, View)
    ]
    names = (
        "created_on name reserved database_name schema_name owner comment text is_secure is_materialized "
        "owner_role_type change_tracking"
    )
    return columns(names), rows


def _truth(flag: bool) -> str:
    return "true" if flag else "false"


def show_objects(session: Session, statement: Show) -> Shown:
    """SHOW OBJECTS: tables and views together."""
    found = in_scope(session, statement, Table, View)
    counts = row_counts(session, [item for item in found if isinstance(item, Table)])
    rows = [
        (
            o.created_on,
            o.name,
            o.full_name.database,
            o.full_name.schema,
            table_kind(o) if isinstance(o, Table) else "VIEW",
            o.comment,
            clustering(o) if isinstance(o, Table) else "",
            counts.get(o.id),
            byte_count(o, counts[o.id]) if isinstance(o, Table) else None,
            o.owner,
            str(retention_days(session, o)),
            "ROLE",
            None,
            "N",
            "N",
            "N",
        )
        for o in found
    ]
    names = (
        "created_on name database_name schema_name kind comment cluster_by rows bytes owner retention_time "
        "owner_role_type budget is_hybrid is_iceberg is_dynamic"
    )
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
            str(c.identity) if c.identity is not None else "",
            None,
        )
        for o in items
        if isinstance(o, (Table, View))
        for c in o.columns
    ]
    return columns(
        "table_name schema_name column_name data_type null? default kind expression comment database_name "
        "autoincrement schema_evolution_record"
    ), rows


_MOST_BYTES = 16_777_216


def _type_json(column: TableColumn) -> str:
    """The type as SHOW COLUMNS writes it, a JSON text."""
    t = column.type
    body: dict[str, Any] = {"type": t.wire}
    match t.kind:
        case Kind.FIXED:
            body.update(precision=t.precision, scale=t.scale)
        case Kind.TEXT:
            body.update(length=t.length, byteLength=min(4 * (t.length or _MOST_BYTES), _MOST_BYTES))
        case Kind.BINARY:
            body.update(length=t.length, byteLength=t.length)
        case Kind.TIME | Kind.TIMESTAMP_NTZ | Kind.TIMESTAMP_LTZ | Kind.TIMESTAMP_TZ:
            body.update(precision=0, scale=t.scale)
    body["nullable"] = column.nullable
    if t.kind in (Kind.TEXT, Kind.BINARY):
        body["fixed"] = t.kind is Kind.BINARY
    return json.dumps(body, separators=(",", ":"))


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
            None,
            "INTERNAL TEMPORARY" if s.session is not None else "INTERNAL",
            None,
            None,
            None,
            None,
            "ROLE",
            _mark(s.directory),
        )
        for s in in_scope(session, statement, Stage)
    ]
    return columns(
        "created_on name database_name schema_name url has_credentials has_encryption_key owner comment region type "
        "cloud notification_channel storage_integration endpoint owner_role_type directory_enabled"
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
            json.dumps(all_options(f.options), default=str),
            "ROLE",
        )
        for f in in_scope(session, statement, FileFormat)
    ]
    return columns("created_on name database_name schema_name type owner comment format_options owner_role_type"), rows


def show_sequences(session: Session, statement: Show) -> Shown:
    """SHOW SEQUENCES."""
    rows = [
        (
            s.name,
            s.full_name.database,
            s.full_name.schema,
            next_value(session, s),
            s.increment,
            s.created_on,
            s.owner,
            s.comment,
            "ROLE",
            _mark(s.ordered),
        )
        for s in in_scope(session, statement, Sequence)
    ]
    names = "name database_name schema_name next_value interval created_on owner comment owner_role_type ordered"
    return columns(names, next_value=NUMBER, interval=NUMBER), rows


def next_value(session: Session, sequence: Sequence) -> int:
    """The value that a sequence gives next."""
    return int(session.core.connection.scalar(numbering.following(sequence.id, sequence.increment)))
