"""What the training data looked like: the share of each bin of each feature and of the predictions, by version."""

from __future__ import annotations

from typing import Any

import insurance_spec as spec
import numpy as np
import pandas as pd
from snowflake.snowpark import Session

#: Numbers are cut into this many bins of about equal size.
BINS = 10


def write_baseline(session: Session, version: str, inputs: pd.DataFrame, predictions: Any) -> None:
    """Keep the distribution of a version's training inputs and of its predictions on held-out rows."""
    bins = [(*bin_, len(inputs)) for name in spec.FEATURES for bin_ in bins_of(name, inputs[name])]
    if spec.KIND == "classification":
        predicted = pd.Series(np.asarray(spec.CLASSES, dtype=object)[np.asarray(predictions, dtype=int)])
    else:
        predicted = pd.Series(np.asarray(predictions, dtype=float))
    bins += [(*bin_, len(predicted)) for bin_ in bins_of(spec.PREDICTION, predicted)]
    rows = [(spec.MODEL_NAME, version, *bin_) for bin_ in bins]
    columns = "MODEL_NAME, MODEL_VERSION, COLUMN_NAME, LOW, HIGH, CATEGORY, SHARE, BASELINE_ROWS"
    places = ", ".join("(?, ?, ?, ?, ?, ?, ?, ?)" for _ in rows)
    session.sql(
        f"INSERT INTO MODEL_BASELINES ({columns}) VALUES {places}", params=[value for row in rows for value in row]
    ).collect()


def bins_of(name: str, values: pd.Series) -> list[tuple[str, float | None, float | None, str | None, float]]:
    """A column's bins as name, low (inclusive), high (exclusive), category and share; None where there is no bound.

    A missing number stands in a bin of its own, which has neither bounds nor category.
    """
    if not pd.api.types.is_numeric_dtype(values):
        return [(name, None, None, str(text), float(share)) for text, share in shares(values).items()]
    known = values.dropna().astype(float)
    edges = np.unique(np.quantile(known, np.arange(1, BINS) / BINS)) if len(known) else np.array([])
    lows, highs = [None, *edges.tolist()], [*edges.tolist(), None]
    counts = np.bincount(np.searchsorted(edges, known, side="right"), minlength=len(lows)) / len(values)
    missing = [(name, None, None, None, 1 - len(known) / len(values))] if len(known) < len(values) else []
    found = [(name, low, high, None, float(n)) for low, high, n in zip(lows, highs, counts, strict=True)]
    return found + missing


def shares(values: pd.Series) -> dict[Any, float]:
    """The share of each category, in alphabetical order."""
    return dict(values.value_counts(normalize=True).sort_index())
