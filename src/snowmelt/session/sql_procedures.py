"""Procedures in SQL: a CALL runs the block that is their body, with the arguments as its variables.

Source: docs.snowflake.com/en/developer-guide/stored-procedure/stored-procedures-snowflake-scripting
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import lru_cache

from sqlglot import exp

from snowmelt.base.datatypes import VARCHAR, DataType
from snowmelt.base.errors import SqlError
from snowmelt.base.request import Request
from snowmelt.base.result import Column, Result, StatementType
from snowmelt.base.value import Value
from snowmelt.catalog.objects import Procedure
from snowmelt.scripting.results import first_row
from snowmelt.scripting.scope import fits
from snowmelt.session.queries import query
from snowmelt.session.scripts import SessionHost, block_result, interpret
from snowmelt.session.session import Session
from snowmelt.sql.blocks import Block
from snowmelt.sql.parse import parse_block
from snowmelt.sql.statements import Query

_KEPT_BODIES = 256


@lru_cache(maxsize=_KEPT_BODIES)
def body_of(text: str) -> Block:
    """The block that a body holds.

    Raises:
        SqlError: 001003 when it holds none, 000002 for what Snowmelt does not support.
    """
    return parse_block(text)


def run_procedure(
    session: Session, procedure: Procedure, given: Mapping[str, exp.Expr], columns: tuple[Column, ...], request: Request
) -> Result:
    """What a CALL of a procedure in SQL answers.

    Args:
        given: the expression for each argument, defaults included.
        columns: those of the result, as the procedure declares them; empty for RETURNS TABLE ().

    Raises:
        SqlError: an exception that nothing in the body caught.
    """
    arguments = {a.name: _argument(session, given[a.name], a.type, request) for a in procedure.arguments}
    if procedure.strict and any(value.value is None for value in arguments.values()):
        return block_result(Value(None, procedure.returns), procedure.name)
    own = procedure.full_name
    # Names are the procedure's own schema's under owner's rights, the caller's under caller's rights.
    place = (session.database, session.schema) if procedure.caller_rights else (own.database, own.schema)
    frame = session.child(*place)
    inner = Request(procedure.body or "", request.query_id, parameters=request.parameters)
    returned = interpret(frame, body_of(procedure.body or ""), inner, arguments)
    if procedure.returns_table is not None:
        return _rows(procedure, returned, columns)
    if isinstance(returned, Result):
        raise SqlError(f"Procedure {procedure.name} is declared to return a value, not a table.", 100357, "P0000")
    value = returned or Value(None, VARCHAR)
    if value.value is None or fits(value, procedure.returns):
        value = Value(value.value, procedure.returns)
    else:
        value = SessionHost(frame, inner).converted(value, procedure.returns)
    result = block_result(value, procedure.name)
    result.columns = columns
    return result


def _argument(session: Session, expression: exp.Expr, data_type: DataType, request: Request) -> Value:
    to = exp.DataType.build(data_type.sql, dialect="snowflake")
    tree = exp.select(exp.alias_(exp.cast(expression.copy(), to), "v"))
    row = first_row(query(session, Query(tree), replace(request, describe_only=False)))
    assert row is not None
    return Value(row[0].value, data_type)


def _rows(procedure: Procedure, returned: Value | Result | None, columns: tuple[Column, ...]) -> Result:
    """The rows of RETURN TABLE under the names that the procedure declares.

    Raises:
        SqlError: 100357 when it returned no table, or one with another number of columns.
    """
    if not isinstance(returned, Result):
        raise SqlError(f"Procedure {procedure.name} must return a table.", 100357, "P0000")
    if columns and len(columns) != len(returned.columns):
        raise SqlError(
            f"Procedure {procedure.name} is declared to return {len(columns)} column(s), but its table has "
            f"{len(returned.columns)}.",
            100357,
            "P0000",
        )
    if not columns:
        return block_result(returned, procedure.name)
    named = tuple(replace(found, name=column.name) for column, found in zip(columns, returned.columns, strict=True))
    return Result(named, returned.table, StatementType.CALL)
