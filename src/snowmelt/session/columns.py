"""Columns of tables being made or altered: checks, and what their definitions become in the catalog.

Source: docs.snowflake.com/en/sql-reference/sql/create-table
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Sequence

from sqlglot import exp

from snowmelt.base.datatypes import VARCHAR, Kind
from snowmelt.base.errors import SqlError, unsupported
from snowmelt.base.request import Request
from snowmelt.catalog.catalog import Scope
from snowmelt.catalog.names import Name, engine_quote
from snowmelt.catalog.objects import Table, TableColumn
from snowmelt.session.planner import SessionPlanner
from snowmelt.session.session import Session
from snowmelt.sql.parse import parse_expression
from snowmelt.sql.rewrite.names import folded, table_name
from snowmelt.sql.rewrite.rules import rewrite

_NILADIC = re.compile(
    r"(CURRENT_\w+|LOCALTIME|LOCALTIMESTAMP|SYSDATE|GETDATE|SYSTIMESTAMP|UUID_STRING)\s*(\(\s*\))?", re.IGNORECASE
)


def check_names(columns: Sequence[TableColumn]) -> None:
    """No two columns may bear one name.

    Raises:
        SqlError: 002025 for a name that comes twice.
    """
    seen: set[str] = set()
    for column in columns:
        if column.name in seen:
            raise SqlError(f"SQL compilation error:\nduplicate column name '{column.name}'", 2025, "42S21")
        seen.add(column.name)


def check_star(query: exp.Expr) -> None:
    """A star over a query with two columns of one name shows both, which the engine tells apart by names of its own.

    Raises:
        SqlError: 002025 for a name that comes twice.
    """
    while isinstance(query, exp.Select) and len(query.expressions) == 1 and isinstance(query.expressions[0], exp.Star):
        source = query.args["from_"].this if query.args.get("from_") is not None else None
        if not isinstance(source, exp.Subquery) or query.args.get("joins") or query.expressions[0].args.get("except_"):
            return
        query = source.this
        if isinstance(query, exp.Select):
            shown = [item.args.get("alias") or item.this for item in query.expressions if isinstance(item, _NAMED)]
            check_names([TableColumn(folded(n), VARCHAR) for n in shown if isinstance(n, exp.Identifier)])


_NAMED = (exp.Alias, exp.Column)


def finished(session: Session, columns: Sequence[TableColumn], request: Request) -> tuple[TableColumn, ...]:
    """The columns as the catalog keeps them: defaults checked, their sequences qualified, AUTOINCREMENT numbered."""
    return tuple(_finished(session, column, request) for column in columns)


def _finished(session: Session, column: TableColumn, request: Request) -> TableColumn:
    if column.identity is not None:
        if column.default is not None:
            raise SqlError(
                f"SQL compilation error:\nColumn '{column.name}' cannot have both a default and AUTOINCREMENT.",
                2023,
                "42601",
            )
        if column.type.kind not in (Kind.FIXED, Kind.REAL):
            raise SqlError(
                f"SQL compilation error:\nAutoincrement column '{column.name}' must have a numeric data type.",
                2023,
                "42601",
            )
        return dataclasses.replace(
            column, identity=dataclasses.replace(column.identity, id=session.services.engine.next_id())
        )
    if column.default is None:
        return column
    if column.type.parts is not None:
        raise unsupported(f"default of a column of type {column.type.sql}")
    return dataclasses.replace(column, default=default_text(session, column, request))


def default_text(session: Session, column: TableColumn, request: Request) -> str | None:
    """The default of `column` as it is kept and shown; None for DEFAULT NULL.

    Raises:
        SqlError: whatever is wrong with the expression, 002023 when its value does not fit the column's type.
    """
    assert column.default is not None
    tree = parse_expression(column.default)
    if isinstance(tree, exp.Null):
        return None
    if tree.find(exp.Query) is not None:
        raise unsupported("subquery in a column's default")
    planner = SessionPlanner(session, dataclasses.replace(request, describe_only=True))
    connection = session.core.connection
    text = planner.expression(column.default)
    connection.describe(f"SELECT {text}")
    if isinstance(tree, (exp.Literal, exp.Neg, exp.Boolean, exp.Cast)):
        try:
            connection.run(f"SELECT CAST({text} AS {column.type.duckdb})")
        except SqlError as error:
            raise SqlError(
                f"SQL compilation error:\nDefault value data type does not match data type for column {column.name}",
                2023,
                "22000",
            ) from error
    return _shown(tree, column.default.strip(), session.scope)


def _shown(tree: exp.Expr, text: str, scope: Scope) -> str:
    niladic = _NILADIC.fullmatch(text)
    if niladic is not None:
        return f"{niladic.group(1).upper()}()"
    values = [node for node in tree.find_all(exp.Column) if node.name.upper() == "NEXTVAL" and node.args.get("table")]
    if not values:
        return text
    if isinstance(tree, exp.Column):
        return f"{scope.full(_sequence(tree))}.NEXTVAL"
    for node in values:
        full = scope.full(_sequence(node))
        node.replace(parse_expression(f"{full}.NEXTVAL"))
    return tree.sql(dialect="snowflake")


def _sequence(column: exp.Column) -> Name:
    return table_name(
        exp.Table(this=column.args["table"].copy(), db=column.args.get("db"), catalog=column.args.get("catalog"))
    )


def check_clustering(session: Session, table: Table, request: Request) -> None:
    """The expressions of a clustering key must be over the table's columns.

    Raises:
        SqlError: 000904 for an unknown column, and whatever else is wrong with an expression.
    """
    if not table.cluster_by:
        return
    planner = SessionPlanner(session, request)
    expressions = parse_expression(f"({table.cluster_by})")
    items = expressions.expressions if isinstance(expressions, exp.Tuple) else [expressions]
    texts = ", ".join(rewrite(item, planner) for item in items)
    nulls = ", ".join(f"CAST(NULL AS {column.type.duckdb}) AS {engine_quote(column.name)}" for column in table.columns)
    session.core.connection.describe(f"SELECT {texts} FROM (SELECT {nulls})")


def shown_default(column: TableColumn) -> str | None:
    """What DESCRIBE shows as the default."""
    return str(column.identity) if column.identity is not None else column.default
