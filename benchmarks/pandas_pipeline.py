"""Baseline: the pandas script that one usually writes for this job.

For each file of landed rows it cleans, predicts, merges the result into the gold frame by row id, and writes the gold
file anew. It knows neither transactions nor deletes; a crash in the middle of a write loses the gold file.
"""

from __future__ import annotations

import tempfile
import time
from pathlib import Path

import pandas as pd

from benchmarks.job import Scored, clean, feature_names, text_names, trained_pipeline, write_batches


def score(rows: int) -> Scored:
    """Bring `rows` landed rows to gold, 100,000 at a time."""
    model = trained_pipeline()
    with tempfile.TemporaryDirectory() as name:
        directory = Path(name)
        batches = write_batches(rows, directory)
        started = time.perf_counter()
        for batch in batches:
            _score_batch(batch, directory / "gold.parquet", model)
        seconds = time.perf_counter() - started
        written = len(pd.read_parquet(directory / "gold.parquet", columns=["ROW_ID"]))
    return Scored(written, seconds)


def _score_batch(batch: Path, gold_path: Path, model: object) -> None:
    landed = clean(pd.read_parquet(batch), text_names())
    landed["PREDICTED_CHARGES"] = model.predict(landed[feature_names()])  # type: ignore[attr-defined]
    landed["METADATA_UPDATED_AT"] = pd.Timestamp.now()
    if gold_path.exists():
        gold = pd.read_parquet(gold_path)
        landed = pd.concat([gold[~gold["ROW_ID"].isin(landed["ROW_ID"])], landed], ignore_index=True)
    landed.to_parquet(gold_path, index=False)
