"""Which version serves, and how to go back to an earlier one; all of it is kept in MODEL_DECISIONS."""

from __future__ import annotations

from typing import Any

import insurance_spec as spec
from insurance_versions import quoted, serving_version, version_names
from opentelemetry import trace
from snowflake.snowpark import Session

DECISIONS = "MODEL_DECISIONS"

tracer = trace.get_tracer("insurance.rollback_model")


def rollback_model(session: Session, version: str | None) -> str:
    """Make `version` the default again; without one, the version that served before the one that serves.

    Raises:
        LookupError: the model has no such version, or none has served before.
    """
    with tracer.start_as_current_span("rollback_model") as span:
        serving = serving_version(session)
        target = previous_version(session, serving) if version is None else version
        if target not in version_names(session):
            raise LookupError(f"{spec.MODEL_NAME} has no version {target}")
        span.set_attribute("model.version", target)
        if target == serving:
            return f"{spec.MODEL_NAME} {target} serves already"
        serve(session, target)
        reason = f"rolled back from {serving} to {target}"
        record(
            session,
            CHALLENGER_VERSION=target,
            CHAMPION_VERSION=serving,
            DECISION="ROLLED_BACK",
            SERVES=target,
            REASON=reason,
        )
    return f"{spec.MODEL_NAME} {reason}"


def previous_version(session: Session, serving: str) -> str:
    """The version that served before `serving` was promoted.

    Raises:
        LookupError: nothing is known to have served before it.
    """
    rows = session.sql(
        f"""SELECT CHAMPION_VERSION FROM {DECISIONS}
            WHERE MODEL_NAME = '{spec.MODEL_NAME}' AND DECISION = 'PROMOTED' AND SERVES = ?
              AND CHAMPION_VERSION IS NOT NULL
            ORDER BY DECIDED_AT DESC LIMIT 1""",
        params=[serving],
    ).collect()
    if not rows:
        raise LookupError(f"no version is known to have served before {serving}: name one")
    return str(rows[0][0])


def serve(session: Session, version: str) -> None:
    """Make `version` the model's default."""
    session.sql(f"ALTER MODEL {spec.MODEL_NAME} SET DEFAULT_VERSION = {quoted(version)}").collect()


def record(session: Session, **decision: Any) -> None:
    """Write a row of MODEL_DECISIONS: what was decided, when, and by whom."""
    trace_id = trace.format_trace_id(trace.get_current_span().get_span_context().trace_id)
    values = {"MODEL_NAME": spec.MODEL_NAME, **decision, "TRACE_ID": trace_id}
    places = ", ".join("?" for _ in values)
    session.sql(
        f"""INSERT INTO {DECISIONS} (DECIDED_AT, DECIDED_BY, {", ".join(values)})
            SELECT CURRENT_TIMESTAMP(), CURRENT_USER(), {places}""",
        params=list(values.values()),
    ).collect()
