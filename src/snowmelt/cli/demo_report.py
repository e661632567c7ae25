"""The demo's report: what is in the tables now, the model's versions, and how fast everything went."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any, NamedTuple

from snowflake.connector import DictCursor, SnowflakeConnection

MODEL = "INSURANCE_CHARGES_PREDICTION"

_TABLES = ("SOURCE_OF_TRUTH", "INCOMING_DATA_SOURCE", "LANDING_TABLE", "INSURANCE_GOLD", "INSURANCE_QUARANTINE")

_TASKS = """
SELECT NAME, STATE, COUNT(*) AS RUNS
FROM TABLE(INFORMATION_SCHEMA.TASK_HISTORY(
    SCHEDULED_TIME_RANGE_START => %s::TIMESTAMP_LTZ, RESULT_LIMIT => 10000))
WHERE DATABASE_NAME = 'INSURANCE' AND COMPLETED_TIME IS NOT NULL
GROUP BY NAME, STATE
ORDER BY NAME, STATE
"""

# The pipeline's own spans; those that Snowpark makes for each of its actions are in the table too.
_SPANS = """
SELECT RECORD:"name"::VARCHAR AS SPAN, COUNT(*) AS SPANS,
       AVG(TIMESTAMPDIFF('millisecond', START_TIMESTAMP, TIMESTAMP)) AS MILLISECONDS
FROM MODEL_TRACES
WHERE RECORD_TYPE = 'SPAN' AND SCOPE:"name" LIKE 'insurance.%'
GROUP BY SPAN
ORDER BY MILLISECONDS DESC
"""

_ALERTS = """
SELECT KIND, COLUMN_NAME, MAX(VALUE) AS VALUE, ANY_VALUE(ALERT_ABOVE) AS ALERT_ABOVE
FROM DRIFT_ALERTS GROUP BY KIND, COLUMN_NAME ORDER BY VALUE DESC
"""

_DECISIONS = "SELECT CHALLENGER_VERSION, DECISION, REASON FROM MODEL_DECISIONS ORDER BY DECIDED_AT"

_QUARANTINE = "SELECT REASON, COUNT(*) AS FOUND FROM INSURANCE_QUARANTINE GROUP BY REASON ORDER BY REASON"


@dataclass(frozen=True)
class BatchTiming:
    """One landed batch and the seconds from its commit to the commit of its gold rows."""

    rows: int
    seconds: float


@dataclass(frozen=True)
class ModelVersionRow:
    """A registered version with its figures; `mape` is a fraction, `mse` is in dollars squared."""

    name: str
    default: bool
    mape: float
    mse: float


@dataclass(frozen=True)
class Report:
    """What the demo ends with.

    Attributes:
        small: median seconds from landing to gold, by the number of rows that landed.
    """

    counts: dict[str, int]
    versions: Sequence[ModelVersionRow]
    decisions: Sequence[dict[str, Any]]
    quarantine: Sequence[dict[str, Any]]
    tasks: Sequence[dict[str, Any]]
    spans: Sequence[dict[str, Any]]
    alerts: Sequence[dict[str, Any]]
    timings: Sequence[BatchTiming]
    small: dict[int, float]
    seconds: float

    @property
    def rows_per_second(self) -> float:
        """Of all large batches, from landing to gold."""
        return sum(timing.rows for timing in self.timings) / sum(timing.seconds for timing in self.timings)

    @property
    def serving(self) -> ModelVersionRow:
        """The version that serves."""
        return next(version for version in self.versions if version.default)


class Section(NamedTuple):
    """A table of the report.

    Attributes:
        note: what it shows, in a sentence or two.
        columns: headings; those of numbers end with ``>``.
    """

    title: str
    note: str
    columns: tuple[str, ...]
    rows: Sequence[tuple[str, ...]]


def gather(
    connection: SnowflakeConnection, since: str, timings: Sequence[BatchTiming], small: dict[int, float], seconds: float
) -> Report:
    """Ask the server for everything that the report shows; of the tasks' runs those since a moment."""
    counts = {name: int(_rows(connection, f"SELECT COUNT(*) AS N FROM {name}")[0]["N"]) for name in _TABLES}
    return Report(
        counts=counts,
        versions=[_version(row) for row in _rows(connection, f"SHOW VERSIONS IN MODEL {MODEL}")],
        decisions=_rows(connection, _DECISIONS),
        quarantine=_rows(connection, _QUARANTINE),
        tasks=_rows(connection, _TASKS, since),
        spans=_rows(connection, _SPANS),
        alerts=_rows(connection, _ALERTS),
        timings=timings,
        small=small,
        seconds=seconds,
    )


def _rows(connection: SnowflakeConnection, text: str, *values: Any) -> list[dict[str, Any]]:
    with connection.cursor(DictCursor) as cursor:
        cursor.execute(text, values or None)
        return [dict(row) for row in cursor.fetchall()]


def _version(row: dict[str, Any]) -> ModelVersionRow:
    metrics = json.loads(row["metadata"] or "{}").get("metrics", {})
    default = str(row["is_default_version"]).lower() == "true"
    return ModelVersionRow(row["name"], default, metrics["mean_abs_pct_err"], metrics["mean_sq_err"])


def sections(report: Report) -> list[Section]:
    """The report as tables, in the order in which they are read."""
    return [
        _counts(report),
        _speed(report),
        _versions(report),
        _quarantine(report),
        _alerts(report),
        _tasks(report),
        _spans(report),
    ]


def _counts(report: Report) -> Section:
    return Section(
        "Rows",
        "What has landed is in gold or quarantine.",
        ("table", "rows>"),
        [(name, f"{count:,}") for name, count in report.counts.items()],
    )


def _speed(report: Report) -> Section:
    seconds = [timing.seconds for timing in report.timings]
    rows = [
        ("rows scored in batches", f"{sum(timing.rows for timing in report.timings):,}"),
        ("rows per second", f"{report.rows_per_second:,.0f}"),
        ("a batch, median", f"{median(seconds):.2f} s"),
        ("a batch, slowest", f"{max(seconds):.2f} s"),
    ]
    rows += [(f"{amount(count, 'row')}, median", f"{median_of:.2f} s") for count, median_of in report.small.items()]
    rows.append(("the whole demo", f"{report.seconds:.0f} s"))
    return Section("Speed", "From the commit in landing to that in gold.", ("measure", "value>"), rows)


def _versions(report: Report) -> Section:
    reasons = {decision["CHALLENGER_VERSION"]: decision["REASON"] for decision in report.decisions}
    return Section(
        MODEL,
        "A new version serves when it is not worse than the one that does.",
        ("version", "serves", "MAPE>", "MSE>", "decision"),
        [
            (
                version.name,
                "default" if version.default else "",
                f"{version.mape:.2%}",
                f"{version.mse:,.0f}",
                reasons.get(version.name, ""),
            )
            for version in report.versions
        ],
    )


def _quarantine(report: Report) -> Section:
    rows = [(row["REASON"], f"{row['FOUND']:,}") for row in report.quarantine]
    return Section("Quarantine", "Rows that cannot be scored hold up no others.", ("reason", "rows>"), rows)


def _alerts(report: Report) -> Section:
    return Section(
        "Drift alerts",
        "The demo gave everyone of one age another coverage and left their charges: unlike the training data.",
        ("measure", "column", "value>", "alert above>"),
        [
            (row["KIND"], row["COLUMN_NAME"], f"{row['VALUE']:.2f}", f"{row['ALERT_ABOVE']:.2f}")
            for row in report.alerts
        ],
    )


def _tasks(report: Report) -> Section:
    rows = [(row["NAME"], row["STATE"], str(row["RUNS"])) for row in report.tasks]
    return Section("Task runs", "As TASK_HISTORY tells them.", ("task", "state", "runs>"), rows)


def _spans(report: Report) -> Section:
    return Section(
        "Spans in MODEL_TRACES",
        "Where the time goes. One statement reads, scores and merges: write_predictions_to_gold.",
        ("span", "runs>", "mean>"),
        [(row["SPAN"], str(row["SPANS"]), f"{float(row['MILLISECONDS']):,.0f} ms") for row in report.spans],
    )


def amount(count: int, noun: str) -> str:
    """``1 row``, ``1,000 rows``."""
    return f"{count:,} {noun}{'' if count == 1 else 's'}"
