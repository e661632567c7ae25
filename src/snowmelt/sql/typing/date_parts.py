"""The date and time parts that functions take, under all their names.

Source: docs.snowflake.com/en/sql-reference/functions-date-time (supported date and time parts)
"""

from __future__ import annotations

_NAMES: dict[str, tuple[str, ...]] = {
    "YEAR": ("Y", "YY", "YYY", "YYYY", "YR", "YEARS", "YRS"),
    "QUARTER": ("Q", "QTR", "QTRS", "QUARTERS"),
    "MONTH": ("MM", "MON", "MONS", "MONTHS"),
    "WEEK": ("W", "WK", "WEEKOFYEAR", "WOY", "WY", "WEEKS"),
    "WEEKISO": ("WEEK_ISO", "WEEKOFYEARISO", "WEEKOFYEAR_ISO"),
    "DAY": ("D", "DD", "DAYS", "DAYOFMONTH"),
    "DAYOFWEEK": ("WEEKDAY", "DOW", "DW"),
    "DAYOFWEEKISO": ("WEEKDAY_ISO", "DOW_ISO", "DW_ISO", "DAYOFWEEK_ISO"),
    "DAYOFYEAR": ("YEARDAY", "DOY", "DY"),
    "YEAROFWEEK": (),
    "YEAROFWEEKISO": (),
    "HOUR": ("H", "HH", "HR", "HOURS", "HRS"),
    "MINUTE": ("M", "MI", "MIN", "MINUTES", "MINS"),
    "SECOND": ("S", "SEC", "SECONDS", "SECS"),
    "MILLISECOND": ("MS", "MSEC", "MSECS", "MILLISECONDS"),
    "MICROSECOND": ("US", "USEC", "USECS", "MICROSECONDS"),
    "NANOSECOND": ("NS", "NSEC", "NANOSEC", "NSECOND", "NANOSECONDS", "NANOSECS", "NSECONDS"),
    "EPOCH_SECOND": ("EPOCH", "EPOCH_SECONDS"),
    "EPOCH_MILLISECOND": ("EPOCH_MILLISECONDS",),
    "EPOCH_MICROSECOND": ("EPOCH_MICROSECONDS",),
    "EPOCH_NANOSECOND": ("EPOCH_NANOSECONDS",),
    "TIMEZONE_HOUR": ("TZH",),
    "TIMEZONE_MINUTE": ("TZM",),
}
_CANONICAL = {name: full for full, others in _NAMES.items() for name in (full, *others)}

OF_A_DAY = frozenset({"HOUR", "MINUTE", "SECOND", "MILLISECOND", "MICROSECOND", "NANOSECOND"})
"""Parts that are smaller than a day."""


def canonical(name: str) -> str | None:
    """The full name of a part, or None when there is none of that name."""
    return _CANONICAL.get(name.upper())
