"""Carries out plans: steps in one engine transaction, streams' offsets moved with the rows that consume them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc

from snowmelt.base.errors import SqlError
from snowmelt.base.result import Result, StatementType, dml_result, status_result
from snowmelt.plan.steps import ApplyModel, LogImages, Materialize, OpenWindow, Plan, Read, Step, Write
from snowmelt.session.core import OpenTransaction
from snowmelt.sql.typing import refined
from snowmelt.streams import offsets

if TYPE_CHECKING:
    from snowmelt.session.session import Session
    from snowmelt.storage.connection import Connection

_ACTIONS = {"INSERT": "inserted", "UPDATE": "updated", "DELETE": "deleted"}
_COUNT_NAMES = {
    "inserted": "number_of_rows_inserted",
    "updated": "number_of_rows_updated",
    "deleted": "number_of_rows_deleted",
}


def run_plan(session: Session, plan: Plan) -> Result:
    """Execute `plan` in the session's open transaction, or in one of its own.

    Raises:
        SqlError: whatever a step raises; in autocommit nothing remains of the statement.
    """
    core = session.core
    if core.transaction is not None and core.transaction.failed:
        raise SqlError("The transaction cannot go on: a statement in it failed. ROLLBACK it first.", 625, "57014")
    if core.transaction is None and plan.single_read:
        return run_steps(session, plan, OpenTransaction())
    is_dml = plan.kind is not StatementType.SELECT
    locks = plan.locks | (plan.streams if is_dml else frozenset())
    timeout = float(core.parameters.get("LOCK_TIMEOUT", 43_200))
    core.services.engine.locks.acquire(locks, core, timeout, core.cancel)
    if core.transaction is not None:
        return _run_in_open(session, plan, core.transaction)
    transaction = OpenTransaction()
    try:
        core.connection.begin()
        result = run_steps(session, plan, transaction)
        core.connection.commit()
        core.services.engine.note_changed(plan.locks)
        return result
    except BaseException:
        core.connection.rollback()
        raise
    finally:
        core.services.engine.locks.release(core)


def _run_in_open(session: Session, plan: Plan, transaction: OpenTransaction) -> Result:
    connection = session.core.connection
    transaction.locked |= plan.locks
    try:
        result = run_steps(session, plan, transaction)
        if plan.locks:
            session.core.services.engine.check_conflicts(connection, plan.locks)
    except BaseException:
        # The engine cannot undo one statement, so one that stopped half-way takes the transaction with it.
        transaction.failed = transaction.half_done or not connection.is_usable()
        raise
    transaction.half_done = False
    return result


def run_steps(session: Session, plan: Plan, transaction: OpenTransaction) -> Result:
    """Run a plan's steps in the engine transaction that is already open."""
    connection = session.core.connection
    explicit = transaction is session.core.transaction
    counts: dict[str, int] = {}
    result: Result | None = None
    registered: list[str] = []
    try:
        for step in plan.steps:
            connection.check_canceled()
            if isinstance(step, Read):
                columns, rows = connection.stream(step.sql)
                result = Result(refined(columns, step.types), rows.table, plan.kind, release=rows.release)
            elif isinstance(step, Write):
                if plan.writes:
                    connection.wrote = True
                _write(session, step, plan, counts)
                transaction.half_done = True
            else:
                if explicit and isinstance(step, LogImages) and not transaction.half_done:
                    _compile(connection, plan)
                _prepare(session, step, transaction, registered)
        if plan.kind is not StatementType.SELECT:
            transaction.touched |= plan.writes
            for stream in sorted(plan.streams):
                offsets.advance(connection, transaction.windows[stream])
    finally:
        for name in registered:
            connection.drop_temporary(name)
    return result if result is not None else _dml_result(plan, counts)


def _compile(connection: Connection, plan: Plan) -> None:
    """Find unknown names in what is written last while nothing is changed yet: they leave a transaction alive."""
    for step in plan.steps:
        if isinstance(step, Write):
            connection.run(f"EXPLAIN {step.sql}")


def _prepare(session: Session, step: Step, transaction: OpenTransaction, registered: list[str]) -> None:
    connection = session.core.connection
    match step:
        case OpenWindow():
            known = transaction.windows.get(step.stream)
            if known is None:
                transaction.windows[step.stream] = offsets.open_window(connection, step.stream)
            else:
                offsets.set_window(connection, known)
        case Materialize():
            connection.run(f"CREATE OR REPLACE TEMP TABLE {step.name} AS {step.query}")
            registered.append(step.name)
        case LogImages():
            connection.run(step.sql)
            transaction.half_done = True
        case ApplyModel():
            connection.register(step.name, _apply(session, step))
            registered.append(step.name)
        case _:
            raise AssertionError(f"not a preparing step: {step}")


def _apply(session: Session, step: ApplyModel) -> pa.Table:
    """The step's input without the argument columns, and the struct of the method's results."""
    columns, table = session.core.connection.query(step.input)
    kept = len(columns) - step.arguments
    arguments = table.select(range(kept, len(columns)))
    output = session.apply_model(step, arguments)
    names = [column.name for column in columns[:kept]]
    return pa.Table.from_arrays([*table.columns[:kept], output], names=[*names, step.output])


def _write(session: Session, step: Write, plan: Plan, counts: dict[str, int]) -> None:
    connection = session.core.connection
    if step.by_action:
        _, table = connection.query_dml(step.sql)
        for entry in pc.value_counts(table.column(0)).to_pylist():
            name = _ACTIONS[entry["values"]]
            counts[name] = counts.get(name, 0) + entry["counts"]
        return
    changed = connection.scalar(step.sql)
    if plan.counts:
        counts[plan.counts[0]] = int(changed or 0)


def _dml_result(plan: Plan, counts: dict[str, int]) -> Result:
    if not plan.counts:
        return status_result("Statement executed successfully.")
    shown = {_COUNT_NAMES[name]: counts.get(name, 0) for name in plan.counts}
    if plan.kind is StatementType.UPDATE:
        shown["number_of_multi-joined_rows_updated"] = 0
    return dml_result(plan.kind, **shown)
