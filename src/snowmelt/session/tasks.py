"""Tasks: CREATE, CREATE OR ALTER, ALTER, EXECUTE.

Source: docs.snowflake.com/en/sql-reference/sql/create-task, .../alter-task, .../execute-task
"""

from __future__ import annotations

import dataclasses
from typing import Any

from snowmelt.base.errors import SqlError
from snowmelt.base.request import Request
from snowmelt.base.result import Result, status_result
from snowmelt.catalog.catalog import Catalog, Change
from snowmelt.catalog.names import FullName, Name
from snowmelt.catalog.objects import Task, TaskStatus
from snowmelt.session.definitions import apply_change, create_object, existing, replace_object
from snowmelt.session.session import Session
from snowmelt.session.task_conditions import check_condition
from snowmelt.session.task_options import with_options, without_options
from snowmelt.sql.statements import AlterTask, CreateTask, ExecuteTask
from snowmelt.tasks.graph import check_suspended, check_task
from snowmelt.tasks.schedule import parse_schedule

USER_SUSPENDED = "USER_SUSPENDED"
CHILD_BECAME_ROOT = "CHILD_BECAME_ROOT"
FINALIZER_BECAME_ROOT = "FINALIZER_BECAME_ROOT"


def create_task(session: Session, statement: CreateTask, request: Request) -> Result:
    """CREATE [OR REPLACE | OR ALTER] TASK; a new one is suspended until resumed."""
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
        created_by=acting_user(session),
    )
    task = with_options(task, statement.options)
    present = session.find(Task, name)
    if statement.or_alter and present is not None:
        return _exchange(session, present, _redefined(present, task))
    message = f"Task {task.name} successfully created."
    return create_object(session, statement, task, message=message, check=lambda catalog: _check(catalog, task))


def _redefined(present: Task, wanted: Task) -> Task:
    """The task that is there with the definition wanted; it stays what it is, and goes on running if it does."""
    return dataclasses.replace(
        wanted,
        id=present.id,
        created_on=present.created_on,
        owner=present.owner,
        created_by=present.created_by,
        state=present.state,
        last_committed_on=present.last_committed_on,
        last_suspended_on=present.last_suspended_on,
        suspended_reason=present.suspended_reason,
    )


def acting_user(session: Session) -> str | None:
    """Who makes or runs a task: the session's user; within a task's run the one who made that task."""
    while session.parent is not None:
        session = session.parent
    if session.task_run is None:
        return session.user
    outer = session.find(Task, session.task_run.task)
    return None if outer is None else outer.created_by


def _check(catalog: Catalog, task: Task) -> None:
    if task.schedule is not None:
        parse_schedule(task.schedule)
    if task.when is not None:
        check_condition(task.when)
    check_task(task, tasks_of(catalog))


def tasks_of(catalog: Catalog) -> dict[FullName, Task]:
    """All tasks by name."""
    return {task.full_name: task for task in catalog.all(Task)}


def _exchange(session: Session, task: Task, changed: Task) -> Result:
    replace_object(session, task, changed, check=lambda catalog: _check(catalog, changed))
    return status_result("Statement executed successfully.")


def alter_task(session: Session, statement: AlterTask, request: Request) -> Result:
    """ALTER TASK."""
    full = session.scope.full(statement.name)
    if statement.if_exists and session.find(Task, full) is None:
        return status_result("Statement executed successfully.")
    task = existing(session, Task, full)
    return _exchange(session, task, _altered(session, task, statement.action, statement.value))


def _altered(session: Session, task: Task, action: str, value: Any) -> Task:
    match action:
        case "RESUME":
            return resumed(session, task)
        case "SUSPEND":
            return _suspended(session, task, USER_SUSPENDED)
        case "SET":
            options = {
                name: session.scope.full(item) if isinstance(item, Name) else item for name, item in value.items()
            }
            return with_options(task, options)
        case "UNSET":
            left = without_options(task, value)
            unlinked = task.finalize is not None and left.finalize is None and task.state is TaskStatus.STARTED
            return _suspended(session, left, FINALIZER_BECAME_ROOT) if unlinked else left
        case "MODIFY AS":
            return dataclasses.replace(task, body=value)
        case "MODIFY WHEN":
            return dataclasses.replace(task, when=value)
        case "REMOVE WHEN":
            return dataclasses.replace(task, when=None)
        case "ADD AFTER":
            added = tuple(session.scope.full(item) for item in value)
            return dataclasses.replace(task, after=tuple(dict.fromkeys((*task.after, *added))))
        case _:
            return _removed(session, task, {session.scope.full(item) for item in value})


def _removed(session: Session, task: Task, gone: set[FullName]) -> Task:
    """REMOVE AFTER, which suspends the task.

    Raises:
        SqlError: 091085 for a task that is no predecessor.
    """
    for name in sorted(gone - set(task.after)):
        raise SqlError(f"Invalid predecessor {name} was specified.", 91085, "42601")
    left = dataclasses.replace(task, after=tuple(item for item in task.after if item not in gone))
    if task.state is TaskStatus.SUSPENDED:
        return left
    return _suspended(session, left, USER_SUSPENDED if left.after else CHILD_BECAME_ROOT)


def resumed(session: Session, task: Task) -> Task:
    """The task as RESUME makes it.

    Raises:
        SqlError: 091088 when nothing would ever make it run.
    """
    if not (task.schedule or task.when or task.after or task.finalize):
        raise SqlError(f"Task {task.full_name} cannot be resumed: it has no schedule, condition or predecessor.", 91088)
    now = session.services.clock.now()
    return dataclasses.replace(task, state=TaskStatus.STARTED, last_committed_on=now)


def _suspended(session: Session, task: Task, reason: str) -> Task:
    now = session.services.clock.now()
    return dataclasses.replace(task, state=TaskStatus.SUSPENDED, last_suspended_on=now, suspended_reason=reason)


def drop_task(session: Session, task: Task) -> None:
    """Drop a task; those that came after it lose a predecessor, and are suspended when it was the last one.

    Raises:
        SqlError: 091421 when the root of the task's graph is not suspended.
    """

    def build(catalog: Catalog) -> Change:
        catalog.check_current(task)
        tasks = tasks_of(catalog)
        check_suspended(task, tasks)
        followers = [each for each in tasks.values() if task.full_name in each.after or each.finalize == task.full_name]
        left = [_without(session, each, task.full_name) for each in followers]
        return Change(put=tuple(left), drop=(task, *followers))

    apply_change(session, build)


def _without(session: Session, task: Task, gone: FullName) -> Task:
    left = dataclasses.replace(task, after=tuple(name for name in task.after if name != gone), finalize=None)
    if left.after or task.state is TaskStatus.SUSPENDED:
        return left
    return _suspended(session, left, CHILD_BECAME_ROOT if task.finalize is None else FINALIZER_BECAME_ROOT)


def execute_task(session: Session, statement: ExecuteTask, request: Request) -> Result:
    """EXECUTE TASK: starts a run and answers at once."""
    full = session.scope.full(statement.name)
    task = existing(session, Task, full)
    session.core.commit()
    session.services.tasks.execute(
        full,
        config=statement.config,
        retry_last=statement.retry_last,
        retry_group=statement.retry_group,
        user=acting_user(session),
    )
    if task.state is TaskStatus.SUSPENDED:
        _note_version(session, full)
    return status_result(f"Task {task.name} is scheduled to run immediately.")


def _note_version(session: Session, name: FullName) -> None:
    """A suspended task gets a version, as SHOW TASKS tells, when it is run by hand; a started one has it already."""

    def build(catalog: Catalog) -> Change:
        found = next((each for each in catalog.all(Task) if each.full_name == name), None)
        if found is None or found.state is TaskStatus.STARTED:
            return Change()
        return Change(put=(dataclasses.replace(found, last_committed_on=session.services.clock.now()),))

    apply_change(session, build)
