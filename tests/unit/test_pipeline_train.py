"""Training without a database: the split, the grid search, the model's quality and the gate."""

from __future__ import annotations

from typing import Any

import pytest

pytestmark = pytest.mark.ml


@pytest.fixture(scope="module")
def frame(insurance: Any) -> Any:
    """The training table as the procedure reads it: 10,000 rows, text standardised."""
    rows = insurance.data.generate(10_000)
    for column in insurance.features.CATEGORIES:
        rows[column] = rows[column].fillna("NONE").str.upper().str.replace(" ", "_")
    return rows[[*insurance.features.FEATURES, insurance.features.LABEL]]


def test_the_split_is_80_to_20_and_decided_by_content(insurance: Any, frame: Any) -> None:
    train, held_out = insurance.train.split(frame)
    assert len(train) + len(held_out) == len(frame)
    assert len(held_out) == pytest.approx(2_000, abs=150)
    shuffled_train, _ = insurance.train.split(frame.sample(frac=1, random_state=1))
    assert sorted(shuffled_train["CHARGES"]) == sorted(train["CHARGES"])


def test_a_row_stays_on_its_side_when_the_table_grows(insurance: Any, frame: Any) -> None:
    _, held_out_before = insurance.train.split(frame.head(5_000))
    train, _ = insurance.train.split(frame)
    assert not set(held_out_before["CHARGES"]) & set(train["CHARGES"])


def test_the_trained_pipeline_is_good_and_repeatable(insurance: Any, frame: Any) -> None:
    train, held_out = insurance.train.split(frame)
    grid = insurance.train.search_grid(train)
    assert [(point.n_estimators, point.learning_rate) for point in grid] == [
        (trees, rate) for rate in (0.01, 0.1, 0.5) for trees in (50, 100, 200)
    ]
    best = min(grid, key=lambda point: point.mape)
    assert (best.n_estimators, best.learning_rate) == (200, 0.1)

    features, label = list(insurance.features.FEATURES), insurance.features.LABEL

    def predictions() -> Any:
        pipeline = insurance.train.define_pipeline()
        pipeline.set_params(regressor__n_estimators=200, regressor__learning_rate=0.1)
        return pipeline.fit(train[features], train[label]).predict(held_out[features])

    first = predictions()
    assert insurance.train.evaluate(held_out[label], first).mape <= 0.021
    assert (first == predictions()).all()


@pytest.mark.parametrize(
    ("challenger", "champion", "promoted"),
    [(0.5, None, True), (0.020, 0.020, True), (0.0201, 0.020, True), (0.0203, 0.020, False), (0.019, 0.020, True)],
)
def test_the_gate(insurance: Any, challenger: float, champion: float | None, promoted: bool) -> None:
    decided, reason = insurance.train.judge(challenger, champion)
    assert decided is promoted
    assert reason.startswith("promoted" if promoted else "not promoted")
