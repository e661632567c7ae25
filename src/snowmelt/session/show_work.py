"""SHOW of what works on data: streams, tasks, procedures, functions, models and their versions."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from snowmelt.base.datatypes import NUMBER, TIMESTAMP_LTZ, DataType
from snowmelt.base.errors import unsupported
from snowmelt.catalog.objects import Function, Model, Procedure, Routine, Stream, Task
from snowmelt.models import artefacts
from snowmelt.session.definitions import existing
from snowmelt.session.session import Session
from snowmelt.session.show_scope import Shown, columns, in_scope
from snowmelt.session.staleness import last_moved, stale_after
from snowmelt.session.stream_reads import stream_source, stream_tables
from snowmelt.sql.statements import Show
from snowmelt.tasks.graph import is_root


def show_streams(session: Session, statement: Show) -> Shown:
    """SHOW STREAMS."""
    moved = last_moved(session)
    rows = [
        (
            s.created_on,
            s.name,
            s.full_name.database,
            s.full_name.schema,
            s.owner,
            s.comment,
            _source(session, s),
            s.source_kind.capitalize(),
            ",".join(_base_tables(session, s)),
            "DELTA",
            *_staleness(session, s, moved),
            "N/A",
            "ROLE",
        )
        for s in in_scope(session, statement, Stream)
    ]
    names = (
        "created_on name database_name schema_name owner comment table_name source_type base_tables type stale mode "
        "stale_after invalid_reason owner_role_type"
    )
    return columns(names, stale_after=TIMESTAMP_LTZ), rows


def _staleness(session: Session, stream: Stream, moved: Mapping[int, datetime]) -> tuple[str, str, datetime | None]:
    """The cells stale, mode and stale_after."""
    tables = stream_tables(session, stream)
    if tables is None or stream.id not in moved:
        return "true", stream.mode, None
    end = stale_after(session, tables, moved[stream.id])
    return str(end <= session.services.clock.now()).lower(), stream.mode, end


def _source(session: Session, stream: Stream) -> str:
    """The name that what the stream is on has now, or had when it was dropped."""
    source = stream_source(session, stream)
    return str(stream.source_name if source is None else source.full_name)


def _base_tables(session: Session, stream: Stream) -> list[str]:
    """The names of the tables whose changes the stream tells of."""
    tables = stream_tables(session, stream)
    return [str(stream.source_name)] if tables is None else [str(table.full_name) for table in tables]


def show_tasks(session: Session, statement: Show) -> Shown:
    """SHOW TASKS."""
    finalizers = {task.finalize: task for task in session.services.engine.catalog.all(Task) if task.finalize}
    shown = [task for task in in_scope(session, statement, Task) if is_root(task) or not statement.root_only]
    rows = [_task_row(item, finalizers.get(item.full_name)) for item in shown]
    names = (
        "created_on name id database_name schema_name owner comment warehouse schedule predecessors state definition "
        "condition allow_overlapping_execution error_integration last_committed_on last_suspended_on owner_role_type "
        "config budget task_relations last_suspended_reason success_integration scheduling_mode "
        "target_completion_interval execute_as_user overlap_policy created_by_user"
    )
    return columns(names, last_committed_on=TIMESTAMP_LTZ, last_suspended_on=TIMESTAMP_LTZ), rows


def _task_row(t: Task, finalizer: Task | None) -> tuple[Any, ...]:
    predecessors = json.dumps([str(name) for name in t.after])
    relations: dict[str, Any] = {"Predecessors": [str(name) for name in t.after]}
    root = is_root(t)
    if finalizer is not None:
        relations["FinalizerTask"] = str(finalizer.full_name)
    if t.finalize is not None:
        relations["FinalizedRootTask"] = str(t.finalize)
    return (
        t.created_on,
        t.name,
        str(t.id),
        t.full_name.database,
        t.full_name.schema,
        t.owner,
        t.comment,
        t.warehouse,
        t.schedule,
        predecessors,
        t.state.value,
        t.body,
        t.when,
        str(t.allow_overlap).lower() if root else None,
        None,
        t.last_committed_on,
        t.last_suspended_on,
        "ROLE",
        t.config,
        None,
        json.dumps(relations),
        t.suspended_reason,
        None,
        t.scheduling_mode,
        t.target_interval,
        None,
        t.overlap_policy if root else None,
        t.created_by,
    )


def _arguments(r: Routine) -> str:
    kinds = {"FIXED": "NUMBER", "TEXT": "VARCHAR", "REAL": "FLOAT"}

    def name(data_type: DataType) -> str:
        return kinds.get(data_type.kind.value, data_type.kind.value)

    listed = ", ".join(("DEFAULT " if a.default is not None else "") + name(a.type) for a in r.arguments)
    returns = name(r.returns)
    if r.returns_table is not None:
        returns = "TABLE (" + ", ".join(f"{n} {name(t)}" for n, t in r.returns_table) + ")"
    return f"{r.name}({listed}) RETURN {returns}"


def show_routines(kind: type[Routine]) -> Callable[[Session, Show], Shown]:
    """SHOW PROCEDURES or SHOW FUNCTIONS."""
    more = "" if kind is Procedure else " is_external_function language is_memoizable is_data_metric"

    def own(routine: Routine) -> tuple[Any, ...]:
        return () if kind is Procedure else ("N", routine.language, "N", "N")

    def shown(session: Session, statement: Show) -> Shown:
        rows = [
            (
                r.created_on,
                r.name,
                r.full_name.schema,
                "N",
                "N",
                "N",
                len([a for a in r.arguments if a.default is None]),
                len(r.arguments),
                _arguments(r),
                r.comment or ("user-defined procedure" if kind is Procedure else "user-defined function"),
                r.full_name.database,
                "Y" if r.returns_table is not None else "N",
                "N",
                "N",
                None,
                None,
                *own(r),
            )
            for r in in_scope(session, statement, kind)
        ]
        names = (
            "created_on name schema_name is_builtin is_aggregate is_ansi min_num_arguments max_num_arguments arguments "
            "description catalog_name is_table_function valid_for_clustering is_secure secrets "
            "external_access_integrations" + more
        )
        return columns(names, min_num_arguments=NUMBER, max_num_arguments=NUMBER), rows

    return shown


def show_functions(session: Session, statement: Show) -> Shown:
    """SHOW FUNCTIONS, of a schema or of a model version."""
    if statement.scope == "MODEL":
        model = _model(session, statement)
        name = statement.scope_name
        assert name is not None
        _, version = session.model_version(name, statement.scope_version)
        return artefacts.show_functions(model, version)
    return show_routines(Function)(session, statement)


def show_models(session: Session, statement: Show) -> Shown:
    """SHOW MODELS."""
    return artefacts.show_models(in_scope(session, statement, Model))


def _model(session: Session, statement: Show) -> Model:
    if statement.scope != "MODEL" or statement.scope_name is None:
        raise unsupported(f"SHOW {statement.kind} without IN MODEL")
    return existing(session, Model, session.scope.full(statement.scope_name))


def show_versions(session: Session, statement: Show) -> Shown:
    """SHOW VERSIONS IN MODEL."""
    return artefacts.show_versions(_model(session, statement))
