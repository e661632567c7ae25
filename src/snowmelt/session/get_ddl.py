"""GET_DDL: the statement that makes an object again.

Each kind has one function in `WRITERS`; databases and schemas are their own statement and those of all inside.

Source: docs.snowflake.com/en/sql-reference/functions/get_ddl
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from snowmelt.base.errors import object_missing, unsupported
from snowmelt.catalog.names import FullName, display, parse_name
from snowmelt.catalog.objects import (
    Constraint,
    Durability,
    FileFormat,
    Function,
    Procedure,
    Routine,
    SchemaObject,
    Sequence,
    Stream,
    Table,
    TableColumn,
    Task,
    View,
    Warehouse,
)
from snowmelt.session.stream_reads import stream_source
from snowmelt.session.warehouses import warehouse
from snowmelt.sql.parse import parse_routine_name

if TYPE_CHECKING:
    from snowmelt.session.session import Session


def get_ddl(session: Session, kind: str, name: str, *, qualified: bool = False) -> str:
    """The statement, or for databases and schemas the statements, that make the object again.

    Args:
        kind: the object's type as GET_DDL takes it, in any case.
        name: its name, with types of arguments for procedures and functions.
        qualified: whether the name in the statement is full.

    Raises:
        SqlError: 002003 when there is no such object, 000002 for a kind that has no statement.
    """
    wanted = kind.upper().replace("_", " ")
    names = _Names(session, qualified)
    match wanted:
        case "DATABASE":
            return _database(names, parse_name(name).name)
        case "SCHEMA":
            return _schema(names, *session.scope.schema_name(parse_name(name)))
        case "WAREHOUSE":
            return _warehouse(warehouse(session, parse_name(name).name))
        case _ if wanted in CLASSES:
            return _one(names, _find(session, wanted, name))
        case _:
            raise unsupported(f"GET_DDL of {kind.upper()}")


CLASSES: dict[str, tuple[type[SchemaObject], ...]] = {
    "TABLE": (Table,),
    "EVENT TABLE": (Table,),
    "VIEW": (View,),
    "SEQUENCE": (Sequence,),
    "FILE FORMAT": (FileFormat,),
    "STREAM": (Stream,),
    "TASK": (Task,),
    "PROCEDURE": (Procedure,),
    "FUNCTION": (Function,),
}
"""Kinds of objects in a schema. TABLE and VIEW each find the other too, as on Snowflake."""


@dataclass(frozen=True)
class _Names:
    """How names are written."""

    session: Session
    qualified: bool

    def of(self, full: FullName) -> str:
        return str(full) if self.qualified else display(full.name)


def _find(session: Session, kind: str, text: str) -> SchemaObject:
    if kind in ("PROCEDURE", "FUNCTION"):
        return _find_routine(session, kind, text)
    full = session.scope.full(parse_name(text))
    found: SchemaObject | None
    if kind in ("TABLE", "VIEW", "STREAM", "EVENT TABLE"):
        classes: tuple[type[SchemaObject], ...] = (Stream,) if kind == "STREAM" else (Table, View)
        present = session.relation(full)
        found = present if isinstance(present, classes) else None
    else:
        found = session.find(CLASSES[kind][0], full)
    if found is None:
        raise object_missing(kind.capitalize(), text)
    return found


def _find_routine(session: Session, kind: str, text: str) -> SchemaObject:
    name, types = parse_routine_name(text)
    cls: type[Routine] = Procedure if kind == "PROCEDURE" else Function
    for item in session.overloads(cls, session.scope.full(name)):
        if types is None or [a.type.kind for a in item.arguments] == [each.kind for each in types]:
            return item
    raise object_missing(kind.capitalize(), text)


# --- pieces ----------------------------------------------------------------------------------------------------------


def quoted(text: str) -> str:
    """A text as a literal."""
    return "'" + text.replace("\\", "\\\\").replace("'", "''") + "'"


def _comment(text: str) -> str:
    return f" COMMENT={quoted(text)}" if text else ""


def _durability(durability: Durability) -> str:
    return "" if durability is Durability.PERMANENT else f"{durability.value} "


def _list(names: tuple[str, ...]) -> str:
    return "(" + ", ".join(map(display, names)) + ")"


def _value(value: Any) -> str:
    match value:
        case bool():
            return "TRUE" if value else "FALSE"
        case int() | float():
            return str(value)
        case list() | tuple():
            return "(" + ", ".join(_value(item) for item in value) + ")"
        case dict():
            return "(" + " ".join(f"{name} = {_value(item)}" for name, item in value.items()) + ")"
        case _:
            return quoted(str(value))


def _options(options: Mapping[str, Any]) -> str:
    return "".join(f"\n\t{name} = {_value(value)}" for name, value in options.items() if value is not None)


# --- kinds -----------------------------------------------------------------------------------------------------------


def _table(names: _Names, table: Table) -> str:
    if table.is_event:
        return f"create or replace EVENT TABLE {names.of(table.full_name)}{_comment(table.comment)};"
    lines = [_column(column) for column in table.columns]
    lines += [_constraint(names, each) for each in table.constraints]
    clauses = f"cluster by ({table.cluster_by})" if table.cluster_by else ""
    if table.retention_days is not None:
        clauses += f" DATA_RETENTION_TIME_IN_DAYS={table.retention_days}"
    if table.change_tracking:
        clauses += " CHANGE_TRACKING=TRUE"
    body = ",\n\t".join(lines)
    kind = f"{_durability(table.durability)}TABLE"
    return f"create or replace {kind} {names.of(table.full_name)} (\n\t{body}\n){clauses}{_comment(table.comment)};"


def _column(column: TableColumn) -> str:
    text = f"{display(column.name)} {column.type.sql}"
    if not column.nullable:
        text += " NOT NULL"
    if column.identity is not None:
        order = "order" if column.identity.ordered else "noorder"
        text += f" autoincrement start {column.identity.start} increment {column.identity.increment} {order}"
    elif column.default is not None:
        text += f" DEFAULT {column.default}"
    return text + (f" COMMENT {quoted(column.comment)}" if column.comment else "")


def _constraint(names: _Names, key: Constraint) -> str:
    given = "" if key.name.startswith("SYS_CONSTRAINT_") else f"constraint {display(key.name)} "
    text = f"{given}{key.kind.lower()} {_list(key.columns)}"
    if key.references is not None:
        target = names.session.table_by_id(key.references)
        other = "" if target is None else str(target.full_name)
        text += f" references {other} {_list(key.referenced)}"
        text += f" on update {key.on_update.lower()} on delete {key.on_delete.lower()}"
    return text + (" rely" if key.rely else "")


def _view(names: _Names, view: View) -> str:
    columns = ",\n\t".join(
        display(c.name) + (f" COMMENT {quoted(c.comment)}" if c.comment else "") for c in view.columns
    )
    kind = ("secure " if view.secure else "") + ("temporary " if view.session is not None else "") + "view"
    clauses = _comment(view.comment) + (" CHANGE_TRACKING=TRUE" if view.change_tracking else "")
    return f"create or replace {kind} {names.of(view.full_name)}(\n\t{columns}\n){clauses} as {view.query};"


def _sequence(names: _Names, sequence: Sequence) -> str:
    order = "order" if sequence.ordered else "noorder"
    return (
        f"create or replace sequence {names.of(sequence.full_name)} start with {sequence.start} "
        f"increment by {sequence.increment} {order}{_comment(sequence.comment)};"
    )


def _file_format(names: _Names, item: FileFormat) -> str:
    kind = f"{_durability(item.durability)}FILE FORMAT"
    options = {"TYPE": item.options.get("TYPE", "CSV"), **item.options}
    return f"CREATE OR REPLACE {kind} {names.of(item.full_name)}{_options(options)}\n{_comment(item.comment).strip()};"


def _stream(names: _Names, stream: Stream) -> str:
    found = stream_source(names.session, stream)
    source = stream.source_name if found is None else found.full_name
    kind = stream.source_kind.lower()
    mode = " append_only = true" if stream.mode == "APPEND_ONLY" else ""
    return f"create or replace stream {names.of(stream.full_name)} on {kind} {source}{mode}{_comment(stream.comment)};"


def _task(names: _Names, task: Task) -> str:
    lines = [f"create or replace task {names.of(task.full_name)}"]
    if task.warehouse is not None:
        lines.append(f"warehouse={display(task.warehouse)}")
    for option, value, usual in (
        ("schedule", task.schedule, None),
        ("config", task.config, None),
        ("USER_TASK_MANAGED_INITIAL_WAREHOUSE_SIZE", task.initial_size, None),
        ("TARGET_COMPLETION_INTERVAL", task.target_interval, None),
        ("SERVERLESS_TASK_MIN_STATEMENT_SIZE", task.minimum_size, None),
        ("SERVERLESS_TASK_MAX_STATEMENT_SIZE", task.maximum_size, None),
        ("OVERLAP_POLICY", task.overlap_policy, "NO_OVERLAP"),
        ("USER_TASK_TIMEOUT_MS", task.timeout_ms, 3_600_000),
        ("SUSPEND_TASK_AFTER_NUM_FAILURES", task.suspend_after_failures, 10),
        ("TASK_AUTO_RETRY_ATTEMPTS", task.auto_retries, 0),
        ("USER_TASK_MINIMUM_TRIGGER_INTERVAL_IN_SECONDS", task.minimum_trigger_seconds, 0),
        ("COMMENT", task.comment, ""),
        *((name, value, None) for name, value in task.parameters.items()),
    ):
        if value != usual:
            lines.append(f"{option}={_value(value)}")
    if task.finalize is not None:
        lines.append(f"finalize={task.finalize}")
    if task.after:
        lines.append("after " + ", ".join(map(str, task.after)))
    if task.when is not None:
        lines.append(f"when {task.when}")
    return "\n\t".join([*lines, f"as {task.body};"])


def _routine(names: _Names, routine: Routine) -> str:
    kind = "PROCEDURE" if isinstance(routine, Procedure) else "FUNCTION"
    arguments = ", ".join(
        f"{display(a.name)} {a.type.sql}" + ("" if a.default is None else f" DEFAULT {a.default}")
        for a in routine.arguments
    )
    returns = routine.returns.sql + (" NOT NULL" if routine.returns_not_null else "")
    if routine.returns_table is not None:
        returns = "TABLE (" + ", ".join(f"{display(n)} {t.sql}" for n, t in routine.returns_table) + ")"
    head = f"{_durability(routine.durability)}{kind}"
    lines = [f"CREATE OR REPLACE {head} {names.of(routine.full_name)}({arguments})", f"RETURNS {returns}"]
    lines.append(f"LANGUAGE {routine.language}")
    if routine.strict:
        lines.append("STRICT")
    if routine.runtime_version is not None:
        lines.append(f"RUNTIME_VERSION = {quoted(routine.runtime_version)}")
    for option, items in (("PACKAGES", routine.packages), ("IMPORTS", routine.imports)):
        if items:
            lines.append(f"{option} = {_value(list(items))}")
    if routine.handler is not None:
        lines.append(f"HANDLER = {quoted(routine.handler)}")
    if routine.comment:
        lines.append(f"COMMENT={quoted(routine.comment)}")
    if isinstance(routine, Procedure):
        lines.append("EXECUTE AS " + ("CALLER" if routine.caller_rights else "OWNER"))
    if routine.body is not None:
        lines.append(f"AS {quoted(routine.body)}")
    return "\n".join(lines) + ";"


def _warehouse(item: Warehouse) -> str:
    options = {**item.options, **({"COMMENT": item.comment} if item.comment else {})}
    return f"create or replace warehouse {display(item.name)}{_options(options)}\n;"


# --- containers ------------------------------------------------------------------------------------------------------


def _schema(names: _Names, database: str, name: str) -> str:
    """The schema, and all in it; what refers to something comes after it."""
    catalog = names.session.services.engine.catalog
    schema = catalog.schema(database, name)
    kind = "transient schema" if schema.transient else "schema"
    shown = f"{display(database)}.{display(name)}" if names.qualified else display(name)
    texts = [f"create or replace {kind} {shown}{_comment(schema.comment)};"]
    inside = [item for item in catalog.inside(database, name) if isinstance(item, SchemaObject)]
    for cls in WRITERS:
        items = [item for item in inside if isinstance(item, cls)]
        texts += [_one(names, item) for item in sorted(items, key=lambda item: item.id)]
    return "\n\n".join(texts)


def _database(names: _Names, name: str) -> str:
    catalog = names.session.services.engine.catalog
    database = catalog.database(name)
    kind = "transient database" if database.transient else "database"
    texts = [f"create or replace {kind} {display(name)}{_comment(database.comment)};"]
    texts += [_schema(names, name, schema.name) for schema in catalog.schemas(name)]
    return "\n\n".join(texts)


WRITERS: dict[type[SchemaObject], Callable[[_Names, Any], str]] = {
    Sequence: _sequence,
    FileFormat: _file_format,
    Table: _table,
    View: _view,
    Stream: _stream,
    Procedure: _routine,
    Function: _routine,
    Task: _task,
}
"""How each class is written, in the order that a schema's statements have: what is referred to comes first."""


def _one(names: _Names, item: SchemaObject) -> str:
    return WRITERS[type(item)](names, item)
