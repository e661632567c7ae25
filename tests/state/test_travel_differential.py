"""Time travel, clones, dropped tables and pruning against a plain model, with streams on the same table."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import initialize, precondition, rule, run_state_machine_as_test
from machine import settings_of_all
from test_streams_differential import WINDOWS, Streams

from snowmelt.session.pruning import prune
from snowmelt.testing.clock import ManualClock

HOUR = 3_600
LONGEST = 13 * 24
"""Hours that a history takes at most, so that no stream goes stale."""

LOOKS = [0]
"""How many times the past has been compared."""


class Travel(Streams):
    """Points in time are remembered, and looked at later; in between the past is altered, dropped and pruned."""

    @initialize()
    def start(self) -> None:
        self.clock = self.turned = ManualClock()
        self.points: list[tuple[datetime, int]] = []
        self.hours = 0
        super().start()
        self.remember()

    @rule()
    def remember(self) -> None:
        self.points.append((self.turned.now(), self.model.newest))
        self.turned.advance(1)

    @rule(hours=st.integers(5, 40), prune=st.booleans())
    def wait(self, hours: int, prune: bool) -> None:
        if self.hours + hours <= LONGEST:
            self.hours += hours
            self.turned.advance(hours * HOUR)
        if prune:
            self.prune()

    @rule()
    def prune(self) -> None:
        list(prune(self.runtime.services))

    def past(self, data: st.DataObject) -> tuple[str, dict[int, int]] | None:
        """AT one of the points, and the rows of then; None when the point is out of reach, which is tried."""
        moment, version = data.draw(st.sampled_from(self.points))
        at = f"AT (TIMESTAMP => '{moment.replace(tzinfo=None)}'::TIMESTAMP_NTZ)"
        if self.turned.now() - moment <= timedelta(days=1):
            return at, self.model.versions[version].rows["T"]
        with pytest.raises(Exception, match="Time travel data is not available"):
            self.run(self.observer, f"SELECT * FROM T {at}")
        return None

    def same(self, text: str, rows: dict[int, int]) -> None:
        found = [(int(key), int(value)) for key, value in self.run(self.observer, text)]
        assert sorted(found) == sorted(rows.items()), text
        LOOKS[0] += 1

    @rule(data=st.data())
    def look_back(self, data: st.DataObject) -> None:
        if found := self.past(data):
            self.same(f"SELECT K, V FROM T {found[0]}", found[1])

    @rule(data=st.data(), now=st.booleans())
    def clone(self, data: st.DataObject, now: bool) -> None:
        """A clone has the rows of then, and a past of its own."""
        found = ("", self.model.versions[-1].rows["T"]) if now else self.past(data)
        if found is None:
            return
        at, rows = found
        self.run(self.observer, f"CREATE OR REPLACE TABLE C CLONE T {at}")
        self.same("SELECT K, V FROM C", rows)
        moment = self.turned.now().replace(tzinfo=None)
        self.turned.advance(1)
        self.run(self.observer, "UPDATE C SET V = V + 1")
        self.run(self.observer, "DELETE FROM C WHERE MOD(K, 2) = 0")
        self.same(f"SELECT K, V FROM C AT (TIMESTAMP => '{moment}'::TIMESTAMP_NTZ)", rows)

    @precondition(lambda self: not self.model.transactions)
    @rule()
    def drop_and_undrop(self) -> None:
        self.run(self.observer, "DROP TABLE T")
        self.run(self.observer, "UNDROP TABLE T")

    @precondition(lambda self: not self.model.transactions)
    @rule(data=st.data())
    def add_and_drop_a_column(self, data: st.DataObject) -> None:
        self.run(self.observer, "ALTER TABLE T ADD COLUMN X INT DEFAULT 7")
        if found := self.past(data):
            self.same(f"SELECT K, V FROM (SELECT * FROM T {found[0]}) WHERE X = 7", found[1])
        self.run(self.observer, "ALTER TABLE T DROP COLUMN X")


def test_the_past_is_what_the_model_remembers() -> None:
    WINDOWS[0] = LOOKS[0] = 0
    run_state_machine_as_test(
        Travel,
        settings=settings(max_examples=12, stateful_step_count=50, derandomize=True, database=None, **settings_of_all),
    )
    assert LOOKS[0] >= 50
    assert WINDOWS[0] >= 50


@pytest.mark.long
@pytest.mark.parametrize("part", range(10))
def test_the_past_is_what_the_model_remembers_for_long(part: int) -> None:
    LOOKS[0] = 0
    while LOOKS[0] < 500:
        run_state_machine_as_test(
            Travel, settings=settings(max_examples=5, stateful_step_count=80, database=None, **settings_of_all)
        )
