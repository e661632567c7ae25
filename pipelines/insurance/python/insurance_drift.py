"""Compares what has been scored lately with what its model was trained on, and raises an alert when they differ.

For each feature and for the predictions the measure is the population stability index (PSI): the sum over bins of
(now - then) * ln(now / then). By common usage less than 0.1 is stable and more than 0.25 a shift that matters. Where
true values have arrived, the error of the predictions is compared with the version's error on held-out rows.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Iterator
from dataclasses import dataclass

import insurance_features as features
import insurance_spec as spec
from opentelemetry import trace
from snowflake.snowpark import Row, Session

DRIFT = "MODEL_DRIFT"
TRAIN_TASK = "TRAIN_SAVE_TASK"

#: Fewer rows than this tell nothing: they wait for more.
LEAST_ROWS = 200
#: An alert is raised above this PSI, and when the error is this many times the one on held-out rows.
PSI_LIMIT = 0.25
ERROR_LIMIT = 1.5
#: An empty bin counts as this share, so that the logarithm is finite.
LEAST_SHARE = 1e-4

tracer = trace.get_tracer("insurance.measure_drift")
logger = logging.getLogger("insurance.measure_drift")


@dataclass(frozen=True)
class Measure:
    """One figure of a measurement: a PSI of a column, or the error as a multiple of the held-out rows' error."""

    kind: str
    column: str
    value: float
    limit: float
    rows: int

    @property
    def alert(self) -> bool:
        return self.value > self.limit


def measure_drift(session: Session, retrain: bool) -> str:
    """Measure the gold rows scored since the last measurement, for each version that scored them.

    The figures go to MODEL_DRIFT; alerts are also warnings in the event table. With `retrain`, an alert starts the
    training task.
    """
    with tracer.start_as_current_span("measure_drift") as span:
        since, until = window(session)
        measured: list[Measure] = []
        for version, rows in scored_rows(session, since, until):
            if rows < LEAST_ROWS:
                return f"{rows} row(s) since the last measurement: waiting for {LEAST_ROWS}"
            found = [*distributions(session, version, since, until), *errors(session, version, since, until)]
            write(session, version, found, since, until)
            measured += found
        alerts = [measure for measure in measured if measure.alert]
        span.set_attribute("drift.measures", len(measured))
        span.set_attribute("drift.alerts", len(alerts))
        for measure in alerts:
            logger.warning("drift: %s of %s is %.3f", measure.kind, measure.column, measure.value)
        if alerts and retrain:
            session.sql(f"EXECUTE TASK {TRAIN_TASK}").collect()
    named = ", ".join(f"{measure.kind} of {measure.column} {measure.value:.3f}" for measure in alerts)
    return f"{len(measured)} figure(s), {len(alerts)} alert(s)" + (f": {named}" if named else "")


def window(session: Session) -> tuple[str, str]:
    """From the end of the last measurement to the newest scored row, both as text."""
    newest = "SELECT TO_CHAR(COALESCE(MAX({column}), '1970-01-01'::TIMESTAMP_NTZ), 'YYYY-MM-DD HH24:MI:SS.FF9') FROM "
    (bounds,) = session.sql(
        f"SELECT ({newest.format(column='SCORED_TO')} {DRIFT}), ({newest.format(column='SCORED_AT')} {spec.GOLD})"
    ).collect()
    return bounds[0], bounds[1]


def recent(since: str, until: str, version: str | None = None) -> str:
    """The gold rows that were scored in the window."""
    by = f" AND MODEL_VERSION = {features.text(version)}" if version is not None else ""
    return (
        f"{spec.GOLD} WHERE SCORED_AT > '{since}'::TIMESTAMP_NTZ AND SCORED_AT <= '{until}'::TIMESTAMP_NTZ"
        f" AND MODEL_NAME = '{spec.MODEL_NAME}'{by}"
    )


def scored_rows(session: Session, since: str, until: str) -> list[tuple[str, int]]:
    """How many rows each version has scored in the window."""
    rows = session.sql(
        f"SELECT MODEL_VERSION, COUNT(*) FROM {recent(since, until)} GROUP BY MODEL_VERSION ORDER BY MODEL_VERSION"
    ).collect()
    return [(version, count) for version, count in rows]


def distributions(session: Session, version: str, since: str, until: str) -> Iterator[Measure]:
    """The PSI of each column of which the version's baseline is known."""
    bins = session.sql(
        f"""SELECT COLUMN_NAME, LOW, HIGH, CATEGORY, SHARE FROM MODEL_BASELINES
            WHERE MODEL_NAME = '{spec.MODEL_NAME}' AND MODEL_VERSION = ?""",
        params=[version],
    ).collect()
    if not bins:
        return
    counts = ", ".join(f"COUNT(IFF({condition(bin_)}, 1, NULL))" for bin_ in bins)
    total, *counted = session.sql(f"SELECT COUNT(*), {counts} FROM {recent(since, until, version)}").collect()[0]
    for column in dict.fromkeys(bin_["COLUMN_NAME"] for bin_ in bins):
        pairs = [
            (bin_["SHARE"], count / total)
            for bin_, count in zip(bins, counted, strict=True)
            if bin_["COLUMN_NAME"] == column
        ]
        yield Measure("PSI", column, stability_index(pairs), PSI_LIMIT, total)


def condition(bin_: Row) -> str:
    """SQL that is true of the values in a bin of MODEL_BASELINES."""
    column, low, high, category = bin_["COLUMN_NAME"], bin_["LOW"], bin_["HIGH"], bin_["CATEGORY"]
    if category is not None:
        return f"{column}::VARCHAR = {features.text(category)}"
    bounds = [f"{column} >= {low!r}" if low is not None else "", f"{column} < {high!r}" if high is not None else ""]
    return " AND ".join(filter(None, bounds)) or f"{column} IS NULL"


def stability_index(pairs: list[tuple[float, float]]) -> float:
    """The PSI of pairs of shares: then and now. What is in no bin now counts as one that was empty then."""
    unseen = 1 - sum(now for _, now in pairs)
    floored = [(max(then, LEAST_SHARE), max(now, LEAST_SHARE)) for then, now in [*pairs, (0.0, unseen)]]
    return sum((now - then) * math.log(now / then) for then, now in floored)


def errors(session: Session, version: str, since: str, until: str) -> Iterator[Measure]:
    """The error of the predictions whose true value is known, against the version's error on held-out rows."""
    expected = session.sql(
        f"""SELECT CHALLENGER_ERROR FROM MODEL_DECISIONS
            WHERE MODEL_NAME = '{spec.MODEL_NAME}' AND CHALLENGER_VERSION = ? AND CHALLENGER_ERROR > 0""",
        params=[version],
    ).collect()
    known = f"{recent(since, until, version)} AND {features.has_label()}"
    error, rows = session.sql(f"SELECT {observed_error()}, COUNT(*) FROM {known}").collect()[0]
    if expected and rows >= LEAST_ROWS:
        yield Measure("ERROR", spec.PREDICTION, error / expected[0][0], ERROR_LIMIT, rows)


def observed_error() -> str:
    """The error over rows with a true value, as the gate counts it."""
    match spec.ERROR_METRIC:
        case "mean_abs_pct_err":
            return f"AVG(ABS({spec.PREDICTION} - {spec.LABEL}) / {spec.LABEL})"
        case "weighted_abs_pct_err":
            return f"SUM(ABS({spec.PREDICTION} - {spec.LABEL})) / NULLIF(SUM(ABS({spec.LABEL})), 0)"
        case _:
            return f"AVG(IFF({spec.PREDICTION}::VARCHAR = {spec.LABEL}::VARCHAR, 0, 1))"


def write(session: Session, version: str, measures: list[Measure], since: str, until: str) -> None:
    """Keep a measurement in MODEL_DRIFT."""
    trace_id = trace.format_trace_id(trace.get_current_span().get_span_context().trace_id)
    rows = [
        [spec.MODEL_NAME, version, found.kind, found.column, found.value, found.limit, found.alert, found.rows]
        for found in measures
    ]
    if not rows:
        return
    columns = "MODEL_NAME, MODEL_VERSION, KIND, COLUMN_NAME, VALUE, ALERT_ABOVE, ALERT, SCORED_ROWS"
    moments = f"CURRENT_TIMESTAMP(), '{since}'::TIMESTAMP_NTZ, '{until}'::TIMESTAMP_NTZ, '{trace_id}'"
    places = " UNION ALL ".join(f"SELECT {moments}, ?, ?, ?, ?, ?, ?, ?, ?" for _ in rows)
    session.sql(
        f"INSERT INTO {DRIFT} (MEASURED_AT, SCORED_FROM, SCORED_TO, TRACE_ID, {columns}) {places}",
        params=[value for row in rows for value in row],
    ).collect()
