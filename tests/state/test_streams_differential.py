"""Streams against a plain model: random DML, transactions, consumers, sessions and restarts."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import initialize, invariant, rule, run_state_machine_as_test
from machine import Machine, sessions, settings_of_all
from model import Change

COLUMNS = 'K, V, "METADATA$ACTION", "METADATA$ISUPDATE"'
NAMES = ("S0", "S1", "S2")
KINDS = ("", "APPEND_ONLY", "SHOW_INITIAL_ROWS", "APPEND_ONLY SHOW_INITIAL_ROWS")
WINDOWS = [0]
"""How many windows have been compared."""


class Streams(Machine):
    """One table with up to three streams, which are made, read, consumed and replaced at any moment."""

    @initialize()
    def start(self) -> None:
        super().start()
        self.compared = -1
        self.row_ids: dict[int, str] = {}
        self.create_stream(0, "S0", "")

    @rule(session=sessions, name=st.sampled_from(NAMES), kind=st.sampled_from(KINDS))
    def create_stream(self, session: int, name: str, kind: str) -> None:
        option = " ".join(f"{word} = TRUE" for word in kind.split())
        self.model.create_stream(session, name, kind)
        self.expect(session, f"CREATE OR REPLACE STREAM {name} ON TABLE T {option}", None)

    @rule(session=sessions, data=st.data(), filtered=st.booleans())
    def consume(self, session: int, data: st.DataObject, filtered: bool) -> None:
        name = data.draw(st.sampled_from(sorted(self.model.streams)))
        where = "WHERE FALSE" if filtered else ""
        refused = self.model.consume(session, name, filtered=filtered)
        self.expect(session, f"INSERT INTO TARGET SELECT {COLUMNS} FROM {name} {where}", refused)

    @rule(session=sessions, data=st.data())
    def look(self, session: int, data: st.DataObject) -> None:
        """Reading consumes nothing, and is repeatable within a transaction."""
        name = data.draw(st.sampled_from(sorted(self.model.streams)))
        delta = self.model.look(session, name)
        self.compare(self.expect(session, f'SELECT {COLUMNS}, "METADATA$ROW_ID" FROM {name}', None), delta)
        assert self.expect(session, f"SELECT SYSTEM$STREAM_HAS_DATA('{name}')", None) == [
            (self.model.has_data(session, name),)
        ]

    def compare(self, found: list[tuple[Any, ...]], delta: Counter[Change]) -> None:
        """Compare a window with the model's, and its row ids with those seen before."""
        for key, _, _, _, row_id in found:
            assert self.row_ids.setdefault(int(key), row_id) == row_id, "a row's id has changed"
        assert len(set(self.row_ids.values())) == len(self.row_ids), "two rows have one id"
        assert Counter((int(k), int(v), action, update) for k, v, action, update, _ in found) == delta
        WINDOWS[0] += 1

    @invariant()
    def committed_is_what_the_model_says(self) -> None:
        if not hasattr(self, "compared") or self.compared == self.model.newest:
            return
        self.compared = self.model.newest
        self.see_committed()
        deltas = {name: self.model.newest_delta(stream) for name, stream in self.model.streams.items()}
        for name, delta in deltas.items():
            self.compare(self.run(self.observer, f'SELECT {COLUMNS}, "METADATA$ROW_ID" FROM {name}'), delta)
        asked = ", ".join(f"SYSTEM$STREAM_HAS_DATA('{name}')" for name in deltas)
        assert self.run(self.observer, f"SELECT {asked}") == [tuple(self.model.has_data(None, name) for name in deltas)]


def test_streams_show_what_the_model_says() -> None:
    WINDOWS[0] = 0
    run_state_machine_as_test(
        Streams,
        settings=settings(max_examples=20, stateful_step_count=40, derandomize=True, database=None, **settings_of_all),
    )
    assert WINDOWS[0] >= 300


@pytest.mark.long
@pytest.mark.parametrize("part", range(20))
def test_streams_show_what_the_model_says_over_many_windows(part: int) -> None:
    WINDOWS[0] = 0
    while WINDOWS[0] < 500:
        run_state_machine_as_test(
            Streams, settings=settings(max_examples=5, stateful_step_count=80, database=None, **settings_of_all)
        )
