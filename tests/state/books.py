"""The insurance pipeline's books: gold and quarantine recomputed from the landing table with pandas alone."""

from __future__ import annotations

import random
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
from snowflake.connector import SnowflakeConnection
from snowflake.ml.registry import Registry
from snowflake.snowpark import Session

from snowmelt.cli import demo_data
from snowmelt.cli.deploy import run
from snowmelt.cli.manifest import actions_of

sys.path.insert(0, str(demo_data.pipeline_directory() / "python"))
import insurance_spec as spec

VERSIONS = ("V1", "V1.1")
FEATURES = list(spec.FEATURES)
KEPT = [*FEATURES, spec.LABEL]
PREDICT = "CALL PREDICT_WRITE_TO_GOLD()"


def prepare(connection: SnowflakeConnection, directory: Path, feed: int) -> None:
    """Deploy the pipeline with its tasks suspended, load `feed` rows to land, and train two versions that differ."""
    run(connection, actions_of(demo_data.pipeline_directory()))
    cursor = connection.cursor()
    for task in ("PREDICT_WRITE_TASK", "TRAIN_SAVE_TASK"):
        cursor.execute(f"ALTER TASK {task} SUSPEND")
    frame = demo_data.generated_rows(demo_data.TRAINING_ROWS + feed, directory)
    demo_data.load(connection, frame, lambda _: None)
    for name, rows in (("SOME_ROWS", 3_000), ("OTHER_ROWS", 2_000)):
        cursor.execute(f"CREATE TABLE {name} AS SELECT * FROM SOURCE_OF_TRUTH ORDER BY CHARGES LIMIT {rows}")
        cursor.execute(f"CALL TRAIN_SAVE_INS_MODEL('{name}', FALSE)")


def load_models(connection: SnowflakeConnection) -> dict[str, Any]:
    """Both versions as Python objects, by name."""
    session = Session.builder.config("connection", connection).create()
    registry = Registry(session, database_name="INSURANCE", schema_name="ML_PIPE")
    model = registry.get_model(spec.MODEL_NAME)
    return {name: model.version(f'"{name}"').load() for name in VERSIONS}


def check(connection: SnowflakeConnection, models: dict[str, Any]) -> int:
    """Compare gold and quarantine with the landing table, every row and every prediction; give gold's row count.

    Raises:
        AssertionError: they differ.
    """
    landing, gold, quarantine = (
        connection.cursor().execute(f"SELECT * FROM {name}").fetch_pandas_all()  # type: ignore[union-attr]
        for name in ("LANDING_TABLE", spec.GOLD, spec.QUARANTINE)
    )
    standard = standardised(landing)
    sound = is_sound(standard)
    _same(standard[sound], gold)
    _same(standard[~sound], quarantine)
    assert gold["METADATA$ROW_ID"].is_unique
    for version, rows in gold.groupby("MODEL_VERSION"):
        plain = rows[FEATURES].astype(dict.fromkeys(spec.NUMBERS, "float64"))
        assert (models[str(version)].predict(plain).astype(float) == rows[spec.PREDICTION]).all(), version
    return len(gold)


def standardised(frame: pd.DataFrame) -> pd.DataFrame:
    """Text as the pipeline writes it, by pandas instead of SQL."""
    changed = frame[KEPT].copy()
    for name in spec.CATEGORIES:
        changed[name] = changed[name].fillna("NONE").str.replace(r"[^a-zA-Z0-9]+", "_", regex=True).str.upper()
    return changed


def is_sound(frame: pd.DataFrame) -> pd.Series:
    """Which rows can be scored, by the rules of the pipeline's spec."""
    sound = pd.Series(True, index=frame.index)
    for name, (low, high, _) in spec.NUMBERS.items():
        sound &= frame[name].astype(float).between(low, high)
    for name, categories in spec.CATEGORIES.items():
        sound &= frame[name].isin(categories)
    return sound


def _same(expected: pd.DataFrame, found: pd.DataFrame) -> None:
    """The same rows, each as often, in whatever order."""
    numbers = dict.fromkeys((*spec.NUMBERS, spec.LABEL), "float64")
    left, right = (frame[KEPT].astype(numbers).sort_values(KEPT, ignore_index=True) for frame in (expected, found))
    pd.testing.assert_frame_equal(left, right, check_dtype=False)


@dataclass(frozen=True)
class Landing:
    """Changes the landing table at random."""

    execute: Callable[[str], Any]
    dice: random.Random

    def step(self) -> None:
        """One change: rows land, are updated, go bad, are mended, or go."""
        age = self.dice.randint(18, 65)
        change = self.dice.choice(
            [
                self.land,
                self.land,
                lambda: self.execute(f"UPDATE LANDING_TABLE SET SMOKER = 'yes', BMI = BMI / 2 + 10 WHERE AGE = {age}"),
                lambda: self.execute(f"UPDATE LANDING_TABLE SET REGION = 'atlantis' WHERE AGE = {age}"),
                lambda: self.execute(f"UPDATE LANDING_TABLE SET CHILDREN = NULL WHERE AGE = {age} AND CHILDREN > 3"),
                lambda: self.execute(
                    "UPDATE LANDING_TABLE SET CHILDREN = 0, REGION = 'southeast' "
                    "WHERE CHILDREN IS NULL OR REGION = 'atlantis'"
                ),
                lambda: self.execute(f"DELETE FROM LANDING_TABLE WHERE AGE = {age}"),
            ]
        )
        change()

    def land(self) -> None:
        """Some rows of the feed, perhaps again."""
        rows = self.dice.choice([1, 20, 400])
        self.execute(
            f"INSERT INTO LANDING_TABLE SELECT * FROM INCOMING_DATA_SOURCE ORDER BY CHARGES LIMIT {rows} "
            f"OFFSET {self.dice.randint(0, 1_500)}"
        )

    def serve(self, version: str) -> None:
        """A version of one's choice serves from now on."""
        self.execute(f"CALL ROLLBACK_MODEL('{version}')")
