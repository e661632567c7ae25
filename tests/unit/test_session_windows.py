"""Streams are read by texts that fit their windows: nothing is looked for in the log that cannot be there."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator

import pytest

from snowmelt.base.settings import Settings
from snowmelt.runtime import Runtime
from snowmelt.storage.connection import Connection

Ask = Callable[[str], list[tuple[object, ...]]]


@pytest.fixture
def runtime() -> Iterator[Runtime]:
    runtime = Runtime.open(Settings(password="p"))
    yield runtime
    runtime.close()


def _ask(runtime: Runtime) -> Ask:
    session = runtime.open_session("ADMIN")

    def ask(text: str) -> list[tuple[object, ...]]:
        table = session.run(text, str(uuid.uuid4())).table
        return [] if table is None else [tuple(row.values()) for row in table.to_pylist()]

    return ask


@pytest.fixture
def ask(runtime: Runtime) -> Ask:
    ask = _ask(runtime)
    for text in (
        "CREATE DATABASE D",
        "CREATE TABLE T (A INT, B INT) AS SELECT SEQ4(), 0 FROM TABLE(GENERATOR(ROWCOUNT => 10))",
        "CREATE STREAM S ON TABLE T",
        "CREATE VIEW V AS SELECT A FROM S",
    ):
        ask(text)
    return ask


@pytest.fixture
def texts(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What the engine is asked for."""
    found: list[str] = []
    stream = Connection.stream

    def noted(connection: Connection, sql: str) -> object:
        found.append(sql)
        return stream(connection, sql)

    monkeypatch.setattr(Connection, "stream", noted)
    return found


@pytest.mark.parametrize(
    "query", ["SELECT A FROM S", "SELECT A FROM V", "SELECT A FROM S WHERE A IN (SELECT A FROM S)"]
)
def test_new_rows_need_no_log(ask: Ask, texts: list[str], query: str) -> None:
    ask("INSERT INTO T VALUES (10, 0), (11, 0)")
    assert sorted(ask(query)) == [(10,), (11,)]
    assert "JOIN" not in texts[-1]
    assert "getvariable" not in texts[-1]


def test_rows_that_were_changed_by_one_statement_need_no_netting(ask: Ask, texts: list[str]) -> None:
    ask("UPDATE T SET B = 1 WHERE A < 3")
    assert len(ask("SELECT A FROM S")) == 6
    assert "arg_min" not in texts[-1]
    ask("UPDATE T SET B = 2 WHERE A = 0")
    assert len(ask("SELECT A FROM S")) == 6
    assert "arg_min" in texts[-1]


def test_an_explicit_transaction_leaves_out_what_came_later(ask: Ask, texts: list[str], runtime: Runtime) -> None:
    other = _ask(runtime)
    ask("INSERT INTO T VALUES (10, 0)")
    ask("BEGIN")
    assert ask("SELECT A FROM S") == [(10,)]
    assert "getvariable" not in texts[-1]
    other("INSERT INTO D.PUBLIC.T VALUES (11, 0)")
    other("UPDATE D.PUBLIC.T SET A = 12 WHERE A = 10")
    assert ask("SELECT A FROM S") == [(10,)]
    ask("COMMIT")
    assert sorted(ask("SELECT A FROM S")) == [(11,), (12,)]


def test_a_transaction_that_began_earlier_and_committed_later_belongs_to_the_window(ask: Ask, runtime: Runtime) -> None:
    other = _ask(runtime)
    ask("BEGIN")
    ask("INSERT INTO T VALUES (10, 0)")
    other("UPDATE D.PUBLIC.T SET B = 5 WHERE A = 1")
    other("CREATE STREAM D.PUBLIC.S2 ON TABLE D.PUBLIC.T")
    ask("COMMIT")
    other("UPDATE D.PUBLIC.T SET B = 6 WHERE A = 1")
    assert sorted(ask("SELECT A, B, METADATA$ACTION FROM S2")) == [
        (1, 5, "DELETE"),
        (1, 6, "INSERT"),
        (10, 0, "INSERT"),
    ]
