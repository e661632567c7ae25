"""What all contenders work on: the same rows and the same trained model."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import pandas as pd

from snowmelt.cli.demo_data import TRAINING_ROWS, pipeline_directory

sys.path.insert(0, str(pipeline_directory() / "python"))

BATCH_ROWS = 100_000


@dataclass(frozen=True)
class Scored:
    """What a contender did: how many rows it brought to gold, in how many seconds."""

    rows: int
    seconds: float

    @property
    def rows_per_second(self) -> float:
        return self.rows / self.seconds


@cache
def landed_rows(rows: int) -> pd.DataFrame:
    """The first `rows` rows of the feed, with an id as a landing table of one's own would have."""
    import insurance_data

    frame = insurance_data.generate(TRAINING_ROWS + rows).iloc[TRAINING_ROWS:].reset_index(drop=True)
    frame.insert(0, "ROW_ID", frame.index)
    return frame


@cache
def trained_pipeline() -> Any:
    """The flagship's scikit-learn pipeline with the parameters that its grid search chooses, trained on its rows."""
    import insurance_data
    import insurance_model
    import insurance_spec

    frame = clean(insurance_data.generate(TRAINING_ROWS), insurance_spec.CATEGORIES)
    train, _ = insurance_model.split(frame)
    pipeline = insurance_model.define_pipeline()
    pipeline.set_params(trees__n_estimators=200, trees__learning_rate=0.1)
    return pipeline.fit(train[list(insurance_spec.FEATURES)], train[insurance_spec.LABEL])


def clean(frame: pd.DataFrame, text_columns: Any) -> pd.DataFrame:
    """Standardise the text columns, as a pandas script does."""
    frame = frame.copy()
    for name in text_columns:
        frame[name] = frame[name].fillna("NONE").str.replace(r"[^a-zA-Z0-9]+", "_", regex=True).str.upper()
    return frame


def feature_names() -> list[str]:
    """The model's inputs in their order."""
    import insurance_spec

    return list(insurance_spec.FEATURES)


def text_names() -> list[str]:
    """The model's text inputs."""
    import insurance_spec

    return list(insurance_spec.CATEGORIES)


def write_batches(rows: int, directory: Path) -> list[Path]:
    """Write the landed rows as one Parquet file for each batch."""
    frame, paths = landed_rows(rows), []
    for number, start in enumerate(range(0, rows, BATCH_ROWS)):
        paths.append(directory / f"landed_{number:03}.parquet")
        frame.iloc[start : start + BATCH_ROWS].to_parquet(paths[-1], index=False)
    return paths
