"""DESCRIBE: the columns of tables and results, the properties of routines, and the row that SHOW has for the rest.

Source: docs.snowflake.com/en/sql-reference/sql/desc
"""

from __future__ import annotations

from snowmelt.base.datatypes import VARCHAR
from snowmelt.base.errors import SqlError, object_missing, unsupported
from snowmelt.base.request import Request
from snowmelt.base.result import Result, StatementType, rows_result
from snowmelt.catalog.names import FullName, Name
from snowmelt.catalog.objects import Procedure, Routine, Stream, Table, View
from snowmelt.session.columns import shown_default
from snowmelt.session.ddl import CLASSES, find_object
from snowmelt.session.session import Session, description
from snowmelt.session.show import SHOWS
from snowmelt.session.show_scope import Rows, Shown
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
        case kind if f"{kind}S" in SHOWS and kind in CLASSES:
            header, rows = _by_show(session, statement)
        case kind:
            raise unsupported(f"DESCRIBE {kind}")
    result = rows_result(header, rows)
    return description(result.columns, StatementType.SHOW) if request.describe_only else result


def _is_stream(session: Session, name: Name) -> bool:
    return isinstance(session.relation(session.scope.full(name)), Stream)


def _describe_columns(session: Session, name: Name) -> Shown:
    found = session.relation(session.scope.full(name))
    if not isinstance(found, (Table, View)):
        raise object_missing("Table", str(name))
    rows = [
        (
            c.name,
            c.type.sql,
            "COLUMN",
            "Y" if c.nullable else "N",
            shown_default(c),
            "N",
            "N",
            None,
            None,
            c.comment or None,
            None,
            None,
        )
        for c in found.columns
    ]
    names = ("name", "type", "kind", "null?", "default", "primary key", "unique key", "check")
    more = ("expression", "comment", "policy name", "privacy domain")
    header = [(name, VARCHAR) for name in (*names, *more)]
    return header, rows


def _describe_result(session: Session, name: Name) -> Shown:
    kept = session.services.results.get(name.name) or session.services.results.get(name.name.lower())
    if kept is None:
        raise SqlError(f"Statement {name.name} not found", 709, "02000")
    rows = [(c.name, c.type.sql, "COLUMN", "Y" if c.nullable else "N") for c in kept.columns]
    return [(n, VARCHAR) for n in ("name", "type", "kind", "null?")], rows


def _describe_routine(session: Session, statement: Describe) -> Shown:
    found = find_object(session, CLASSES[statement.kind], statement.kind, statement.name, statement.arguments)
    assert isinstance(found, Routine)
    signature = "(" + ", ".join(f"{a.name} {a.type.kind.value}" for a in found.arguments) + ")"
    rows: Rows = [
        ("signature", signature),
        ("returns", found.returns.sql),
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


def _by_show(session: Session, statement: Describe) -> Shown:
    full: FullName = session.scope.full(statement.name)
    find_object(session, CLASSES[statement.kind], statement.kind, statement.name)
    scope = Show(f"{statement.kind}S", scope="SCHEMA", scope_name=Name(full.schema, full.database))
    header, rows = SHOWS[f"{statement.kind}S"](session, scope)
    key = next(i for i, (name, _) in enumerate(header) if name == "name")
    return header, [row for row in rows if row[key] == full.name]
