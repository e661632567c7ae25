"""Training without a database: the split, the grid search, the model's quality and the gate."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

pytestmark = pytest.mark.ml


@pytest.fixture(scope="module")
def frame(insurance: Any) -> Any:
    """The training table as the procedure reads it: 10,000 rows, text standardised."""
    rows = insurance.data.generate(10_000)
    for column in insurance.spec.CATEGORIES:
        rows[column] = rows[column].fillna("NONE").str.upper().str.replace(" ", "_")
    return rows[[*insurance.spec.FEATURES, insurance.spec.LABEL]]


def test_the_split_is_80_to_20_and_decided_by_content(insurance: Any, frame: Any) -> None:
    train, held_out = insurance.model.split(frame)
    assert len(train) + len(held_out) == len(frame)
    assert len(held_out) == pytest.approx(2_000, abs=150)
    shuffled_train, _ = insurance.model.split(frame.sample(frac=1, random_state=1))
    assert sorted(shuffled_train["CHARGES"]) == sorted(train["CHARGES"])


def test_a_row_stays_on_its_side_when_the_table_grows(insurance: Any, frame: Any) -> None:
    _, held_out_before = insurance.model.split(frame.head(5_000))
    train, _ = insurance.model.split(frame)
    assert not set(held_out_before["CHARGES"]) & set(train["CHARGES"])


def test_the_trained_pipeline_is_good_and_repeatable(insurance: Any, frame: Any) -> None:
    train, held_out = insurance.model.split(frame)
    grid = insurance.model.search_grid(train)
    assert [(point.n_estimators, point.learning_rate) for point in grid] == [
        (trees, rate) for rate in (0.01, 0.1, 0.5) for trees in (50, 100, 200)
    ]
    best = min(grid, key=lambda point: point.error)
    assert (best.n_estimators, best.learning_rate) == (200, 0.1)

    features, label = list(insurance.spec.FEATURES), insurance.spec.LABEL

    def predictions() -> Any:
        pipeline = insurance.model.define_pipeline()
        pipeline.set_params(trees__n_estimators=200, trees__learning_rate=0.1)
        return pipeline.fit(train[features], train[label]).predict(held_out[features])

    first = predictions()
    assert insurance.model.error(held_out[label], first) <= 0.021
    assert (first == predictions()).all()


def test_fifteen_fits_score_as_forty_five(insurance: Any, frame: Any) -> None:
    """GridSearchCV fits every point of the grid on its own; the numbers must be the same, and the choice with them."""
    from sklearn.model_selection import GridSearchCV, KFold

    model = insurance.model
    rows = frame.head(1_500)
    by_hand = GridSearchCV(
        model.define_trees(n_jobs=1),
        {"n_estimators": model.TREES, "learning_rate": model.LEARNING_RATES},
        scoring="neg_mean_absolute_percentage_error",
        cv=KFold(model.FOLDS, shuffle=True, random_state=model.SEED),
    )
    encoded = model.define_pipeline()["encode"].fit_transform(rows[list(insurance.spec.FEATURES)]).astype("float32")
    by_hand.fit(encoded, rows[insurance.spec.LABEL])
    expected = {
        (point["n_estimators"], point["learning_rate"]): -score
        for point, score in zip(by_hand.cv_results_["params"], by_hand.cv_results_["mean_test_score"], strict=True)
    }
    grid = model.search_grid(rows)
    assert {(point.n_estimators, point.learning_rate): point.error for point in grid} == pytest.approx(expected)
    assert min(grid, key=lambda point: point.error).parameters == by_hand.best_params_


class _Registry:
    """A registry that refuses V1.1, which another training may have taken just before.

    Attributes:
        taken: whether it has.
    """

    def __init__(self, refusal: Exception, taken: bool = True) -> None:
        self.names, self.refusal, self.taken = ["V1"], refusal, taken

    def models(self) -> list[Any]:
        versions = [SimpleNamespace(version_name=f'"{name}"') for name in self.names]
        return [SimpleNamespace(name="INSURANCE_CHARGES_PREDICTION", versions=lambda: versions)]

    def log_model(self, _: Any, *, version_name: str, **__: Any) -> None:
        name = version_name.strip('"')
        if name == "V1.1":
            self.names += [name] if self.taken else []
            raise self.refusal
        self.names.append(name)


def _refusal(code: int | None) -> Exception:
    from snowflake.snowpark.exceptions import SnowparkSQLException

    return ValueError("it already existed") if code is None else SnowparkSQLException("refused", sql_error_code=code)


def _log(insurance: Any, frame: Any, registry: _Registry) -> Any:
    train = insurance.train
    return train.log_next_version(registry, train.train(frame.head(300)), train.Source("T", "now", 300), False)


@pytest.mark.parametrize("code", [None, 2002])
def test_a_name_that_another_training_takes_is_passed_over(insurance: Any, frame: Any, code: int | None) -> None:
    assert _log(insurance, frame, _Registry(_refusal(code))) == "V1.2"


@pytest.mark.parametrize(("code", "taken"), [(None, False), (2002, False), (625, True)])
def test_whatever_else_the_registry_refuses_is_raised(
    insurance: Any, frame: Any, code: int | None, taken: bool
) -> None:
    refusal = _refusal(code)
    with pytest.raises(type(refusal)) as raised:
        _log(insurance, frame, _Registry(refusal, taken))
    assert raised.value is refusal


def test_training_twice_gives_the_same_model(insurance: Any, frame: Any) -> None:
    once, again = (insurance.train.train(frame.head(1_000)) for _ in range(2))
    assert once.grid == again.grid
    assert once.metrics == again.metrics


@pytest.mark.parametrize(
    ("challenger", "champion", "promoted"),
    [(0.5, None, True), (0.020, 0.020, True), (0.0201, 0.020, True), (0.0203, 0.020, False), (0.019, 0.020, True)],
)
def test_the_gate(insurance: Any, challenger: float, champion: float | None, promoted: bool) -> None:
    decided, reason = insurance.gate.judge(challenger, champion)
    assert decided is promoted
    assert reason.startswith("promoted" if promoted else "not promoted")
