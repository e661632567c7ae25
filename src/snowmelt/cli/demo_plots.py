"""The demo's pictures: predictions beside true charges, the error of each version, how long batches take."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from snowflake.connector import SnowflakeConnection

if TYPE_CHECKING:
    from snowmelt.cli.demo_report import Report

#: Gold rows that the first picture shows.
SAMPLE = 20_000
#: The part of the error that is the data's own noise, which no model can learn.
NOISE = 0.0162

_PREDICTIONS = f"""
SELECT CHARGES, PREDICTED_CHARGES FROM INSURANCE_GOLD SAMPLE ({SAMPLE} ROWS)
WHERE NOT METADATA$ISUPDATE  -- the demo updates rows without their charges
"""

_INK, _MAIN, _GOOD, _BAD = "#1f2933", "#2b7bba", "#3c9d6b", "#c2553d"


class Picture(NamedTuple):
    """A PNG file, and what there is to see in it."""

    path: Path
    caption: str


def draw(connection: SnowflakeConnection, report: Report, directory: Path) -> list[Picture]:
    """Draw the pictures as files in `directory`, which is made."""
    directory.mkdir(parents=True, exist_ok=True)
    with connection.cursor() as cursor:
        true, predicted = zip(*cursor.execute(_PREDICTIONS).fetchall(), strict=True)  # type: ignore[union-attr]
    return [
        Picture(
            _predictions(true, predicted, directory / "predicted_vs_actual.png"),
            f"{len(true):,} gold rows: the closer to the line, the better the prediction.",
        ),
        Picture(
            _versions(report, directory / "error_by_version.png"),
            "Each version on rows that it has not been trained on. The gate decides which of them serves.",
        ),
        Picture(
            _latency(report, directory / "latency.png"),
            "Seconds from the commit of landed rows to that of their predictions, batch by batch.",
        ),
    ]


def _axes(title: str, across: str, up: str) -> tuple[Any, Any]:
    # Without pyplot: no window system is looked for, and nothing stays open.
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6.4, 4.2), dpi=110, layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    axes.set_title(title, loc="left", color=_INK, fontsize=12)
    axes.set_xlabel(across, color=_INK)
    axes.set_ylabel(up, color=_INK)
    axes.spines[["top", "right"]].set_visible(False)
    return figure, axes


def _predictions(true: Sequence[float], predicted: Sequence[float], path: Path) -> Path:
    figure, axes = _axes("Predicted and true charges of gold rows", "true charges ($)", "predicted charges ($)")
    low, high = min(true), max(true)
    shade = axes.hexbin(true, predicted, gridsize=60, cmap="Blues", mincnt=1, bins="log")
    axes.plot([low, high], [low, high], color=_BAD, linewidth=1, linestyle="--", label="exact")
    axes.legend(frameon=False, loc="upper left")
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_formatter("{x:,.0f}")
    figure.colorbar(shade, label="rows")
    figure.savefig(path)
    return path


def _versions(report: Report, path: Path) -> Path:
    figure, axes = _axes("Error of each version on held-out rows", "version", "mean absolute percentage error (%)")
    kept_out = {row["CHALLENGER_VERSION"] for row in report.decisions if row["DECISION"] == "KEPT"}
    names = [version.name for version in report.versions]
    errors = [version.mape * 100 for version in report.versions]
    colours = [_GOOD if version.default else _BAD if version.name in kept_out else _MAIN for version in report.versions]
    bars = axes.bar(names, errors, color=colours, width=0.6)
    says = [
        "serves" if version.default else "kept out by the gate" if version.name in kept_out else "served before"
        for version in report.versions
    ]
    axes.bar_label(bars, [f"{error:.2f}%\n{word}" for error, word in zip(errors, says, strict=True)], padding=3)
    noise = f"{NOISE:.2%} is the data's own noise"
    axes.axhline(NOISE * 100, color=_INK, linewidth=1, linestyle="--", label=noise)
    axes.legend(frameon=False, loc="upper left")
    axes.set_ylim(0, max(errors) * 1.25)
    figure.savefig(path)
    return path


def _latency(report: Report, path: Path) -> Path:
    figure, axes = _axes("From landing to gold", "batch", "seconds from commit to commit")
    numbers = range(1, len(report.timings) + 1)
    bars = axes.bar(numbers, [timing.seconds for timing in report.timings], color=_MAIN, width=0.7)
    axes.bar_label(bars, [f"{timing.rows:,}" for timing in report.timings], fontsize=7, padding=2)
    for (rows, seconds), line in zip(report.small.items(), ("--", ":"), strict=False):
        label = f"{rows:,} row{'s' * (rows > 1)}: {seconds:.2f} s"
        axes.axhline(seconds, color=_INK, linewidth=1, linestyle=line, label=label)
    axes.set_xticks(numbers)
    axes.set_ylim(0, max(timing.seconds for timing in report.timings) * 1.3)
    axes.legend(frameon=False, loc="upper left", ncols=2, title="median of small batches", alignment="left")
    figure.savefig(path)
    return path
