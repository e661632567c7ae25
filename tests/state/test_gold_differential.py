"""Gold equals a plain recomputation from the landing table, whatever happens in between."""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import Any

import pytest
from books import PREDICT, VERSIONS, Landing, check, load_models, prepare
from snowflake.connector import SnowflakeConnection, connect
from snowflake.connector.errors import ProgrammingError

from snowmelt.testing.server import running_server

pytestmark = [pytest.mark.ml, pytest.mark.timeout(900)]


@pytest.fixture(scope="module")
def connection(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SnowflakeConnection]:
    with running_server() as server, connect(**server.parameters) as opened:
        prepare(opened, tmp_path_factory.mktemp("rows"), 2_000)
        yield opened


@pytest.fixture(scope="module")
def models(connection: SnowflakeConnection) -> dict[str, Any]:
    return load_models(connection)


def failed_run(connection: SnowflakeConnection) -> None:
    """A scoring that fails at its very end, at the write to gold."""
    cursor = connection.cursor()
    cursor.execute("ALTER TABLE INSURANCE_GOLD RENAME COLUMN SCORED_AT TO ELSEWHERE")
    with pytest.raises(ProgrammingError, match="SCORED_AT"):
        cursor.execute(PREDICT)
    cursor.execute("ALTER TABLE INSURANCE_GOLD RENAME COLUMN ELSEWHERE TO SCORED_AT")


def undone(connection: SnowflakeConnection, landing: Landing) -> None:
    """Changes that are rolled back, some of them scored."""
    connection.cursor().execute("BEGIN")
    for _ in range(3):
        landing.step()
    connection.cursor().execute("ROLLBACK")


def play(connection: SnowflakeConnection, models: dict[str, Any], seed: int, steps: int) -> int:
    dice = random.Random(seed)
    landing = Landing(connection.cursor().execute, dice)
    scored = 0
    for number in range(steps):
        landing.serve(VERSIONS[number % 2])
        for _ in range(dice.randint(1, 4)):
            landing.step()
        match dice.randrange(4):
            case 0:
                failed_run(connection)
            case 1:
                undone(connection, landing)
        connection.cursor().execute(PREDICT)
        scored = check(connection, models)
    return scored


def test_gold_follows_random_changes(connection: SnowflakeConnection, models: dict[str, Any]) -> None:
    assert play(connection, models, seed=1, steps=4) > 0
    used = connection.cursor().execute("SELECT COUNT(DISTINCT MODEL_VERSION) FROM INSURANCE_GOLD").fetchone()
    assert used == (len(VERSIONS),), "both versions have scored some rows"


@pytest.mark.long
@pytest.mark.parametrize("seed", range(2, 8))
def test_gold_follows_many_random_changes(connection: SnowflakeConnection, models: dict[str, Any], seed: int) -> None:
    play(connection, models, seed, steps=40)
