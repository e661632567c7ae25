"""Compares what has been scored lately with what its model was trained on, and raises an alert when they differ.

For each feature and for the predictions the measure is the population stability index (PSI): the sum over bins of
(now - then) * ln(now / then). By common usage less than 0.1 is stable and more than 0.25 a shift that matters; small
samples differ by chance, for which the limit makes room. Where true values have arrived, the error of the predictions
is compared with the version's error on held-out rows.
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
#: Alerts start no training when one has ended within so many hours: more of the same data would teach nothing new.
TRAINING_PAUSE = 24
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
    """Measure, for each version, the gold rows that it has scored since its last measurement.

    The figures go to MODEL_DRIFT; alerts are also warnings in the event table. With `retrain`, an alert starts the
    training task.
    """
    with tracer.start_as_current_span("measure_drift") as span:
        measured: list[Measure] = []
        waiting = 0
        for version, since, until, rows in scored_rows(session):
            if rows < LEAST_ROWS:
                waiting += rows
                continue
            found = [*distributions(session, version, since, until), *errors(session, version, since, until)]
            write(session, version, found, since, until)
            measured += found
        alerts = [measure for measure in measured if measure.alert]
        span.set_attribute("drift.measures", len(measured))
        span.set_attribute("drift.alerts", len(alerts))
        for measure in alerts:
            logger.warning("drift: %s of %s is %.3f", measure.kind, measure.column, measure.value)
        started = start_training(session) if alerts and retrain else ""
    if waiting and not measured:
        return f"{waiting} row(s) since the last measurement: waiting for {LEAST_ROWS}"
    named = ", ".join(f"{measure.kind} of {measure.column} {measure.value:.3f}" for measure in alerts)
    return f"{len(measured)} figure(s), {len(alerts)} alert(s)" + (f": {named}" if named else "") + started


def start_training(session: Session) -> str:
    """Start the training task, unless a training has ended lately; say what was done."""
    (recently,) = session.sql(
        f"""SELECT COUNT(*) FROM MODEL_DECISIONS
            WHERE MODEL_NAME = '{spec.MODEL_NAME}' AND DECISION IN ('PROMOTED', 'KEPT')
              AND DECIDED_AT > DATEADD('hour', -{TRAINING_PAUSE}, CURRENT_TIMESTAMP())"""
    ).collect()[0]
    if recently:
        return f"; no training is started: one has ended within {TRAINING_PAUSE} hours"
    session.sql(f"EXECUTE TASK {TRAIN_TASK}").collect()
    return f"; {TRAIN_TASK} is started"


def scored_rows(session: Session) -> list[Row]:
    """Each version with the end of its last measurement, its newest scoring, both as text, and how many rows it has
    scored in between."""
    moment = "TO_CHAR({}, 'YYYY-MM-DD HH24:MI:SS.FF9')"
    return session.sql(
        f"""SELECT gold.MODEL_VERSION, {moment.format("COALESCE(MAX(SCORED_TO), '1970-01-01'::TIMESTAMP_NTZ)")},
                   {moment.format("MAX(SCORED_AT)")}, COUNT(*)
            FROM {spec.GOLD} AS gold
            LEFT JOIN (
                SELECT MODEL_VERSION, MAX(SCORED_TO) AS SCORED_TO FROM {DRIFT}
                WHERE MODEL_NAME = '{spec.MODEL_NAME}' GROUP BY MODEL_VERSION
            ) AS measured ON gold.MODEL_VERSION = measured.MODEL_VERSION
            WHERE MODEL_NAME = '{spec.MODEL_NAME}' AND SCORED_AT > COALESCE(SCORED_TO, '1970-01-01'::TIMESTAMP_NTZ)
            GROUP BY gold.MODEL_VERSION
            ORDER BY gold.MODEL_VERSION"""
    ).collect()


def recent(since: str, until: str, version: str) -> str:
    """The gold rows that a version has scored in the window."""
    return (
        f"{spec.GOLD} WHERE SCORED_AT > '{since}'::TIMESTAMP_NTZ AND SCORED_AT <= '{until}'::TIMESTAMP_NTZ"
        f" AND MODEL_NAME = '{spec.MODEL_NAME}' AND MODEL_VERSION = {features.text(version)}"
    )


def distributions(session: Session, version: str, since: str, until: str) -> Iterator[Measure]:
    """The PSI of each column of which the version's baseline is known."""
    bins = session.sql(
        f"""SELECT COLUMN_NAME, LOW, HIGH, CATEGORY, SHARE, BASELINE_ROWS FROM MODEL_BASELINES
            WHERE MODEL_NAME = '{spec.MODEL_NAME}' AND MODEL_VERSION = ?""",
        params=[version],
    ).collect()
    if not bins:
        return
    counts = ", ".join(f"COUNT(IFF({condition(bin_)}, 1, NULL))" for bin_ in bins)
    total, *counted = session.sql(f"SELECT COUNT(*), {counts} FROM {recent(since, until, version)}").collect()[0]
    for column in dict.fromkeys(bin_["COLUMN_NAME"] for bin_ in bins):
        own = [
            (bin_, count / total) for bin_, count in zip(bins, counted, strict=True) if bin_["COLUMN_NAME"] == column
        ]
        value = stability_index([(bin_["SHARE"], share) for bin_, share in own])
        limit = PSI_LIMIT + chance(len(own), own[0][0]["BASELINE_ROWS"], total)
        yield Measure("PSI", column, value, limit, total)


def chance(bins: int, then: int | None, now: int) -> float:
    """The PSI to be expected of two samples of so many rows that differ by chance alone; next to none of large ones."""
    return (bins - 1) * (1 / then + 1 / now) if then else 0.0


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
        f"""SELECT {expected_error()} FROM MODEL_DECISIONS
            WHERE MODEL_NAME = '{spec.MODEL_NAME}' AND CHALLENGER_VERSION = ? AND {expected_error()} > 0""",
        params=[version],
    ).collect()
    known = f"{recent(since, until, version)} AND {features.has_label()}"
    error, rows = session.sql(f"SELECT {observed_error()}, COUNT(*) FROM {known}").collect()[0]
    if expected and rows >= LEAST_ROWS:
        yield Measure("ERROR", spec.PREDICTION, error / expected[0][0], ERROR_LIMIT, rows)


def expected_error() -> str:
    """The error on held-out rows. A classifier that got all of them right counts as one that missed the next."""
    if spec.KIND == "classification":
        return "GREATEST(CHALLENGER_ERROR, 1 / HELD_OUT_ROWS)::FLOAT"
    return "CHALLENGER_ERROR"


def observed_error() -> str:
    """The error over rows with a true value, as the gate counts it."""
    match spec.ERROR_METRIC:
        case "mean_abs_pct_err":
            return f"AVG(ABS({spec.PREDICTION} - {spec.LABEL}) / {spec.LABEL})"
        case "weighted_abs_pct_err":
            return f"SUM(ABS({spec.PREDICTION} - {spec.LABEL})) / NULLIF(SUM(ABS({spec.LABEL})), 0)"
        case _:
            return f"AVG(IFF({spec.PREDICTION}::VARCHAR = {spec.LABEL}::VARCHAR, 0, 1)::FLOAT)"


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
