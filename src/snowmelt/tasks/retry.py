"""EXECUTE TASK ... RETRY: the next attempt of a graph run that failed.

Source: docs.snowflake.com/en/sql-reference/sql/execute-task
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

from snowmelt.base.errors import SqlError
from snowmelt.catalog.names import FullName
from snowmelt.tasks.execution import GraphRun
from snowmelt.tasks.graph import NodeState
from snowmelt.tasks.runs import Origin, RunState, TaskRun

RETRY_WITHIN = timedelta(days=14)
"""How old a graph run may be to be taken up again."""


def take_up(graph_run: GraphRun, history: Sequence[TaskRun], now: datetime, group: str | None = None) -> None:
    """Make a new graph run the next attempt of an earlier one: what went well there is not run again.

    Args:
        graph_run: a graph run that has not begun; it takes on the group, the configuration and the attempt's number.
        history: all runs, newest first.
        now: the present moment.
        group: id of the earlier graph run; None takes the latest one.

    Raises:
        SqlError: 091457 when no graph run is there, 091456 when it neither failed nor was cancelled,
            091458 when the graph was modified since.
    """
    root, template = graph_run.graph.root, graph_run.template
    runs = [run for run in history if run.root_id == template.root_id and group in (None, run.group)]
    if not runs or runs[0].scheduled_time < now - RETRY_WITHIN:
        raise SqlError(f"Cannot perform retry: there is no run of graph with root task {root} to retry.", 91457)
    group = runs[0].group
    latest = _latest_attempts(run for run in runs if run.group == group)
    refusal = f"Cannot perform retry: run (graph_run_group_id = {group}) of graph with root task {root}"
    bad = any(run.state.failed or run.state is RunState.CANCELLED for run in latest.values())
    if not bad or not all(run.state.ended for run in latest.values()):
        raise SqlError(f"{refusal} has not failed and was not cancelled.", 91456)
    if runs[0].graph_version != template.graph_version:
        raise SqlError(f"{refusal} cannot be retried since the graph was modified.", 91458)
    for name in graph_run.graph.tasks:
        earlier = latest.get(name)
        if earlier is not None and earlier.state in _KEPT:
            graph_run.states[name] = _KEPT[earlier.state]
            graph_run.ended[name] = earlier
    graph_run.template = dataclasses.replace(
        template,
        group=group,
        run_id=runs[0].run_id,
        config=runs[0].config,
        attempt_number=max(run.attempt_number for run in latest.values()) + 1,
        scheduled_from=Origin.MANUAL_RETRY,
    )


_KEPT = {RunState.SUCCEEDED: NodeState.SUCCEEDED, RunState.SKIPPED: NodeState.SKIPPED}


def _latest_attempts(runs: Iterable[TaskRun]) -> dict[FullName, TaskRun]:
    latest: dict[FullName, TaskRun] = {}
    for run in runs:
        if run.task not in latest or latest[run.task].attempt_number < run.attempt_number:
            latest[run.task] = run
    return latest
