"""Random histories of several sessions, for the engine and the model alike."""

from __future__ import annotations

import shutil
import tempfile
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar

from hypothesis import HealthCheck
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule
from model import Effect, Model, Rows

from snowmelt.base.clock import Clock
from snowmelt.base.errors import SqlError
from snowmelt.base.request import Request
from snowmelt.base.settings import Settings
from snowmelt.runtime import Runtime
from snowmelt.session.session import Session

SESSIONS = 3
MANY = 60
"""Statements that multiply rows stop at so many."""

sessions = st.integers(0, SESSIONS - 1)
settings_of_all: dict[str, Any] = {"deadline": None, "suppress_health_check": list(HealthCheck), "print_blob": True}


class Machine(RuleBasedStateMachine):
    """DML, transactions, errors and restarts. Nobody waits for a lock: who would have to is refused."""

    TABLES: ClassVar[tuple[str, ...]] = ("T",)
    clock: Clock | None = None

    @initialize()
    def start(self) -> None:
        self.data = Path(tempfile.mkdtemp(prefix="snowmelt-test-"))
        self.model = Model(self.TABLES)
        self.keys = 0
        self.done = 0
        self.open()
        self.run(self.observer, "CREATE DATABASE D")
        for table in self.TABLES:
            self.run(self.observer, f"CREATE TABLE {table} (K INT, V INT)")
        self.run(self.observer, "CREATE TABLE TARGET (K INT, V INT, ACTION VARCHAR, ISUPDATE BOOLEAN)")
        self.enter()

    def open(self) -> None:
        self.runtime = Runtime.open(Settings(data=self.data, password="p"), self.clock)
        self.observer, *self.sessions = (self.runtime.open_session("SNOWMELT") for _ in range(SESSIONS + 1))

    def enter(self) -> None:
        for session in (self.observer, *self.sessions):
            self.run(session, "USE SCHEMA D.PUBLIC")
            self.run(session, "ALTER SESSION SET LOCK_TIMEOUT = 0")

    def close(self) -> None:
        for session in (self.observer, *self.sessions):
            session.close()
        self.runtime.close(0)

    def teardown(self) -> None:
        if hasattr(self, "runtime"):
            self.close()
            shutil.rmtree(self.data, ignore_errors=True)

    def run(self, session: Session, text: str) -> list[tuple[Any, ...]]:
        table = session.execute(Request(text, str(uuid.uuid4()))).table
        assert table is not None
        return list(zip(*(column.to_pylist() for column in table.columns), strict=True))

    def expect(self, number: int, text: str, refused: str | None) -> list[tuple[Any, ...]]:
        """Run a statement in a session; `refused` is the error that the model says it gets."""
        self.done += 1
        try:
            rows = self.run(self.sessions[number], text)
        except SqlError as error:
            assert refused is not None and refused in str(error), f"{text}: {error} instead of {refused}"
            return []
        assert refused is None, f"{text} was done instead of: {refused}"
        return rows

    def change(
        self, session: int, table: str, text: str, effect: Callable[[Rows], Effect | str], *, locks: bool = True
    ) -> None:
        self.expect(session, text, self.model.change(session, table, effect, locks=locks))

    def new_keys(self, count: int) -> range:
        self.keys += count
        return range(self.keys - count, self.keys)

    def keys_for_copies(self) -> int:
        """What to add to the keys of all rows so far for new ones that leave the same remainders."""
        base = self.keys - self.keys % 60 + 60
        self.keys += base
        return base

    # --- DML ---------------------------------------------------------------------------------------------------------

    @rule(session=sessions, data=st.data(), values=st.lists(st.integers(0, 9), min_size=1, max_size=4))
    def insert(self, session: int, data: st.DataObject, values: list[int]) -> None:
        table = data.draw(st.sampled_from(self.TABLES))
        new = dict(zip(self.new_keys(len(values)), values, strict=True))
        text = ", ".join(str(pair) for pair in new.items())
        self.change(
            session,
            table,
            f"INSERT INTO {table} VALUES {text}",
            lambda rows: Effect(rows | new, set(), new),
            locks=False,
        )

    @rule(session=sessions, data=st.data(), modulus=st.integers(1, 4), overwrite=st.booleans())
    def insert_select(self, session: int, data: st.DataObject, modulus: int, overwrite: bool) -> None:
        """Copies of rows under new keys, beside the old rows or in their place."""
        table = data.draw(st.sampled_from(self.TABLES))
        if len(self.model.visible(session, table)) > MANY and not overwrite:
            return
        base = self.keys_for_copies()

        def effect(rows: Rows) -> Effect:
            new = {key + base: value + 1 for key, value in rows.items() if key % modulus == 0}
            return Effect(new, set(rows), new) if overwrite else Effect(rows | new, set(), new)

        text = f"INTO {table} SELECT K + {base}, V + 1 FROM {table} WHERE MOD(K, {modulus}) = 0"
        self.change(session, table, f"INSERT {'OVERWRITE ' if overwrite else ''}{text}", effect, locks=overwrite)

    @rule(session=sessions, data=st.data(), modulus=st.integers(1, 4), add=st.integers(0, 3))
    def update(self, session: int, data: st.DataObject, modulus: int, add: int) -> None:
        table = data.draw(st.sampled_from(self.TABLES))

        def effect(rows: Rows) -> Effect:
            hit = {key for key in rows if key % modulus == 0}
            return Effect({key: value + add * (key in hit) for key, value in rows.items()}, hit)

        self.change(session, table, f"UPDATE {table} SET V = V + {add} WHERE MOD(K, {modulus}) = 0", effect)

    @rule(session=sessions, data=st.data(), modulus=st.integers(2, 5), rest=st.integers(0, 4))
    def delete(self, session: int, data: st.DataObject, modulus: int, rest: int) -> None:
        table = data.draw(st.sampled_from(self.TABLES))

        def effect(rows: Rows) -> Effect:
            hit = {key for key in rows if key % modulus == rest}
            return Effect({key: value for key, value in rows.items() if key not in hit}, hit)

        self.change(session, table, f"DELETE FROM {table} WHERE MOD(K, {modulus}) = {rest}", effect)

    @rule(
        session=sessions,
        data=st.data(),
        value=st.integers(0, 9),
        modulus=st.integers(2, 4),
        updates=st.booleans(),
        deletes=st.booleans(),
    )
    def merge(self, session: int, data: st.DataObject, value: int, modulus: int, updates: bool, deletes: bool) -> None:
        """Updates some rows, deletes others, and inserts one; the source is a query of several tables, or keys written
        out.
        """
        table = data.draw(st.sampled_from(self.TABLES))
        (key,) = self.new_keys(1)
        seen = sorted(self.model.visible(session, table))
        given = data.draw(st.none() | st.sets(st.sampled_from(seen), max_size=6)) if seen else set()

        def effect(rows: Rows) -> Effect:
            found = set(rows) if given is None else rows.keys() & given
            hit = {k for k in found if k % modulus == 0 and updates}
            gone = {k for k in found if k % modulus == 1 and deletes}
            kept = {k: value if k in hit else v for k, v in rows.items() if k not in gone}
            return Effect(kept | {key: value}, hit | gone, {key: value})

        keys = ", ".join(f"({k})" for k in sorted({key, *(given or ())}))
        written = f"SELECT COLUMN1 AS SK FROM VALUES {keys}"
        source = f"SELECT K AS SK FROM {table} UNION ALL SELECT {key}" if given is None else written
        text = f"""MERGE INTO {table} USING ({source}) S ON {table}.K = S.SK
            {f"WHEN MATCHED AND MOD({table}.K, {modulus}) = 0 THEN UPDATE SET V = {value}" if updates else ""}
            {f"WHEN MATCHED AND MOD({table}.K, {modulus}) = 1 THEN DELETE" if deletes else ""}
            WHEN NOT MATCHED THEN INSERT (K, V) VALUES (S.SK, {value})"""
        self.change(session, table, text, effect)

    @rule(session=sessions, data=st.data())
    def truncate(self, session: int, data: st.DataObject) -> None:
        table = data.draw(st.sampled_from(self.TABLES))
        self.change(session, table, f"TRUNCATE TABLE {table}", lambda rows: Effect({}, set(rows)))

    # --- transactions and errors -------------------------------------------------------------------------------------

    @rule(session=sessions)
    def begin(self, session: int) -> None:
        self.model.begin(session)
        self.expect(session, "BEGIN", None)

    @rule(session=sessions, keep=st.booleans())
    def finish(self, session: int, keep: bool) -> None:
        if keep:
            self.model.commit(session)
        else:
            self.model.rollback(session)
        self.expect(session, "COMMIT" if keep else "ROLLBACK", None)

    @rule(session=sessions, wrong=st.sampled_from(["SELECT NOSUCH FROM T", "INSERT INTO T SELECT 1, NOSUCH"]))
    def mistake(self, session: int, wrong: str) -> None:
        """An unknown name undoes nothing but the statement."""
        self.expect(session, wrong, "invalid identifier 'NOSUCH'")

    @rule(session=sessions)
    def mistake_after_images(self, session: int) -> None:
        """As `mistake`, in statements that wait for the table's lock before the mistake is found."""
        self.change(session, "T", "UPDATE T SET V = NOSUCH", lambda rows: "invalid identifier 'NOSUCH'")
        text = "INSERT OVERWRITE INTO T SELECT K, NOSUCH FROM T"
        self.change(session, "T", text, lambda rows: "invalid identifier 'NOSUCH'")

    @rule(session=sessions)
    def error(self, session: int) -> None:
        """A run-time error undoes nothing but the statement."""
        self.expect(session, "SELECT 1 / 0", "Division by zero")

    @rule(session=sessions, data=st.data(), modulus=st.integers(1, 3))
    def error_in_dml(self, session: int, data: st.DataObject, modulus: int) -> None:
        """As `error`, in statements that fail at one of the rows."""
        table = data.draw(st.sampled_from(self.TABLES))
        where = f"WHERE MOD(K, {modulus}) = 0"

        def effect(rows: Rows) -> Effect | str:
            return "is not recognized" if any(key % modulus == 0 for key in rows) else Effect(rows)

        wrong = f"IFF(MOD(K, {modulus}) = 0, 'x' || K, '1')"
        self.change(session, table, f"UPDATE {table} SET V = {wrong} {where}", effect)
        text = f"INSERT INTO {table} SELECT K, {wrong} FROM {table} {where}"
        self.change(session, table, text, effect, locks=False)
        text = f"""MERGE INTO {table} USING (SELECT * FROM {table} {where}) S ON {table}.K = S.K
            WHEN MATCHED THEN UPDATE SET V = 'x' || S.K"""
        self.change(session, table, text, effect)

    @rule(session=sessions)
    def see(self, session: int) -> None:
        """A session's own view, inside a transaction or not."""
        rows, target = self.model.read(session)
        for table in self.TABLES:
            found = self.expect(session, f"SELECT K, V FROM {table}", None)
            assert {int(key): int(value) for key, value in found} == rows[table]
            assert len(found) == len(rows[table])
        found = self.expect(session, "SELECT K, V, ACTION, ISUPDATE FROM TARGET", None)
        assert sorted((int(k), int(v), a, u) for k, v, a, u in found) == sorted(target.elements())

    @precondition(lambda self: self.done >= 10)
    @rule()
    def restart(self) -> None:
        """Open transactions are gone, all else is as before."""
        self.done = 0
        for session in range(SESSIONS):
            self.model.rollback(session)
        self.close()
        self.open()
        self.enter()

    def see_committed(self) -> None:
        """The observer sees the newest version."""
        newest = self.model.versions[-1]
        for table in self.TABLES:
            found = self.run(self.observer, f"SELECT K, V FROM {table}")
            assert sorted((int(key), int(value)) for key, value in found) == sorted(newest.rows[table].items())
        target = self.run(self.observer, "SELECT * FROM TARGET")
        assert sorted((int(k), int(v), a, u) for k, v, a, u in target) == sorted(newest.target.elements())
