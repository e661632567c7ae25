"""Functions in SQL: the expression or the query that a call stands for.

A body that is a query reads its arguments as columns of a row around it, so that a column of one of its tables goes
before an argument of the same name.

Source: docs.snowflake.com/en/developer-guide/udf/sql/udf-sql-introduction, .../udf-sql-tabular-functions
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from sqlglot import exp

from snowmelt.base.datatypes import DataType
from snowmelt.base.errors import SqlError, unsupported
from snowmelt.catalog.catalog import Scope
from snowmelt.catalog.objects import Function, TableColumn
from snowmelt.sql.parse import parse_expression, parse_query
from snowmelt.sql.rewrite.inlining import inline_functions
from snowmelt.sql.rewrite.names import is_cte
from snowmelt.sql.rewrite.rules import rewrite
from snowmelt.sql.statements import CreateRoutine

if TYPE_CHECKING:
    from snowmelt.session.planner import SessionPlanner

Arguments = Sequence[exp.Expr]


def check_body(statement: CreateRoutine) -> None:
    """The body must be an expression or a query, a table function's a query.

    Raises:
        SqlError: 001003 when it is not.
    """
    body = _text(statement.body)
    if statement.returns_table is not None:
        parse_query(body)
    else:
        _body(body)


def _text(body: str | None) -> str:
    return (body or "").strip().rstrip(";")


def _body(text: str) -> exp.Expr:
    if text.lstrip("( \n\t").split(None, 1)[:1] and text.split(None, 1)[0].upper() in ("SELECT", "WITH"):
        return exp.Subquery(this=parse_query(text))
    return parse_expression(text)


def scalar_body(planner: SessionPlanner, function: Function, arguments: Arguments) -> exp.Expr:
    """The tree that a call of a scalar function stands for, its arguments and its value cast to the declared types."""
    body = _body(_text(function.body))
    given = _given(function, arguments)
    if body.find(exp.Query) is None:
        body = _with_values(body, given)
    else:
        _give_table_functions(body, given)
        row = exp.select(*(exp.alias_(value, name, quoted=True) for name, value in given.items()))
        _qualify(body, function)
        if given:
            body = exp.Subquery(this=exp.select(body).from_(row.subquery("arguments")))
    holder = exp.Tuple(expressions=[body])
    inline_functions(holder, inner(planner, function))
    return _cast(exp.Paren(this=holder.expressions[0].pop()), function.returns)


def table_body(planner: SessionPlanner, function: Function, arguments: Arguments) -> str:
    """The engine's text of the query that a call of a table function stands for.

    Raises:
        SqlError: 000002 when the arguments are columns of other tables in FROM.
    """
    if any(argument.find(exp.Column) is not None for argument in arguments):
        raise unsupported("table function in SQL of columns")
    columns = function.returns_table or ()
    body = _with_values(parse_query(_text(function.body)), _given(function, arguments))
    names = [exp.to_identifier(f"c{number}", quoted=True) for number in range(len(columns))]
    rows = exp.Subquery(this=body, alias=exp.TableAlias(this=exp.to_identifier("body"), columns=names))
    shown = (
        exp.alias_(_cast(exp.column(name.copy()), data_type), column, quoted=True)
        for name, (column, data_type) in zip(names, columns, strict=True)
    )
    within = inner(planner, function)
    text = rewrite(exp.select(*shown).from_(rows), within)
    planner.take(within)
    return text


def table_columns(function: Function) -> tuple[TableColumn, ...]:
    """The columns of a table function."""
    return tuple(TableColumn(name, data_type) for name, data_type in function.returns_table or ())


def inner(planner: SessionPlanner, function: Function) -> SessionPlanner:
    """A planner that looks names up where the function is."""
    if planner.inlined_depth > _MAX_DEPTH:
        raise SqlError(f"SQL compilation error:\nFunction {function.name} calls itself.", 2141, "42601")
    found = planner.beside(function.body, Scope(function.full_name.database, function.full_name.schema))
    found.inlined_depth = planner.inlined_depth + 1
    return found


_MAX_DEPTH = 32


def _given(function: Function, arguments: Arguments) -> dict[str, exp.Expr]:
    """The value of each argument by its name, cast to its type."""
    texts = [argument.default for argument in function.arguments[len(arguments) :]]
    values = [*arguments, *(parse_expression(text or "NULL") for text in texts)]
    pairs = zip(function.arguments, values, strict=True)
    return {argument.name: _cast(value.copy(), argument.type) for argument, value in pairs}


def _cast(tree: exp.Expr, data_type: DataType) -> exp.Expr:
    return exp.Cast(this=tree, to=exp.DataType.build(data_type.sql, dialect="snowflake"))


def _with_values(tree: exp.Expr, given: dict[str, exp.Expr]) -> exp.Expr:
    """`tree` with the arguments' values in the place of their names."""
    holder = exp.Tuple(expressions=[tree])
    for column in list(holder.find_all(exp.Column)):
        if len(column.parts) == 1 and isinstance(column.this, exp.Identifier):
            name = column.this.name if column.this.quoted else column.this.name.upper()
            if name in given:
                column.replace(given[name].copy())
    made: exp.Expr = holder.expressions[0]
    return made.pop()


def _give_table_functions(body: exp.Expr, given: dict[str, exp.Expr]) -> None:
    """Let the table functions in a body have the values of arguments: they take no columns. FLATTEN does."""
    for rows in list(body.find_all(exp.TableFromRows)):
        call = rows.this.expression if isinstance(rows.this, exp.Dot) else rows.this
        if isinstance(call, exp.Anonymous) and call.name.upper() != "FLATTEN":
            call.set("expressions", [_with_values(each, given) for each in list(call.expressions)])


def _qualify(tree: exp.Expr, function: Function) -> None:
    """Let the names of tables be those of the function's schema, whoever calls it."""
    full = function.full_name
    for table in tree.find_all(exp.Table):
        if not isinstance(table.this, exp.Identifier) or is_cte(table):
            continue
        if table.args.get("db") is None:
            table.set("db", exp.to_identifier(full.schema, quoted=True))
        if table.args.get("catalog") is None:
            table.set("catalog", exp.to_identifier(full.database, quoted=True))
