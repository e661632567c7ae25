"""Statements whose texts come again are planned once, whichever session sends them."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any

import pytest

from snowmelt.base.request import Binding, Request
from snowmelt.base.settings import Settings
from snowmelt.plan import changes
from snowmelt.runtime import Runtime
from snowmelt.session import queries

MERGE = """MERGE INTO D.PUBLIC.T AS t USING (SELECT 1 AS A) AS s ON t.A = s.A
           WHEN MATCHED THEN UPDATE SET B = {0}, C = CURRENT_TIMESTAMP()
           WHEN NOT MATCHED THEN INSERT (A, B) VALUES (s.A, {0})"""

Send = Callable[..., None]


@pytest.fixture
def session() -> Iterator[Callable[[], Send]]:
    """Opens sessions of one account, which has a table."""
    runtime = Runtime.open(Settings(password="p"))

    def opened() -> Send:
        session = runtime.open_session("ADMIN")

        def send(text: str, *binds: str) -> None:
            bindings = {str(place): Binding("TEXT", value) for place, value in enumerate(binds, 1)}
            session.execute(Request(text, str(uuid.uuid4()), bindings))

        return send

    opened()("CREATE DATABASE D")
    opened()("CREATE TABLE D.PUBLIC.T (A INT, B VARCHAR, C TIMESTAMP_LTZ)")
    yield opened
    runtime.close()


@pytest.fixture
def planned(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The texts of the statements that were planned."""
    found: list[str] = []
    query, merge = queries.plan_query, changes.plan_merge

    def noted(plan: Callable[..., Any]) -> Callable[..., Any]:
        def planning(statement: Any, planner: Any) -> Any:
            found.append(planner.request.text)
            return plan(statement, planner)

        return planning

    monkeypatch.setattr(queries, "plan_query", noted(query))
    monkeypatch.setattr(changes, "plan_merge", noted(merge))
    return found


@pytest.mark.parametrize("text", ["SELECT A, CURRENT_TIMESTAMP() FROM D.PUBLIC.T", MERGE.format("'x'")])
@pytest.mark.parametrize("explicit", [False, True])
def test_once_for_all_sessions(session: Callable[[], Send], planned: list[str], text: str, explicit: bool) -> None:
    for _ in range(3):
        send = session()
        if explicit:
            send("BEGIN")
        send(text)
        if explicit:
            send("ROLLBACK")
    assert planned == [text]


def test_once_for_bound_texts_of_a_length(session: Callable[[], Send], planned: list[str]) -> None:
    for value in ("one", "two", "four", "six"):
        session()(MERGE.format("?"), value, value)
    assert len(planned) == 2


@pytest.mark.parametrize(
    "between",
    [
        "ALTER TABLE D.PUBLIC.T ADD COLUMN E INT",
        "CREATE TEMPORARY TABLE D.PUBLIC.OWN (A INT)",
        "ALTER SESSION SET TIMEZONE = 'Asia/Tokyo'",
        "BEGIN",
    ],
)
def test_again_when_what_it_was_made_from_is_another(
    session: Callable[[], Send], planned: list[str], between: str
) -> None:
    text, send = MERGE.format("'x'"), session()
    send(text)
    send(between)
    send(text)
    assert planned == [text, text]


def test_a_function_that_many_use_for_the_first_time_at_once(session: Callable[[], Send]) -> None:
    session()("""CREATE FUNCTION D.PUBLIC.F(N INT) RETURNS INT LANGUAGE PYTHON RUNTIME_VERSION = '3.11' HANDLER = 'f'
                 AS $$\ndef f(n): return n\n$$""")
    senders = [session() for _ in range(8)]
    together = Barrier(len(senders))

    def use(send: Send) -> None:
        together.wait()
        send("SELECT D.PUBLIC.F(1)")

    with ThreadPoolExecutor(len(senders)) as threads:
        assert list(threads.map(use, senders)) == [None] * len(senders)
