"""The model: one-hot encoding and gradient-boosted trees, its grid search, and how far off its predictions are."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import insurance_spec as spec
import numpy as np
import pandas as pd
from joblib import Parallel, delayed
from sklearn.compose import ColumnTransformer
from sklearn.metrics import f1_score, mean_absolute_percentage_error, mean_squared_error
from sklearn.model_selection import KFold, StratifiedKFold
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder
from xgboost import XGBClassifier, XGBRegressor

SEED = 42
FOLDS = 5
LEARNING_RATES = (0.01, 0.1, 0.5)
TREES = (50, 100, 200)

FEATURES = list(spec.FEATURES)
IS_CLASSIFICATION = spec.KIND == "classification"


@dataclass(frozen=True)
class Candidate:
    """One point of the grid with its mean error over the folds."""

    n_estimators: int
    learning_rate: float
    error: float

    @property
    def parameters(self) -> dict[str, Any]:
        """What the trees are to be set to."""
        return {"n_estimators": self.n_estimators, "learning_rate": self.learning_rate}


def define_pipeline() -> Pipeline:
    """One-hot encoding of the text features, then gradient-boosted trees. An unseen category encodes as all zeros."""
    one_hot = OneHotEncoder(handle_unknown="ignore", sparse_output=False, dtype="float32")
    # Numbers that may be missing come as pandas' nullable types, which only pandas itself turns into plain ones.
    numbers = FunctionTransformer(pd.DataFrame.astype, kw_args={"dtype": "float32"}, feature_names_out="one-to-one")
    encode = ColumnTransformer(
        [("one_hot", one_hot, list(spec.CATEGORIES)), ("numbers", numbers, list(spec.NUMBERS))], sparse_threshold=0
    )
    return Pipeline([("encode", encode), ("trees", define_trees())])


def define_trees(**parameters: Any) -> Any:
    """The part of the pipeline that learns."""
    kind = XGBClassifier if IS_CLASSIFICATION else XGBRegressor
    return kind(random_state=SEED, **parameters)


def labels(frame: pd.DataFrame) -> pd.Series:
    """What the trees learn: the label, or the number of its class."""
    if not IS_CLASSIFICATION:
        return frame[spec.LABEL].astype(float)
    return frame[spec.LABEL].map({name: number for number, name in enumerate(spec.CLASSES)}).astype(int)


def split(frame: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Split 80 to 20 into training and held-out rows by a hash of each row's content.

    A row's side never changes, whatever else the table holds: equal rows never stand on both sides, and no earlier
    version has trained on the rows on which it meets a later one.
    """
    bucket = pd.util.hash_pandas_object(frame, index=False, hash_key=f"{SEED:016d}") % 5
    return frame[bucket != 0].reset_index(drop=True), frame[bucket == 0].reset_index(drop=True)


def search_grid(rows: pd.DataFrame) -> list[Candidate]:
    """Cross-validate every point of the grid.

    A boosted model of 200 trees holds those of 50 and of 100 trees, so one fit serves all three. The fits run side by
    side with one thread each: on data of this size that is faster than many threads in each fit.
    """
    encoded = np.asarray(define_pipeline()["encode"].fit_transform(rows[FEATURES]), dtype="float32")
    truth = labels(rows).to_numpy()
    kind = StratifiedKFold if IS_CLASSIFICATION else KFold
    folds = list(kind(FOLDS, shuffle=True, random_state=SEED).split(encoded, truth))

    def errors(rate: float, fitted: Any, judged: Any) -> list[float]:
        trees = define_trees(n_estimators=max(TREES), learning_rate=rate, n_jobs=1)
        trees.fit(encoded[fitted], truth[fitted])
        return [error(truth[judged], trees.predict(encoded[judged], iteration_range=(0, count))) for count in TREES]

    results = Parallel(n_jobs=-1, prefer="threads")(
        delayed(errors)(rate, fitted, judged) for rate in LEARNING_RATES for fitted, judged in folds
    )
    by_rate = {rate: results[i * FOLDS : (i + 1) * FOLDS] for i, rate in enumerate(LEARNING_RATES)}
    return [
        Candidate(count, rate, sum(fold[i] for fold in by_rate[rate]) / FOLDS)
        for rate in LEARNING_RATES
        for i, count in enumerate(TREES)
    ]


def error(truth: Any, predicted: Any) -> float:
    """How far off predictions are, as a fraction; versions are compared by this."""
    match spec.ERROR_METRIC:
        case "mean_abs_pct_err":
            return float(mean_absolute_percentage_error(truth, predicted))
        case "weighted_abs_pct_err":
            return float(np.abs(np.asarray(truth) - predicted).sum() / np.abs(truth).sum())
        case "misclassified":
            return float((np.asarray(truth) != predicted).mean())
        case other:
            raise ValueError(f"ERROR_METRIC cannot be {other}")


def evaluate(truth: Any, predicted: Any) -> dict[str, float]:
    """The metrics that a version keeps: its error, and the mean squared error or the mean F1 of the classes."""
    metrics = {spec.ERROR_METRIC: error(truth, predicted)}
    if IS_CLASSIFICATION:
        return metrics | {"macro_f1": float(f1_score(truth, predicted, average="macro"))}
    return metrics | {"mean_sq_err": float(mean_squared_error(truth, predicted))}
