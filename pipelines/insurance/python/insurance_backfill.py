"""Scores gold rows again: those that have changed since a moment, by a version of one's choice."""

from __future__ import annotations

from datetime import datetime

import insurance_features as features
import insurance_predict as predict
import insurance_spec as spec
from insurance_versions import quoted, serving_version
from opentelemetry import trace
from snowflake.snowpark import Session

tracer = trace.get_tracer("insurance.backfill_gold")


def backfill_gold(session: Session, version: str | None, since: datetime | None) -> str:
    """Score the gold rows with METADATA_UPDATED_AT from `since` on again, by `version` of the model.

    Rows keep METADATA_UPDATED_AT and what came from the stream, whose offset stays where it is.

    Args:
        version: by default the one that serves.
        since: by default all rows.
    """
    with tracer.start_as_current_span("backfill_gold") as span:
        chosen = serving_version(session) if version is None else version
        moment = "" if since is None else f" WHERE METADATA_UPDATED_AT >= '{since.isoformat(sep=' ')}'::TIMESTAMP_NTZ"
        inputs = f"SELECT {', '.join((*spec.FEATURES, predict.ROW_ID))} FROM {spec.GOLD}{moment}"
        values = {
            spec.PREDICTION: f"again.{spec.PREDICTION}",
            "MODEL_NAME": f"'{spec.MODEL_NAME}'",
            "MODEL_VERSION": features.text(chosen),
            "SCORED_AT": "CURRENT_TIMESTAMP()",
            "TRACE_ID": f"'{predict.trace_id()}'",
        }
        (updated,) = session.sql(
            f"""MERGE INTO {spec.GOLD} AS gold
                USING ({predict.predicted(inputs, chosen)}) AS again
                ON gold.{predict.ROW_ID} = again.{predict.ROW_ID}
                WHEN MATCHED THEN UPDATE SET {predict.assignments(values)}"""
        ).collect()[0]
        span.set_attribute("model.version", chosen)
        span.set_attribute("data.rows_updated", updated)
    return f"{updated} record(s) scored again by {spec.MODEL_NAME} {quoted(chosen)}"
