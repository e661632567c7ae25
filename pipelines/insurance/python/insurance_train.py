"""Trains a new version of the model, registers it, and lets it serve when it is not worse than the one that does."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import insurance_features as features
import pandas as pd
from insurance_versions import MODEL_NAME, next_version, plain_name
from joblib import Parallel, delayed
from opentelemetry import trace
from sklearn.compose import ColumnTransformer
from sklearn.metrics import mean_absolute_percentage_error, mean_squared_error
from sklearn.model_selection import KFold
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import OneHotEncoder
from snowflake.ml.model import ModelVersion
from snowflake.ml.registry import Registry
from snowflake.snowpark import Session
from snowflake.snowpark import functions as F
from xgboost import XGBRegressor

DECISIONS = "MODEL_DECISIONS"

SEED = 42
FOLDS = 5
LEARNING_RATES = (0.01, 0.1, 0.5)
TREES = (50, 100, 200)

#: A challenger may be worse than the champion by this share of the champion's error and still be promoted.
TOLERANCE = 0.01

FEATURES = list(features.FEATURES)
LABEL = features.LABEL

tracer = trace.get_tracer("insurance.train_save_ins_model")


@dataclass(frozen=True)
class Candidate:
    """One point of the grid with its mean absolute percentage error over the folds."""

    n_estimators: int
    learning_rate: float
    mape: float

    @property
    def parameters(self) -> dict[str, Any]:
        """What the regressor is to be set to."""
        return {"n_estimators": self.n_estimators, "learning_rate": self.learning_rate}


@dataclass(frozen=True)
class Metrics:
    """How far off predictions are: mean absolute percentage error (a fraction) and mean squared error (dollars²)."""

    mape: float
    mse: float


@dataclass(frozen=True)
class Trained:
    """A fitted pipeline with the rows that it was fitted to and judged on."""

    pipeline: Pipeline
    train: pd.DataFrame
    held_out: pd.DataFrame
    grid: list[Candidate]
    metrics: Metrics


def train_save_ins_model(session: Session, source_of_truth: str, major_version: bool) -> str:
    """Train on the table `source_of_truth` and register the result as the next major or minor version.

    Whatever fails raises: the span records the exception with its traceback, and the task's run is FAILED.
    """
    with tracer.start_as_current_span("train_save_ins_model") as span:
        span.set_attribute("model.name", MODEL_NAME)
        trained = train(read_training_rows(session, source_of_truth))
        with tracer.start_as_current_span("model_registration") as registration:
            version, reason = register(session, trained, major_version)
            registration.set_attribute("model.version", version)
            registration.set_attribute("model.decision", reason)
    return (
        f"Model {MODEL_NAME} has been logged with version {version} and has a MAPE of {trained.metrics.mape} "
        f"and MSE of {trained.metrics.mse}; {reason}"
    )


def read_training_rows(session: Session, source_of_truth: str) -> pd.DataFrame:
    """The table's sound rows, text standardised, in an order that is always the same."""
    with tracer.start_as_current_span("data_loading") as span:
        table = session.table(source_of_truth)
        row_count = table.count()
        span.set_attribute("data.row_count", row_count)

    with tracer.start_as_current_span("feature_engineering") as span:
        rows = features.standardise(table).filter(~features.is_faulty(F.col) & F.col(LABEL).is_not_null())
        frame = rows.select(*FEATURES, LABEL).sort(*FEATURES, LABEL).to_pandas()
        span.set_attribute("data.row_count", len(frame))
        span.set_attribute("data.rows_left_out", row_count - len(frame))
    return frame


def train(frame: pd.DataFrame) -> Trained:
    """Search the grid, fit the best pipeline, and evaluate it on rows that it has not seen."""
    with tracer.start_as_current_span("define_pipeline") as span:
        pipeline = define_pipeline()
        span.set_attribute("training.param_grid", f"n_estimators {TREES}, learning_rate {LEARNING_RATES}")

    with tracer.start_as_current_span("train_test_split") as span:
        fitted, held_out = split(frame)
        span.set_attribute("data.train_rows", len(fitted))
        span.set_attribute("data.test_rows", len(held_out))

    with tracer.start_as_current_span("fit_pipeline") as span:
        grid = search_grid(fitted)
        best = min(grid, key=lambda candidate: candidate.mape)
        pipeline.set_params(**{f"regressor__{name}": value for name, value in best.parameters.items()})
        pipeline.fit(fitted[FEATURES], fitted[LABEL])
        span.set_attribute("training.n_estimators", best.n_estimators)
        span.set_attribute("training.learning_rate", best.learning_rate)
        span.set_attribute("training.cross_validated_mape", best.mape)

    with tracer.start_as_current_span("model_evaluation") as span:
        metrics = evaluate(held_out[LABEL], pipeline.predict(held_out[FEATURES]))
        span.set_attribute("model.mape", metrics.mape)
        span.set_attribute("model.mse", metrics.mse)
    return Trained(pipeline, fitted, held_out, grid, metrics)


def define_pipeline() -> Pipeline:
    """One-hot encoding of the text features, then gradient-boosted trees. An unseen category encodes as all zeros."""
    one_hot = OneHotEncoder(handle_unknown="ignore", sparse_output=False, dtype="float32")
    encode = ColumnTransformer([("one_hot", one_hot, list(features.CATEGORIES))], remainder="passthrough")
    return Pipeline([("encode", encode), ("regressor", XGBRegressor(random_state=SEED))])


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
    encoded = pd.DataFrame(define_pipeline()["encode"].fit_transform(rows[FEATURES]))
    label = rows[LABEL]
    folds = list(KFold(FOLDS, shuffle=True, random_state=SEED).split(encoded))

    def errors(rate: float, fitted: Any, judged: Any) -> list[float]:
        model = XGBRegressor(n_estimators=max(TREES), learning_rate=rate, random_state=SEED, n_jobs=1)
        model.fit(encoded.iloc[fitted], label.iloc[fitted])
        return [
            evaluate(label.iloc[judged], model.predict(encoded.iloc[judged], iteration_range=(0, trees))).mape
            for trees in TREES
        ]

    results = Parallel(n_jobs=-1, prefer="threads")(
        delayed(errors)(rate, fitted, judged) for rate in LEARNING_RATES for fitted, judged in folds
    )
    by_rate = {rate: results[i * FOLDS : (i + 1) * FOLDS] for i, rate in enumerate(LEARNING_RATES)}
    return [
        Candidate(trees, rate, sum(fold[i] for fold in by_rate[rate]) / FOLDS)
        for rate in LEARNING_RATES
        for i, trees in enumerate(TREES)
    ]


def evaluate(truth: Any, predicted: Any) -> Metrics:
    """Compare predictions with the true charges."""
    return Metrics(float(mean_absolute_percentage_error(truth, predicted)), float(mean_squared_error(truth, predicted)))


def register(session: Session, trained: Trained, major: bool) -> tuple[str, str]:
    """Log the pipeline as the model's next version and let the gate decide; give the version and the decision."""
    registry = Registry(session, database_name=session.get_current_database(), schema_name=session.get_current_schema())
    model = next((model for model in registry.models() if model.name == MODEL_NAME), None)
    champion = model.default if model else None
    names = [plain_name(version.version_name) for version in model.versions()] if model else []
    challenger = log_version(registry, str(next_version(names, major)), trained)
    return plain_name(challenger.version_name), decide(session, challenger, champion, trained)


def log_version(registry: Registry, name: str, trained: Trained) -> ModelVersion:
    """Log the pipeline as version `name`, with its metrics, its grid and a sample of its input."""
    return registry.log_model(
        trained.pipeline,
        model_name=MODEL_NAME,
        version_name=f'"{name}"',
        sample_input_data=trained.train[FEATURES].head(100),
        metrics={
            "mean_abs_pct_err": trained.metrics.mape,
            "mean_sq_err": trained.metrics.mse,
            "training_rows": len(trained.train),
            "grid": [{**candidate.parameters, "mape": candidate.mape} for candidate in trained.grid],
        },
        conda_dependencies=["snowflake-snowpark-python", "snowflake-ml-python", "scikit-learn", "xgboost"],
        target_platforms=["WAREHOUSE"],
        options={"enable_explainability": False},
    )


def decide(session: Session, challenger: ModelVersion, champion: ModelVersion | None, trained: Trained) -> str:
    """Make `challenger` the default unless it is worse than `champion` on the same held-out rows.

    The decision is kept in MODEL_DECISIONS with both figures; what is returned says it in words.
    """
    held_out, metrics, champion_mape = trained.held_out, trained.metrics, None
    if champion is not None:
        predicted = champion.run(held_out[FEATURES], function_name="predict").iloc[:, -1]
        champion_mape = evaluate(held_out[LABEL], predicted).mape
    promoted, reason = judge(metrics.mape, champion_mape)
    if promoted:
        session.sql(f"ALTER MODEL {MODEL_NAME} SET DEFAULT_VERSION = {challenger.version_name}").collect()
    decision: dict[str, Any] = {
        "MODEL_NAME": MODEL_NAME,
        "CHALLENGER_VERSION": plain_name(challenger.version_name),
        "CHAMPION_VERSION": plain_name(champion.version_name) if champion else None,
        "CHALLENGER_MAPE": metrics.mape,
        "CHAMPION_MAPE": champion_mape,
        "HELD_OUT_ROWS": len(held_out),
        "TOLERANCE": TOLERANCE,
        "DECISION": "PROMOTED" if promoted else "KEPT",
        "REASON": reason,
        "TRACE_ID": trace.format_trace_id(trace.get_current_span().get_span_context().trace_id),
    }
    places = ", ".join("?" for _ in decision)
    session.sql(
        f"INSERT INTO {DECISIONS} (DECIDED_AT, {', '.join(decision)}) SELECT CURRENT_TIMESTAMP(), {places}",
        params=list(decision.values()),
    ).collect()
    return reason


def judge(challenger_mape: float, champion_mape: float | None) -> tuple[bool, str]:
    """Say whether a challenger is promoted, and why. Errors are fractions, so 0.02 is 2 %."""
    if champion_mape is None:
        return True, "promoted: the first version"
    figures = f"its error of {challenger_mape:.3%} against {champion_mape:.3%} on the same held-out rows"
    if challenger_mape <= champion_mape * (1 + TOLERANCE):
        return True, f"promoted: {figures} is not worse (tolerance {TOLERANCE:.0%})"
    return False, f"not promoted: {figures} is worse (tolerance {TOLERANCE:.0%})"
