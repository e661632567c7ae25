"""Transactions of several sessions on two tables against a plain model, interleaved statement by statement.

What is committed is exactly what committed transactions did: a rollback, a refusal and a run-time error leave nothing.
"""

from __future__ import annotations

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import initialize, invariant, rule, run_state_machine_as_test
from machine import Machine, sessions, settings_of_all
from model import Effect, Rows


class Transactions(Machine):
    """Two tables, and rows that are moved from one to the other."""

    TABLES = ("T", "U")

    @initialize()
    def start(self) -> None:
        super().start()
        self.compared = -1

    @rule(session=sessions, modulus=st.integers(1, 3))
    def move(self, session: int, modulus: int) -> None:
        """Two statements that belong together only where the session is in a transaction."""
        where = f"WHERE MOD(K, {modulus}) = 0"
        base = self.keys_for_copies()
        moved = {key + base: value for key, value in self.model.visible(session, "T").items() if key % modulus == 0}
        text = f"INSERT INTO U SELECT K + {base}, V FROM T {where}"
        self.change(session, "U", text, lambda rows: Effect(rows | moved, set(), moved), locks=False)

        def effect(rows: Rows) -> Effect:
            hit = {key for key in rows if key % modulus == 0}
            return Effect({key: value for key, value in rows.items() if key not in hit}, hit)

        self.change(session, "T", f"DELETE FROM T {where}", effect)

    @invariant()
    def committed_is_what_the_model_says(self) -> None:
        if hasattr(self, "compared") and self.compared != self.model.newest:
            self.compared = self.model.newest
            self.see_committed()


def test_only_what_was_committed_is_kept() -> None:
    run_state_machine_as_test(
        Transactions,
        settings=settings(max_examples=20, stateful_step_count=40, derandomize=True, database=None, **settings_of_all),
    )


@pytest.mark.long
@pytest.mark.parametrize("part", range(10))
def test_only_what_was_committed_is_kept_over_many_histories(part: int) -> None:
    run_state_machine_as_test(
        Transactions, settings=settings(max_examples=20, stateful_step_count=80, database=None, **settings_of_all)
    )
