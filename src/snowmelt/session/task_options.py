"""Properties of tasks: what SET takes, UNSET gives back, and CREATE TASK begins with.

Source: docs.snowflake.com/en/sql-reference/sql/create-task (optional parameters)
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from snowmelt.base.errors import SqlError, unsupported
from snowmelt.catalog.objects import Task
from snowmelt.session.parameters import DEFAULTS, NOT_OF_SESSIONS, OF_TASKS, checked
from snowmelt.tasks.schedule import Every, parse_schedule

_DAY_S = 86_400
_WEEK_S = 604_800


def _invalid(name: str, value: Any) -> SqlError:
    return SqlError(f"SQL compilation error:\ninvalid value [{value}] for parameter '{name}'", 1008, "22023")


def _text(name: str, value: Any) -> str:
    if isinstance(value, (dict, list)):
        raise _invalid(name, value)
    return str(value)


def _boolean(name: str, value: Any) -> bool:
    if str(value).lower() not in ("true", "false"):
        raise _invalid(name, value)
    return str(value).lower() == "true"


def _within(low: int, high: int) -> Callable[[str, Any], int]:
    def number(name: str, value: Any) -> int:
        try:
            found = int(str(value))
        except ValueError as error:
            raise _invalid(name, value) from error
        if not low <= found <= high:
            raise _invalid(name, value)
        return found

    return number


_SIZES = ("XSMALL", "SMALL", "MEDIUM", "LARGE", "XLARGE", "XXLARGE")
"""What a serverless task may ask for, in order."""

_OTHER_SPELLINGS = {"X-SMALL": "XSMALL", "X-LARGE": "XLARGE", "2X-LARGE": "XXLARGE", "X2LARGE": "XXLARGE"}


def _size(name: str, value: Any) -> str:
    found = str(value).upper()
    found = _OTHER_SPELLINGS.get(found, found)
    if found not in _SIZES:
        raise _invalid(name, value)
    return found


def _interval(name: str, value: Any) -> str:
    """A length of time of at most a day, in the words of a schedule.

    Raises:
        SqlError: 001008 for anything else.
    """
    try:
        found = parse_schedule(_text(name, value))
    except SqlError as error:
        raise _invalid(name, value) from error
    if not isinstance(found, Every) or found.seconds > _DAY_S:
        raise _invalid(name, value)
    return str(value)


@dataclass(frozen=True)
class _Property:
    """A property that is a field of `Task`; UNSET gives the field its default back."""

    field: str
    check: Callable[[str, Any], Any] = _text


_PROPERTIES = {
    "WAREHOUSE": _Property("warehouse"),
    "SCHEDULE": _Property("schedule"),
    "CONFIG": _Property("config"),
    "COMMENT": _Property("comment"),
    "FINALIZE": _Property("finalize"),
    "USER_TASK_MANAGED_INITIAL_WAREHOUSE_SIZE": _Property("initial_size", _size),
    "TARGET_COMPLETION_INTERVAL": _Property("target_interval", _interval),
    "SERVERLESS_TASK_MIN_STATEMENT_SIZE": _Property("minimum_size", _size),
    "SERVERLESS_TASK_MAX_STATEMENT_SIZE": _Property("maximum_size", _size),
    "USER_TASK_TIMEOUT_MS": _Property("timeout_ms", _within(0, _WEEK_S * 1000)),
    "SUSPEND_TASK_AFTER_NUM_FAILURES": _Property("suspend_after_failures", _within(0, 1 << 31)),
    "TASK_AUTO_RETRY_ATTEMPTS": _Property("auto_retries", _within(0, 30)),
    # Ten seconds is the least on an account.
    "USER_TASK_MINIMUM_TRIGGER_INTERVAL_IN_SECONDS": _Property("minimum_trigger_seconds", _within(0, _WEEK_S)),
}

_SERVERLESS = (
    *("USER_TASK_MANAGED_INITIAL_WAREHOUSE_SIZE", "TARGET_COMPLETION_INTERVAL"),
    *("SERVERLESS_TASK_MIN_STATEMENT_SIZE", "SERVERLESS_TASK_MAX_STATEMENT_SIZE"),
)

_OVERLAP = {
    "NO_OVERLAP": {"allow_overlap": False, "overlap_roots": False},
    "ALLOW_CHILD_OVERLAP": {"allow_overlap": True, "overlap_roots": False},
    "ALLOW_ALL_OVERLAP": {"allow_overlap": True, "overlap_roots": True},
}

_DEFAULTS = {each.name: each.default for each in dataclasses.fields(Task)}


def with_options(task: Task, options: Mapping[str, Any]) -> Task:
    """The task with properties and session parameters set; FINALIZE must be a full name already.

    Raises:
        SqlError: 001003 for a property that there is not, 001008 for a value that it cannot have, 000002 for a
            parameter of sessions that is not supported.
    """
    changes: dict[str, Any] = {}
    parameters = dict(task.parameters)
    for name, value in options.items():
        if name == "ALLOW_OVERLAPPING_EXECUTION":
            changes |= _OVERLAP["ALLOW_CHILD_OVERLAP" if _boolean(name, value) else "NO_OVERLAP"]
        elif name == "OVERLAP_POLICY":
            if str(value).upper() not in _OVERLAP:
                raise _invalid(name, value)
            changes |= _OVERLAP[str(value).upper()]
        elif name == "FINALIZE":
            changes["finalize"] = value
        elif name in _PROPERTIES:
            changes[_PROPERTIES[name].field] = _PROPERTIES[name].check(name, value)
        else:
            parameters[name] = checked(name, value)
    if parameters.get("AUTOCOMMIT") is False:
        raise unsupported("AUTOCOMMIT = FALSE of a task")
    # A task runs in a warehouse or without one.
    for name in _SERVERLESS:
        if "WAREHOUSE" in options and name in options:
            raise unsupported(f"a task with both WAREHOUSE and {name}")
    made = dataclasses.replace(task, parameters=parameters, **changes)
    _check_sizes(made)
    return made


def _check_sizes(task: Task) -> None:
    """The least size of a serverless task, its first one and the greatest must be in that order."""
    given = [size for size in (task.minimum_size, task.initial_size, task.maximum_size) if size is not None]
    if given != sorted(given, key=_SIZES.index):
        raise _invalid("SERVERLESS_TASK_MIN_STATEMENT_SIZE" if task.minimum_size else _SERVERLESS[0], given[0])


# Where an account chooses a size itself.
_SIZE_DEFAULTS = {
    "USER_TASK_MANAGED_INITIAL_WAREHOUSE_SIZE": "Medium",
    "SERVERLESS_TASK_MIN_STATEMENT_SIZE": "XSMALL",
    "SERVERLESS_TASK_MAX_STATEMENT_SIZE": "XXLARGE",
}


def task_parameters(task: Task, account: Mapping[str, Any]) -> list[tuple[str, Any, Any, str]]:
    """SHOW PARAMETERS IN TASK: each parameter with its value, its default and where it was set, or an empty text."""
    found: list[tuple[str, Any, Any, str]] = []
    for name in OF_TASKS:
        field = _PROPERTIES[name].field
        default = _SIZE_DEFAULTS.get(name, _DEFAULTS[field])
        value = getattr(task, field)
        found.append(
            (name, default if value is None else value, default, "TASK" if value not in (None, default) else "")
        )
    for name, default in DEFAULTS.items():
        if name in NOT_OF_SESSIONS:
            continue
        level = "TASK" if name in task.parameters else "ACCOUNT" if name in account else ""
        found.append((name, task.parameters.get(name, account.get(name, default)), default, level))
    return found


def without_options(task: Task, names: tuple[str, ...]) -> Task:
    """The task with properties and session parameters given back their defaults.

    Raises:
        SqlError: 001003 for a name that is neither.
    """
    changes: dict[str, Any] = {}
    parameters = dict(task.parameters)
    for name in names:
        if name in ("ALLOW_OVERLAPPING_EXECUTION", "OVERLAP_POLICY"):
            changes |= _OVERLAP["NO_OVERLAP"]
        elif name in _PROPERTIES:
            field = _PROPERTIES[name].field
            changes[field] = "" if field == "comment" else _DEFAULTS[field]
        elif name in DEFAULTS:
            parameters.pop(name, None)
        else:
            raise SqlError(f"SQL compilation error:\ninvalid property '{name}' for 'TASK'", 1003, "42000")
    return dataclasses.replace(task, parameters=parameters, **changes)
