"""SHOW: Snowflake's columns, filled from the catalog.

Each kind is one function of the visible list `SHOWS`; LIKE, STARTS WITH and LIMIT are applied to the column "name"
of whatever it gives.

Source: docs.snowflake.com/en/sql-reference/sql/show
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable
from typing import Any

from snowmelt.base.datatypes import NUMBER, TIMESTAMP_LTZ, VARCHAR, DataType, Kind
from snowmelt.base.errors import object_missing, unsupported
from snowmelt.base.request import Request
from snowmelt.base.result import Result, StatementType, rows_result
from snowmelt.catalog.objects import (
    FileFormat,
    Function,
    Model,
    Procedure,
    Routine,
    SchemaObject,
    Stage,
    Stream,
    Table,
    TableColumn,
    Task,
    View,
)
from snowmelt.models.artefacts import show_functions, show_models, show_versions
from snowmelt.session.parameters import DEFAULTS
from snowmelt.session.session import Session, description
from snowmelt.sql.statements import Show
from snowmelt.storage.tracking import physical

Columns = list[tuple[str, DataType]]
Rows = list[tuple[Any, ...]]
Shown = tuple[Columns, Rows]


def columns(text: str, **types: DataType) -> Columns:
    """Column definitions from names in one text; VARCHAR unless named in `types`, and ``created_on`` is a time."""
    known = {"created_on": TIMESTAMP_LTZ, **types}
    return [(name, known.get(name, VARCHAR)) for name in text.split()]


def like_pattern(pattern: str) -> re.Pattern[str]:
    """LIKE of SHOW: % and _ as in SQL, letters in any case."""
    parts = [{"%": ".*", "_": "."}.get(part, re.escape(part)) for part in re.split(r"([%_])", pattern)]
    return re.compile("".join(parts), re.IGNORECASE | re.DOTALL)


# --- scope -----------------------------------------------------------------------------------------------------------


def _scope(session: Session, statement: Show) -> tuple[str | None, str | None]:
    """The database and schema that a SHOW is limited to; None for all."""
    name = statement.scope_name
    catalog = session.services.engine.catalog
    match statement.scope:
        case "ACCOUNT":
            return None, None
        case "DATABASE":
            database = session.database if name is None else name.name
            if database is None:
                return None, None
            catalog.database(database)
            return database, None
        case "SCHEMA" if name is not None:
            found_database, schema = session.scope.schema_name(name)
            catalog.schema(found_database, schema)
            return found_database, schema
        case "" if name is not None:
            found_database, schema = session.scope.schema_name(name)
            return found_database, schema
        case _:
            return session.database, session.schema


def _all(session: Session, statement: Show, *kinds: type[SchemaObject]) -> list[SchemaObject]:
    """Objects of the given classes within the statement's scope, temporary ones of this session included."""
    database, schema = _scope(session, statement)
    found: list[SchemaObject] = [item for kind in kinds for item in session.services.engine.catalog.all(kind)]
    found += [item for item in session.core.temporary.values() if isinstance(item, kinds)]
    chosen = [
        item
        for item in found
        if database in (None, item.full_name.database) and schema in (None, item.full_name.schema)
    ]
    return sorted(chosen, key=lambda item: (item.full_name, item.id))


# --- SHOW ------------------------------------------------------------------------------------------------------------


def _databases(session: Session, statement: Show) -> Shown:
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


def _schemas(session: Session, statement: Show) -> Shown:
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


def row_count(session: Session, table: Table) -> int:
    """How many rows a table has now."""
    return int(session.core.connection.scalar(f"SELECT count(*) FROM {physical(table)}"))


def _tables(session: Session, statement: Show) -> Shown:
    tables = [item for item in _all(session, statement, Table) if isinstance(item, Table) and not item.is_event]
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


def _event_tables(session: Session, statement: Show) -> Shown:
    rows = [
        (t.created_on, t.name, t.full_name.database, t.full_name.schema, t.owner, t.comment, "ROLE", "OFF")
        for t in _all(session, statement, Table)
        if isinstance(t, Table) and t.is_event
    ]
    return columns("created_on name database_name schema_name owner comment owner_role_type change_tracking"), rows


def _views(session: Session, statement: Show) -> Shown:
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
        for v in _all(session, statement, View)
        if isinstance(v, View)
    ]
    names = "created_on name reserved database_name schema_name owner comment text is_secure is_materialized"
    return columns(names), rows


def _objects(session: Session, statement: Show) -> Shown:
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
        for o in _all(session, statement, Table, View)
    ]
    names = "created_on name database_name schema_name kind comment cluster_by rows bytes owner retention_time"
    return columns(names, rows=NUMBER, bytes=NUMBER), rows


def _columns(session: Session, statement: Show) -> Shown:
    if statement.scope in ("TABLE", "VIEW") and statement.scope_name is not None:
        found = session.relation(session.scope.full(statement.scope_name))
        if not isinstance(found, (Table, View)):
            raise object_missing("Table", str(statement.scope_name))
        items: list[SchemaObject] = [found]
    else:
        items = _all(session, statement, Table, View)
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


def _streams(session: Session, statement: Show) -> Shown:
    rows = [
        (
            s.created_on,
            s.name,
            s.full_name.database,
            s.full_name.schema,
            s.owner,
            s.comment,
            str(s.source_name),
            "Table",
            str(s.source_name),
            "DELTA",
            "false",
            s.mode,
            None,
            "N/A",
            "ROLE",
        )
        for s in _all(session, statement, Stream)
        if isinstance(s, Stream)
    ]
    names = (
        "created_on name database_name schema_name owner comment table_name source_type base_tables type stale mode "
        "stale_after invalid_reason owner_role_type"
    )
    return columns(names, stale_after=TIMESTAMP_LTZ), rows


def _tasks(session: Session, statement: Show) -> Shown:
    rows = [_task_row(item) for item in _all(session, statement, Task) if isinstance(item, Task)]
    names = (
        "created_on name id database_name schema_name owner comment warehouse schedule predecessors state definition "
        "condition allow_overlapping_execution error_integration last_committed_on last_suspended_on owner_role_type "
        "config budget task_relations last_suspended_reason"
    )
    return columns(names, last_committed_on=TIMESTAMP_LTZ, last_suspended_on=TIMESTAMP_LTZ), rows


def _task_row(t: Task) -> tuple[Any, ...]:
    predecessors = json.dumps([str(name) for name in t.after])
    relations: dict[str, Any] = {"Predecessors": [str(name) for name in t.after]}
    if t.finalize is not None:
        relations["FinalizedRootTask"] = str(t.finalize)
    return (
        t.created_on,
        t.name,
        str(t.id),
        t.full_name.database,
        t.full_name.schema,
        t.owner,
        t.comment,
        t.warehouse,
        t.schedule,
        predecessors,
        t.state.value,
        t.body,
        t.when,
        "true" if t.allow_overlap else "false",
        None,
        t.last_committed_on,
        t.last_suspended_on,
        "ROLE",
        t.config,
        None,
        json.dumps(relations),
        "USER_SUSPENDED" if t.last_suspended_on is not None else None,
    )


def _arguments(r: Routine) -> str:
    kinds = {"FIXED": "NUMBER", "TEXT": "VARCHAR", "REAL": "FLOAT"}

    def name(data_type: DataType) -> str:
        return kinds.get(data_type.kind.value, data_type.kind.value)

    listed = ", ".join(("DEFAULT " if a.default is not None else "") + name(a.type) for a in r.arguments)
    returns = name(r.returns)
    if r.returns_table is not None:
        returns = "TABLE (" + ", ".join(f"{n} {name(t)}" for n, t in r.returns_table) + ")"
    return f"{r.name}({listed}) RETURN {returns}"


def _routines(kind: type[Routine]) -> Callable[[Session, Show], Shown]:
    def shown(session: Session, statement: Show) -> Shown:
        rows = [
            (
                r.created_on,
                r.name,
                r.full_name.schema,
                "N",
                "N",
                "N",
                len([a for a in r.arguments if a.default is None]),
                len(r.arguments),
                _arguments(r),
                r.comment or ("user-defined procedure" if kind is Procedure else "user-defined function"),
                r.full_name.database,
                "Y" if r.returns_table is not None else "N",
                "N",
                "N",
                r.language,
            )
            for r in _all(session, statement, kind)
            if isinstance(r, Routine)
        ]
        names = (
            "created_on name schema_name is_builtin is_aggregate is_ansi min_num_arguments max_num_arguments arguments "
            "description catalog_name is_table_function valid_for_clustering is_secure language"
        )
        return columns(names, min_num_arguments=NUMBER, max_num_arguments=NUMBER), rows

    return shown


def _stages(session: Session, statement: Show) -> Shown:
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
        for s in _all(session, statement, Stage)
        if isinstance(s, Stage)
    ]
    return columns(
        "created_on name database_name schema_name url has_credentials has_encryption_key owner comment type "
        "directory_enabled"
    ), rows


def _file_formats(session: Session, statement: Show) -> Shown:
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
        for f in _all(session, statement, FileFormat)
        if isinstance(f, FileFormat)
    ]
    return columns("created_on name database_name schema_name type owner comment format_options"), rows


def _models(session: Session, statement: Show) -> Shown:
    return show_models([item for item in _all(session, statement, Model) if isinstance(item, Model)])


def _model(session: Session, statement: Show) -> Model:
    if statement.scope != "MODEL" or statement.scope_name is None:
        raise unsupported(f"SHOW {statement.kind} without IN MODEL")
    model = session.find(Model, session.scope.full(statement.scope_name))
    if model is None:
        raise object_missing("Model", str(statement.scope_name))
    return model


def _versions(session: Session, statement: Show) -> Shown:
    return show_versions(_model(session, statement))


def _functions(session: Session, statement: Show) -> Shown:
    if statement.scope == "MODEL":
        model = _model(session, statement)
        name = statement.scope_name
        assert name is not None
        _, version = session.model_version(name, statement.scope_version)
        return show_functions(model, version)
    return _routines(Function)(session, statement)


def _warehouses(session: Session, statement: Show) -> Shown:
    name = session.warehouse or "COMPUTE_WH"
    row = (
        name,
        "STARTED",
        "STANDARD",
        "X-Small",
        1,
        1,
        1,
        0,
        0,
        "N",
        "Y",
        None,
        "ACCOUNTADMIN",
        "one machine",
        "STANDARD_GEN_1",
    )
    return columns(
        "name state type size min_cluster_count max_cluster_count started_clusters running queued is_default "
        "is_current auto_suspend owner comment resource_constraint",
        min_cluster_count=NUMBER,
        max_cluster_count=NUMBER,
        started_clusters=NUMBER,
        running=NUMBER,
        queued=NUMBER,
        auto_suspend=NUMBER,
    ), [row]


def _parameters(session: Session, statement: Show) -> Shown:
    current = session.parameters()
    kinds = {bool: "BOOLEAN", int: "NUMBER", str: "STRING"}
    rows = []
    for name, default in DEFAULTS.items():
        value = current[name]
        shown = str(value).lower() if isinstance(value, bool) else str(value)
        usual = str(default).lower() if isinstance(default, bool) else str(default)
        level = "SESSION" if name in session.core.parameters else "ACCOUNT" if name in session.services.account else ""
        rows.append((name, shown, usual, level, "", kinds[type(default)]))
    return [(n, VARCHAR) for n in ("key", "value", "default", "level", "description", "type")], rows


def _variables(session: Session, statement: Show) -> Shown:
    rows = [(str(session.id), n, str(v), type(v).__name__) for n, v in sorted(session.core.variables.items())]
    return columns("session_id name value type"), rows


SHOWS: dict[str, Callable[[Session, Show], Shown]] = {
    "DATABASES": _databases,
    "SCHEMAS": _schemas,
    "TABLES": _tables,
    "EVENT TABLES": _event_tables,
    "VIEWS": _views,
    "OBJECTS": _objects,
    "COLUMNS": _columns,
    "STREAMS": _streams,
    "TASKS": _tasks,
    "PROCEDURES": _routines(Procedure),
    "USER PROCEDURES": _routines(Procedure),
    "FUNCTIONS": _functions,
    "USER FUNCTIONS": _routines(Function),
    "STAGES": _stages,
    "FILE FORMATS": _file_formats,
    "MODELS": _models,
    "VERSIONS": _versions,
    "WAREHOUSES": _warehouses,
    "PARAMETERS": _parameters,
    "VARIABLES": _variables,
}
"""What can be shown, by the words after SHOW."""


def show(session: Session, statement: Show, request: Request) -> Result:
    """SHOW of anything."""
    shown = SHOWS.get(statement.kind)
    if shown is None:
        raise unsupported(f"SHOW {statement.kind}")
    header, rows = shown(session, statement)
    key = next((i for i, (name, _) in enumerate(header) if name in ("name", "column_name", "key")), 0)
    result = rows_result(header, list(_filtered(rows, key, statement)))
    return description(result.columns, StatementType.SHOW) if request.describe_only else result


def _filtered(rows: Rows, key: int, statement: Show) -> Iterable[tuple[Any, ...]]:
    pattern = like_pattern(statement.like) if statement.like is not None else None
    given = 0
    for row in rows:
        name = str(row[key])
        if pattern is not None and not pattern.fullmatch(name):
            continue
        if statement.starts_with is not None and not name.startswith(statement.starts_with):
            continue
        if statement.limit is not None and given >= statement.limit:
            return
        given += 1
        yield row
