"""A session: where names are looked for, and `execute`: parse, plan, run, result.

A procedure runs in a child of its caller's session: names of its own, but the caller's connection, transaction and
temporary objects.
"""

from __future__ import annotations

import threading
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, TypeVar

from snowmelt.base.errors import SqlError, canceled
from snowmelt.base.late import pyarrow as pa
from snowmelt.base.request import Request
from snowmelt.base.result import Column, Result, StatementType, status_result
from snowmelt.catalog.catalog import NAMESPACES, Overtaken, Scope
from snowmelt.catalog.names import FullName, Name, parse_name
from snowmelt.catalog.objects import Model, ModelVersion, Routine, SchemaObject, Stream, Table, View
from snowmelt.plan.query import windows
from snowmelt.plan.steps import ApplyModel, Plan, Read
from snowmelt.procs.messages import TraceContext
from snowmelt.session.core import Core
from snowmelt.session.execute import run_plan
from snowmelt.session.parameters import DEFAULTS, STATEMENT_COUNT, STATEMENT_TIMEOUT, checked, of_statement
from snowmelt.session.query_history import QueryRecord
from snowmelt.session.services import Services
from snowmelt.sql.cursor import NOTHING, Outside
from snowmelt.sql.parse import parse
from snowmelt.sql.positions import located
from snowmelt.sql.statements import Statement, Transaction
from snowmelt.storage.locks import aborted

T = TypeVar("T", bound=SchemaObject)
R = TypeVar("R", bound=Routine)


class Session:
    """One client's session, or a procedure's view of its caller's.

    Attributes:
        core: what is shared with callers and callees.
        user, role, warehouse, database, schema: the context; None where there is none.
        parent: the caller's session for a procedure.
        ends_itself: the statement that runs has asked for the end of the session.
        rights: ``OWNER`` or ``CALLER`` for a procedure.
    """

    def __init__(
        self,
        services: Services,
        core: Core,
        *,
        user: str,
        role: str | None = "ACCOUNTADMIN",
        database: str | None = None,
        schema: str | None = None,
        warehouse: str | None = None,
        parent: Session | None = None,
    ) -> None:
        self.services: Services = services
        self.core: Core = core
        self.user: str = user
        core.user = core.user or user
        self.role: str | None = role
        self.database: str | None = database
        self.schema: str | None = schema
        self.warehouse: str | None = warehouse
        self.parent: Session | None = parent
        self.return_value: str | None = None
        self.trace: TraceContext | None = None
        self.task_run: Any = None
        # A frame runs one statement at a time; the frame of a procedure has its own lock, since the caller's
        # statement (the CALL) is still running.
        self._lock = threading.RLock()
        self._closed = False
        self.ends_itself = False

    @property
    def id(self) -> int:
        return self.core.id

    @property
    def scope(self) -> Scope:
        """Where unqualified names are looked for."""
        return Scope(self.database, self.schema)

    def parameters(self) -> Mapping[str, Any]:
        """All session parameters with their present values."""
        return {**DEFAULTS, **self.services.account, **self.core.parameters, **self.core.of_statement}

    def parameter(self, name: str) -> Any:
        """The present value of one session parameter."""
        return self.core.parameter(name)

    def child(self, database: str | None, schema: str | None) -> Session:
        """A frame for a procedure that runs in this session."""
        return Session(
            self.services,
            self.core,
            user=self.user,
            role=self.role,
            database=database,
            schema=schema,
            warehouse=self.warehouse,
            parent=self,
        )

    @contextmanager
    def keeping_names(self) -> Iterator[None]:
        """While it lasts, statements may change the current database and schema; afterwards they are what they were."""
        database, schema = self.database, self.schema
        try:
            yield
        finally:
            present = self.services.engine.catalog.entities
            self.database = database if ("DATABASE", database) in present else None
            self.schema = schema if ("SCHEMA", database, schema) in present else None

    # --- executing ---------------------------------------------------------------------------------------------------

    def execute(self, request: Request) -> Result:
        """Run the statements of a request, or describe them.

        Raises:
            SqlError: in Snowflake's words; what the statement had begun is undone.
        """
        with self._lock:
            if self.core.cancel.is_set() and self.parent is not None:
                raise canceled()
            if self.parent is None:
                self.core.cancel.clear()
            if self._closed:  # looked at after the clearing, which may have undone what `close` has set
                raise canceled()
            self.core.running.add(request.query_id)
            self.core.now_runs(request.query_id)
            around = self.core.of_statement
            try:
                self.core.of_statement = {**around, **of_statement(request.parameters)}
                if request.describe_only:
                    result = self._execute(request)
                else:
                    with self._recorded(request, request.text, request.query_id) as record:
                        result = self._execute(request)
                        record.succeeded(result, self.services.clock.now())
            except SqlError as error:
                raise self._in_transaction(error, request) from error
            finally:
                self.core.of_statement = around
                self.core.running.discard(request.query_id)
                if self.ends_itself:
                    self.close()
            result.query_id = request.query_id
            result.sql = request.text
            if not request.describe_only:
                self.services.results.put(result)
                self._remember(request.query_id)
                self.core.remember(request.query_id)
            return result

    def at_once(self, request: Request) -> Result | None:
        """The answer of a request that takes no time, or None when it has to be executed: this never waits."""
        from snowmelt.session.queries import is_at_hand

        if not self._lock.acquire(blocking=False):
            return None
        try:
            return self.execute(request) if is_at_hand(self, request) else None
        finally:
            self._lock.release()

    @contextmanager
    def _recorded(self, request: Request, text: str, query_id: str) -> Iterator[QueryRecord]:
        """While a statement runs, which the query history shows, also when it fails."""
        record = self.services.queries.begin(self, request, text, query_id)
        try:
            with self._timely(request):
                yield record
        except BaseException as error:
            record.failed(error, self.services.clock.now())
            raise

    @contextmanager
    def _timely(self, request: Request) -> Iterator[None]:
        """While a request runs, which STATEMENT_TIMEOUT_IN_SECONDS ends; a procedure's statements count to its CALL.

        Raises:
            SqlError: 000630 when it has run for too long.
        """
        core = self.core
        if self.parent is not None or core.deadline is not None:
            yield
            return
        given = request.parameters.get(STATEMENT_TIMEOUT)
        seconds = int(core.parameter(STATEMENT_TIMEOUT) if given is None else checked(STATEMENT_TIMEOUT, given))
        core.deadline = deadline = self.services.deadlines.begin(seconds, lambda: self.cancel(request.query_id))
        try:
            yield
        except SqlError as error:
            if deadline.passed and error.code == 604:
                raise deadline.error() from error
            raise
        finally:
            core.deadline = None
            self.services.deadlines.end(deadline)

    def _in_transaction(self, error: SqlError, request: Request) -> SqlError:
        """What an error means in a transaction: one that was aborted meanwhile says so, and where
        TRANSACTION_ABORT_ON_ERROR is set, nothing is left to the transaction but its end.
        """
        transaction = self.core.transaction
        if transaction is None or request.describe_only:
            return error
        if transaction.record.aborted is not None:
            return aborted(transaction.record)
        if self.parameters()["TRANSACTION_ABORT_ON_ERROR"]:
            reason = "A statement in it failed, and TRANSACTION_ABORT_ON_ERROR is set."
            self.services.engine.transactions.abort(transaction.record, reason)
        return error

    def _execute(self, request: Request) -> Result:
        from snowmelt.session.queries import kept_answer

        kept = kept_answer(self, request)
        if kept is not None:
            return kept
        statements = self._parse(request)
        if not statements:
            raise SqlError("Empty SQL statement.", 900, "42601")
        if len(statements) == 1:
            return self.execute_statement(statements[0], request)
        given = request.parameters.get(STATEMENT_COUNT)
        wanted = self.parameter(STATEMENT_COUNT) if given is None else checked(STATEMENT_COUNT, given)
        if wanted not in (0, len(statements)):
            raise SqlError(
                f"Actual statement count {len(statements)} did not match the desired statement count {wanted}.",
                8,
                "0A000",
            )
        children = []
        for number, statement in enumerate(statements):
            children.append(self._run_child(statement, request, f"{request.query_id[:-4]}{number + 1:04x}"))
        done = status_result("Multiple statements executed successfully.", StatementType.MULTI)
        done.children = tuple(children)
        return done

    def _run_child(self, statement: Statement, request: Request, query_id: str) -> Result:
        """Run a statement that is part of a request and has an id, a result and a place in the history of its own."""
        self.core.now_runs(query_id)
        with self._recorded(request, statement.text, query_id) as record:
            child = self.execute_statement(statement, request)
            record.succeeded(child, self.services.clock.now())
        self._remember(query_id)
        child.query_id = query_id
        child.sql = statement.text
        self.services.results.put(child)
        return child

    def run_within(self, statement: Statement, request: Request) -> Result:
        """Run a statement on behalf of one that runs in this session, such as a block.

        Raises:
            SqlError: as `execute`.
        """
        try:
            child = self._run_child(statement, request, str(uuid.uuid4()))
        except SqlError as error:
            raise self._in_transaction(error, request) from error
        self.core.remember(child.query_id)
        return child

    def _remember(self, query_id: str) -> None:
        engine = self.services.engine
        engine.moments.put(query_id, engine.version, self.services.clock.now())

    def _parse(self, request: Request) -> list[Statement]:
        """The statements of a request; binds and variables may stand for names in them."""
        outside = NOTHING
        if request.bindings or self.core.variables:
            bound = {key: item.value for key, item in request.bindings.items() if not isinstance(item.value, list)}
            outside = Outside(bound, {name: str(value) for name, value in self.core.variables.items()})
        try:
            return parse(request.text, outside)
        except SqlError as error:
            raise located(error, request.text) from error.__cause__

    def execute_statement(self, statement: Statement, request: Request) -> Result:
        """Run one parsed statement."""
        from snowmelt.session.dispatch import DDL, RUNS_OTHERS, handler_of

        transaction = self.core.transaction
        if transaction is not None and transaction.record.aborted and not isinstance(statement, Transaction):
            raise aborted(transaction.record)
        handler = handler_of(statement, describes=request.describe_only)
        while True:
            try:
                result = handler(self, statement, request)
                if type(statement) in DDL and not request.describe_only:
                    self.core.commit()
                return result
            except Overtaken:
                # Another session changed the same object meanwhile; nothing has been done yet.
                if type(statement) in RUNS_OTHERS:
                    raise
                self.core.connection.check_canceled()
            except SqlError as error:
                raise located(error, statement.text) from error.__cause__

    def run(self, text: str, query_id: str) -> Result:
        """Run a statement on behalf of the process itself, such as a task's body."""
        return self.execute(Request(text, query_id))

    def cancel(self, query_id: str) -> bool:
        """Abort the running statement of that id, from another thread; False when it is not running here."""
        if query_id not in self.core.running:
            return False
        self._stop()
        return True

    def _stop(self) -> None:
        self.core.connection.interrupt()
        self.services.engine.locks.wake()

    def close(self) -> None:
        """End the session: cancel what runs, roll back, drop temporary objects. A procedure's frame ends with what runs
        in it; transaction and temporary objects are the caller's.
        """
        self._closed = True
        canceled_before = self.core.cancel.is_set()
        idle = self._lock.acquire(blocking=False)
        if not idle:
            self._stop()
            self._lock.acquire()
        try:
            if self.parent is None:
                self.core.close()
            elif not idle and not canceled_before:
                self.core.cancel.clear()  # the caller's statement goes on
        finally:
            self._lock.release()

    @property
    def busy(self) -> bool:
        """Whether a statement runs in the session or, for a procedure's frame, whether the procedure does."""
        return bool(self.core.running)

    # --- look-ups ----------------------------------------------------------------------------------------------------

    @staticmethod
    def parse_name(text: str) -> Name:
        """A `Name` from SQL text."""
        return parse_name(text)

    def relation(self, name: FullName) -> Table | View | Stream | None:
        """The table, view or stream of that name; temporary ones hide others."""
        hidden = self.core.temporary.get(("RELATION", name.database, name.schema, name.name))
        if isinstance(hidden, (Table, View, Stream)):
            return hidden
        self.services.engine.catalog.schema(name.database, name.schema)
        return self.services.engine.catalog.relation(name)

    def find(self, kind: type[T], name: FullName) -> T | None:
        """The object of class `kind` of that name; temporary ones hide others."""
        hidden = self.core.temporary.get((NAMESPACES[kind], name.database, name.schema, name.name))
        if isinstance(hidden, kind):
            return hidden
        return self.services.engine.catalog.find(kind, name)

    def overloads(self, kind: type[R], name: FullName) -> list[R]:
        """All procedures or functions of that name, temporary ones first."""
        own = [item for item in self.core.temporary.values() if isinstance(item, kind) and item.full_name == name]
        return own + self.services.engine.catalog.overloads(kind, name)

    def table_by_id(self, table_id: int) -> Table | None:
        """The table with that id, or None when it was dropped."""
        return next((item for item in self.services.engine.catalog.all(Table) if item.id == table_id), None)

    def model_version(self, name: Name, version: str | None) -> tuple[Model, ModelVersion]:
        """A model and one of its versions, by name, alias, or the default one.

        Raises:
            SqlError: 002003 when either is missing.
        """
        from snowmelt.models.versions import resolve_version

        model = self.find(Model, self.scope.full(name))
        if model is None:
            raise SqlError(f"SQL compilation error:\nModel '{name}' does not exist or not authorized.", 2003, "42S02")
        return model, resolve_version(model, version)

    def apply_model(self, step: ApplyModel, arguments: pa.Table) -> pa.ChunkedArray:
        """The struct of a model method's results, a row for each row of `arguments`."""
        model, version = self.model_version(parse_name(step.model), step.version)
        return self.services.inference.apply(model, version, step.method, arguments, self.core.cancel)

    def holds(self, condition: str, planner: Any) -> bool:
        """Whether a rewritten condition is true, without moving any offset (a task's WHEN)."""
        plan = Plan((*windows(planner), Read(f"SELECT {condition}")), StatementType.SELECT)
        table = run_plan(self, plan).table
        return table is not None and table.column(0)[0].as_py() is True

    def set_return_value(self, value: str) -> str:
        """Remember a task's return value (SYSTEM$SET_RETURN_VALUE)."""
        top = self
        while top.parent is not None:
            top = top.parent
        top.return_value = value
        return value


def description(columns: tuple[Column, ...], kind: StatementType = StatementType.SELECT) -> Result:
    """The answer to a describe request."""
    return Result(columns, None, kind)
