"""When scheduled tasks are due."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from snowmelt.base.errors import SqlError
from snowmelt.tasks.schedule import Cron, Every, parse_schedule

START = datetime(2026, 1, 1, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("10 SECONDS", 10),
        ("10 second", 10),
        ("691200 S", 691_200),
        ("1 MINUTE", 60),
        ("5 m", 300),
        ("11520 MINUTES", 691_200),
        ("1 HOUR", 3_600),
        ("192 H", 691_200),
        ("  2  hours ", 7_200),
    ],
)
def test_intervals(text: str, seconds: int) -> None:
    assert parse_schedule(text) == Every(seconds)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "often",
        "9 SECONDS",
        "691201 SECONDS",
        "0 MINUTES",
        "11521 MINUTES",
        "193 HOURS",
        "1 DAY",
        "-1 MINUTE",
        "1.5 HOURS",
        "USING CRON",
        "USING CRON * * * * UTC",
        "USING CRON * * * * * * UTC",
        "USING CRON 60 * * * * UTC",
        "USING CRON * 24 * * * UTC",
        "USING CRON H * * * * UTC",
        "USING CRON R * * * * UTC",
        "USING CRON @daily UTC",
        "USING CRON 0 9 31 2 * UTC",
        "USING CRON * * * * * Mars/Olympus",
        "USING CRON * * * * * ../UTC",
    ],
)
def test_what_is_no_schedule_is_refused(text: str) -> None:
    with pytest.raises(SqlError, match="invalid schedule") as caught:
        parse_schedule(text)
    assert caught.value.code == 1008


@pytest.mark.parametrize(
    ("passed", "due"),
    [(0, 60), (1, 60), (59.999, 60), (60, 120), (61, 120), (3_600, 3_660), (-30, 60)],
)
def test_an_interval_counts_from_its_anchor_and_does_not_pile_up(passed: float, due: float) -> None:
    found = Every(60).next_after(START, START + timedelta(seconds=passed))
    assert found == START + timedelta(seconds=due)


def _series(text: str, start: str, count: int) -> list[str]:
    """Due times after `start`, all as wall time of the schedule's zone with its offset."""
    schedule = parse_schedule(text)
    assert isinstance(schedule, Cron)
    moment = datetime.fromisoformat(start).astimezone(UTC)
    found = []
    for _ in range(count):
        moment = schedule.next_after(moment, moment)
        found.append(moment.astimezone(schedule.zone).strftime("%m-%d %H:%M%z"))
    return found


@pytest.mark.parametrize(
    ("text", "start", "expected"),
    [
        ("USING CRON 0 9 * * * UTC", "2026-01-01T09:00Z", ["01-02 09:00+0000", "01-03 09:00+0000"]),
        ("using cron */20 * * * * Europe/Berlin", "2026-01-01T00:01Z", ["01-01 01:20+0100", "01-01 01:40+0100"]),
        ("USING CRON 0 9 L * * UTC", "2026-01-15T00:00Z", ["01-31 09:00+0000", "02-28 09:00+0000"]),
        ("USING CRON 0 9 * * 5L UTC", "2026-01-01T00:00Z", ["01-30 09:00+0000", "02-27 09:00+0000"]),
        ("USING CRON 0 9 * * MON-FRI UTC", "2026-01-02T10:00Z", ["01-05 09:00+0000", "01-06 09:00+0000"]),
        # Day of month and day of week: either will do.
        ("USING CRON 0 0 15 * TUE UTC", "2026-01-12T00:00Z", ["01-13 00:00+0000", "01-15 00:00+0000"]),
        # 2:30 does not exist on 8 March 2026 in Los Angeles.
        (
            "USING CRON 30 2 * * * America/Los_Angeles",
            "2026-03-07T00:00-08:00",
            ["03-07 02:30-0800", "03-09 02:30-0700"],
        ),
        (
            "USING CRON 30 * * * * America/Los_Angeles",
            "2026-03-08T00:31-08:00",
            ["03-08 01:30-0800", "03-08 03:30-0700", "03-08 04:30-0700"],
        ),
        # 1:30 comes twice on 1 November 2026.
        (
            "USING CRON 30 1 * * * America/Los_Angeles",
            "2026-10-31T12:00-07:00",
            ["11-01 01:30-0700", "11-01 01:30-0800", "11-02 01:30-0800"],
        ),
        (
            "USING CRON */30 * * * * Europe/Berlin",
            "2026-10-25T01:59+02:00",
            ["10-25 02:00+0200", "10-25 02:30+0200", "10-25 02:00+0100", "10-25 02:30+0100", "10-25 03:00+0100"],
        ),
        # A turn by half an hour.
        (
            "USING CRON 45 1 * * * Australia/Lord_Howe",
            "2026-04-04T00:00+11:00",
            ["04-04 01:45+1100", "04-05 01:45+1100", "04-05 01:45+1030", "04-06 01:45+1030"],
        ),
        # Across a turn, at a time of day that it does not touch.
        (
            "USING CRON 0 9 * * * America/New_York",
            "2026-03-07T10:00-05:00",
            ["03-08 09:00-0400", "03-09 09:00-0400"],
        ),
        ("USING CRON 0 0 29 2 * UTC", "2026-01-01T00:00Z", ["02-29 00:00+0000"]),
    ],
)
def test_cron(text: str, start: str, expected: list[str]) -> None:
    assert _series(text, start, len(expected)) == expected


@settings(max_examples=200, deadline=None, derandomize=True, database=None)
@given(
    start=st.datetimes(datetime(2026, 1, 1), datetime(2027, 1, 1), timezones=st.just(UTC)),
    minute=st.sampled_from(["*/15", "0", "7,37"]),
    hour=st.sampled_from(["*", "1", "2,3", "*/5"]),
    zone=st.sampled_from(["America/Los_Angeles", "Europe/Berlin", "Australia/Lord_Howe", "Asia/Kolkata"]),
)
def test_cron_agrees_with_trying_every_minute(start: datetime, minute: str, hour: str, zone: str) -> None:
    found = parse_schedule(f"USING CRON {minute} {hour} * * * {zone}").next_after(start, start)
    minutes = {"*/15": {0, 15, 30, 45}, "0": {0}, "7,37": {7, 37}}[minute]
    hours = {"*": set(range(24)), "1": {1}, "2,3": {2, 3}, "*/5": {0, 5, 10, 15, 20}}[hour]
    moment = start.replace(second=0, microsecond=0)
    while True:
        moment += timedelta(minutes=1)
        wall = moment.astimezone(ZoneInfo(zone))
        if wall.minute in minutes and wall.hour in hours:
            break
    assert found == moment
