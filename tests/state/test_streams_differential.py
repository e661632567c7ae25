"""Streams against a plain model: random DML, transactions, consumers, sessions and restarts."""

from __future__ import annotations

from collections import Counter
from typing import Any, ClassVar

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import initialize, invariant, rule, run_state_machine_as_test
from machine import Machine, sessions, settings_of_all
from model import Change, Rows, ViewRows

COLUMNS = 'K, V, "METADATA$ACTION", "METADATA$ISUPDATE"'
NAMES = ("S0", "S1", "S2")
KINDS = ("", "APPEND_ONLY", "SHOW_INITIAL_ROWS", "APPEND_ONLY SHOW_INITIAL_ROWS")
WINDOWS = [0]
"""How many windows have been compared."""


class Streams(Machine):
    """One table with up to three streams, which are made, read, consumed and replaced at any moment."""

    SOURCES: ClassVar[tuple[str, ...]] = ("T",)

    @initialize()
    def start(self) -> None:
        super().start()
        self.compared = -1
        self.row_ids: dict[int, str] = {}
        self.first_streams()

    def first_streams(self) -> None:
        self.make_stream(0, "S0", "T", "")
        self.make_stream(0, "S1", "T", "APPEND_ONLY")

    @rule(session=sessions, name=st.sampled_from(NAMES), data=st.data(), kind=st.sampled_from(KINDS))
    def create_stream(self, session: int, name: str, data: st.DataObject, kind: str) -> None:
        self.make_stream(session, name, data.draw(st.sampled_from(self.SOURCES)), kind)

    def make_stream(self, session: int, name: str, source: str, kind: str) -> None:
        option = " ".join(f"{word} = TRUE" for word in kind.split())
        what = "VIEW" if source in self.model.views else "TABLE"
        self.model.create_stream(session, name, kind, source)
        self.expect(session, f"CREATE OR REPLACE STREAM {name} ON {what} {source} {option}", None)

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


def filtered(rows: dict[str, Rows]) -> ViewRows:
    return {key: (key, value + 1) for key, value in rows["T"].items() if value % 2 == 0}


def joined(rows: dict[str, Rows]) -> ViewRows:
    return {
        (key, other): (key, other * 100 + value)
        for key, value in rows["T"].items()
        for other, also in rows["U"].items()
        if value % 5 == also % 5
    }


def united(rows: dict[str, Rows]) -> ViewRows:
    low = {("T", key): (key, 3 * value) for key, value in rows["T"].items() if value < 5}
    pairs = {("J", key): (row[0], 3 * row[1] + 1) for key, row in joined(rows).items()}
    return low | pairs | {("U", key): (key, 3 * value + 2) for key, value in rows["U"].items()}


JOIN = "SELECT T.K AS K, U.K * 100 + T.V AS V FROM T JOIN U ON MOD(T.V, 5) = MOD(U.V, 5)"
VIEWS = {
    "FILTERED": (filtered, "SELECT K, V + 1 AS V FROM T WHERE MOD(V, 2) = 0"),
    "JOINED": (joined, JOIN),
    "UNITED": (
        united,
        "SELECT K, 3 * V AS V FROM T WHERE V < 5 UNION ALL SELECT J.K, 3 * J.V + 1 FROM JOINED AS J "
        "UNION ALL (SELECT * REPLACE (3 * V + 2 AS V) FROM U)",
    ),
}
"""How the model makes the rows of a view, and the view's query."""


class ViewStreams(Streams):
    """Streams on views of two tables."""

    TABLES = ("T", "U")
    SOURCES = ("FILTERED", "JOINED", "UNITED")

    def first_streams(self) -> None:
        self.model.views = {name: rows for name, (rows, _) in VIEWS.items()}
        for name, (_, query) in VIEWS.items():
            self.run(self.observer, f"CREATE VIEW {name} AS {query}")
        self.make_stream(0, "S0", "JOINED", "")
        self.make_stream(0, "S1", "UNITED", "")
        self.make_stream(0, "S2", "JOINED", "APPEND_ONLY")

    def compare(self, found: list[tuple[Any, ...]], delta: Counter[Change]) -> None:
        """Compare a window with the model's. A row and its update bear one id, and no other row of the stream does."""
        assert Counter((int(k), int(v), action, update) for k, v, action, update, _ in found) == delta
        ids = Counter((row_id, action) for _, _, action, _, row_id in found)
        assert not ids or max(ids.values()) == 1, "two rows have one id"
        assert all((row_id, "DELETE") in ids and (row_id, "INSERT") in ids for *_, update, row_id in found if update)
        WINDOWS[0] += 1


def run_windows(machine: type[Streams], least: int, **options: Any) -> None:
    """Run histories until so many windows have been compared."""
    WINDOWS[0] = 0
    while WINDOWS[0] < least:
        run_state_machine_as_test(machine, settings=settings(database=None, **options, **settings_of_all))


@pytest.mark.parametrize("machine", [Streams, ViewStreams])
def test_streams_show_what_the_model_says(machine: type[Streams]) -> None:
    run_windows(machine, 100, max_examples=4, stateful_step_count=40, derandomize=True)


@pytest.mark.long
@pytest.mark.timeout(1_800)
@pytest.mark.parametrize("part", range(20))
@pytest.mark.parametrize("machine", [Streams, ViewStreams])
def test_streams_show_what_the_model_says_over_many_windows(machine: type[Streams], part: int) -> None:
    run_windows(machine, 500, max_examples=5, stateful_step_count=80)
