"""COMMENT ON, for objects and columns. Source: docs.snowflake.com/en/sql-reference/sql/comment"""

from __future__ import annotations

import dataclasses

from snowmelt.base.errors import SqlError, invalid_identifier, object_missing, unsupported
from snowmelt.base.request import Request
from snowmelt.base.result import Result, status_result
from snowmelt.catalog.objects import Table, View
from snowmelt.session.containers import alter_container
from snowmelt.session.ddl import CLASSES, find_object
from snowmelt.session.definitions import replace_object
from snowmelt.session.session import Session
from snowmelt.session.warehouses import put_warehouse, warehouse
from snowmelt.sql.statements import AlterObject, SetComment


def set_comment(session: Session, statement: SetComment, request: Request) -> Result:
    """COMMENT [IF EXISTS] ON kind name IS 'text'."""
    try:
        _set(session, statement)
    except SqlError as error:
        if not (statement.if_exists and error.code == 2003):
            raise
    return status_result("Statement executed successfully.")


def _set(session: Session, statement: SetComment) -> None:
    match statement.kind:
        case "DATABASE" | "SCHEMA":
            change = AlterObject(statement.kind, statement.name, "SET", {"COMMENT": statement.comment})
            alter_container(session, change)
        case "WAREHOUSE":
            old = warehouse(session, statement.name.name)
            put_warehouse(session, old, dataclasses.replace(old, comment=statement.comment))
        case "COLUMN":
            _set_column(session, statement)
        case kind if kind in CLASSES:
            item = find_object(session, CLASSES[kind], kind, statement.name, statement.arguments)
            replace_object(session, item, dataclasses.replace(item, comment=statement.comment))
        case kind:
            raise unsupported(f"COMMENT ON {kind}")


def _set_column(session: Session, statement: SetComment) -> None:
    found = session.relation(session.scope.full(statement.name))
    if not isinstance(found, (Table, View)):
        raise object_missing("Table", str(statement.name))
    if statement.column not in {column.name for column in found.columns}:
        raise invalid_identifier(statement.column)
    columns = tuple(
        dataclasses.replace(column, comment=statement.comment) if column.name == statement.column else column
        for column in found.columns
    )
    replace_object(session, found, dataclasses.replace(found, columns=columns))
