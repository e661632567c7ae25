"""Arguments of table functions."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from sqlglot import exp

from snowmelt.base.errors import SqlError, unsupported
from snowmelt.sql.rewrite.rules import rewrite

if TYPE_CHECKING:
    from snowmelt.session.planner import SessionPlanner

Arguments = Sequence[exp.Expr]


def named(planner: SessionPlanner, arguments: Arguments, names: tuple[str, ...]) -> dict[str, Any]:
    """Constant arguments by upper-case name; positional ones take `names` in order.

    Raises:
        SqlError: 000002 for a name that the function does not have.
    """
    found: dict[str, Any] = {}
    for position, argument in enumerate(arguments):
        if isinstance(argument, exp.Kwarg):
            name, value = argument.this.name.upper(), argument.expression
        elif position < len(names):
            name, value = names[position], argument
        else:
            raise SqlError("SQL compilation error:\ntoo many arguments for function", 939, "22023")
        if name not in names:
            raise unsupported(f"argument {name}")
        text = planner.at_once(f"SELECT {rewrite(value, planner)}")
        found[name] = planner.session.core.connection.scalar(text)
    return found


def moment(value: Any) -> datetime | None:
    """A moment from a timestamp, with or without zone, a date or their text.

    Raises:
        SqlError: 100035 for anything else.
    """
    if value is None:
        return None
    try:
        found = value if isinstance(value, datetime) else datetime.fromisoformat(str(value))
    except ValueError as error:
        raise SqlError(f"Timestamp '{value}' is not recognized", 100035, "22007") from error
    return found if found.tzinfo is not None else found.replace(tzinfo=UTC)


def within(wanted: dict[str, Any], name: str, oldest: datetime) -> datetime | None:
    """A bound of a time range, None when it is not given.

    Raises:
        SqlError: 001008 for a moment before `oldest`.
    """
    found = moment(wanted.get(name))
    if found is not None and found < oldest:
        text = f"invalid value [{found}] for parameter '{name}': it must lie within the last 7 days"
        raise SqlError(f"SQL compilation error:\n{text}", 1008, "22023")
    return found


def limit(wanted: dict[str, Any], default: int) -> int:
    """RESULT_LIMIT.

    Raises:
        SqlError: 001008 for one that is not from 1 to 10000.
    """
    value = wanted.get("RESULT_LIMIT", default)
    if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= 10_000:
        raise SqlError(f"SQL compilation error:\ninvalid value [{value}] for parameter 'RESULT_LIMIT'", 1008, "22023")
    return value
