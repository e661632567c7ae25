"""Runs blocks: one method for each kind of node, found by the node's class.

Source: docs.snowflake.com/en/developer-guide/snowflake-scripting/index
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, ClassVar

from snowmelt.base.datatypes import BOOLEAN, NUMBER, VARCHAR, DataType
from snowmelt.base.errors import SqlError, invalid_identifier
from snowmelt.base.result import Result
from snowmelt.base.value import Value
from snowmelt.scripting.failures import EXPRESSION, STATEMENT, Failure
from snowmelt.scripting.host import Host
from snowmelt.scripting.results import changed_rows, first_row, rows
from snowmelt.scripting.scope import Cursor, ResultSet, Row, Scope, Variable, cursor_closed, fits, widened
from snowmelt.sql import blocks as b

_BREAK, _CONTINUE, _RETURN = "BREAK", "CONTINUE", "RETURN"
_NULL = Value(None, VARCHAR)


@dataclass(frozen=True, slots=True)
class Signal:
    """Why the statements of a list were left: BREAK and CONTINUE of a loop, or RETURN with its value."""

    action: str
    label: str | None = None
    value: Value | Result | None = None


class Interpreter:
    """One run of one block.

    Attributes:
        scope: the names of the block that runs, innermost.
    """

    def __init__(self, host: Host, arguments: Mapping[str, Value] | None = None) -> None:
        self._host = host
        self.scope = Scope()
        self.scope.entries.update({name: Variable(value) for name, value in (arguments or {}).items()})
        self._changed: int | None = None
        self._query_id: str | None = None

    def run(self, block: b.Block) -> Value | Result | None:
        """The block's RETURN: a value, the rows of RETURN TABLE, or None when it ends without.

        Raises:
            SqlError: an exception that nothing caught, with its type and its place.
        """
        try:
            signal = self._block(block)
        except Failure as failure:
            raise failure.uncaught() from failure
        return signal.value if signal is not None else None

    # --- blocks ------------------------------------------------------------------------------------------------------

    @contextmanager
    def _scope(self) -> Iterator[Scope]:
        outer = self.scope
        self.scope = Scope(outer)
        try:
            yield self.scope
        finally:
            self.scope = outer

    def _block(self, block: b.Block) -> Signal | None:
        with self._scope():
            try:
                self._statements(block.declarations)
            except Failure as failure:
                handler = _handler(block.handlers, failure)
                if handler is None:
                    raise
                return self._handle(handler, failure)
            return self._body(block)

    def _body(self, block: b.Block) -> Signal | None:
        for statement in block.body:
            try:
                signal = self._statement(statement)
            except Failure as failure:
                handler = _handler(block.handlers, failure)
                if handler is None:
                    raise
                signal = self._handle(handler, failure)
                if not handler.goes_on:
                    return signal
            if signal is not None:
                return signal
        return None

    def _handle(self, handler: b.Handler, failure: Failure) -> Signal | None:
        with self._scope() as scope:
            scope.failure = failure
            return self._statements(handler.body)

    def _statements(self, statements: Sequence[b.Node]) -> Signal | None:
        for statement in statements:
            signal = self._statement(statement)
            if signal is not None:
                return signal
        return None

    def _statement(self, node: b.Node) -> Signal | None:
        self._host.check()
        try:
            return self._RUNS[type(node)](self, node)
        except SqlError as error:
            raise Failure.of(error, STATEMENT, node) from error

    # --- declarations and values -------------------------------------------------------------------------------------

    def _declare_variable(self, node: b.DeclareVariable) -> None:
        if node.value is None:
            self.scope.entries[node.name] = Variable(Value(None, node.type or VARCHAR))
            return
        value = self._evaluate(node.value)
        data_type = node.type or widened(value.type)
        self.scope.entries[node.name] = Variable(self._converted(value, data_type, node.value))

    def _declare_cursor(self, node: b.DeclareCursor) -> None:
        source = self._result_set(node.source) if isinstance(node.source, str) else node.source
        self.scope.entries[node.name] = Cursor(source)

    def _declare_result_set(self, node: b.DeclareResultSet) -> None:
        result = None if node.query is None else self._query(node.query)
        self.scope.entries[node.name] = ResultSet(result)

    def _declare_exception(self, node: b.DeclareException) -> None:
        self.scope.entries[node.name] = node

    def _assign(self, node: b.Assign) -> None:
        target = self.scope.find(node.name)
        if isinstance(target, ResultSet) and node.query is not None:
            target.result = self._query(node.query)
            return
        if not isinstance(target, Variable) or node.value is None:
            raise invalid_identifier(node.name)
        self._set(node.name, self._evaluate(node.value), node.value)

    def _set(self, name: str, value: Value, node: b.Node) -> None:
        target = self.scope.variable(name)
        target.value = self._converted(value, target.value.type, node)

    def _converted(self, value: Value, data_type: DataType, node: b.Node) -> Value:
        if value.value is None or fits(value, data_type):
            return Value(value.value, data_type)
        try:
            return self._host.converted(value, data_type)
        except SqlError as error:
            raise Failure.of(error, EXPRESSION, node) from error

    def _result_set(self, name: str) -> ResultSet:
        found = self.scope.find(name)
        if not isinstance(found, ResultSet):
            raise invalid_identifier(name)
        return found

    def _evaluate(self, expression: b.Expression) -> Value:
        try:
            values = {}
            for name in expression.names:
                value = self._value(name)
                if value is not None:
                    values[name] = value
            return self._host.evaluate(expression, values)
        except SqlError as error:
            raise Failure.of(error, EXPRESSION, expression) from error

    def _value(self, name: str) -> Value | None:
        """The value of a variable, or of one that every block has."""
        found = self.scope.value(name)
        if found is None and name in _IMPLICIT:
            return _IMPLICIT[name](self)
        return found

    def _holds(self, condition: b.Expression) -> bool:
        value = self._evaluate(condition)
        if value.type != BOOLEAN:
            value = self._converted(value, BOOLEAN, condition)
        return value.value is True

    # --- SQL ---------------------------------------------------------------------------------------------------------

    def _sql(self, node: b.Sql) -> None:
        result = self._query(node)
        if node.into:
            self._into(node.into, result, node)

    def _query(self, node: b.Query, using: Sequence[Value] = ()) -> Result:
        """Run a statement and remember what SQLROWCOUNT and SQLID say of it."""
        if isinstance(node, b.Sql):
            # Question marks count through the whole block.
            marks = sorted((key for key in node.binds if key.isdecimal()), key=int)
            values = dict(zip(marks, using, strict=False))
            for key in node.binds:
                value = None if key in values else self._value(key.upper())
                if value is not None:
                    values[key] = value
            result = self._host.execute(node, values)
        else:
            text = self._evaluate(node.source).value
            result = self._host.execute_text(str(text or ""), [self._evaluate(each) for each in node.using])
        self._changed, self._query_id = changed_rows(result), result.query_id
        return result

    def _execute_immediate(self, node: b.ExecuteImmediate) -> None:
        result = self._query(node)
        if node.into:
            self._into(node.into, result, node)

    def _into(self, names: Sequence[str], result: Result, node: b.Node) -> None:
        if len(result.columns) != len(names):
            raise SqlError(
                f"SQL compilation error:\nINTO clause has {len(names)} variable(s), but the query produces "
                f"{len(result.columns)} column(s).",
                2057,
                "42601",
            )
        values = first_row(result)
        if values is not None and result.row_count > 1:
            raise SqlError(
                f"A SELECT INTO statement expects exactly 1 returned row, but got {result.row_count}.", 90082, "P0000"
            )
        for name, value in zip(names, values or [_NULL] * len(names), strict=True):
            self._set(name, value, node)

    # --- branches and loops ------------------------------------------------------------------------------------------

    def _if(self, node: b.If) -> Signal | None:
        for condition, body in node.branches:
            if self._holds(condition):
                return self._statements(body)
        return self._statements(node.otherwise)

    def _case(self, node: b.Case) -> Signal | None:
        operand = None if node.operand is None else self._evaluate(node.operand)
        for condition, body in node.branches:
            if operand is None:
                chosen = self._holds(condition)
            else:
                value = self._evaluate(condition)
                if value.type.kind is not operand.type.kind:
                    value = self._converted(value, operand.type, condition)
                chosen = operand.value is not None and value.value == operand.value
            if chosen:
                return self._statements(body)
        return self._statements(node.otherwise)

    def _counted_loop(self, node: b.CountedLoop) -> Signal | None:
        first, last = (self._converted(self._evaluate(e), NUMBER, e).value for e in (node.first, node.last))
        if first is None or last is None:
            return None
        numbers = range(int(first), int(last) + 1)
        for number in reversed(numbers) if node.reverse else numbers:
            with self._scope() as scope:
                scope.entries[node.name] = Variable(Value(number, NUMBER))
                left, signal = _after(self._statements(node.body), node.label)
            if left:
                return signal
            self._host.check()
        return None

    def _row_loop(self, node: b.RowLoop) -> Signal | None:
        source = self.scope.find(node.source)
        opened = isinstance(source, Cursor) and source.rows is None
        if isinstance(source, ResultSet):
            found = rows(source.result) if source.result is not None else iter(())
        elif isinstance(source, Cursor):
            if opened:
                self._open_cursor(source, ())
            found = source.rows or iter(())
        else:
            raise invalid_identifier(node.source)
        try:
            for row in found:
                with self._scope() as scope:
                    scope.entries[node.name] = Row(row)
                    left, signal = _after(self._statements(node.body), node.label)
                if left:
                    return signal
                self._host.check()
            return None
        finally:
            if opened and isinstance(source, Cursor):
                source.rows = None

    def _loop(self, node: b.Loop) -> Signal | None:
        while node.condition is None or self._holds(node.condition):
            with self._scope():
                left, signal = _after(self._statements(node.body), node.label)
            if left:
                return signal
            if node.until is not None and self._holds(node.until):
                return None
            self._host.check()
        return None

    def _jump(self, node: b.Jump) -> Signal:
        return Signal(node.action, node.label)

    # --- cursors -----------------------------------------------------------------------------------------------------

    def _open(self, node: b.Open) -> None:
        self._open_cursor(self.scope.cursor(node.cursor), [self._evaluate(each) for each in node.using])

    def _open_cursor(self, cursor: Cursor, using: Sequence[Value]) -> None:
        cursor.result = (
            cursor.source.result if isinstance(cursor.source, ResultSet) else self._query(cursor.source, using)
        )
        cursor.rows = rows(cursor.result) if cursor.result is not None else iter(())

    def _fetch(self, node: b.Fetch) -> None:
        cursor = self.scope.cursor(node.cursor)
        if cursor.rows is None:
            raise cursor_closed(node.cursor)
        row = next(cursor.rows, None)
        values = [_NULL] * len(node.into) if row is None else list(row.values())
        for name, value in zip(node.into, values, strict=False):
            self._set(name, value, node)

    def _close(self, node: b.Close) -> None:
        cursor = self.scope.cursor(node.cursor)
        if cursor.rows is None:
            raise cursor_closed(node.cursor)
        cursor.rows = None

    # --- leaving -----------------------------------------------------------------------------------------------------

    def _return(self, node: b.Return) -> Signal:
        if node.table is None:
            return Signal(_RETURN, value=None if node.value is None else self._evaluate(node.value))
        found = self.scope.find(node.table)
        if not isinstance(found, (ResultSet, Cursor)) or found.result is None:
            raise invalid_identifier(node.table)
        return Signal(_RETURN, value=found.result)

    def _return_query(self, node: b.ReturnQuery) -> Signal:
        return Signal(_RETURN, value=self._query(node.query))

    def _raise(self, node: b.Raise) -> None:
        if node.name is None:
            if self.scope.failure is None:
                raise SqlError(
                    "SQL compilation error:\nRAISE without an exception is only possible in a handler.", 1003
                )
            raise self.scope.failure
        found = self.scope.find(node.name)
        if not isinstance(found, b.DeclareException):
            raise invalid_identifier(node.name)
        raise Failure(found.name, found.number, "P0001", found.message, node)

    def _nothing(self, node: b.Nothing) -> None:
        """NULL does nothing."""

    _RUNS: ClassVar[dict[type[b.Node], Callable[[Any, Any], Signal | None]]] = {
        b.Block: _block,
        b.DeclareVariable: _declare_variable,
        b.DeclareCursor: _declare_cursor,
        b.DeclareResultSet: _declare_result_set,
        b.DeclareException: _declare_exception,
        b.Assign: _assign,
        b.Sql: _sql,
        b.ExecuteImmediate: _execute_immediate,
        b.If: _if,
        b.Case: _case,
        b.CountedLoop: _counted_loop,
        b.RowLoop: _row_loop,
        b.Loop: _loop,
        b.Jump: _jump,
        b.Open: _open,
        b.Fetch: _fetch,
        b.Close: _close,
        b.Return: _return,
        b.ReturnQuery: _return_query,
        b.Raise: _raise,
        b.Nothing: _nothing,
    }

    def _found(self) -> bool | None:
        return None if self._changed is None else self._changed > 0


def _not_found(run: Interpreter) -> Value:
    found = run._found()
    return Value(None if found is None else not found, BOOLEAN)


def _of_failure(get: Callable[[Failure], Any], data_type: DataType) -> Callable[[Interpreter], Value | None]:
    return lambda run: None if run.scope.failure is None else Value(get(run.scope.failure), data_type)


_IMPLICIT: dict[str, Callable[[Interpreter], Value | None]] = {
    "SQLROWCOUNT": lambda run: Value(run._changed, NUMBER),
    "SQLFOUND": lambda run: Value(run._found(), BOOLEAN),
    "SQLNOTFOUND": _not_found,
    "SQLID": lambda run: Value(run._query_id, VARCHAR),
    "SQLCODE": _of_failure(lambda failure: failure.code, NUMBER),
    "SQLERRM": _of_failure(lambda failure: failure.message, VARCHAR),
    "SQLSTATE": _of_failure(lambda failure: failure.sqlstate, VARCHAR),
}
"""Variables of every block; those of exceptions are there in handlers only."""


def _handler(handlers: Sequence[b.Handler], failure: Failure) -> b.Handler | None:
    """The handler for a failure; OTHER is for all."""
    return next((each for each in handlers if failure.kind in each.names or "OTHER" in each.names), None)


def _after(signal: Signal | None, label: str | None) -> tuple[bool, Signal | None]:
    """Whether a loop is left after one turn, and with what."""
    if signal is None:
        return False, None
    own = signal.label is None or signal.label == label
    if signal.action == _RETURN or not own:
        return True, signal
    return signal.action == _BREAK, None
