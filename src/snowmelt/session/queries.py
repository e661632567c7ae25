"""Queries and DML: plan and run, or describe."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable, Hashable, Mapping
from typing import Any

from sqlglot import exp

from snowmelt.base.datatypes import NUMBER, VARCHAR, DataType
from snowmelt.base.errors import unsupported
from snowmelt.base.request import Request
from snowmelt.base.result import Column, Result, StatementType, rows_result
from snowmelt.catalog.catalog import Overtaken
from snowmelt.catalog.objects import SchemaObject
from snowmelt.plan import changes, dml
from snowmelt.plan.models import describe_models
from snowmelt.plan.query import plan_query
from snowmelt.plan.steps import Plan
from snowmelt.session.array_binds import array_source, is_array
from snowmelt.session.constant_rows import tabulated
from snowmelt.session.execute import NeedsStaging, count_columns, run_plan
from snowmelt.session.plan_cache import Kept, cache_key, change_key, told
from snowmelt.session.planner import SessionPlanner
from snowmelt.session.session import Session, description
from snowmelt.sql.rewrite.literals import values_only
from snowmelt.sql.rewrite.rules import rewrite
from snowmelt.sql.statements import Delete, Explain, Insert, Merge, MultiInsert, Query, Statement, Truncate, Update
from snowmelt.sql.typing import refined


def query(session: Session, statement: Query, request: Request) -> Result:
    """SELECT and its kin."""
    key = cache_key(session, request, statement.text)
    if request.describe_only:
        return description(describe_query(session, statement.tree, request, key))

    keeps: list[Plan] = []

    def make(planner: SessionPlanner) -> Plan:
        plan = plan_query(statement.tree, planner)
        if planner.repeatable and plan.only_reads:
            keeps.append(plan)
        return plan

    result = _planned(session, request, make)
    for plan in keeps:
        session.services.plans.put(key, dataclasses.replace(result) if plan.constant else plan)
    return result


def kept_answer(session: Session, request: Request) -> Result | None:
    """The answer of a statement that was planned before and whose plan still holds; None when there is no such plan."""
    match _kept(session, request):
        case None:
            return None
        case Plan() as plan:
            if plan.binds:
                session.core.connection.tell_binds(told(request) or {})
            try:
                return run_plan(session, plan)
            except (NeedsStaging, Overtaken):
                return None
        case Result() as result:
            return dataclasses.replace(result)
        case columns:
            return description(columns)


def is_at_hand(session: Session, request: Request) -> bool:
    """Whether a request is answered without asking the engine."""
    kept = _kept(session, request)
    return kept is not None and not isinstance(kept, Plan)


def _kept(session: Session, request: Request) -> Kept | None:
    plans = session.services.plans
    kept = plans.get(cache_key(session, request, request.text))
    return plans.get(change_key(session, request, request.text)) if kept is None else kept


def describe_query(
    session: Session, tree: exp.Query, request: Request, key: Hashable | None = None
) -> tuple[Column, ...]:
    """The columns of a query, without running it, its functions or its models; they are kept under `key`."""
    planner = SessionPlanner(session, dataclasses.replace(request, describe_only=True))
    try:
        copy = tree.copy()
        describe_models(copy, lambda name, version, method: _output_type(session, name, version, method))
        columns = refined(session.core.connection.describe(rewrite(copy, planner)), planner.types)
        if planner.repeatable:
            session.services.plans.put(key, columns)
        return columns
    finally:
        release(session, planner)


def _output_type(session: Session, name: str, version: str | None, method: str) -> str:
    model, found = session.model_version(session.parse_name(name), version)
    return session.services.inference.output_type(model, found, method)


def insert(session: Session, statement: Insert, request: Request) -> Result:
    """INSERT; array binds bring one row for each element."""
    if request.describe_only or not is_array(request):

        def plan(planner: SessionPlanner) -> Plan:
            return dml.plan_insert(tabulated(planner, statement), planner)

        # Rows that are written out come once.
        text = None if isinstance(statement.source, exp.Values) else statement.text
        return _dml(session, request, ("inserted",), plan, text)
    arrays = array_source(session, statement.source, request)
    filled = dataclasses.replace(statement, source=arrays.query)
    try:
        return _dml(session, request, ("inserted",), lambda planner: dml.plan_insert(filled, planner))
    finally:
        if arrays.relation is not None:
            session.core.connection.drop_temporary(arrays.relation)


def multi_insert(session: Session, statement: MultiInsert, request: Request) -> Result:
    """INSERT ALL, INSERT FIRST."""
    return _dml(
        session, request, ("inserted",), lambda planner: dml.plan_multi_insert(statement, planner), statement.text
    )


def update(session: Session, statement: Update, request: Request) -> Result:
    """UPDATE."""
    names = changes.update_counts(session.parameter)
    tree = statement.tree
    return _dml(session, request, names, lambda planner: changes.plan_update(statement, planner), statement.text, tree)


def delete(session: Session, statement: Delete, request: Request) -> Result:
    """DELETE."""
    return _dml(session, request, ("deleted",), lambda planner: changes.plan_delete(statement, planner), statement.text)


def merge(session: Session, statement: Merge, request: Request) -> Result:
    """MERGE."""
    names = ("inserted", "updated", "deleted")
    tree = statement.tree
    try:
        return _dml(
            session, request, names, lambda planner: changes.plan_merge(statement, planner), statement.text, tree
        )
    except NeedsStaging:
        return _dml(session, request, names, lambda planner: changes.plan_merge(statement, planner, staged=True))


def truncate(session: Session, statement: Truncate, request: Request) -> Result:
    """TRUNCATE."""
    if statement.if_exists and session.relation(session.scope.full(statement.target)) is None:
        return rows_result([("status", VARCHAR)], [("Statement executed successfully.",)], StatementType.DDL)
    session.core.begin_implicitly()
    return _planned(session, request, lambda planner: dml.plan_truncate(statement, planner))


def explain(session: Session, statement: Explain, request: Request) -> Result:
    """EXPLAIN: the plan's steps, in the engine's words; columns of Snowflake's that mean nothing here are null."""
    planner = SessionPlanner(session, request)
    try:
        plan = _explained(statement.statement, planner)
    finally:
        release(session, planner)
    if planner.reads_metadata:
        raise unsupported("EXPLAIN of INFORMATION_SCHEMA")
    steps = [(type(step).__name__, _step_text(step)) for step in plan.steps]
    if statement.form == "TABULAR":
        rows = [(1, i, None, name, None, None, text, None, None, None) for i, (name, text) in enumerate(steps)]
        return rows_result(_EXPLAINED, rows)
    if statement.form == "JSON":
        operations = [{"id": i, "operation": name, "expressions": [text]} for i, (name, text) in enumerate(steps)]
        content = json.dumps({"Operations": [operations]})
    else:
        content = "\n".join(f"{i}: {name} {text}" for i, (name, text) in enumerate(steps))
    return rows_result([("content", VARCHAR)], [(content,)])


_EXPLAINED: list[tuple[str, DataType]] = [
    *(("step", NUMBER), ("id", NUMBER), ("parent", NUMBER), ("operation", VARCHAR), ("objects", VARCHAR)),
    *(("alias", VARCHAR), ("expressions", VARCHAR), ("partitionsTotal", NUMBER), ("partitionsAssigned", NUMBER)),
    ("bytesAssigned", NUMBER),
]


def _explained(statement: Statement, planner: SessionPlanner) -> Plan:
    match statement:
        case Query():
            return plan_query(statement.tree, planner)
        case Insert():
            return dml.plan_insert(statement, planner)
        case MultiInsert():
            return dml.plan_multi_insert(statement, planner)
        case Update():
            return changes.plan_update(statement, planner)
        case Delete():
            return changes.plan_delete(statement, planner)
        case Merge():
            return changes.plan_merge(statement, planner)
        case _:
            raise unsupported(f"EXPLAIN of {type(statement).__name__}")


def _step_text(step: Any) -> str:
    """A step's parts; types and functions by their names."""
    parts = [(field.name, getattr(step, field.name)) for field in dataclasses.fields(step)]
    return "; ".join(f"{name}={_shown(value)}" for name, value in parts)


def _shown(value: Any) -> str:
    if isinstance(value, DataType):
        return value.sql
    if isinstance(value, SchemaObject):
        return str(value.full_name)
    return f"({', '.join(map(_shown, value))})" if isinstance(value, tuple) else str(value)


def _dml(
    session: Session,
    request: Request,
    counts: tuple[str, ...],
    plan: Callable[[SessionPlanner], Plan],
    text: str | None = None,
    tree: exp.Expr | None = None,
) -> Result:
    """A statement that changes rows; its plan is kept for `text`, if that may come again, where there are no binds or
    they are in `tree` as values.
    """
    if request.describe_only:
        return description(count_columns(counts), StatementType.DML)
    session.core.begin_implicitly()
    key = None if text is None else change_key(session, request, text)
    binds = told(request) if key is not None and tree is not None else None
    if not binds or tree is None or not values_only(tree, binds):
        binds = {}
        key = None if request.bindings else key
    else:
        session.core.connection.tell_binds(binds)

    def make(planner: SessionPlanner) -> Plan:
        made = dataclasses.replace(plan(planner), binds=bool(binds))
        if planner.repeatable:
            session.services.plans.put(key, made)
        return made

    return _planned(session, request, make, binds)


def _planned(
    session: Session,
    request: Request,
    make: Callable[[SessionPlanner], Plan],
    binds: Mapping[str, str] | None = None,
) -> Result:
    planner = SessionPlanner(session, request, told=binds)
    try:
        return run_plan(session, make(planner))
    finally:
        release(session, planner)


def release(session: Session, planner: SessionPlanner) -> None:
    """Let go of the relations that were made for a statement."""
    for name in planner.registered:
        session.core.connection.drop_temporary(name)
