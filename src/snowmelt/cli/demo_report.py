"""The demo's last page: what is in the tables now, the model's versions, and how fast everything went."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

from rich import box
from rich.console import Group, RenderableType
from rich.panel import Panel
from rich.table import Table
from snowflake.connector import DictCursor, SnowflakeConnection

_TABLES = ("SOURCE_OF_TRUTH", "INCOMING_DATA_SOURCE", "LANDING_TABLE", "INSURANCE_GOLD", "INSURANCE_QUARANTINE")

_TASKS = """
SELECT NAME, STATE, COUNT(*) AS RUNS
FROM TABLE(INFORMATION_SCHEMA.TASK_HISTORY())
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
    """What the demo's last page shows.

    Attributes:
        small: median seconds from landing to gold, by the number of rows that landed.
    """

    counts: dict[str, int]
    versions: Sequence[ModelVersionRow]
    decisions: Sequence[dict[str, Any]]
    tasks: Sequence[dict[str, Any]]
    spans: Sequence[dict[str, Any]]
    alerts: Sequence[dict[str, Any]]
    timings: Sequence[BatchTiming]
    small: dict[int, float]
    seconds: float


def gather(
    connection: SnowflakeConnection, timings: Sequence[BatchTiming], small: dict[int, float], seconds: float
) -> Report:
    """Ask the server for everything that the report shows."""
    counts = {name: int(_rows(connection, f"SELECT COUNT(*) AS N FROM {name}")[0]["N"]) for name in _TABLES}
    versions = [_version(row) for row in _rows(connection, "SHOW VERSIONS IN MODEL INSURANCE_CHARGES_PREDICTION")]
    return Report(
        counts=counts,
        versions=versions,
        decisions=_rows(connection, _DECISIONS),
        tasks=_rows(connection, _TASKS),
        spans=_rows(connection, _SPANS),
        alerts=_rows(connection, _ALERTS),
        timings=timings,
        small=small,
        seconds=seconds,
    )


def _rows(connection: SnowflakeConnection, text: str) -> list[dict[str, Any]]:
    with connection.cursor(DictCursor) as cursor:
        cursor.execute(text)
        return [dict(row) for row in cursor.fetchall()]


def _version(row: dict[str, Any]) -> ModelVersionRow:
    metrics = json.loads(row["metadata"] or "{}").get("metrics", {})
    default = str(row["is_default_version"]).lower() == "true"
    return ModelVersionRow(row["name"], default, metrics["mean_abs_pct_err"], metrics["mean_sq_err"])


def render(report: Report, data: Path) -> RenderableType:
    """Lay the report out for a terminal."""
    return Group(
        "",
        _side_by_side(_counts(report), _speed(report)),
        _versions(report),
        _tasks(report),
        _alerts(report),
        _spans(report),
        Panel(_next_steps(data), title="Next", title_align="left", border_style="cyan"),
    )


def _side_by_side(left: Table, right: Table) -> Table:
    grid = Table.grid(padding=(0, 3))
    grid.add_row(left, right)
    return grid


def _table(title: str, *columns: str) -> Table:
    """A table of the report's kind: quiet lines, so that names keep their whole length on a terminal of 80 columns."""
    return Table(*columns, title=title, title_justify="left", title_style="bold", box=box.SIMPLE_HEAD)


def _counts(report: Report) -> Table:
    table = _table("Rows", "table")
    table.add_column("rows", justify="right")
    for name, count in report.counts.items():
        table.add_row(name, f"{count:,}")
    return table


def _speed(report: Report) -> Table:
    rows = sum(timing.rows for timing in report.timings)
    seconds = sum(timing.seconds for timing in report.timings)
    table = _table("Speed", "measure")
    table.add_column("value", justify="right")
    table.add_row("rows scored, stream to gold", f"{rows:,}")
    table.add_row("rows per second", f"{rows / seconds:,.0f}")
    table.add_row("a batch to gold, median", f"{median(t.seconds for t in report.timings):.2f} s")
    table.add_row("a batch to gold, slowest", f"{max(t.seconds for t in report.timings):.2f} s")
    for rows, median_seconds in report.small.items():
        table.add_row(f"{rows:,} row{'s' * (rows > 1)} to gold, median", f"{median_seconds:.2f} s")
    table.add_row("the whole demo", f"{report.seconds:.0f} s")
    return table


def _versions(report: Report) -> Table:
    table = _table("INSURANCE_CHARGES_PREDICTION", "version", "serves")
    table.add_column("MAPE", justify="right")
    table.add_column("MSE", justify="right")
    table.add_column("decision")
    reasons = {decision["CHALLENGER_VERSION"]: decision["REASON"] for decision in report.decisions}
    for version in report.versions:
        serves = "[green]default[/]" if version.default else ""
        figures = (f"{version.mape:.2%}", f"{version.mse:,.0f}")
        table.add_row(version.name, serves, *figures, reasons.get(version.name, ""))
    return table


def _tasks(report: Report) -> Table:
    table = _table("Task runs", "task", "state")
    table.add_column("runs", justify="right")
    for row in report.tasks:
        colour = "red" if row["STATE"] == "FAILED" else "green"
        table.add_row(row["NAME"], f"[{colour}]{row['STATE']}[/]", str(row["RUNS"]))
    return table


def _alerts(report: Report) -> Table:
    table = _table("Drift alerts, after the changes", "what", "of")
    for heading in ("value", "limit"):
        table.add_column(heading, justify="right")
    for row in report.alerts:
        table.add_row(row["KIND"], row["COLUMN_NAME"], f"{row['VALUE']:.2f}", f"{row['ALERT_ABOVE']:.2f}")
    return table


def _spans(report: Report) -> Table:
    table = _table("Spans in MODEL_TRACES", "span")
    table.add_column("runs", justify="right")
    table.add_column("mean", justify="right")
    for row in report.spans:
        table.add_row(row["SPAN"], str(row["SPANS"]), f"{float(row['MILLISECONDS']):,.0f} ms")
    return table


def _next_steps(data: Path) -> str:
    return (
        "[bold]make serve[/]  (or snowmelt serve) keeps this account running at http://127.0.0.1:8085\n"
        '[bold]snowmelt sql -q "SELECT * FROM INSURANCE.ML_PIPE.INSURANCE_GOLD LIMIT 5"[/]\n'
        f"Everything is in {data}; running the demo again starts from a clean INSURANCE database."
    )
