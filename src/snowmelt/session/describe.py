"""DESCRIBE: the columns of tables and results, the properties of routines, and the row that SHOW has for the rest.

Source: docs.snowflake.com/en/sql-reference/sql/desc
"""

from __future__ import annotations

from collections.abc import Sequence

from snowmelt.base.datatypes import VARCHAR
from snowmelt.base.errors import SqlError, object_missing, unsupported
from snowmelt.base.request import Request
from snowmelt.base.result import Result, StatementType, rows_result
from snowmelt.catalog.names import FullName, Name
from snowmelt.catalog.objects import Constraint, FileFormat, Procedure, Routine, Stage, Stream, Table, TableColumn, View
from snowmelt.session.columns import shown_default
from snowmelt.session.ddl import CLASSES, find_object
from snowmelt.session.file_format_options import described
from snowmelt.session.information_schema import view_header
from snowmelt.session.information_views import type_name
from snowmelt.session.session import Session, description
from snowmelt.session.show import SHOWS
from snowmelt.session.show_scope import Rows, Shown, columns
from snowmelt.session.transaction_commands import describe_transaction
from snowmelt.session.users import describe_user
from snowmelt.session.warehouses import warehouse
from snowmelt.sql.statements import Describe, Show


def describe(session: Session, statement: Describe, request: Request) -> Result:
    """DESCRIBE of anything; what SHOW has a row for is described by that row."""
    match statement.kind:
        case "TABLE" | "VIEW" | "STREAM" if not _is_stream(session, statement.name):
            header, rows = _describe_columns(session, statement.name)
        case "RESULT":
            header, rows = _describe_result(session, statement.name)
        case "PROCEDURE" | "FUNCTION":
            header, rows = _describe_routine(session, statement)
        case "DATABASE":
            header, rows = _describe_database(session, statement.name.name)
        case "SCHEMA":
            header, rows = _describe_schema(session, statement.name)
        case "WAREHOUSE":
            item = warehouse(session, statement.name.name)
            header, rows = columns("created_on name kind"), [(item.created_on, item.name, "WAREHOUSE")]
        case "USER":
            header, rows = describe_user(session, statement.name)
        case "TRANSACTION":
            header, rows = describe_transaction(session, statement.name.name)
        case "FILE FORMAT":
            header, rows = _describe_file_format(session, statement)
        case "STAGE":
            header, rows = _describe_stage(session, statement)
        case kind if f"{kind}S" in SHOWS and kind in CLASSES:
            header, rows = _by_show(session, statement)
        case kind:
            raise unsupported(f"DESCRIBE {kind}")
    result = rows_result(header, rows)
    return description(result.columns, StatementType.SHOW) if request.describe_only else result


def _is_stream(session: Session, name: Name) -> bool:
    full = session.scope.full(name)
    return full.schema != "INFORMATION_SCHEMA" and isinstance(session.relation(full), Stream)


def _describe_columns(session: Session, name: Name) -> Shown:
    full = session.scope.full(name)
    if full.schema == "INFORMATION_SCHEMA":
        return _described([TableColumn(column, data_type) for column, data_type in view_header(session, full)], ())
    found = session.relation(full)
    if not isinstance(found, (Table, View)):
        raise object_missing("Table", str(name))
    return _described(found.columns, found.constraints if isinstance(found, Table) else ())


def _described(shown: Sequence[TableColumn], constraints: Sequence[Constraint]) -> Shown:
    def within(column: str, kind: str) -> str:
        return "Y" if any(column in each.columns for each in constraints if each.kind == kind) else "N"

    rows = [
        (
            *(c.name, c.type.sql, "COLUMN", "Y" if c.nullable else "N", shown_default(c)),
            *(within(c.name, "PRIMARY KEY"), within(c.name, "UNIQUE"), None, None, c.comment or None, None, None),
        )
        for c in shown
    ]
    names = ("name", "type", "kind", "null?", "default", "primary key", "unique key", "check")
    more = ("expression", "comment", "policy name", "privacy domain")
    return [(name, VARCHAR) for name in (*names, *more)], rows


def _describe_database(session: Session, name: str) -> Shown:
    """The schemas of a database."""
    database = session.services.engine.catalog.database(name)
    rows: Rows = [(s.created_on, s.name, "SCHEMA") for s in session.services.engine.catalog.schemas(name)]
    rows.append((database.created_on, "INFORMATION_SCHEMA", "SCHEMA"))
    return columns("created_on name kind"), sorted(rows, key=lambda row: str(row[1]))


def _describe_schema(session: Session, name: Name) -> Shown:
    """The tables and views in a schema."""
    scope = Show(kind="OBJECTS", scope="SCHEMA", scope_name=name)
    header, rows = SHOWS["OBJECTS"](session, scope)
    places = [[n for n, _ in header].index(wanted) for wanted in ("created_on", "name", "kind")]
    return columns("created_on name kind"), [tuple(row[place] for place in places) for row in rows]


def _describe_file_format(session: Session, statement: Describe) -> Shown:
    found = find_object(session, FileFormat, statement.kind, statement.name)
    assert isinstance(found, FileFormat)
    return columns("property property_type property_value property_default"), list(described(found.options))


def _describe_stage(session: Session, statement: Describe) -> Shown:
    found = find_object(session, Stage, statement.kind, statement.name)
    assert isinstance(found, Stage)
    options = found.file_format or {}
    if "FORMAT_NAME" in options:
        format_rows: Rows = [("STAGE_FILE_FORMAT", "FORMAT_NAME", "String", str(options["FORMAT_NAME"]), "")]
    else:
        format_rows = [("STAGE_FILE_FORMAT", *row) for row in described(options)]
    copy_options: Rows = [
        ("STAGE_COPY_OPTIONS", "ON_ERROR", "String", "ABORT_STATEMENT", "ABORT_STATEMENT"),
        ("STAGE_COPY_OPTIONS", "SIZE_LIMIT", "Long", "", ""),
        ("STAGE_COPY_OPTIONS", "PURGE", "Boolean", "false", "false"),
        ("STAGE_COPY_OPTIONS", "RETURN_FAILED_ONLY", "Boolean", "false", "false"),
        ("STAGE_COPY_OPTIONS", "ENFORCE_LENGTH", "Boolean", "true", "true"),
        ("STAGE_COPY_OPTIONS", "TRUNCATECOLUMNS", "Boolean", "false", "false"),
        ("STAGE_COPY_OPTIONS", "FORCE", "Boolean", "false", "false"),
        ("STAGE_LOCATION", "URL", "String", "", ""),
        ("DIRECTORY", "ENABLE", "Boolean", "true" if found.directory else "false", "false"),
    ]
    return columns("parent_property property property_type property_value property_default"), format_rows + copy_options


def _describe_result(session: Session, name: Name) -> Shown:
    kept = session.services.results.get(name.name) or session.services.results.get(name.name.lower())
    if kept is None:
        raise SqlError(f"Statement {name.name} not found", 709, "02000")
    rows = [(c.name, c.type.sql, "COLUMN", "Y" if c.nullable else "N") for c in kept.columns]
    return [(n, VARCHAR) for n in ("name", "type", "kind", "null?")], rows


def _describe_routine(session: Session, statement: Describe) -> Shown:
    found = find_object(session, CLASSES[statement.kind], statement.kind, statement.name, statement.arguments)
    assert isinstance(found, Routine)
    signature = "(" + ", ".join(f"{a.name} {type_name(a.type)}" for a in found.arguments) + ")"
    rows: Rows = [
        ("signature", signature),
        ("returns", _returned(found)),
        ("language", found.language),
        ("null handling", "RETURNS NULL ON NULL INPUT" if found.strict else "CALLED ON NULL INPUT"),
        ("body", found.body),
        ("imports", "[" + ", ".join(found.imports) + "]"),
        ("handler", found.handler),
        ("runtime_version", found.runtime_version),
        ("packages", "[" + ", ".join(f"'{p}'" for p in found.packages) + "]"),
    ]
    if isinstance(found, Procedure):
        rows.append(("execute as", "CALLER" if found.caller_rights else "OWNER"))
    return [("property", VARCHAR), ("value", VARCHAR)], rows


def _returned(routine: Routine) -> str:
    if routine.returns_table is None:
        return routine.returns.sql
    return "TABLE (" + ", ".join(f"{name} {type_name(data_type)}" for name, data_type in routine.returns_table) + ")"


def _by_show(session: Session, statement: Describe) -> Shown:
    full: FullName = session.scope.full(statement.name)
    find_object(session, CLASSES[statement.kind], statement.kind, statement.name)
    scope = Show(f"{statement.kind}S", scope="SCHEMA", scope_name=Name(full.schema, full.database))
    header, rows = SHOWS[f"{statement.kind}S"](session, scope)
    key = next(i for i, (name, _) in enumerate(header) if name == "name")
    return header, [row for row in rows if row[key] == full.name]
