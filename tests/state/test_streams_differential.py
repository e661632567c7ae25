"""Streams against a plain model: random DML, transactions, consumers, sessions and restarts.

The model keeps what is committed as plain dicts: the table by key, and for each stream the table as it was at the
stream's offset, which rows were touched since, and what was inserted since. Keys are never used twice, so that they
identify rows as METADATA$ROW_ID does in the engine.
"""

from __future__ import annotations

import shutil
import tempfile
import uuid
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from snowmelt.base.request import Request
from snowmelt.base.settings import Settings
from snowmelt.runtime import Runtime
from snowmelt.session.session import Session

Rows = dict[int, int]
Change = tuple[int, int, str, bool]  # key, value, METADATA$ACTION, METADATA$ISUPDATE


@dataclass
class Stream:
    """What the model knows of a stream.

    Attributes:
        before: the table's rows at the offset.
        touched: keys of rows updated or deleted since.
        inserted: (key, value) of rows as they were inserted since, for append-only streams.
    """

    append_only: bool
    before: Rows
    touched: set[int] = field(default_factory=set)
    inserted: list[tuple[int, int]] = field(default_factory=list)

    def delta(self, now: Rows) -> Counter[Change]:
        """The net change from the offset to `now`."""
        if self.append_only:
            return Counter((key, value, "INSERT", False) for key, value in self.inserted)
        changes: Counter[Change] = Counter()
        for key in self.touched & self.before.keys():
            changes[(key, self.before[key], "DELETE", key in now)] += 1
            if key in now:
                changes[(key, now[key], "INSERT", True)] += 1
        changes.update((key, value, "INSERT", False) for key, value in now.items() if key not in self.before)
        return changes


@dataclass
class Work:
    """What a transaction has done so far, on top of the committed rows it saw when it began."""

    rows: Rows
    touched: set[int] = field(default_factory=set)
    inserted: list[tuple[int, int]] = field(default_factory=list)
    consumed: set[str] = field(default_factory=set)
    seen: dict[str, Counter[Change]] = field(default_factory=dict)


class Streams(RuleBasedStateMachine):
    """Random histories on one table, up to three streams, and two sessions of which one uses transactions."""

    @initialize()
    def start(self) -> None:
        self.data = Path(tempfile.mkdtemp(prefix="snowmelt-test-"))
        self.rows: Rows = {}
        self.streams: dict[str, Stream] = {}
        self.target: Counter[Change] = Counter()
        self.keys = 0
        self.work: Work | None = None
        self.open()
        for text in (
            "CREATE DATABASE D",
            "CREATE TABLE T (K INT, V INT)",
            "CREATE TABLE TARGET (K INT, V INT, ACTION VARCHAR, ISUPDATE BOOLEAN)",
        ):
            self.run(self.first, text)
        self.run(self.second, "USE SCHEMA D.PUBLIC")
        self.create_stream("S0", "")

    def open(self) -> None:
        self.runtime = Runtime.open(Settings(data=self.data, password="p"))
        self.first = self.runtime.open_session("SNOWMELT", database="D", schema="PUBLIC")
        self.second = self.runtime.open_session("SNOWMELT", database="D", schema="PUBLIC")

    def teardown(self) -> None:
        if hasattr(self, "runtime"):
            self.runtime.close(0)
            shutil.rmtree(self.data, ignore_errors=True)

    def run(self, session: Session, text: str) -> list[tuple[Any, ...]]:
        table = session.execute(Request(text, str(uuid.uuid4()))).table
        assert table is not None
        return list(zip(*(column.to_pylist() for column in table.columns), strict=True))

    # --- the first session, in a transaction or not ------------------------------------------------------------------

    def change(self, text: str, rows: Rows, touched: set[int], inserted: list[tuple[int, int]]) -> None:
        """Run DML in the first session and tell the model its effect."""
        self.run(self.first, text)
        if self.work is None:
            self.commit(Work(rows, touched, inserted))
        else:
            self.work.rows = rows
            self.work.touched |= touched
            self.work.inserted += inserted

    def commit(self, work: Work) -> None:
        """Make a transaction's effects the committed state; rows that others inserted meanwhile stay."""
        known = {key for key, _ in work.inserted} | work.touched
        others = {key: value for key, value in self.rows.items() if key not in known and key not in work.rows}
        for name, stream in self.streams.items():
            if name in work.consumed:
                assert self.work is work or not others
                stream.before, stream.touched, stream.inserted = dict(self.began), set(), list(self.late)
            stream.touched |= work.touched
            stream.inserted += work.inserted
        self.rows = {**work.rows, **others}

    @property
    def visible(self) -> Rows:
        return dict(self.work.rows if self.work is not None else self.rows)

    @rule(values=st.lists(st.integers(0, 9), min_size=1, max_size=4))
    def insert(self, values: list[int]) -> None:
        new = [(self.keys + i, value) for i, value in enumerate(values)]
        self.keys += len(values)
        text = ", ".join(str(pair) for pair in new)
        self.change(f"INSERT INTO T VALUES {text}", {**self.visible, **dict(new)}, set(), new)

    @rule(modulus=st.integers(1, 4), add=st.integers(0, 3))
    def update(self, modulus: int, add: int) -> None:
        hit = {key for key in self.visible if key % modulus == 0}
        rows = {key: value + add if key in hit else value for key, value in self.visible.items()}
        self.change(f"UPDATE T SET V = V + {add} WHERE MOD(K, {modulus}) = 0", rows, hit, [])

    @rule(modulus=st.integers(2, 5), rest=st.integers(0, 4))
    def delete(self, modulus: int, rest: int) -> None:
        hit = {key for key in self.visible if key % modulus == rest}
        rows = {key: value for key, value in self.visible.items() if key not in hit}
        self.change(f"DELETE FROM T WHERE MOD(K, {modulus}) = {rest}", rows, hit, [])

    @rule(value=st.integers(0, 9), modulus=st.integers(2, 4))
    def merge(self, value: int, modulus: int) -> None:
        """Updates some rows, deletes others, and inserts one."""
        rows = self.visible
        key, self.keys = self.keys, self.keys + 1
        hit = {k for k in rows if k % modulus == 0}
        gone = {k for k in rows if k % modulus == 1}
        after = {k: value if k in hit else v for k, v in rows.items() if k not in gone} | {key: value}
        self.change(
            f"""MERGE INTO T USING (SELECT K AS SK FROM T UNION ALL SELECT {key}) S ON T.K = S.SK
                WHEN MATCHED AND MOD(T.K, {modulus}) = 0 THEN UPDATE SET V = {value}
                WHEN MATCHED AND MOD(T.K, {modulus}) = 1 THEN DELETE
                WHEN NOT MATCHED THEN INSERT (K, V) VALUES (S.SK, {value})""",
            after,
            hit | gone,
            [(key, value)],
        )

    @precondition(lambda self: self.work is None)
    @rule()
    def truncate(self) -> None:
        self.change("TRUNCATE TABLE T", {}, set(self.rows), [])

    @precondition(lambda self: self.work is None)
    @rule()
    def begin(self) -> None:
        self.run(self.first, "BEGIN")
        self.run(self.first, "SELECT COUNT(*) FROM T")
        self.work = Work(dict(self.rows))
        self.began = dict(self.rows)
        self.late: list[tuple[int, int]] = []
        self.starts = {name: stream.delta(self.rows) for name, stream in self.streams.items()}

    @precondition(lambda self: self.work is not None)
    @rule(keep=st.booleans())
    def finish(self, keep: bool) -> None:
        work = self.work
        assert work is not None
        self.run(self.first, "COMMIT" if keep else "ROLLBACK")
        if keep:
            self.commit(work)
            for name in work.consumed:
                self.target += self.starts[name]
        self.work = None

    # --- streams -----------------------------------------------------------------------------------------------------

    @precondition(lambda self: self.work is None)
    @rule(name=st.sampled_from(["S0", "S1", "S2"]), kind=st.sampled_from(["", "APPEND_ONLY", "SHOW_INITIAL_ROWS"]))
    def create_stream(self, name: str, kind: str) -> None:
        option = f"{kind} = TRUE" if kind else ""
        self.run(self.first, f"CREATE OR REPLACE STREAM {name} ON TABLE T {option}")
        before = {} if kind == "SHOW_INITIAL_ROWS" else dict(self.rows)
        self.streams[name] = Stream(kind == "APPEND_ONLY", before)

    @precondition(lambda self: bool(self.streams))
    @rule(data=st.data(), filtered=st.booleans())
    def consume(self, data: st.DataObject, filtered: bool) -> None:
        """Any DML that reads a stream takes all of it, even what a filter leaves out."""
        name = data.draw(st.sampled_from(sorted(self.streams)))
        where = "WHERE FALSE" if filtered else ""
        text = f'INSERT INTO TARGET SELECT K, V, "METADATA$ACTION", "METADATA$ISUPDATE" FROM {name} {where}'
        if self.work is not None:
            if name in self.work.consumed or filtered:
                return
            self.run(self.first, text)
            self.work.consumed.add(name)
            return
        stream = self.streams[name]
        self.run(self.first, text)
        if not filtered:
            self.target += stream.delta(self.rows)
        stream.before, stream.touched, stream.inserted = dict(self.rows), set(), []

    def read(self, session: Session, name: str) -> Counter[Change]:
        found = self.run(session, f'SELECT K, V, "METADATA$ACTION", "METADATA$ISUPDATE", "METADATA$ROW_ID" FROM {name}')
        identities = {(row[0], row[4]) for row in found}
        assert len({key for key, _ in identities}) == len(identities) == len({row_id for _, row_id in identities})
        return Counter((int(row[0]), int(row[1]), row[2], row[3]) for row in found)

    # --- the second session ------------------------------------------------------------------------------------------

    @rule(value=st.integers(0, 9))
    def insert_elsewhere(self, value: int) -> None:
        """Inserts wait for nobody, and an open transaction does not see them."""
        key, self.keys = self.keys, self.keys + 1
        self.run(self.second, f"INSERT INTO T VALUES ({key}, {value})")
        self.rows[key] = value
        if self.work is not None:
            self.late.append((key, value))
        for stream in self.streams.values():
            stream.inserted.append((key, value))

    @precondition(lambda self: self.work is None)
    @rule()
    def restart(self) -> None:
        self.runtime.close(0)
        self.open()

    # --- what must hold ----------------------------------------------------------------------------------------------

    @invariant()
    def both_sessions_see_what_the_model_says(self) -> None:
        if not hasattr(self, "runtime"):
            return
        own = {int(key): int(value) for key, value in self.run(self.first, "SELECT K, V FROM T")}
        assert own == self.visible
        committed = {int(key): int(value) for key, value in self.run(self.second, "SELECT K, V FROM T")}
        assert committed == self.rows
        for name, stream in self.streams.items():
            delta = stream.delta(self.rows)
            assert self.read(self.second, name) == delta
            if self.work is not None:
                # Repeatable: a transaction sees a stream as it was when it began, whatever it has changed since.
                assert self.read(self.first, name) == self.starts[name]
            ((has_data,),) = self.run(self.second, f"SELECT SYSTEM$STREAM_HAS_DATA('{name}')")
            assert has_data == bool(delta)
            WINDOWS[0] += 1
        target = Counter((int(k), int(v), a, u) for k, v, a, u in self.run(self.second, "SELECT * FROM TARGET"))
        assert target == self.target


WINDOWS = [0]
"""How many windows have been compared."""

COMMON: dict[str, Any] = {"deadline": None, "suppress_health_check": list(HealthCheck), "print_blob": True}


def test_streams_show_what_the_model_says() -> None:
    WINDOWS[0] = 0
    run_state_machine_as_test(
        Streams, settings=settings(max_examples=30, stateful_step_count=25, derandomize=True, database=None, **COMMON)
    )
    assert WINDOWS[0] >= 300


@pytest.mark.long
@pytest.mark.timeout(3_600)
def test_streams_show_what_the_model_says_over_many_windows() -> None:
    WINDOWS[0] = 0
    while WINDOWS[0] < 10_000:
        run_state_machine_as_test(
            Streams, settings=settings(max_examples=50, stateful_step_count=40, database=None, **COMMON)
        )
