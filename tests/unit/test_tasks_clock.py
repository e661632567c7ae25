"""The clock that tests turn by hand."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import datetime, timedelta

import pytest
from tasks_fakes import PATIENCE, START

from snowmelt.base.clock import Clock, SystemClock
from snowmelt.testing.clock import ManualClock


def _in_thread(wait: Callable[[], bool]) -> tuple[threading.Thread, list[bool]]:
    answers: list[bool] = []
    thread = threading.Thread(target=lambda: answers.append(wait()), daemon=True)
    thread.start()
    return thread, answers


def test_it_stands_still_until_it_is_advanced() -> None:
    clock = ManualClock(START)
    assert clock.now() == clock.now() == START
    clock.advance(1.5)
    assert clock.now() == START + timedelta(seconds=1.5)
    with pytest.raises(ValueError, match="backwards"):
        clock.advance(-1)
    with pytest.raises(ValueError, match="time zone"):
        ManualClock(datetime(2026, 1, 1))


def test_waiting_ends_when_the_time_has_come() -> None:
    clock, event = ManualClock(START), threading.Event()
    thread, answers = _in_thread(lambda: clock.wait(event, 10))
    clock.advance(9)
    assert answers == []
    clock.advance(1)
    thread.join(PATIENCE)
    # The thread may have begun to wait only after the clock was turned; then it waits from there.
    if thread.is_alive():
        clock.advance(10)
        thread.join(PATIENCE)
    assert answers == [False]


@pytest.mark.parametrize("timeout", [None, 10.0])
def test_waiting_ends_when_the_event_is_set(timeout: float | None) -> None:
    clock, event = ManualClock(START), threading.Event()
    thread, answers = _in_thread(lambda: clock.wait(event, timeout))
    event.set()
    thread.join(PATIENCE)
    assert answers == [True]


def test_no_time_to_wait() -> None:
    clock, event = ManualClock(START), threading.Event()
    assert clock.wait(event, 0) is False
    event.set()
    assert clock.wait(event, 0) is True


def test_a_moment_that_has_come_is_not_waited_for() -> None:
    clock, event = ManualClock(START), threading.Event()
    clock.advance(10)
    assert clock.wait_until(event, START + timedelta(seconds=10)) is False


@pytest.mark.parametrize("clock", [ManualClock(), SystemClock()])
def test_until_a_moment(clock: Clock) -> None:
    event = threading.Event()
    assert clock.wait_until(event, clock.now() - timedelta(seconds=1)) is False
    event.set()
    assert clock.wait_until(event, None) is True
    assert clock.wait_until(event, clock.now() + timedelta(days=1)) is True
