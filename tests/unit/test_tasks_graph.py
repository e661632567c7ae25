"""Task graphs: valid definitions, and the order of runs."""

from __future__ import annotations

import dataclasses
from datetime import timedelta
from typing import Any

import pytest
from tasks_fakes import START, full, make_task

from snowmelt.base.errors import SqlError
from snowmelt.catalog.names import FullName
from snowmelt.catalog.objects import Task, TaskStatus
from snowmelt.tasks.graph import Graph, NodeState, check_task, merge_config, roots_of

SUSPENDED = TaskStatus.SUSPENDED


def tasks_of(**definitions: Any) -> dict[FullName, Task]:
    """Suspended tasks by name; a definition is the AFTER list or a dict of fields."""
    found = {}
    for number, (name, definition) in enumerate(definitions.items()):
        fields = definition if isinstance(definition, dict) else {"after": definition}
        found[full(name)] = make_task(name, number, **{"state": SUSPENDED, **fields})
    return found


PRESENT = tasks_of(R=(), A=["R"], B=["A"], F={"finalize": "R"}, S={"schedule": "1 MINUTE"}, C=["S"])


@pytest.mark.parametrize(
    ("name", "fields"),
    [
        ("NEW", {}),
        ("NEW", {"schedule": "1 HOUR", "config": '{"a": 1}', "allow_overlap": True}),
        ("NEW", {"after": ["R"]}),
        ("NEW", {"after": ["A", "B"], "when": "TRUE"}),
        ("NEW", {"finalize": "S"}),
        ("B", {"after": ["R"]}),
        ("F", {"finalize": "R", "comment": "still the finalizer"}),
        ("R", {"schedule": "1 HOUR"}),
    ],
)
def test_valid_definitions(name: str, fields: dict[str, Any]) -> None:
    check_task(make_task(name, 99, state=SUSPENDED, **fields), PRESENT)


@pytest.mark.parametrize(
    ("name", "fields", "code", "message"),
    [
        ("NEW", {"after": ["GONE"]}, 91085, "Invalid predecessor D.S.GONE"),
        ("NEW", {"finalize": "GONE"}, 91085, "Invalid predecessor D.S.GONE"),
        ("NEW", {"after": ["NEW"]}, 91085, "Invalid predecessor"),
        ("NEW", {"after": ["R"], "schedule": "1 HOUR"}, 91083, "SCHEDULE can be set only for a root task"),
        ("NEW", {"after": ["R"], "config": "{}"}, 91083, "CONFIG can be set only for a root task"),
        ("NEW", {"after": ["R"], "allow_overlap": True}, 91083, "OVERLAP_POLICY"),
        ("NEW", {"after": ["R"], "finalize": "S"}, 91083, "a finalizer cannot have predecessors"),
        ("NEW", {"finalize": "S", "schedule": "1 HOUR"}, 91083, "SCHEDULE"),
        ("NEW", {"finalize": "R"}, 91083, "has the finalizer D.S.F already"),
        ("NEW", {"finalize": "A"}, 91083, "D.S.A is not a root task"),
        ("NEW", {"after": ["F"]}, 91083, "is a finalizer and cannot have children"),
        ("NEW", {"after": ["B", "C"]}, 91083, "several root tasks: D.S.R, D.S.S"),
        ("NEW", {"config": "not json"}, 100069, "Error parsing JSON"),
        ("NEW", {"config": "[1]"}, 100069, "must be a JSON object"),
        ("A", {"after": ["B"]}, 91083, "cycle"),
        ("R", {"after": ["S"]}, 91083, "has a finalizer and must remain a root task"),
        ("A", {"finalize": "S"}, 91083, "has children and cannot be a finalizer"),
    ],
)
def test_invalid_definitions(name: str, fields: dict[str, Any], code: int, message: str) -> None:
    with pytest.raises(SqlError, match=message) as caught:
        check_task(make_task(name, 99, state=SUSPENDED, **fields), PRESENT)
    assert caught.value.code == code


def test_a_predecessor_must_be_in_the_same_schema() -> None:
    other = dataclasses.replace(make_task("R", 1), full_name=FullName("D", "OTHER", "R"))
    task = dataclasses.replace(make_task("NEW", 2), after=(other.full_name,))
    with pytest.raises(SqlError, match="another schema"):
        check_task(task, {other.full_name: other})


def test_limits_of_a_graph() -> None:
    wide = tasks_of(R=(), **{f"T{i}": ["R"] for i in range(100)})
    with pytest.raises(SqlError, match="100 children already"):
        check_task(make_task("NEW", 999, state=SUSPENDED, after=["R"]), wide)
    with pytest.raises(SqlError, match="at most 100 predecessors"):
        check_task(make_task("NEW", 999, state=SUSPENDED, after=[*wide_names(wide), "R"]), wide)
    long = tasks_of(R=(), T1=["R"], **{f"T{i}": [f"T{i - 1}"] for i in range(2, 1000)})
    with pytest.raises(SqlError, match="at most 1000 tasks"):
        check_task(make_task("NEW", 9999, state=SUSPENDED, after=["T999"]), long)


def wide_names(tasks: dict[FullName, Task]) -> list[str]:
    return [name.name for name in tasks if name.name != "R"]


@pytest.mark.parametrize(
    "change", ["new child", "alter child", "resume child", "leave", "alter root", "recreate child"]
)
def test_a_graph_changes_only_while_its_root_is_suspended(change: str) -> None:
    tasks = tasks_of(R={"schedule": "1 HOUR", "state": TaskStatus.STARTED}, A=["R"], X=())
    child, root = tasks[full("A")], tasks[full("R")]
    changed = {
        "new child": make_task("NEW", 9, state=SUSPENDED, after=["R"]),
        "alter child": dataclasses.replace(child, body="other"),
        "resume child": dataclasses.replace(child, state=TaskStatus.STARTED),
        "leave": dataclasses.replace(child, after=(full("X"),)),
        "alter root": dataclasses.replace(root, schedule="2 HOURS"),
        "recreate child": dataclasses.replace(child, id=9, body="other"),
    }[change]
    message = r"Unable to update graph with root task D.S.R since that root task is not suspended\."
    with pytest.raises(SqlError, match=message) as caught:
        check_task(changed, tasks)
    assert caught.value.code == 91421
    check_task(changed, {**tasks, root.full_name: dataclasses.replace(root, state=SUSPENDED)})


@pytest.mark.parametrize("change", ["suspend", "same again", "recreate root"])
def test_what_may_be_done_to_a_started_graph(change: str) -> None:
    tasks = tasks_of(R={"schedule": "1 HOUR", "state": TaskStatus.STARTED}, A=["R"])
    child, root = tasks[full("A")], tasks[full("R")]
    changed = {
        "suspend": dataclasses.replace(root, state=SUSPENDED),
        # CREATE TASK IF NOT EXISTS, and CREATE OR REPLACE with the same text, of a deployment that is run again.
        "same again": dataclasses.replace(child, id=9, created_on=START + timedelta(days=1)),
        "recreate root": dataclasses.replace(root, id=9, state=SUSPENDED, schedule="2 HOURS"),
    }[change]
    check_task(changed, tasks)


def test_roots() -> None:
    assert roots_of(PRESENT[full("B")], PRESENT) == {full("R")}
    assert roots_of(PRESENT[full("F")], PRESENT) == {full("R")}
    assert roots_of(PRESENT[full("S")], PRESENT) == {full("S")}


def graph_of(suspended: str = "", **after: Any) -> Graph:
    tasks = {
        name: dataclasses.replace(task, state=SUSPENDED if task.name in suspended.split() else TaskStatus.STARTED)
        for name, task in tasks_of(**after).items()
    }
    return Graph.of(tasks[full("R")], tasks)


DIAMOND: dict[str, Any] = {"R": (), "A": ["R"], "B": ["R"], "C": ["A", "B"], "D": ["C"]}


@pytest.mark.parametrize(
    ("suspended", "states", "ready", "settled"),
    [
        ("", "", "R", ""),
        ("", "R=RUNNING", "", ""),
        ("", "R=SUCCEEDED", "A B", ""),
        ("", "R=SUCCEEDED A=SUCCEEDED B=RUNNING", "", ""),
        ("", "R=SUCCEEDED A=SUCCEEDED B=SUCCEEDED", "C", ""),
        ("", "R=FAILED", "", "A=BLOCKED B=BLOCKED C=BLOCKED D=BLOCKED"),
        ("", "R=CANCELLED", "", "A=BLOCKED B=BLOCKED C=BLOCKED D=BLOCKED"),
        ("", "R=SKIPPED", "", "A=SKIPPED B=SKIPPED C=SKIPPED D=SKIPPED"),
        ("", "R=SUCCEEDED A=FAILED B=RUNNING", "", "C=BLOCKED D=BLOCKED"),
        # One predecessor skipped, the other succeeded: the task runs.
        ("", "R=SUCCEEDED A=SKIPPED B=SUCCEEDED", "C", ""),
        ("", "R=SUCCEEDED A=SKIPPED B=RUNNING", "", ""),
        ("", "R=SUCCEEDED A=SKIPPED B=SKIPPED", "", "C=SKIPPED D=SKIPPED"),
        ("", "R=SUCCEEDED A=SKIPPED B=FAILED", "", "C=BLOCKED D=BLOCKED"),
        # Suspended children are passed over.
        ("A", "R=SUCCEEDED", "B", ""),
        ("A", "R=SUCCEEDED B=SUCCEEDED", "C", ""),
        ("A B", "R=SUCCEEDED", "C", ""),
        ("C", "R=SUCCEEDED A=SUCCEEDED B=SUCCEEDED", "D", ""),
        ("C", "R=SUCCEEDED A=FAILED B=SUCCEEDED", "", "D=BLOCKED"),
        ("R", "", "R", ""),
    ],
)
def test_what_runs_next(suspended: str, states: str, ready: str, settled: str) -> None:
    def parsed(text: str) -> dict[FullName, NodeState]:
        return {full(name): NodeState[state] for name, state in (item.split("=") for item in text.split())}

    graph, present = graph_of(suspended, **DIAMOND), parsed(states)
    before = dict(present)
    assert sorted(name.name for name in graph.advance(present)) == ready.split()
    assert {name: state for name, state in present.items() if name not in before} == parsed(settled)


def test_the_finalizer_takes_part_when_it_is_started() -> None:
    tasks = tasks_of(R=(), F={"finalize": "R"})
    assert Graph.of(tasks[full("R")], tasks).finalizer is None
    tasks[full("F")] = dataclasses.replace(tasks[full("F")], state=TaskStatus.STARTED)
    assert Graph.of(tasks[full("R")], tasks).finalizer == tasks[full("F")]


def test_the_fingerprint_stands_for_definitions_only() -> None:
    first = graph_of("", **DIAMOND).fingerprint
    assert graph_of("A B", **DIAMOND).fingerprint == first
    assert graph_of("", **{**DIAMOND, "D": ["C", "A"]}).fingerprint != first
    assert graph_of("", **{**DIAMOND, "D": {"after": ["C"], "body": "other"}}).fingerprint != first


@pytest.mark.parametrize(
    ("default", "dynamic", "merged"),
    [
        (None, None, None),
        ('{"a": 1}', None, '{"a": 1}'),
        (None, '{"a": 1}', '{"a": 1}'),
        ('{"a": 1, "b": 2}', '{"b": 3, "c": 4}', '{"a": 1, "b": 3, "c": 4}'),
        ('{"e": 1, "o": {"l": "x", "r": "y"}}', '{"o": {"r": "z"}}', '{"e": 1, "o": {"l": "x", "r": "z"}}'),
        ('{"o": {"l": "x"}}', '{"o": 1}', '{"o": 1}'),
    ],
)
def test_configuration_of_one_run(default: str | None, dynamic: str | None, merged: str | None) -> None:
    assert merge_config(default, dynamic) == merged
