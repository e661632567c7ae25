"""The gate: a new version must not be worse than the one that serves."""

from __future__ import annotations

import insurance_spec as spec
import pandas as pd
from insurance_model import FEATURES, error, labels
from insurance_serving import record, serve
from insurance_versions import plain_name
from snowflake.ml.model import ModelVersion
from snowflake.snowpark import Session

#: A challenger may be worse than the champion by this share of the champion's error and still be promoted.
TOLERANCE = 0.01


def decide(
    session: Session, challenger: str, challenger_error: float, champion: ModelVersion | None, held_out: pd.DataFrame
) -> str:
    """Make `challenger` the default unless it is worse than `champion` on the same held-out rows.

    The decision is kept in MODEL_DECISIONS with both figures; what is returned says it in words.
    """
    champion_error = None
    if champion is not None:
        predicted = champion.run(held_out[FEATURES], function_name="predict").iloc[:, -1]
        champion_error = error(labels(held_out), predicted)
    served = plain_name(champion.version_name) if champion is not None else None
    promoted, reason = judge(challenger_error, champion_error)
    if promoted:
        serve(session, challenger)
    record(
        session,
        CHALLENGER_VERSION=challenger,
        CHAMPION_VERSION=served,
        ERROR_METRIC=spec.ERROR_METRIC,
        CHALLENGER_ERROR=challenger_error,
        CHAMPION_ERROR=champion_error,
        HELD_OUT_ROWS=len(held_out),
        TOLERANCE=TOLERANCE,
        DECISION="PROMOTED" if promoted else "KEPT",
        SERVES=challenger if promoted else served,
        REASON=reason,
    )
    return reason


def judge(challenger_error: float, champion_error: float | None) -> tuple[bool, str]:
    """Say whether a challenger is promoted, and why. Errors are fractions, so 0.02 is 2 %."""
    if champion_error is None:
        return True, "promoted: the first version"
    figures = f"its error of {challenger_error:.3%} against {champion_error:.3%} on the same held-out rows"
    if challenger_error <= champion_error * (1 + TOLERANCE):
        return True, f"promoted: {figures} is not worse (tolerance {TOLERANCE:.0%})"
    return False, f"not promoted: {figures} is worse (tolerance {TOLERANCE:.0%})"
