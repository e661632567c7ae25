"""The session's answers to the rewriter's questions: what each name in a statement means, here and now."""

from __future__ import annotations

import collections.abc
from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from sqlglot import exp

from snowmelt.base.datatypes import BOOLEAN, VARCHAR, DataType, Kind
from snowmelt.base.errors import NO_CURRENT, SqlError, object_missing, unsupported
from snowmelt.base.late import pyarrow as pa
from snowmelt.base.request import Request
from snowmelt.catalog.catalog import Scope
from snowmelt.catalog.names import FullName, Name, engine_name, engine_quote
from snowmelt.catalog.objects import Function, SchemaObject, Sequence, Stream, Table, TableColumn, View, is_in_sql
from snowmelt.plan.steps import CallTableFunction, Reach
from snowmelt.session import table_calls
from snowmelt.session.bindings import literal, typed_literal, wire_literal
from snowmelt.session.information_schema import information_schema
from snowmelt.session.loading import StagedRows, staged_rows
from snowmelt.session.sql_functions import scalar_body, table_body
from snowmelt.session.stream_reads import stream_query, stream_source
from snowmelt.session.system_functions import system_function
from snowmelt.session.table_functions import table_function
from snowmelt.session.time_travel import Point, changes, point_of, rows_at
from snowmelt.session.udfs import ensure_function
from snowmelt.sql import numbering, tracking
from snowmelt.sql.deltas import Reading
from snowmelt.sql.parse import parse_expression, parse_query
from snowmelt.sql.past import Interval, Past
from snowmelt.sql.pending import Pending, relation
from snowmelt.sql.rewrite.context import raw
from snowmelt.sql.rewrite.rules import rewrite
from snowmelt.sql.rewrite.table_calls import TableCall, ordered
from snowmelt.sql.typing import refined
from snowmelt.storage.connection import MOMENT, bound

if TYPE_CHECKING:
    from snowmelt.session.session import Session

_MAX_VIEW_DEPTH = 64

_STREAM_COLUMNS = (
    TableColumn("METADATA$ACTION", VARCHAR),
    TableColumn("METADATA$ISUPDATE", BOOLEAN),
    TableColumn("METADATA$ROW_ID", VARCHAR),
)

_MAX_CHECKED_VIEWS = 1_000

_EXPANSION_ERRORS = frozenset({904, 2003, 2140, *NO_CURRENT.values()})
"""What a view's query can come to lack after the view was made."""


class SessionPlanner:
    """Resolves the names of one statement; implements `snowmelt.plan.query.Planner`.

    Attributes:
        streams_read: ids of the streams that the statement reads.
        streams_peeked: ids of the streams that it only asks for data; their offsets never move.
        readings: what it reads of each stream.
        used: the tables, views and streams that it has found in the catalog, by id.
        reach: how long the changes that each tells of are kept.
        registered: relations made for the statement, to be dropped after it.
        calls: the table functions in Python that it calls.
        types: Snowflake's types of the columns of the query that was rewritten last.
        inlined_depth: how many functions in SQL are around what is planned.
        repeatable: whether the same text means the same plan until the catalog or the session's settings change.
        told: texts of bind variables that the plan is told when it is run.
        timed: whether the plan is to be told when its statement began.
        reads_metadata: whether views of INFORMATION_SCHEMA are read.
    """

    def __init__(
        self,
        session: Session,
        request: Request,
        *,
        scope: Scope | None = None,
        depth: int = 0,
        text: str | None = None,
        at: Point | None = None,
        told: Mapping[str, str] | None = None,
    ) -> None:
        self.session: Session = session
        self.request: Request = request
        self.scope: Scope = scope or session.scope
        self.streams_read: set[int] = set()
        self.streams_peeked: set[int] = set()
        self.readings: dict[int, list[Reading]] = {}
        self.used: dict[int, SchemaObject] = {}
        self.reach: dict[int, Reach] = {}
        self.registered: list[str] = []
        self.calls: list[CallTableFunction] = []
        self.repeatable = True
        self.timed = False
        self.told = told or {}
        self.reads_metadata = False
        self.types: tuple[DataType | None, ...] | None = None
        self.inlined_depth = 0
        self._at = at
        self._depth = depth
        self._text = request.text if text is None else text

    # --- tables ------------------------------------------------------------------------------------------------------

    def full(self, name: Name) -> FullName:
        """`name` with the parts that are missing taken from the session, or from the view that is expanded."""
        return self.scope.full(name)

    def table(self, name: Name) -> Table:
        """The table called `name`, to be written."""
        found = self.session.relation(self.scope.full(name))
        if found is None:
            raise object_missing("Table", str(name))
        if not isinstance(found, Table):
            raise SqlError(f"SQL compilation error:\nObject '{name}' is not a table.", 2203, "42601")
        self._use(found)
        return found

    def _use(self, found: SchemaObject) -> None:
        if found.session is None:
            self.used[found.id] = found

    def pending(self, table: Table) -> Pending | None:
        """What the open explicit transaction has changed of `table`; None when each statement commits."""
        transaction = self.session.core.transaction
        return None if transaction is None else transaction.changes_of(table)

    def parameter(self, name: str) -> Any:
        """The value of a session parameter."""
        return self.session.parameter(name)

    def moment(self) -> str:
        """DuckDB text of the moment at which the statement began; it is another for the next statement."""
        self.timed = True
        self.session.core.tell_moment()
        return MOMENT

    def relation(self, name: Name, past: Past | None = None) -> str:
        """DuckDB text of a query for the table, view or stream called `name`, or for its past."""
        full = self.scope.full(name)
        if full.schema == "INFORMATION_SCHEMA":
            if past is not None:
                raise unsupported("AT / BEFORE / CHANGES of INFORMATION_SCHEMA")
            self.reads_metadata = True
            return self.rows(information_schema(self.session, full))
        found = self.session.relation(full)
        if found is None:
            raise object_missing("Object", str(name))
        self._use(found)
        if past is not None or self._at is not None:
            self.repeatable = False
        if isinstance(past, Interval):
            return changes(self, found, past)
        at = self._at if past is None else point_of(self, past)
        match found:
            case Table():
                return relation(found, self.pending(found)) if at is None else rows_at(self.session, found, at)
            case View():
                return self._view(found, at)
            case Stream() if at is not None:
                raise unsupported("AT / BEFORE of a stream")
            case Stream():
                return stream_query(self, found)

    def columns(self, name: Name, past: Past | None = None) -> collections.abc.Sequence[TableColumn] | None:
        """The columns of a table, view or stream with their types."""
        full = self.scope.full(name)
        if full.schema == "INFORMATION_SCHEMA":
            return None
        match self.session.relation(full):
            case Table() | View() as source if isinstance(past, Interval):
                return (*source.columns, *_STREAM_COLUMNS)
            case Table() as table:
                return table.columns
            case View() as view:
                return view.columns
            case Stream() as stream:
                tracked = stream_source(self.session, stream)
                return None if tracked is None else (*tracked.columns, *_STREAM_COLUMNS)
            case _:
                return None

    def projected(self, types: collections.abc.Sequence[DataType | None] | None) -> None:
        """Remember the types of the query's columns."""
        self.types = None if types is None else tuple(types)

    def _view(self, view: View, at: Point | None) -> str:
        if self._depth >= _MAX_VIEW_DEPTH:
            raise SqlError(f"SQL compilation error:\nView '{view.name}' is nested too deeply.", 2037, "42601")
        scope = Scope(view.full_name.database, view.full_name.schema)
        depth = self._depth + 1
        inner = SessionPlanner(self.session, self.request, scope=scope, depth=depth, text=view.query, at=at)
        try:
            tree = parse_query(view.query)
            text = rewrite(tree, inner)
            self._check_view(view, text, inner, tree)
        except SqlError as error:
            if error.code not in _EXPANSION_ERRORS:
                raise
            message = f"SQL compilation error:\nFailure during expansion of view '{view.name}': {error.message}"
            raise SqlError(message, 2037, "42601") from error
        self.take(inner)
        names = ", ".join(engine_quote(column.name) for column in view.columns)
        return f"SELECT * FROM ({text}) AS v({names})"

    def take(self, inner: SessionPlanner) -> None:
        """What `inner` has planned is a part of this statement."""
        self.streams_read |= inner.streams_read
        self.streams_peeked |= inner.streams_peeked
        self.registered += inner.registered
        self.calls += inner.calls
        self.repeatable &= inner.repeatable
        self.timed |= inner.timed
        self.reach |= inner.reach
        self.used |= inner.used
        for stream, readings in inner.readings.items():
            self.readings.setdefault(stream, []).extend(readings)

    def _check_view(self, view: View, text: str, inner: SessionPlanner, tree: exp.Query) -> None:
        """Hold the view's list of columns against its query; once for each picture of the catalog."""
        core = self.session.core
        key = (self.session.services.engine.catalog.version, view.id)
        if key in core.checked_views and not core.temporary:
            return
        # The text reads what table functions give, which are yet to be called.
        produced = len(inner.described(tree) if inner.calls else core.connection.describe(text))
        if produced != len(view.columns):
            raise SqlError(
                f"SQL compilation error:\nView definition for '{view.full_name}' declared {len(view.columns)} "
                f"column(s), but view query produces {produced} column(s).",
                2057,
                "42601",
            )
        if len(core.checked_views) > _MAX_CHECKED_VIEWS:
            core.checked_views.clear()
        core.checked_views.add(key)

    def rows(self, table: pa.Table) -> str:
        """DuckDB text of a query for rows that were computed here."""
        name = self.session.core.register_rows(table.rename_columns([engine_name(n) for n in table.column_names]))
        self.repeatable = False
        self.registered.append(name)
        return f"SELECT * FROM {name}"

    # --- sequences and defaults --------------------------------------------------------------------------------------

    def mentions(self, word: str) -> bool:
        """Whether a word is in the text."""
        return word in self._text.upper()

    def values(self, query: exp.Expr) -> list[exp.Expr]:
        """What the first column of a query holds, as literals; the query runs at once, as a part of the statement."""
        self.repeatable = False
        types = self.types
        text = self.at_once(rewrite(query, self))
        self.types = types
        return [literal(row[0]) for row in self.session.core.connection.run(text)]

    def sequence(self, name: Name) -> str:
        """The call that takes the next value of a sequence."""
        found = self.session.find(Sequence, self.scope.full(name))
        if found is None:
            raise object_missing("Sequence", str(name))
        return self._take(numbering.physical(found.id))

    def _take(self, sequence: str) -> str:
        self.session.core.connection.sequences.add(sequence)
        self.repeatable = False
        return numbering.next_value(sequence)

    def default(self, table: Table, column: TableColumn) -> str | None:
        """The default of a column, or None when it is null."""
        numbered = tracking.identity_sequence(table, column)
        if numbered is not None:
            return self._take(numbered)
        return None if column.default is None else self.expression(column.default)

    def beside(self, text: str | None = None, scope: Scope | None = None) -> SessionPlanner:
        """A planner for an expression of its own."""
        return SessionPlanner(self.session, self.request, scope=scope or self.scope, depth=self._depth, text=text)

    def expression(self, text: str) -> str:
        """DuckDB text of an expression of its own, such as a default."""
        inner = self.beside(text)
        rewritten = rewrite(parse_expression(text), inner)
        self.take(inner)
        return rewritten

    # --- functions ---------------------------------------------------------------------------------------------------

    def table_function(
        self, name: str, arguments: collections.abc.Sequence[exp.Expr]
    ) -> tuple[str, collections.abc.Sequence[TableColumn] | None]:
        """DuckDB text of a query for ``TABLE(name(arguments))``, and its columns."""
        self.repeatable = False
        found = self._sql_function(name, arguments) if self.inlines() else None
        if found is not None and found.returns_table is not None:
            return table_body(self, found, arguments), None
        return table_function(self, name, arguments)

    def table_handler(self, name: str, arguments: int) -> Function | None:
        """The table function in Python of that name, for so many arguments."""
        full = self._function_name(name)
        overloads = [] if full is None else self.session.overloads(Function, full)
        fitting = [item for item in overloads if item.returns_table is not None and item.takes(arguments)]
        if len(fitting) > 1:
            raise unsupported(f"overloads of function {name} with the same number of arguments")
        return fitting[0] if fitting and not is_in_sql(fitting[0]) else None

    def described(self, query: exp.Query) -> tuple[TableColumn, ...]:
        """The columns of a query, which is not run."""
        request = replace(self.request, describe_only=True)
        inner = SessionPlanner(self.session, request, scope=self.scope, depth=self._depth, text=self._text, at=self._at)
        try:
            columns = refined(self.session.core.connection.describe(rewrite(query, inner)), inner.types)
        finally:
            for name in inner.registered:
                self.session.core.connection.drop_temporary(name)
        return tuple(TableColumn(column.name, column.type, column.nullable) for column in columns)

    def call_table_function(self, call: TableCall) -> list[str]:
        """Texts of the relations that the call's step will make."""
        return table_calls.planned(self, call)

    def at_once(self, text: str) -> str:
        """`text`, which is run outside of a plan, after the table functions that it reads have been called."""
        return table_calls.at_once(self, text)

    def stage(self, location: str, options: Mapping[str, Any]) -> StagedRows:
        """The files at a stage location."""
        self.repeatable = False
        return staged_rows(self.session, location, options)

    def stage_alias(self) -> str | None:
        """Staged rows keep the name that the statement gives them."""
        return None

    def function(self, name: str, arguments: collections.abc.Sequence[exp.Expr]) -> exp.Expr | None:
        """The value of a context or system function, or the call of a user-defined one."""
        system = system_function(self, name, arguments)
        if system is not None:
            self.repeatable = False
            return system
        fitting = self._scalar_functions(name, len(arguments))
        if not fitting:
            return None
        if len(fitting) > 1:
            raise unsupported(f"overloads of function {name} with the same number of arguments")
        self.repeatable = False
        return ensure_function(self.session, fitting[0], ordered(fitting[0], arguments))

    def returned(self, name: str, arguments: int) -> DataType | None:
        """The type of a user-defined function with so many arguments; None when `name` is none."""
        fitting = self._scalar_functions(name, arguments)
        return fitting[0].returns if fitting else None

    def _scalar_functions(self, name: str, arguments: int) -> list[Function]:
        full = self._function_name(name)
        overloads = [] if full is None else self.session.overloads(Function, full)
        return [item for item in overloads if item.returns_table is None and item.takes(arguments)]

    def inlines(self) -> bool:
        """Whether there are functions in SQL, temporary ones included."""
        core = self.session.core
        return self.session.services.engine.catalog.has_sql_functions or any(
            is_in_sql(item) for item in core.temporary.values()
        )

    def inlined(self, name: str, arguments: collections.abc.Sequence[exp.Expr]) -> exp.Expr | None:
        """The tree that a call of a function in SQL stands for."""
        found = self._sql_function(name, arguments)
        if found is None or found.returns_table is not None:
            return None
        return scalar_body(self, found, arguments)

    def _sql_function(self, name: str, arguments: collections.abc.Sequence[exp.Expr]) -> Function | None:
        full = self._function_name(name)
        overloads = [] if full is None else self.session.overloads(Function, full)
        fitting = [item for item in overloads if item.takes(len(arguments))]
        if len(fitting) > 1:
            raise unsupported(f"overloads of function {name} with the same number of arguments")
        return fitting[0] if fitting and is_in_sql(fitting[0]) else None

    def _function_name(self, name: str) -> FullName | None:
        try:
            return self.scope.full(self.session.parse_name(name))
        except SqlError:
            return None

    # --- literals ----------------------------------------------------------------------------------------------------

    def binding(self, key: str) -> exp.Expr:
        """The literal bound to a placeholder."""
        if key in self.told:
            return raw(bound(key), DataType(Kind.TEXT, length=len(self.told[key])))
        value = self.request.values.get(key)
        if value is not None:
            return typed_literal(value)
        found = self.request.bindings.get(key)
        if found is None:
            if self.request.describe_only:
                return exp.null()
            raise SqlError(f"SQL compilation error:\nBind variable {key} not set.", 2049, "42601")
        if isinstance(found.value, list):
            raise unsupported("array binds outside INSERT of VALUES or of a SELECT")
        return wire_literal(found.type, found.value)

    def variable(self, name: str) -> exp.Expr:
        """The literal that a session variable holds."""
        variables = self.session.core.variables
        if name not in variables:
            raise SqlError(f"SQL compilation error:\nSession variable '${name}' does not exist", 2211, "42S02")
        return literal(variables[name])
