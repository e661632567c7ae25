"""Scores what has changed in the landing table and brings the gold table up to date, in one transaction."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import insurance_features as features
from insurance_versions import MODEL_NAME, plain_name
from opentelemetry import trace
from snowflake.ml.model import ModelVersion
from snowflake.ml.registry import Registry
from snowflake.snowpark import Column, DataFrame, MergeResult, Session, Table
from snowflake.snowpark import functions as F

STREAM = "STREAM_ON_LANDING"
GOLD = "INSURANCE_GOLD"
QUARANTINE = "INSURANCE_QUARANTINE"
ROW_ID = "METADATA$ROW_ID"
STREAM_COLUMNS = (ROW_ID, "METADATA$ISUPDATE", "METADATA$ACTION")

tracer = trace.get_tracer("insurance.predict_write_to_gold")


def predict_write_to_gold(session: Session) -> str:
    """Score the stream with the model's default version and write the result to the gold and quarantine tables.

    The stream's offset and everything written from it commit together: a failure leaves both as they were. Snowpark
    is lazy: the spans before the last one build the query that the database runs in `write_predictions_to_gold`.
    """
    with tracer.start_as_current_span("predict_write_to_gold"), transaction(session):
        with tracer.start_as_current_span("read_from_stream") as span:
            stream = session.table(STREAM)
            span.set_attribute("data.row_count", stream.count())
            # An update stands in the stream as a DELETE and an INSERT of the same row: only the latter counts.
            arrived = stream.filter(F.col("METADATA$ACTION") == "INSERT")
            deleted = stream.filter((F.col("METADATA$ACTION") == "DELETE") & ~F.col("METADATA$ISUPDATE"))

        with tracer.start_as_current_span("standardize_values"):
            good = features.standardise(arrived).filter(~features.is_faulty(F.col))
            faulty = arrived.filter(features.is_faulty()).with_column("REASON", features.fault())

        with tracer.start_as_current_span("load_model_from_registry") as span:
            version = default_version(session)
            span.set_attribute("model.name", MODEL_NAME)
            span.set_attribute("model.version", plain_name(version.version_name))

        with tracer.start_as_current_span("run_pipeline"):
            scored = predict(version, good)

        with tracer.start_as_current_span("write_predictions_to_gold") as span:
            quarantined = write_quarantine(session.table(QUARANTINE), stream, faulty)
            written = upsert(session.table(GOLD), scored, gold_values(scored, version))
            left = withdraw(session.table(GOLD), deleted) + withdraw(session.table(GOLD), session.table(QUARANTINE))
            span.set_attribute("data.rows_inserted", written.rows_inserted)
            span.set_attribute("data.rows_updated", written.rows_updated)
            span.set_attribute("data.rows_deleted", left)
            span.set_attribute("data.rows_quarantined", quarantined)

    return (
        f"{written.rows_inserted} record(s) inserted, {written.rows_updated} record(s) updated, "
        f"{left} record(s) deleted in the {GOLD} table"
    )


@contextmanager
def transaction(session: Session) -> Iterator[None]:
    """Commit what the block does, or roll all of it back when it raises."""
    session.sql("BEGIN TRANSACTION").collect()
    try:
        yield
    except BaseException:
        session.sql("ROLLBACK").collect()
        raise
    session.sql("COMMIT").collect()


def default_version(session: Session) -> ModelVersion:
    """The version that serves: the model's default."""
    registry = Registry(session, database_name=session.get_current_database(), schema_name=session.get_current_schema())
    return registry.get_model(MODEL_NAME).default


def predict(version: ModelVersion, rows: DataFrame) -> DataFrame:
    """`rows` with the column PREDICTED_CHARGES."""
    scored = version.run(rows, function_name="predict")
    (prediction,) = set(scored.columns) - set(rows.columns)
    return scored.rename(prediction, "PREDICTED_CHARGES")


def gold_values(scored: DataFrame, version: ModelVersion) -> dict[str, Column]:
    """The gold table's columns for a scored row."""
    copied = (*features.FEATURES, features.LABEL, *STREAM_COLUMNS, "PREDICTED_CHARGES")
    return {
        **{name: scored[name] for name in copied},
        "METADATA_UPDATED_AT": F.current_timestamp(),
        "MODEL_NAME": F.lit(MODEL_NAME),
        "MODEL_VERSION": F.lit(plain_name(version.version_name)),
        "SCORED_AT": F.current_timestamp(),
        "TRACE_ID": F.lit(trace_id()),
    }


def write_quarantine(quarantine: Table, stream: DataFrame, faulty: DataFrame) -> int:
    """Replace what the quarantine holds of the changed rows by those that are faulty now, and count them."""
    withdraw(quarantine, stream)
    copied = (*features.FEATURES, features.LABEL, ROW_ID, "REASON")
    values = {
        **{name: faulty[name] for name in copied},
        "QUARANTINED_AT": F.current_timestamp(),
        "TRACE_ID": F.lit(trace_id()),
    }
    return upsert(quarantine, faulty, values).rows_inserted


def upsert(target: Table, rows: DataFrame, values: dict[str, Column]) -> MergeResult:
    """Insert `rows` into `target`, or update the rows that are there already."""
    return target.merge(
        rows,
        target[ROW_ID] == rows[ROW_ID],
        [F.when_matched().update(values), F.when_not_matched().insert(values)],
    )


def withdraw(target: Table, withdrawn: DataFrame) -> int:
    """Delete from `target` the rows that stand in `withdrawn`, and say how many there were."""
    return target.delete(target[ROW_ID].in_(withdrawn.select(ROW_ID))).rows_deleted


def trace_id() -> str:
    """The current trace's id as the event table writes it."""
    return trace.format_trace_id(trace.get_current_span().get_span_context().trace_id)
