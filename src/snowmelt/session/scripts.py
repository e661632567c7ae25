"""Blocks of Snowflake Scripting and EXECUTE IMMEDIATE: a session as the interpreter's host.

An expression without a query is planned once for each set of types that its variables have; what changes from turn to
turn of a loop are only the engine's parameters.

Source: docs.snowflake.com/en/developer-guide/snowflake-scripting/index, .../sql-reference/sql/execute-immediate
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from sqlglot import exp

from snowmelt.base.datatypes import VARCHAR, DataType, Kind
from snowmelt.base.errors import SqlError
from snowmelt.base.late import pyarrow as pa
from snowmelt.base.request import Binding, Request
from snowmelt.base.result import Column, Result, StatementType, arrow_type
from snowmelt.base.value import Value
from snowmelt.plan.query import plan_query
from snowmelt.plan.steps import Read
from snowmelt.scripting.interpreter import Interpreter
from snowmelt.scripting.quick import NotPlain, compiled
from snowmelt.scripting.results import cell, first_row
from snowmelt.session.planner import SessionPlanner
from snowmelt.session.queries import query, release
from snowmelt.session.session import Session, description
from snowmelt.sql import statements as st
from snowmelt.sql.blocks import Block, Expression, RunBlock, RunText, Sql
from snowmelt.sql.cursor import Outside
from snowmelt.sql.parse import parse, parse_embedded, parse_one
from snowmelt.sql.parse_block import variables
from snowmelt.sql.rewrite.context import raw
from snowmelt.sql.typing import refined

BLOCK_COLUMN = "anonymous block"
_NULL = Value(None, VARCHAR)


def run_block(session: Session, statement: RunBlock, request: Request) -> Result:
    """An anonymous block: one row with what it returns, or the rows of RETURN TABLE."""
    if request.describe_only:
        return description((Column(BLOCK_COLUMN, VARCHAR),), StatementType.CALL)
    return block_result(interpret(session, statement.block, request), BLOCK_COLUMN)


def interpret(
    session: Session, block: Block, request: Request, arguments: Mapping[str, Value] | None = None
) -> Value | Result | None:
    """What a block returns.

    Raises:
        SqlError: an exception that nothing in it caught.
    """
    return Interpreter(SessionHost(session, request), {**request.values, **(arguments or {})}).run(block)


def block_result(returned: Value | Result | None, name: str, kind: StatementType = StatementType.CALL) -> Result:
    """The result of what a block has returned."""
    if isinstance(returned, Result):
        return Result(returned.columns, returned.table, kind)
    value = returned or _NULL
    cells = pa.array([value.value], type=arrow_type(value.type)) if value.type.kind is not Kind.TIMESTAMP_TZ else None
    if cells is None:
        cells = pa.array([value.value])
    return Result((Column(name, value.type),), pa.table({"c0": cells}), kind)


def run_text(session: Session, statement: RunText, request: Request) -> Result:
    """EXECUTE IMMEDIATE: runs the one statement, or the block, that a text holds."""
    if request.describe_only:
        if isinstance(statement.source, exp.Literal):
            return session.execute_statement(parse_one(statement.source.name), request)
        return description((Column("result", VARCHAR),), StatementType.CALL)
    source, *using = (_evaluated(session, each, request) for each in (statement.source, *statement.using))
    # Without USING, binds in the text are those that the client sent.
    outer = request if not using else replace(request, bindings={})
    return execute_text(session, str(source.value or ""), using, outer)


def execute_text(session: Session, text: str, using: Sequence[Value], request: Request) -> Result:
    """Run a text whose ``?`` stand for the values `using`, or for the binds of `request`.

    Raises:
        SqlError: whatever the statement raises.
    """
    values = {str(number): value for number, value in enumerate(using, 1)}
    found = parse(text, _outside(session, values, request))
    if not found:
        raise SqlError("SQL compilation error:\nEmpty SQL statement.", 900, "42601")
    if len(found) > 1:
        count = f"Actual statement count {len(found)} did not match the desired statement count 1."
        raise SqlError(count, 8, "0A000")
    return session.run_within(found[0], _request(request, text, values, request.bindings))


def _evaluated(session: Session, tree: exp.Expr, request: Request) -> Value:
    row = first_row(query(session, st.Query(exp.select(exp.alias_(tree.copy(), "v"))), request))
    return row[0] if row else _NULL


def _request(
    request: Request, text: str, values: Mapping[str, Value], bindings: Mapping[str, Binding] | None = None
) -> Request:
    return Request(text, request.query_id, bindings or {}, parameters=request.parameters, values=values)


def _outside(session: Session, values: Mapping[str, Value], request: Request | None = None) -> Outside:
    """What may stand for names in a statement: values, the client's binds, session variables."""
    sent = {} if request is None else request.bindings
    binds = {key: each.value for key, each in sent.items() if not isinstance(each.value, list)}
    binds |= {key: None if value.value is None else str(value.value) for key, value in values.items()}
    return Outside(binds, {name: str(value) for name, value in session.core.variables.items()})


class _Parameters(SessionPlanner):
    """Plans an expression whose variables are parameters of the engine; `order` says which."""

    def __init__(self, session: Session, request: Request, types: Mapping[str, DataType]) -> None:
        super().__init__(session, request)
        self._types = types
        self.order: list[str] = []

    def binding(self, key: str) -> exp.Expr:
        """The parameter that stands for a variable; other binds are those of the request."""
        if key not in self._types:
            return super().binding(key)
        if key not in self.order:
            self.order.append(key)
        data_type = self._types[key]
        return raw(f"CAST(${self.order.index(key) + 1} AS {data_type.duckdb})", data_type)


class SessionHost:
    """Runs a block's statements in a session; implements `snowmelt.scripting.host.Host`."""

    def __init__(self, session: Session, request: Request) -> None:
        self._session = session
        self._request = request
        self._quick: dict[Hashable, Callable[[Mapping[str, Value]], Value] | None] = {}
        self._plans: dict[Hashable, tuple[str, list[str], Column] | None] = {}

    def check(self) -> None:
        """Stop when the block has been canceled."""
        self._session.core.connection.check_canceled()

    def evaluate(self, expression: Expression, values: Mapping[str, Value]) -> Value:
        """The value of an expression."""
        key = (id(expression), *(value.type for value in values.values()))
        if key not in self._quick:
            types = {name: value.type for name, value in values.items()}
            self._quick[key] = compiled(expression.tree, types) if expression.pure else None
        compute = self._quick[key]
        if compute is not None:
            with contextlib.suppress(NotPlain):
                return compute(values)
        if expression.pure and not any(value.type.kind is Kind.TIMESTAMP_TZ for value in values.values()):
            return self._planned(id(expression), expression.tree, values)
        return self._queried(expression.tree, values)

    def converted(self, value: Value, data_type: DataType) -> Value:
        """The value cast to a type."""
        tree = exp.cast(exp.Placeholder(this="V"), exp.DataType.build(data_type.sql, dialect="snowflake"))
        made = self._planned(("cast", data_type), tree, {"V": value})
        return Value(made.value, data_type)

    def execute(self, sql: Sql, values: Mapping[str, Value]) -> Result:
        """Run a statement of the block."""
        session = self._session
        statement = sql.statement
        if statement is None or (session.core.variables and "$" in sql.text):
            values = _renumbered(values)
            statement = parse_embedded(sql.text, _outside(session, values))
        return session.run_within(statement, _request(self._request, sql.text, values, self._request.bindings))

    def execute_text(self, text: str, values: Sequence[Value]) -> Result:
        """EXECUTE IMMEDIATE of the block."""
        return execute_text(self._session, text, values, self._request)

    # --- expressions -------------------------------------------------------------------------------------------------

    def _planned(self, key: Hashable, tree: exp.Expr, values: Mapping[str, Value]) -> Value:
        """The value of an expression by a plan that is made once."""
        core = self._session.core
        key = (key, tuple((name, value.type) for name, value in values.items()), core.parameters.version)
        if key not in self._plans:
            self._plans[key] = self._plan(tree, values)
        plan = self._plans[key]
        if plan is None:
            return self._queried(tree, values)
        sql, order, column = plan
        found = core.connection.scalar(sql, [values[name].value for name in order])
        return cell(found, column)

    def _plan(self, tree: exp.Expr, values: Mapping[str, Value]) -> tuple[str, list[str], Column] | None:
        """Text, parameters and column of an expression; None when it has to be planned anew each time."""
        types = {name: value.type for name, value in values.items()}
        planner = _Parameters(self._session, self._request, types)
        try:
            plan = plan_query(_select(tree, values), planner)
            if not planner.repeatable or plan.timed or not plan.single_read:
                return None
            step = plan.steps[0]
            assert isinstance(step, Read)
            literals = [raw_literal(Value(None, types[name])) for name in planner.order]
            described = self._session.core.connection.describe(_filled(step.sql, literals))
            column = refined(described, step.types)[0]
            # Python has no form for such a moment that the engine takes back as a parameter.
            return None if column.type.kind is Kind.TIMESTAMP_TZ else (step.sql, planner.order, column)
        except SqlError:
            # A function that takes constants only: the plan with the values in it says what is wrong, if anything.
            return None
        finally:
            release(self._session, planner)

    def _queried(self, tree: exp.Expr, values: Mapping[str, Value]) -> Value:
        """The value of an expression with a query of its own."""
        sent = self._request.values
        request = _request(self._request, self._request.text, {**sent, **values}, self._request.bindings)
        row = first_row(query(self._session, st.Query(_select(tree, values)), request))
        return row[0] if row else _NULL


def raw_literal(value: Value) -> str:
    """A null of a type as text of the engine."""
    return f"CAST(NULL AS {value.type.duckdb})"


def _renumbered(values: Mapping[str, Value]) -> dict[str, Value]:
    """`values` of a statement that is read by itself: its question marks count from 1."""
    marks = sorted((key for key in values if key.isdecimal()), key=int)
    numbers = {key: str(number) for number, key in enumerate(marks, 1)}
    return {numbers.get(key, key): value for key, value in values.items()}


def _filled(sql: str, literals: Sequence[str]) -> str:
    for number in range(len(literals), 0, -1):
        sql = sql.replace(f"CAST(${number} AS", f"CAST({literals[number - 1]} AS")
    return sql


def _select(tree: exp.Expr, values: Mapping[str, Any]) -> exp.Select:
    """``SELECT expression`` in which variables are binds."""
    holder = exp.Tuple(expressions=[tree.copy()])
    for node, name in list(variables(holder)):
        if name in values:
            node.replace(exp.Placeholder(this=name))
    return exp.select(exp.alias_(holder.expressions[0].pop(), "v"))
