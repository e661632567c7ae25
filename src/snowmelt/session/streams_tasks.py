"""Streams and tasks: CREATE, ALTER, EXECUTE."""

from __future__ import annotations

import dataclasses
from typing import Any

from snowmelt.base.errors import SqlError, object_missing, unsupported
from snowmelt.base.request import Request
from snowmelt.base.result import Result, status_result
from snowmelt.catalog.catalog import Catalog, Entity
from snowmelt.catalog.names import FullName, parse_name
from snowmelt.catalog.objects import Stream, Table, Task, TaskStatus
from snowmelt.session.alter_table import tracking_change
from snowmelt.session.definitions import create_object, existing, replace_object
from snowmelt.session.parameters import checked
from snowmelt.session.planner import SessionPlanner
from snowmelt.session.queries import release
from snowmelt.session.session import Session
from snowmelt.session.time_travel import check_tracked, point_of
from snowmelt.sql import tracking
from snowmelt.sql.past import Moment
from snowmelt.sql.statements import AlterTask, CreateStream, CreateTask, ExecuteTask
from snowmelt.storage.connection import Connection
from snowmelt.streams.offsets import create_offset
from snowmelt.tasks.graph import check_task
from snowmelt.tasks.schedule import parse_schedule

_OPTION_FIELDS = {
    "WAREHOUSE": "warehouse",
    "CONFIG": "config",
    "ALLOW_OVERLAPPING_EXECUTION": "allow_overlap",
    "USER_TASK_TIMEOUT_MS": "timeout_ms",
    "SUSPEND_TASK_AFTER_NUM_FAILURES": "suspend_after_failures",
    "TASK_AUTO_RETRY_ATTEMPTS": "auto_retries",
    "USER_TASK_MINIMUM_TRIGGER_INTERVAL_IN_SECONDS": "minimum_trigger_seconds",
    "COMMENT": "comment",
}
_IGNORED_OPTIONS = frozenset({"USER_TASK_MANAGED_INITIAL_WAREHOUSE_SIZE"})


def create_stream(session: Session, statement: CreateStream, request: Request) -> Result:
    """CREATE STREAM ... ON TABLE."""
    if statement.source_kind != "TABLE":
        raise unsupported(f"CREATE STREAM ON {statement.source_kind}")
    source = session.relation(session.scope.full(statement.source))
    if not isinstance(source, Table):
        raise object_missing("Table", str(statement.source))
    if not tracking.is_tracked(source):
        raise unsupported("stream on a temporary or event table")
    stream = Stream(
        session.scope.full(statement.name),
        session.services.engine.next_id(),
        session.services.clock.now(),
        source=source.id,
        source_name=source.full_name,
        mode="APPEND_ONLY" if statement.append_only else "DEFAULT",
        initial_rows=statement.show_initial_rows,
        comment=statement.comment,
        owner=session.role or "",
    )
    version = None if statement.at is None else _start(session, source, statement.at, request)

    def tracked(catalog: Catalog) -> tuple[Entity, ...]:
        """A stream switches change tracking of its table on."""
        table = next((each for each in catalog.all(Table) if each.id == source.id), None)
        if table is None:
            raise object_missing("Table", str(statement.source))
        return () if table.change_tracking else (dataclasses.replace(table, **tracking_change(session, table, True)),)

    def physical(connection: Connection, created: Stream) -> None:
        create_offset(connection, created, version)

    return create_object(session, statement, stream, physical=physical, also=tracked)


def _start(session: Session, source: Table, moment: Moment, request: Request) -> int:
    """The version from which on a stream shows changes."""
    session.core.commit()
    planner = SessionPlanner(session, request)
    try:
        point = point_of(planner, moment, source)
        check_tracked(session, source, point)
    finally:
        release(session, planner)
    return point.version


def create_task(session: Session, statement: CreateTask, request: Request) -> Result:
    """CREATE TASK; it is suspended until resumed."""
    name = session.scope.full(statement.name)
    task = Task(
        name,
        session.services.engine.next_id(),
        session.services.clock.now(),
        body=statement.body,
        schedule=statement.schedule,
        when=statement.when,
        after=tuple(session.scope.full(item) for item in statement.after),
        finalize=None if statement.finalize is None else session.scope.full(statement.finalize),
        comment=statement.comment,
        owner=session.role or "",
    )
    task = _with_options(task, statement.options)
    _check(session, task)
    done = create_object(session, statement, task, message=f"Task {task.name} successfully created.")
    session.services.tasks.task_changed(name)
    return done


def _check(session: Session, task: Task) -> None:
    if task.schedule is not None:
        parse_schedule(task.schedule)
    tasks = {item.full_name: item for item in session.services.engine.catalog.all(Task)}
    check_task(task, tasks)


def _with_options(task: Task, options: dict[str, Any]) -> Task:
    changes: dict[str, Any] = {}
    parameters = dict(task.parameters)
    for name, value in options.items():
        if name in _OPTION_FIELDS:
            changes[_OPTION_FIELDS[name]] = value
        elif name == "SCHEDULE":
            changes["schedule"] = value
        elif name == "OVERLAP_POLICY":
            changes["allow_overlap"] = str(value).upper() not in ("NO_OVERLAP", "NONE")
        elif name not in _IGNORED_OPTIONS:
            parameters[name] = checked(name, value)
    return dataclasses.replace(task, parameters=parameters, **changes)


def alter_task(session: Session, statement: AlterTask, request: Request) -> Result:
    """ALTER TASK."""
    full = session.scope.full(statement.name)
    try:
        task = existing(session, Task, full)
    except SqlError:
        if statement.if_exists:
            return status_result("Statement executed successfully.")
        raise
    changed = _altered(session, task, statement.action, statement.value)
    _check(session, changed)
    replace_object(session, task, changed)
    session.services.tasks.task_changed(full)
    return status_result("Statement executed successfully.")


def _altered(session: Session, task: Task, action: str, value: Any) -> Task:
    now = session.services.clock.now()
    match action:
        case "RESUME":
            if not (task.schedule or task.when or task.after or task.finalize):
                raise SqlError(
                    f"Task {task.full_name} cannot be resumed: it has no schedule, condition or predecessor.", 91088
                )
            return dataclasses.replace(task, state=TaskStatus.STARTED, last_committed_on=now)
        case "SUSPEND":
            return dataclasses.replace(task, state=TaskStatus.SUSPENDED, last_suspended_on=now)
        case "SET":
            return _with_options(task, value)
        case "MODIFY AS":
            return dataclasses.replace(task, body=value)
        case "MODIFY WHEN":
            return dataclasses.replace(task, when=value)
        case "REMOVE WHEN":
            return dataclasses.replace(task, when=None)
        case "ADD AFTER":
            added = tuple(session.scope.full(item) for item in value)
            return dataclasses.replace(task, after=tuple(dict.fromkeys((*task.after, *added))))
        case "REMOVE AFTER":
            removed = {session.scope.full(item) for item in value}
            return dataclasses.replace(task, after=tuple(item for item in task.after if item not in removed))
        case _:
            raise unsupported(f"ALTER TASK {action}")


def execute_task(session: Session, statement: ExecuteTask, request: Request) -> Result:
    """EXECUTE TASK: starts a run and answers at once."""
    full = session.scope.full(statement.name)
    task = existing(session, Task, full)
    session.core.commit()
    session.services.tasks.execute(full, config=statement.config, retry_last=statement.retry_last)
    return status_result(f"Task {task.name} is scheduled to run immediately.")


def qualified(session: Session, text: str) -> FullName:
    """The full name that a text such as TASK_NAME => 'x' means."""
    return session.scope.full(parse_name(text))
