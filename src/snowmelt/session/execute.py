"""Carries out plans: steps in one engine transaction, streams' offsets moved with the rows that consume them."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import fields, replace
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from snowmelt.base.datatypes import DataType, Kind
from snowmelt.base.errors import SqlError, invalid_identifier
from snowmelt.base.late import pyarrow as pa
from snowmelt.base.result import Column, Result, StatementType, rows_result, status_result
from snowmelt.catalog.catalog import Overtaken
from snowmelt.catalog.names import engine_name
from snowmelt.plan.changes import MULTI_JOINED
from snowmelt.plan.steps import (
    ApplyModel,
    CallTableFunction,
    Direct,
    LogImages,
    Materialize,
    OpenWindow,
    Plan,
    Prepare,
    Read,
    Stage,
    Step,
    Write,
)
from snowmelt.session.staleness import out_of_reach
from snowmelt.session.table_calls import called
from snowmelt.session.transactions import OpenTransaction, keep_before, known_to_all
from snowmelt.sql import tracking
from snowmelt.sql.changes import ACTIONS, STAGED, TWICE
from snowmelt.sql.deltas import variables_of
from snowmelt.sql.typing import refined
from snowmelt.storage.connection import Connection
from snowmelt.storage.engine import Engine
from snowmelt.storage.locks import aborted
from snowmelt.streams import offsets
from snowmelt.streams.offsets import Bounds, Window

if TYPE_CHECKING:
    from snowmelt.session.core import Core
    from snowmelt.session.session import Session

TITLES = {
    "inserted": "number of rows inserted",
    "updated": "number of rows updated",
    "deleted": "number of rows deleted",
}


def run_plan(session: Session, plan: Plan) -> Result:
    """Execute `plan` in the session's open transaction, or in one of its own.

    Raises:
        SqlError: whatever a step raises; nothing remains of the statement.
    """
    core = session.core
    transaction = core.transaction
    if transaction is not None and transaction.record.aborted is not None:
        raise aborted(transaction.record)
    if plan.timed:
        core.tell_moment()
    try:
        return _run(session, plan, transaction)
    except SqlError:
        # It may be only because of what somebody else has altered since it was planned.
        core.services.engine.check_current(plan.made_from)
        raise


def _run(session: Session, plan: Plan, transaction: OpenTransaction | None) -> Result:
    core = session.core
    engine = core.services.engine
    if plan.single_read:
        result = run_steps(session, plan, {})
        _check_current(engine, plan, result)
        return result
    with _locked(core, plan, transaction):
        if transaction is not None:
            return _run_in_open(session, plan, transaction)
        with engine.locks.writing(known_to_all(plan.targets), core.cancel):
            return _run_alone(session, plan)


def _run_alone(session: Session, plan: Plan) -> Result:
    core = session.core
    engine = core.services.engine
    engine.check_current(plan.made_from)
    core.connection.begin()
    try:
        result = run_steps(session, plan, {})
        _check_current(engine, plan, result)
        core.connection.wrote = core.connection.wrote or plan.tracked
        core.connection.changed.update(table.id for table in plan.targets)
        core.connection.commit()
        return result
    except BaseException:
        core.connection.rollback()
        raise


def _check_current(engine: Engine, plan: Plan, result: Result) -> None:
    """See that a plan fitted what its steps have read and written.

    Raises:
        Overtaken: it did not.
    """
    try:
        engine.check_current(plan.made_from)
    except Overtaken:
        if result.release is not None:
            result.release()
        raise


@contextmanager
def _locked(core: Core, plan: Plan, transaction: OpenTransaction | None) -> Iterator[None]:
    """The locks that a plan needs; those of an explicit transaction are held until it ends."""
    wanted = plan.locks | (plan.streams if plan.kind is not StatementType.SELECT else frozenset())
    if not wanted:
        yield
        return
    engine = core.services.engine
    timeout = float(core.parameters.get("LOCK_TIMEOUT", 43_200))
    owner = core.single_statement() if transaction is None else transaction.record
    engine.locks.acquire(wanted, owner, core.query_id, timeout, core.cancel)
    try:
        yield
    finally:
        if transaction is None:
            engine.locks.release(owner)


def _run_in_open(session: Session, plan: Plan, transaction: OpenTransaction) -> Result:
    """Run a statement of an explicit transaction in an engine transaction of its own, which is committed: what it
    changes is only kept aside. So a statement that fails undoes itself, and the next one sees what others committed.
    """
    connection = session.core.connection
    keep_before(session.core, transaction, plan.targets)
    windows = dict(transaction.windows)
    if len(plan.steps) == 1 and not connection.sequences:
        connection.mark_with(transaction.record.number)
        result = run_steps(session, plan, windows, transaction)
    else:
        connection.begin(transaction.record.number)
        try:
            result = run_steps(session, plan, windows, transaction)
            _check_current(session.core.services.engine, plan, result)
            connection.commit()
        except BaseException:
            connection.rollback()
            raise
    transaction.windows = windows
    if plan.kind is StatementType.SELECT:
        return result
    transaction.statements += 1
    transaction.queries += (session.core.query_id,)
    transaction.consumed |= plan.streams
    for table in plan.targets:
        transaction.has_changed(table, touches=plan.touches)
        if plan.forgets_loads:
            transaction.loads += ((tracking.forget_loads(table), ()),)
            transaction.loaded = frozenset(item for item in transaction.loaded if item[0] != table.id)
    return result


def run_steps(
    session: Session, plan: Plan, windows: dict[int, Window], transaction: OpenTransaction | None = None
) -> Result:
    """Run a plan's steps, in the engine transaction that is open if there are several.

    Args:
        windows: what streams show, by stream; windows that are opened are added.
        transaction: the explicit transaction that the statement belongs to.
    """
    connection = session.core.connection
    counts: dict[str, int] = {}
    result: Result | None = None
    registered: list[str] = []
    streams = _Streams(session.core, windows, transaction)
    try:
        for planned in plan.steps:
            connection.check_canceled()
            step = streams.fitted(planned)
            match step:
                case Write(needs=needs) | LogImages(needs=needs) if needs and not any(map(counts.get, needs)):
                    continue
                case Read():
                    columns, rows = connection.stream(step.sql)
                    result = Result(refined(columns, step.types), rows.table, plan.kind, release=rows.release)
                case Write():
                    changed = int(connection.scalar(step.sql) or 0)
                    if step.count is not None:
                        counts[step.count] = counts.get(step.count, 0) + changed
                case Direct():
                    _merge(connection, step, counts)
                case OpenWindow():
                    streams.open(step)
                case _:
                    _prepare(session, step, counts, registered)
        if plan.kind is not StatementType.SELECT:
            _consume(session.core, plan, windows, transaction)
    finally:
        for name in registered:
            connection.drop_temporary(name)
    return result if result is not None else _dml_result(plan, counts)


class _Streams:
    """What the streams of a statement show, and its steps with texts that fit that."""

    def __init__(self, core: Core, windows: dict[int, Window], transaction: OpenTransaction | None) -> None:
        self._core = core
        self._windows = windows
        self._transaction = transaction
        self._fitting: dict[str, str] = {}
        self._bounds: dict[int, Bounds] = {}

    def open(self, step: OpenWindow) -> None:
        """Fix what a stream shows. In an explicit transaction it shows the same all along: what there was at its
        begin.

        Raises:
            SqlError: 000707 when the stream is stale.
        """
        connection, transaction = self._core.connection, self._transaction
        window = self._windows.get(step.stream)
        if window is None:
            end = None if transaction is None else transaction.version
            window = self._windows[step.stream] = offsets.open_window(connection, step.stream, end)
        if step.reach is not None and connection.engine.clock.now() >= window.moved_at + step.reach.time:
            raise out_of_reach(step.reach.table)
        bounds = offsets.newest_bounds if transaction is None else offsets.bounds
        found = self._bounds[step.stream] = bounds(connection, window)
        known = found.known(window)
        if known is None or not step.readings:
            return
        if known.least is None:
            self._tell(step.stream)
        tables = {table.id: table for reading in step.readings for table in reading.tables}
        known = offsets.with_changes(connection, known, tables.values())
        self._fitting |= {reading.text: reading.fitted(known) for reading in step.readings}

    def fitted(self, step: Step) -> Step:
        """A step with the texts that fit the windows as they are, where it has such as fit any. What is left of these
        finds the engine variables that it needs.
        """
        if not self._bounds and not self._fitting:
            return step
        texts = {field.name: getattr(step, field.name) for field in fields(step)}
        texts = {name: text for name, text in texts.items() if isinstance(text, str)}
        changed: dict[str, Any] = {}
        for name, text in texts.items():
            for general, special in self._fitting.items():
                text = text.replace(general, special)
            if text != texts[name]:
                changed[name] = text
        left = (texts | changed).values()
        for stream in [each for each in self._bounds if any(variables_of(each) in text for text in left)]:
            self._tell(stream)
        return replace(step, **changed) if changed else step

    def _tell(self, stream: int) -> None:
        """Set the engine variables by which texts know a window."""
        offsets.set_window(self._core.connection, self._windows[stream], self._bounds.pop(stream))


def _consume(core: Core, plan: Plan, windows: dict[int, Window], transaction: OpenTransaction | None) -> None:
    """Move the offsets of streams that DML has read; an explicit transaction does so when it commits."""
    for stream in sorted(plan.streams):
        if transaction is None:
            offsets.advance(core.connection, windows[stream])
        else:
            offsets.check_unmoved(core.connection, windows[stream])
    if plan.forgets_loads and transaction is None:
        for table in plan.targets:
            core.connection.run(tracking.forget_loads(table))


def _prepare(session: Session, step: Step, counts: dict[str, int], registered: list[str]) -> None:
    connection = session.core.connection
    match step:
        case Materialize():
            connection.run(f"CREATE OR REPLACE TEMP TABLE {step.name} AS {step.query}")
            registered.append(step.name)
        case Prepare() | LogImages():
            connection.run(step.sql)
        case Stage():
            _stage(session.core, step, counts)
            registered.append(STAGED)
        case ApplyModel():
            connection.register(step.name, _apply(session, step))
            registered.append(step.name)
        case CallTableFunction():
            for name, table in called(session, step).items():
                connection.register(name, table)
                registered.append(name)
        case _:
            raise AssertionError(f"not a preparing step: {step}")


class NeedsStaging(Exception):
    """A MERGE that was tried directly is to be done by way of staged rows; nothing remains of it."""


def _merge(connection: Connection, step: Direct, counts: dict[str, int]) -> None:
    """Run a MERGE.

    Raises:
        NeedsStaging: rows of the source have to be told apart, as several are for one row of the table; or there was an
            error. It may be one of a value that is not asked for, since the engine computes the values of all clauses
            for each row.
    """
    try:
        connection.run(step.log)
        ((images, rows),) = connection.run(step.logged)
        if images > rows:
            raise NeedsStaging
        changed = int(connection.scalar(step.write) or 0)
    except SqlError as error:
        connection.check_canceled()
        raise NeedsStaging from error
    if changed < images:
        raise AssertionError(f"{images} rows were to be changed, and {changed} were")
    counts[step.removing], counts["inserted"] = images, changed - images


def _stage(core: Core, step: Stage, counts: dict[str, int]) -> None:
    """Find what is to change.

    Raises:
        SqlError: 100090 when it is not certain what should become of a row.
    """
    connection = core.connection
    connection.run(step.sql)
    counted = dict(connection.run(step.counts))
    twice = int(counted.pop(TWICE, 0))
    if twice and step.strict and step.check is not None:
        for row in connection.run(step.check):
            shown = ", ".join(_shown(value) for value in row)
            raise SqlError(f"Duplicate row detected during DML action\nRow Values: [{shown}]", 100090, "42P18")
    if twice:
        connection.run(step.single)
        counted = dict(connection.run(step.counts))
        del counted[TWICE]
    if step.counts_double:
        counts[MULTI_JOINED] = twice
    for name, action in ACTIONS.items():
        counts[name] = int(counted.get(action, 0))


def _shown(value: Any) -> str:
    """A value as the message about a duplicate row shows it."""
    if value is None:
        return "NULL"
    if isinstance(value, (bool, int, float, Decimal)):
        return str(value).lower() if isinstance(value, bool) else str(value)
    return json.dumps(str(value), ensure_ascii=False)


def _apply(session: Session, step: ApplyModel) -> pa.Table:
    """The step's input, without columns that are there as arguments only, and the struct of the method's results."""
    columns, table = session.core.connection.query(step.input)
    if isinstance(step.arguments, int):
        kept = len(columns) - step.arguments
        arguments = table.select(range(kept, len(columns)))
    else:
        kept = len(columns)
        arguments = table.select([_place(columns, name) for name in step.arguments])
    output = session.apply_model(step, arguments)
    names = [engine_name(column.name) for column in columns[:kept]]
    return pa.Table.from_arrays([*table.columns[:kept], output], names=[*names, step.output])


def _place(columns: Sequence[Column], name: str) -> int:
    """Where the column called `name` is.

    Raises:
        SqlError: 000904 when there is none.
    """
    for place, column in enumerate(columns):
        if column.name == name:
            return place
    raise invalid_identifier(name)


def _dml_result(plan: Plan, counts: dict[str, int]) -> Result:
    if not plan.counts:
        return status_result("Statement executed successfully.")
    columns = count_columns(plan.counts)
    result = rows_result(
        [(each.name, each.type) for each in columns], [tuple(counts.get(name, 0) for name in plan.counts)], plan.kind
    )
    return replace(result, columns=columns)


def count_columns(names: Sequence[str]) -> tuple[Column, ...]:
    """The columns of what DML answers."""
    return tuple(Column(TITLES.get(name, name), _COUNT, nullable=False) for name in names)


_COUNT = DataType(Kind.FIXED, precision=19, scale=0)
