"""When a scheduled task is due: intervals and CRON expressions. Pure: no clock, no state.

Source: docs.snowflake.com/en/sql-reference/sql/create-task (SCHEDULE)
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from snowmelt.base.errors import SqlError

if TYPE_CHECKING:
    from croniter import croniter

_UNITS = {
    **dict.fromkeys(("S", "SECOND", "SECONDS"), (1, 10, 691_200)),
    **dict.fromkeys(("M", "MINUTE", "MINUTES"), (60, 1, 11_520)),
    **dict.fromkeys(("H", "HOUR", "HOURS"), (3_600, 1, 192)),
}
"""Seconds of each unit, and the least and the greatest number of it that a schedule may have (eight days)."""

_INTERVAL = re.compile(r"\s*(\d+)\s*([A-Za-z]+)\s*")
_CRON = re.compile(r"\s*USING\s+CRON\s+(.+?)\s+(\S+)\s*", re.IGNORECASE | re.DOTALL)

_NAMES = "JAN|FEB|MAR|APR|MAY|JUN|JUL|AUG|SEP|OCT|NOV|DEC|MON|TUE|WED|THU|FRI|SAT|SUN"
_POINT = rf"(?:\d+L?|L|{_NAMES})"
_CRON_FIELD = re.compile(
    rf"(?:\*|{_POINT}(?:-{_POINT})?)(?:/\d+)?(?:,(?:\*|{_POINT}(?:-{_POINT})?)(?:/\d+)?)*", re.IGNORECASE
)

_TURN = timedelta(hours=3)
"""More than any clock is ever turned by at once."""

_SAMPLE = datetime(2026, 1, 1, tzinfo=UTC)
"""Some moment, after which a CRON expression must be due at all."""


@dataclass(frozen=True)
class Every:
    """A schedule of equal intervals, counted from the moment the task was resumed."""

    seconds: int

    def next_after(self, anchor: datetime, now: datetime) -> datetime:
        """The first moment after `now` that is a whole number of intervals, at least one, after `anchor`."""
        interval = timedelta(seconds=self.seconds)
        passed = max(0, (now - anchor) // interval)
        return anchor + (passed + 1) * interval


@dataclass(frozen=True)
class Cron:
    """A CRON expression of five fields, read in a time zone.

    A wall-clock time that a turn of the clock leaves out is not run; one that comes twice is run twice.
    """

    expression: str
    zone: ZoneInfo

    def next_after(self, anchor: datetime, now: datetime) -> datetime:
        """The first moment after `now` that the expression names; `anchor` does not matter.

        Raises:
            CroniterError: there is none, as for 31 February.
        """
        local = now.astimezone(self.zone)
        wall = self._walls(local.replace(tzinfo=None))
        following = wall.get_next(datetime)
        found = self._moments(following)
        if found and found[0].astimezone(self.zone).utcoffset() == local.utcoffset():
            return found[0]
        return self._next_across_turn(local, now)

    def _next_across_turn(self, local: datetime, now: datetime) -> datetime:
        """As `next_after`, where the clock may be turned between now and then: wall times are not in order."""
        wall = self._walls(local.replace(tzinfo=None) - _TURN)
        best: datetime | None = None
        best_wall = datetime.max
        while True:
            following = wall.get_next(datetime)
            if best is not None and following > best_wall + _TURN:
                return best
            for moment in self._moments(following):
                if moment > now and (best is None or moment < best):
                    best, best_wall = moment, following

    def _walls(self, start: datetime) -> croniter:
        from croniter import croniter

        return croniter(self.expression, start)

    def _moments(self, wall: datetime) -> list[datetime]:
        """The moments, in order, at which the zone's clocks show `wall`: none, one or two."""
        moments = {wall.replace(tzinfo=self.zone, fold=fold).astimezone(UTC) for fold in (0, 1)}
        return sorted(moment for moment in moments if moment.astimezone(self.zone).replace(tzinfo=None) == wall)


Schedule = Every | Cron


def parse_schedule(text: str) -> Schedule:
    """The schedule that SCHEDULE = '...' means.

    Args:
        text: ``<n> SECOND | MINUTE | HOUR`` (also in the plural, or ``S``, ``M``, ``H``), from ten seconds to eight
            days, or ``USING CRON <minute> <hour> <day of month> <month> <day of week> <time zone>``.

    Raises:
        SqlError: 001008 when the text is neither, the number is out of bounds or the time zone is not known.
    """
    cron = _CRON.fullmatch(text)
    if cron is not None:
        return _parse_cron(text, cron.group(1), cron.group(2))
    interval = _INTERVAL.fullmatch(text)
    unit = _UNITS.get(interval.group(2).upper()) if interval else None
    if interval is None or unit is None:
        raise _invalid(text, "it is neither '<n> { SECONDS | MINUTES | HOURS }' nor 'USING CRON <expr> <time_zone>'")
    seconds, least, greatest = unit
    number = int(interval.group(1))
    if not least <= number <= greatest:
        raise _invalid(text, f"the number must be from {least} to {greatest}")
    return Every(number * seconds)


def _parse_cron(text: str, expression: str, zone: str) -> Cron:
    from croniter import CroniterError

    fields = expression.split()
    if len(fields) != 5:
        raise _invalid(text, "a CRON expression has five fields and a time zone")
    for field in fields:
        if _CRON_FIELD.fullmatch(field) is None:
            raise _invalid(text, f"'{field}' is not a field of a CRON expression")
    # Snowflake writes the last Friday of the month as 5L, croniter as L5.
    fields[4] = re.sub(r"(\d+)L", r"L\1", fields[4].upper())
    try:
        found = Cron(" ".join(fields).upper(), ZoneInfo(zone))
        found.next_after(_SAMPLE, _SAMPLE)
    except CroniterError as error:
        raise _invalid(text, str(error)) from error
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise _invalid(text, f"time zone '{zone}' is not known") from error
    return found


def _invalid(text: str, reason: str) -> SqlError:
    return SqlError(
        f"SQL compilation error:\ninvalid value ['{text}'] for parameter 'SCHEDULE': invalid schedule, {reason}.",
        1008,
        "22023",
    )
