"""The pipeline's grid search beside scikit-learn's own, on the same rows with the same folds and scores."""

from __future__ import annotations

import time
from dataclasses import dataclass

from sklearn.model_selection import GridSearchCV, KFold
from sklearn.pipeline import Pipeline

from benchmarks.job import clean, feature_names
from snowmelt.cli.demo_data import TRAINING_ROWS


@dataclass(frozen=True)
class Grids:
    """Seconds that each search took; both choose the same candidate."""

    ours: float
    by_hand: float


def measure_grids() -> Grids:
    """Search the flagship's grid by its own code (15 fits) and by `GridSearchCV` (45)."""
    import insurance_data
    import insurance_model
    import insurance_spec

    frame, _ = insurance_model.split(clean(insurance_data.generate(TRAINING_ROWS), insurance_spec.CATEGORIES))
    started = time.perf_counter()
    best = min(insurance_model.search_grid(frame), key=lambda candidate: candidate.error)
    ours = time.perf_counter() - started

    pipeline: Pipeline = insurance_model.define_pipeline()
    grid = {"trees__n_estimators": insurance_model.TREES, "trees__learning_rate": insurance_model.LEARNING_RATES}
    folds = KFold(insurance_model.FOLDS, shuffle=True, random_state=insurance_model.SEED)
    search = GridSearchCV(pipeline, grid, scoring="neg_mean_absolute_percentage_error", cv=folds, n_jobs=-1)
    started = time.perf_counter()
    search.fit(frame[feature_names()], insurance_model.labels(frame))
    by_hand = time.perf_counter() - started
    chosen = {f"trees__{name}": value for name, value in best.parameters.items()}
    if search.best_params_ != chosen:
        raise AssertionError(f"the searches differ: {chosen} and {search.best_params_}")
    return Grids(ours, by_hand)
