"""Templates, and the words in which they tell of times, lengths and numbers."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from jinja2 import Environment, PackageLoader, StrictUndefined

from snowmelt.base.clock import Clock
from snowmelt.catalog.names import FullName
from snowmelt.console.page import link
from snowmelt.console.pages import MENU

_STEPS = (("day", 86_400), ("hour", 3_600), ("minute", 60), ("second", 1))

_TONES = {
    "good": ("SUCCEEDED", "SUCCESS", "STARTED", "STATUS_CODE_OK"),
    "bad": (
        *("FAILED", "FAILED_AND_AUTO_SUSPENDED", "FAILED_WITH_ERROR", "FAILED_WITH_INCIDENT", "STALE"),
        *("STATUS_CODE_ERROR", "ERROR", "FATAL"),
    ),
    "busy": ("EXECUTING", "RUNNING"),
    "warn": ("WARN", "WARNING", "UNREAD"),
}
_BY_WORD = {word: tone for tone, words in _TONES.items() for word in words}


class Templates:
    """The templates of one console."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._environment = Environment(
            loader=PackageLoader("snowmelt.console"),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
            auto_reload=False,
        )
        self._environment.globals.update(link=link, MENU=MENU, FullName=FullName)
        self._environment.filters.update(
            age=self._age,
            moment=moment,
            seconds=seconds,
            tone=tone,
            words=words,
            gist=gist,
            amount=amount,
            plain=plain,
        )

    def render(self, template: str, **values: Any) -> str:
        """The text of a page."""
        return self._environment.get_template(template).render(**values)

    def _age(self, value: datetime | None) -> str:
        """How long ago, or how soon, in one word and a number."""
        if value is None:
            return "never"
        distance = self._clock.now() - aware(value)
        told = span(abs(distance))
        if told == "":
            return "now"
        return f"{told} ago" if distance > timedelta() else f"in {told}"


def aware(value: datetime) -> datetime:
    """A moment; one without a time zone is of UTC, as those of event tables are."""
    return value if value.tzinfo is not None else value.replace(tzinfo=UTC)


def span(distance: timedelta) -> str:
    """A length of time in its largest unit; empty for less than a second."""
    total = distance.total_seconds()
    for name, length in _STEPS:
        if total >= length:
            count = int(total // length)
            return f"{count} {name}{'' if count == 1 else 's'}"
    return ""


def moment(value: datetime | None, zone: ZoneInfo) -> str:
    """A moment with its second."""
    return "" if value is None else f"{aware(value).astimezone(zone):%Y-%m-%d %H:%M:%S}"


def seconds(value: float | timedelta | None) -> str:
    """A length of time with three digits or so; the history of queries counts milliseconds, so 0 is less than one."""
    if value is None:
        return ""
    length = value.total_seconds() if isinstance(value, timedelta) else float(value)
    if length == 0:
        return "< 1 ms"
    if length < 0.00095:
        return f"{length * 1_000_000:.0f} µs"
    if length < 0.0995:
        return f"{length * 1_000:.{1 if length < 0.00995 else 0}f} ms"
    if length < 59.95:
        return f"{length:.{2 if length < 10 else 1}f} s"
    minutes, rest = divmod(round(length), 60)
    if minutes < 60:
        return f"{minutes} min {rest:02d} s"
    return f"{minutes // 60} h {minutes % 60:02d} min"


def tone(state: object) -> str:
    """The colour of a state: good, bad, busy, warn or quiet."""
    return _BY_WORD.get(str(state).upper(), "quiet")


def words(state: object) -> str:
    """A state as people write it."""
    return str(state).replace("_", " ").lower()


def gist(message: str | None) -> str:
    """What an error says, on one line: of a traceback its end, where the exception is."""
    text = (message or "").strip().removeprefix("SQL compilation error:").strip()
    if "Traceback (most recent call last)" in text:
        text = next(line for line in reversed(text.splitlines()) if line and not line[0].isspace())
    return " ".join(text.split())


def amount(count: int, noun: str) -> str:
    """A number with its noun."""
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def plain(value: object) -> str:
    """A figure without more digits than one reads."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return str(value)
    return f"{value:,}" if isinstance(value, int) else f"{value:,.5g}" if abs(value) < 100_000 else f"{value:,.0f}"
