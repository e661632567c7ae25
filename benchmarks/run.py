"""`make bench`: measure Snowmelt and the baselines in one run, print a table and keep it as JSON."""

from __future__ import annotations

import json
import os
import platform
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path

from rich.console import Console
from rich.table import Table

from benchmarks import hand_tuned, pandas_pipeline, pyspark_local
from benchmarks.beside import PYTHON, Beside, measure_beside
from benchmarks.engine import Figure, as_rows, measure_engine
from benchmarks.history import measure_history
from benchmarks.job import Scored
from benchmarks.server import FEED_ROWS, Measured, measure
from benchmarks.starting import measure_starting
from benchmarks.tasks import measure_tasks
from benchmarks.training import Grids, measure_grids

PANDAS, HAND, SPARK = "pandas script", "hand-tuned DuckDB + XGBoost", "PySpark, local mode"
CONTENDERS = {PANDAS: pandas_pipeline, HAND: hand_tuned}
RESULTS = Path(__file__).parent / "results" / "latest.json"


def main() -> None:
    """Measure everything, one after the other, and show it."""
    console = Console()
    with console.status("Snowmelt: deploy, load, train, score"):
        measured = measure()
    baselines: dict[str, Scored] = {}
    for name, contender in CONTENDERS.items():
        with console.status(f"Baseline: {name}"):
            baselines[name] = contender.score(FEED_ROWS)
    lacking = pyspark_local.missing()
    if lacking is None:
        with console.status(f"Beside us: {SPARK}"):
            baselines[SPARK] = pyspark_local.score(FEED_ROWS)
    with console.status("The grid search, and scikit-learn's own"):
        grids = measure_grids()
    pipeline = pipeline_figures(measured, baselines, grids)
    with console.status("Starting: the fixture, the first statement"):
        starting = measure_starting()
    with console.status("The engine: small statements, rows in and out, changes, memory"):
        figures = [*starting, *measure_engine(), *measure_history()]
    with console.status("fakesnow beside us"):
        beside = measure_beside()
    with console.status("Tasks: reaction to a commit, idle cost"):
        figures += measure_tasks()
    console.print(scoring_table(measured, baselines, lacking), other_table(measured))
    console.print(figures_table("The pipeline", "beside", pipeline), figures_table("The engine", "DuckDB", figures))
    console.print(beside_table(beside) if beside else f"[dim]fakesnow is not measured: {PYTHON} names no Python.[/]")
    RESULTS.parent.mkdir(exist_ok=True)
    results = as_json(measured, baselines, [*pipeline, *figures], beside)
    RESULTS.write_text(json.dumps(results, indent=2) + "\n", encoding="utf-8")
    console.print(f"[dim]Written to {RESULTS}[/]")


def pipeline_figures(measured: Measured, baselines: dict[str, Scored], grids: Grids) -> list[Figure]:
    """The pipeline's times, each with the limit that it is held against."""
    feed, small, late = (scored.seconds for scored in (measured.feed, measured.batch, measured.later))
    by_hand, by_pandas = baselines[HAND].seconds, baselines[PANDAS].seconds
    return [
        Figure(f"{FEED_ROWS:,} rows to gold, beside the hand-tuned script", feed, "s", 1 / 0.6, by_hand),
        Figure(f"{FEED_ROWS:,} rows to gold, beside the pandas script", feed, "s", 1 / 3, by_pandas),
        Figure("100,000 rows into a gold of 1,000,000, beside a small one", late, "s", 1.3, small),
        Figure("landing to gold, 1 row", measured.latency[1] * 1000, "ms", 150),
        Figure("landing to gold, 1,000 rows", measured.latency[1000] * 1000, "ms", 250),
        Figure("training, all stages", measured.train_seconds, "s", 8),
        Figure("grid search, beside GridSearchCV", grids.ours, "s", 1 / 3, grids.by_hand),
    ]


def scoring_table(measured: Measured, baselines: dict[str, Scored], lacking: str | None) -> Table:
    """Rows per second of all contenders, and how Snowmelt's feed compares."""
    table = Table("scoring job", title="From landed rows to gold", title_justify="left")
    for heading in ("rows", "seconds", "rows / s", "Snowmelt is"):
        table.add_column(heading, justify="right")
    contenders = {
        "Snowmelt, the whole feed at once": measured.feed,
        "Snowmelt, one batch": measured.batch,
        **baselines,
    }
    for name, scored in contenders.items():
        ratio = f"{measured.feed.rows_per_second / scored.rows_per_second:.2f} x" if name in baselines else ""
        table.add_row(name, f"{scored.rows:,}", f"{scored.seconds:.2f}", f"{scored.rows_per_second:,.0f}", ratio)
    if lacking is not None:
        table.add_row(f"{SPARK}: {lacking}")
    return table


def other_table(measured: Measured) -> Table:
    """Snowmelt's other figures."""
    table = Table("measure", title="Snowmelt", title_justify="left")
    table.add_column("value", justify="right")
    table.add_row("SELECT 1, median", f"{measured.select_ms:.2f} ms")
    table.add_row("training task", f"{measured.train_seconds:.2f} s")
    return table


def figures_table(title: str, beside: str, figures: list[Figure]) -> Table:
    """Figures beside another's, each with the limit that it is held against."""
    table = Table("measure", title=title, title_justify="left")
    for heading in ("Snowmelt", beside, "ratio", "limit", ""):
        table.add_column(heading, justify="right")
    for *cells, kept in as_rows(figures):
        table.add_row(*cells, "" if kept else "[red]missed[/]")
    return table


def beside_table(figures: list[Beside]) -> Table:
    """The same statements on fakesnow's server, whose databases are in memory."""
    table = Table("statement, median ms", title="fakesnow beside us", title_justify="left")
    for heading in ("Snowmelt", "fakesnow", "Snowmelt is"):
        table.add_column(heading, justify="right")
    for figure in figures:
        ours, other = figure.snowmelt, figure.fakesnow
        cells = ["cannot" if value is None else f"{value:.1f}" for value in (ours, other)]
        table.add_row(figure.name, *cells, f"{other / ours:.1f} x as fast" if ours and other else "")
    return table


def as_json(
    measured: Measured, baselines: dict[str, Scored], figures: list[Figure], beside: list[Beside] | None
) -> dict[str, object]:
    """Everything measured, with what it was measured on."""
    return {
        "measured_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "cores": os.cpu_count(),
        "python": platform.python_version(),
        "snowmelt": asdict(measured),
        "engine": [asdict(figure) for figure in figures],
        "fakesnow": None if beside is None else [asdict(figure) for figure in beside],
        "baselines": {name: asdict(scored) for name, scored in baselines.items()},
    }


if __name__ == "__main__":
    main()
