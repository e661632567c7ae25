"""CREATE TABLE ... USING TEMPLATE: columns from a query over INFER_SCHEMA.

Source: docs.snowflake.com/en/sql-reference/sql/create-table (USING TEMPLATE)
"""

from __future__ import annotations

import json
from typing import Any

from sqlglot import exp

from snowmelt.base.datatypes import parse_type
from snowmelt.base.errors import SqlError
from snowmelt.base.request import Request
from snowmelt.catalog.objects import TableColumn
from snowmelt.session.planner import SessionPlanner
from snowmelt.session.queries import release
from snowmelt.session.session import Session
from snowmelt.sql.rewrite.rules import rewrite


def template_columns(session: Session, query: exp.Query, request: Request) -> tuple[TableColumn, ...]:
    """The columns that the query's array of objects describes, in its order.

    Raises:
        SqlError: 001008 when the query does not give one array of objects with COLUMN_NAME and TYPE.
    """
    planner = SessionPlanner(session, request)
    try:
        rows = session.core.connection.run(planner.at_once(rewrite(query, planner)))
    finally:
        release(session, planner)
    try:
        ((text,),) = rows
        found = json.loads(text)
        columns = tuple(_column(item) for item in found)
    except (TypeError, ValueError, KeyError) as error:
        raise _wrong() from error
    if not columns:
        raise _wrong()
    return columns


def _column(item: dict[str, Any]) -> TableColumn:
    return TableColumn(str(item["COLUMN_NAME"]), parse_type(str(item["TYPE"])), bool(item.get("NULLABLE", True)))


def _wrong() -> SqlError:
    return SqlError(
        "SQL compilation error:\ninvalid value for USING TEMPLATE: the query must give one array of objects with "
        "COLUMN_NAME and TYPE",
        1008,
        "22023",
    )
