"""Table functions about tasks, and SYSTEM$TASK_DEPENDENTS_ENABLE.

Source: docs.snowflake.com/en/sql-reference/functions/task_history, .../task_dependents, .../complete_task_graphs,
.../current_task_graphs, .../system_task_dependents_enable
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from datetime import timedelta
from itertools import islice
from typing import TYPE_CHECKING, Any

from snowmelt.base.datatypes import TIMESTAMP_LTZ, VARCHAR, DataType
from snowmelt.base.errors import SqlError
from snowmelt.catalog.catalog import Catalog, Change
from snowmelt.catalog.names import FullName, fold, parse_name
from snowmelt.catalog.objects import Task, TaskStatus
from snowmelt.session.definitions import apply_change, existing
from snowmelt.session.information_schema import arrow_rows
from snowmelt.session.table_arguments import Arguments, limit, named, within
from snowmelt.session.tasks import resumed, tasks_of
from snowmelt.tasks import graph_history
from snowmelt.tasks.graph import check_suspended, dependents_of, is_root
from snowmelt.tasks.runs import TASK_HISTORY_COLUMNS, RunState, TaskRun, history_row

if TYPE_CHECKING:
    from snowmelt.session.planner import SessionPlanner
    from snowmelt.session.session import Session

HISTORY_SHOWN = timedelta(days=7)
"""How far back TASK_HISTORY looks."""

_HISTORY_ARGUMENTS = (
    "SCHEDULED_TIME_RANGE_START",
    "SCHEDULED_TIME_RANGE_END",
    "RESULT_LIMIT",
    "TASK_NAME",
    "ERROR_ONLY",
    "ROOT_TASK_ID",
    "DATABASE_NAME",
    "SCHEMA_NAME",
)


def _task_history(planner: SessionPlanner, arguments: Arguments) -> str:
    """Runs of the last 7 days and those that are due, the latest scheduled time first.

    Raises:
        SqlError: 001008 for a time range that does not lie within the last 7 days, or a limit out of bounds; 000938
            for a schema without its database.
    """
    wanted = named(planner, arguments, _HISTORY_ARGUMENTS)
    rows = limit(wanted, 100)
    services = planner.session.services
    oldest = services.clock.now() - HISTORY_SHOWN
    start = within(wanted, "SCHEDULED_TIME_RANGE_START", oldest) or oldest
    end = within(wanted, "SCHEDULED_TIME_RANGE_END", oldest)
    place = {name: fold(str(wanted[name])) for name in ("DATABASE_NAME", "SCHEMA_NAME") if name in wanted}
    if "SCHEMA_NAME" in place and "DATABASE_NAME" not in place:
        raise SqlError("SQL compilation error:\nTASK_HISTORY: SCHEMA_NAME needs DATABASE_NAME", 938, "22023")

    def chosen(run: TaskRun) -> bool:
        if "TASK_NAME" in wanted and not _is_named(run.task, wanted["TASK_NAME"]):
            return False
        if place.get("DATABASE_NAME", run.task.database) != run.task.database:
            return False
        if place.get("SCHEMA_NAME", run.task.schema) != run.task.schema:
            return False
        if "ROOT_TASK_ID" in wanted and str(run.root_id) != str(wanted["ROOT_TASK_ID"]):
            return False
        if wanted.get("ERROR_ONLY") and not (run.state.failed or run.state is RunState.CANCELLED):
            return False
        return start <= run.scheduled_time and (end is None or run.scheduled_time <= end)

    found = islice(filter(chosen, services.tasks.history()), rows)
    return planner.rows(arrow_rows(tuple(TASK_HISTORY_COLUMNS), map(history_row, found)))


def _is_named(task: FullName, wanted: Any) -> bool:
    """Whether a task has a name, which is compared without regard to case and never qualified."""
    return task.name.upper() == str(wanted).strip('"').upper()


def _complete_graphs(planner: SessionPlanner, arguments: Arguments) -> str:
    wanted = named(planner, arguments, ("RESULT_LIMIT", "ROOT_TASK_NAME", "ERROR_ONLY"))
    services = planner.session.services
    found = graph_history.complete(services.tasks.history(), services.clock.now())
    if wanted.get("ERROR_ONLY"):
        found = [item for item in found if item.state is not RunState.SUCCEEDED]
    return _graphs(planner, found, graph_history.COMPLETE_COLUMNS, wanted)


def _current_graphs(planner: SessionPlanner, arguments: Arguments) -> str:
    wanted = named(planner, arguments, ("RESULT_LIMIT", "ROOT_TASK_NAME"))
    services = planner.session.services
    found = graph_history.current(services.tasks.history(), services.clock.now())
    return _graphs(planner, found, graph_history.CURRENT_COLUMNS, wanted)


def _graphs(
    planner: SessionPlanner,
    found: Sequence[graph_history.GraphAttempt],
    columns: list[tuple[str, DataType]],
    wanted: dict[str, Any],
) -> str:
    root = wanted.get("ROOT_TASK_NAME")
    chosen = (item for item in found if root is None or _is_named(item.first.root, root))
    rows = [graph_history.graph_row(item, columns) for item in islice(chosen, limit(wanted, 1_000))]
    return planner.rows(arrow_rows(tuple(columns), rows))


_DEPENDENTS_COLUMNS = (
    ("CREATED_ON", TIMESTAMP_LTZ),
    *((name, VARCHAR) for name in ("NAME", "DATABASE_NAME", "SCHEMA_NAME", "OWNER", "COMMENT", "WAREHOUSE")),
    *((name, VARCHAR) for name in ("SCHEDULE", "PREDECESSORS", "STATE", "DEFINITION", "CONDITION")),
)


def _dependents(planner: SessionPlanner, arguments: Arguments) -> str:
    """The task itself, then what comes after it."""
    wanted = named(planner, arguments, ("TASK_NAME", "RECURSIVE"))
    if wanted.get("TASK_NAME") is None:
        raise SqlError("SQL compilation error:\nTASK_DEPENDENTS: missing argument TASK_NAME", 938, "22023")
    session = planner.session
    task = existing(session, Task, planner.scope.full(parse_name(str(wanted["TASK_NAME"]))))
    below = dependents_of(
        task, tasks_of(session.services.engine.catalog), recursive=wanted.get("RECURSIVE", True) is not False
    )
    return planner.rows(arrow_rows(_DEPENDENTS_COLUMNS, [_dependent_row(item) for item in (task, *below)]))


def _dependent_row(task: Task) -> tuple[Any, ...]:
    return (
        task.created_on,
        task.name,
        task.full_name.database,
        task.full_name.schema,
        task.owner,
        task.comment,
        task.warehouse,
        task.schedule,
        json.dumps([str(name) for name in task.after]),
        task.state.value,
        task.body,
        task.when,
    )


def enable_dependents(session: Session, name: FullName) -> str:
    """SYSTEM$TASK_DEPENDENTS_ENABLE: resume a task and everything below it, all at once.

    Raises:
        SqlError: 002003 for no such task, 091421 when something below a started root is to be resumed, 091088 for a
            task that nothing would make run.
    """
    task = existing(session, Task, name)

    def build(catalog: Catalog) -> Change:
        catalog.check_current(task)
        tasks = tasks_of(catalog)
        sleeping = [item for item in (*dependents_of(task, tasks), task) if item.state is TaskStatus.SUSPENDED]
        for item in sleeping:
            check_suspended(item, tasks)
        # A root without schedule or condition runs by EXECUTE TASK only, and needs not be started for that.
        started = [resumed(session, item) for item in sleeping if not is_root(item) or item.schedule or item.when]
        return Change(put=tuple(started))

    apply_change(session, build)
    return "SUCCESS"


TASK_FUNCTIONS: dict[str, Callable[[SessionPlanner, Arguments], str]] = {
    "INFORMATION_SCHEMA.TASK_HISTORY": _task_history,
    "INFORMATION_SCHEMA.TASK_DEPENDENTS": _dependents,
    "INFORMATION_SCHEMA.COMPLETE_TASK_GRAPHS": _complete_graphs,
    "INFORMATION_SCHEMA.CURRENT_TASK_GRAPHS": _current_graphs,
}
"""The table functions about tasks."""
