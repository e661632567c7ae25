"""VARIANT values in expressions: paths where text is wanted, casts by Snowflake's type names.

Source: docs.snowflake.com/en/user-guide/querying-semistructured
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from snowmelt.base.request import Request
from snowmelt.base.settings import Settings
from snowmelt.runtime import Runtime
from snowmelt.session.session import Session


@pytest.fixture(scope="module")
def session() -> Iterator[Session]:
    runtime = Runtime.open(Settings(password="p"))
    opened = runtime.open_session("SNOWMELT")
    for text in (
        "CREATE DATABASE D",
        "CREATE TABLE T (V VARIANT)",
        """INSERT INTO T SELECT PARSE_JSON('{"name": "abc", "n": 5, "inner": {"key": "z"}}')""",
        "INSERT INTO T SELECT PARSE_JSON('{}')",
    ):
        opened.execute(Request(text, str(uuid.uuid4())))
    yield opened
    opened.close()
    runtime.close()


def rows(session: Session, text: str) -> list[tuple[Any, ...]]:
    table = session.execute(Request(text, str(uuid.uuid4()))).table
    assert table is not None
    return [tuple(row) for row in zip(*(column.to_pylist() for column in table.columns), strict=True)]


@pytest.mark.parametrize(
    "condition",
    [
        "V:name = 'abc'",
        "'abc' = V:name",
        "V:name IN ('x', 'abc')",
        "V:name::VARCHAR = 'abc'",
        "V['name'] = 'abc'",
        "V:inner.key = 'z'",
        "V:name LIKE 'a%'",
        "UPPER(V:name) = 'ABC'",
        "V:name || 'd' = 'abcd'",
        "V:n > 4",
        "V:n = 5",
    ],
)
def test_a_path_compares_as_what_it_holds(session: Session, condition: str) -> None:
    assert rows(session, f"SELECT COUNT(*) FROM T WHERE {condition}") == [(1,)]


def test_a_path_alone_stays_json(session: Session) -> None:
    assert rows(session, "SELECT V:name, V:name::VARCHAR FROM T WHERE V:name IS NOT NULL") == [('"abc"', "abc")]


def test_casts_that_may_fail(session: Session) -> None:
    assert rows(session, "SELECT TRY_CAST('x' AS INT), TRY_CAST('5' AS INT), TRY_TO_DATE('2024-01-02')") == [
        (None, Decimal(5), date(2024, 1, 2))
    ]
    assert rows(session, "SELECT '3.14159'::NUMBER(5,2)") == [(Decimal("3.14"),)]


def test_keys_of_an_object_constant_keep_their_case(session: Session) -> None:
    ((value,),) = rows(session, "SELECT {'a': 1, 'B': 2}")
    assert json.loads(value) == {"a": 1, "B": 2}
