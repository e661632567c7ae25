"""Trains a new version of the model, registers it, and lets it serve when it is not worse than the one that does."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import insurance_features as features
import insurance_gate as gate
import insurance_model as model
import insurance_spec as spec
import pandas as pd
from insurance_baseline import write_baseline
from insurance_versions import next_version, plain_name
from opentelemetry import trace
from sklearn.pipeline import Pipeline
from snowflake.ml.registry import Registry
from snowflake.snowpark import Session
from snowflake.snowpark import functions as F
from snowflake.snowpark.exceptions import SnowparkSQLException

FEATURES = list(spec.FEATURES)
#: The error of making what there is already.
EXISTS = 2002

tracer = trace.get_tracer("insurance.train_save_ins_model")


@dataclass(frozen=True)
class Source:
    """Where the training rows come from: the table, and the moment at which it was read."""

    table: str
    read_at: str
    row_count: int


@dataclass(frozen=True)
class Trained:
    """A fitted pipeline with the rows that it was fitted to and judged on, and its metrics on the latter."""

    pipeline: Pipeline
    train: pd.DataFrame
    held_out: pd.DataFrame
    grid: list[model.Candidate]
    best: model.Candidate
    metrics: dict[str, float]


def train_save_ins_model(session: Session, source_of_truth: str, major_version: bool) -> str:
    """Train on the table `source_of_truth` and register the result as the next major or minor version.

    Whatever fails raises: the span records the exception with its traceback, and the task's run is FAILED.
    """
    with tracer.start_as_current_span("train_save_ins_model") as span:
        span.set_attribute("model.name", spec.MODEL_NAME)
        frame, source = read_training_rows(session, source_of_truth)
        trained = train(frame)
        with tracer.start_as_current_span("model_registration") as registration:
            version, reason = register(session, trained, source, major_version)
            registration.set_attribute("model.version", version)
            registration.set_attribute("model.decision", reason)
    figures = " and ".join(f"{name} of {value}" for name, value in trained.metrics.items())
    return f"Model {spec.MODEL_NAME} has been logged with version {version} and has a {figures}; {reason}"


def read_training_rows(session: Session, source_of_truth: str) -> tuple[pd.DataFrame, Source]:
    """The table's sound rows, text standardised, in an order that is always the same; and what was read when."""
    with tracer.start_as_current_span("data_loading") as span:
        table = session.table(source_of_truth)
        now = F.sql_expr("TO_CHAR(CURRENT_TIMESTAMP(), 'YYYY-MM-DD HH24:MI:SS.FF9 TZHTZM')")
        row_count, read_at = table.agg(F.count("*"), now).collect()[0]
        span.set_attribute("data.table", source_of_truth)
        span.set_attribute("data.row_count", row_count)

    with tracer.start_as_current_span("feature_engineering") as span:
        same = session.table(source_of_truth, time_travel_mode="at", timestamp=read_at, timestamp_type="LTZ")
        label = f"{spec.LABEL}::VARCHAR AS {spec.LABEL}" if model.IS_CLASSIFICATION else spec.LABEL
        standard = same.select_expr(*features.standardised(), label)
        rows = standard.filter(F.sql_expr(features.is_sound()) & F.sql_expr(features.has_label()))
        frame = rows.sort(*FEATURES, spec.LABEL).to_pandas()
        span.set_attribute("data.row_count", len(frame))
        span.set_attribute("data.rows_left_out", row_count - len(frame))
    return frame, Source(source_of_truth, read_at, row_count)


def train(frame: pd.DataFrame) -> Trained:
    """Search the grid, fit the best pipeline, and evaluate it on rows that it has not seen."""
    with tracer.start_as_current_span("define_pipeline") as span:
        pipeline = model.define_pipeline()
        span.set_attribute("training.n_estimators", model.TREES)
        span.set_attribute("training.learning_rate", model.LEARNING_RATES)

    with tracer.start_as_current_span("train_test_split") as span:
        fitted, held_out = model.split(frame)
        span.set_attribute("data.train_rows", len(fitted))
        span.set_attribute("data.test_rows", len(held_out))

    with tracer.start_as_current_span("fit_pipeline") as span:
        grid = model.search_grid(fitted)
        best = min(grid, key=lambda candidate: candidate.error)
        pipeline.set_params(**{f"trees__{name}": value for name, value in best.parameters.items()})
        pipeline.fit(fitted[FEATURES], model.labels(fitted))
        span.set_attribute("training.n_estimators", best.n_estimators)
        span.set_attribute("training.learning_rate", best.learning_rate)
        span.set_attribute("training.cross_validated_error", best.error)

    with tracer.start_as_current_span("model_evaluation") as span:
        metrics = model.evaluate(model.labels(held_out), pipeline.predict(held_out[FEATURES]))
        for name, value in metrics.items():
            span.set_attribute(f"model.{name}", value)
    return Trained(pipeline, fitted, held_out, grid, best, metrics)


def register(session: Session, trained: Trained, source: Source, major: bool) -> tuple[str, str]:
    """Log the pipeline as the model's next version and let the gate decide; give the version and the decision."""
    registry = Registry(session, database_name=session.get_current_database(), schema_name=session.get_current_schema())
    version = log_next_version(registry, trained, source, major)
    write_baseline(session, version, trained.train[FEATURES], trained.pipeline.predict(trained.held_out[FEATURES]))
    serving = registry.get_model(spec.MODEL_NAME).default
    # A model's first version is its default from the start.
    champion = serving if plain_name(serving.version_name) != version else None
    return version, gate.decide(session, version, trained.metrics[spec.ERROR_METRIC], champion, trained.held_out)


def log_next_version(registry: Registry, trained: Trained, source: Source, major: bool) -> str:
    """Log the pipeline as the next version, or when another training takes that name meanwhile, as the one after it."""
    while True:
        name = str(next_version(names_of_versions(registry), major))
        try:
            log_version(registry, name, trained, source)
            return name
        except (ValueError, SnowparkSQLException) as error:
            # The registry says by either of them that the name is taken: it looks first, and the database has the last
            # word.
            is_other = isinstance(error, SnowparkSQLException) and error.sql_error_code != EXISTS
            if is_other or name not in names_of_versions(registry):
                raise


def names_of_versions(registry: Registry) -> list[str]:
    """The names of the model's versions; none when there is no model yet."""
    known = next((known for known in registry.models() if known.name == spec.MODEL_NAME), None)
    return [plain_name(version.version_name) for version in known.versions()] if known else []


def log_version(registry: Registry, name: str, trained: Trained, source: Source) -> None:
    """Log the pipeline as version `name`, with its metrics, a sample of its input, and where it comes from."""
    lineage: dict[str, Any] = {
        "training_table": source.table,
        "training_table_at": source.read_at,
        "training_table_rows": source.row_count,
        "training_rows": len(trained.train),
        "held_out_rows": len(trained.held_out),
        "parameters": {**trained.best.parameters, "seed": model.SEED, "folds": model.FOLDS},
        "grid": [{**candidate.parameters, "error": candidate.error} for candidate in trained.grid],
    }
    registry.log_model(
        trained.pipeline,
        model_name=spec.MODEL_NAME,
        version_name=f'"{name}"',
        sample_input_data=trained.train[FEATURES].head(100),
        metrics={**trained.metrics, **lineage},
        conda_dependencies=["snowflake-snowpark-python", "snowflake-ml-python", "scikit-learn", "xgboost"],
        target_platforms=["WAREHOUSE"],
        options={"enable_explainability": False},
    )
