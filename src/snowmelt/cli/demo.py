"""`snowmelt demo`: the insurance pipeline from an empty server to a report, through the genuine connector."""

from __future__ import annotations

import json
import os
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from snowflake.connector import DictCursor, SnowflakeConnection

from snowmelt.base.settings import Settings
from snowmelt.cli import connection as connections
from snowmelt.cli import demo_data
from snowmelt.cli.console import login_link
from snowmelt.cli.demo_page import write_page
from snowmelt.cli.demo_plots import draw
from snowmelt.cli.demo_report import MODEL, BatchTiming, amount, gather
from snowmelt.cli.demo_terminal import render, step
from snowmelt.cli.deploy import run
from snowmelt.cli.embedded import running
from snowmelt.cli.manifest import DeployError, actions_of
from snowmelt.cli.taskrun import TaskFailed, run_task

TRAIN = "TRAIN_SAVE_TASK"
PREDICT = "PREDICT_WRITE_TASK"

LAST_WRITTEN = """
SELECT RECORD_ATTRIBUTES:"data.rows_inserted"::INT, RECORD_ATTRIBUTES:"data.rows_updated"::INT,
       RECORD_ATTRIBUTES:"data.rows_deleted"::INT, RECORD_ATTRIBUTES:"data.rows_quarantined"::INT
FROM MODEL_TRACES
WHERE RECORD_TYPE = 'SPAN' AND RECORD:name = 'write_predictions_to_gold'
ORDER BY TIMESTAMP DESC
LIMIT 1
"""

LAST_DECISION = "SELECT REASON FROM MODEL_DECISIONS ORDER BY DECIDED_AT DESC LIMIT 1"

#: Rows that cannot be scored: no age, a body mass index of 900, and a region that no model has seen.
FAULTY_ROWS = """
INSERT INTO LANDING_TABLE (AGE, GENDER, BMI, CHILDREN, SMOKER, REGION, EXERCISE_FREQUENCY, OCCUPATION, COVERAGE_LEVEL)
VALUES (NULL, 'female', 24.5, 1, 'no', 'southeast', 'Rarely', 'Student', 'Basic'),
       (35, 'male', 900, 0, 'no', 'northwest', 'Never', 'Blue collar', 'Premium'),
       (52, 'female', 31.2, 2, 'yes', 'atlantis', 'Frequently', 'White collar', 'Standard')
"""


#: The last rows of the feed land in small batches: so many times each of these.
TRICKLES = 5
SMALL = (1, 1_000)

#: A training set that is too small on purpose.
FEW_ROWS = "SELECT * FROM SOURCE_OF_TRUTH ORDER BY CHARGES - FLOOR(CHARGES), CHARGES LIMIT 500"


@dataclass(frozen=True)
class Demo:
    """One run of the demo.

    Attributes:
        rows: how many rows to generate, the 10,000 for training included.
        batch: how many land at a time.
    """

    connection: SnowflakeConnection
    console: Console
    rows: int
    batch: int

    def execute(self, text: str) -> int:
        """Run a statement and give the number of rows that it changed."""
        with self.connection.cursor() as cursor:
            return cursor.execute(text).rowcount or 0  # type: ignore[union-attr]

    def say(self, text: str, why: str = "") -> None:
        step(self.console, text, why)

    def now(self) -> str:
        """The server's time."""
        with self.connection.cursor() as cursor:
            return str(cursor.execute("SELECT CURRENT_TIMESTAMP()::VARCHAR").fetchone()[0])  # type: ignore[index, union-attr]

    def deploy(self) -> None:
        """Start from an empty database and run the pipeline's files."""
        self.execute("DROP DATABASE IF EXISTS INSURANCE")
        actions = actions_of(demo_data.pipeline_directory())
        with self.console.status("Deploying pipelines/insurance"):
            run(self.connection, actions)
        # The demo runs the tasks itself when it wants them, so that nobody waits for a schedule.
        self.execute(f"ALTER TASK {PREDICT} SUSPEND")
        self.say(
            f"Deployed pipelines/insurance: {len(actions)} statements through the genuine connector",
            "tables, a stream, Python procedures, tasks; the same files run on a Snowflake account",
        )

    def load(self) -> None:
        """Generate the data set and load it."""
        with tempfile.TemporaryDirectory() as directory:
            with self.console.status(f"Generating {self.rows:,} rows"):
                frame = demo_data.generated_rows(self.rows, Path(directory))
            with self.progress("Loading with write_pandas", len(frame)) as advance:
                demo_data.load(self.connection, frame, advance)
        training = min(demo_data.TRAINING_ROWS, self.rows)
        self.say(f"Loaded: {training:,} rows to train on, {self.rows - training:,} in the feed")

    def train(self) -> None:
        """Run the training task."""
        with self.console.status(f"EXECUTE TASK {TRAIN}: grid search, evaluation, registration"):
            finished = run_task(self.connection, TRAIN)
        version, error = self.latest_version()
        self.say(
            f"Trained in {finished.seconds:.1f} s: {version}, with a MAPE of {error:.2%} on held-out rows",
            f"EXECUTE TASK {TRAIN}: grid search, evaluation, registration; {self.last_decision()}",
        )

    def train_worse(self) -> None:
        """Train on a handful of rows: the gate keeps the result out."""
        self.execute(f"CREATE OR REPLACE TABLE FEW_ROWS AS {FEW_ROWS}")
        with (
            self.console.status("CALL TRAIN_SAVE_INS_MODEL('FEW_ROWS', TRUE)"),
            self.connection.cursor() as call,
        ):
            call.execute("CALL TRAIN_SAVE_INS_MODEL('FEW_ROWS', TRUE)")
            (answer,) = call.fetchone()  # type: ignore[misc]
        self.say(
            f"Trained a worse one, on 500 rows: {self.latest_version()[0]} does not serve",
            answer.partition("; ")[2],
        )

    @property
    def bulk(self) -> int:
        """The rows of the feed that land in large batches."""
        return self.rows - demo_data.TRAINING_ROWS - TRICKLES * sum(SMALL)

    def feed(self) -> list[BatchTiming]:
        """Land the feed batch by batch and have each scored; give how long each took from landing to gold."""
        feed_rows = self.bulk
        timings: list[BatchTiming] = []
        with self.progress(f"Scoring batches of {self.batch:,}", feed_rows) as advance:
            for offset in range(0, feed_rows, self.batch):
                landed = demo_data.land(self.connection, min(self.batch, feed_rows - offset), offset)
                committed = time.perf_counter()
                run_task(self.connection, PREDICT)
                timings.append(BatchTiming(landed, time.perf_counter() - committed))
                advance(landed)
        total = sum(timing.rows for timing in timings)
        seconds = sum(timing.seconds for timing in timings)
        self.say(
            f"Scored {total:,} rows at {total / seconds:,.0f} rows per second",
            f"INSERT INTO LANDING_TABLE, EXECUTE TASK {PREDICT}: the stream knows which rows are new",
        )
        return timings

    def trickle(self) -> dict[int, float]:
        """Land a row, and a thousand, a few times each; give the median seconds from landing to gold."""
        found: dict[int, float] = {}
        with self.console.status("A row at a time, then a thousand"):
            offset = self.bulk
            for rows in SMALL:
                seconds = []
                for _ in range(TRICKLES):
                    offset += demo_data.land(self.connection, rows, offset)
                    committed = datetime.now(UTC)
                    seconds.append((run_task(self.connection, PREDICT).completed - committed).total_seconds())
                found[rows] = median(seconds)
        told = ", ".join(f"{amount(rows, 'row')} in {seconds:.2f} s" for rows, seconds in found.items())
        self.say(f"From landing to gold: {told}", f"the median of {TRICKLES} times each")
        return found

    def change(self) -> None:
        """Update and delete landing rows, land some faulty ones, and have the changes scored."""
        updated = self.execute("update landing_table set coverage_level='STANDARD' where age = 41")
        deleted = self.execute("DELETE FROM LANDING_TABLE WHERE AGE = 64")
        faulty = self.execute(FAULTY_ROWS)
        self.say(f"Changed LANDING_TABLE: {updated:,} rows updated, {deleted:,} deleted, {faulty} faulty landed")
        with self.console.status(f"EXECUTE TASK {PREDICT}"):
            finished = run_task(self.connection, PREDICT)
        self.say(
            f"Scored the changes in {finished.seconds:.1f} s: {self.last_written()}",
            "gold follows updates and deletes; a row that cannot be scored is kept apart, with the reason",
        )

    def latest_version(self) -> tuple[str, float]:
        """The newest version's name and its error on held-out rows."""
        with self.connection.cursor(DictCursor) as cursor:
            newest = cursor.execute(f"SHOW VERSIONS IN MODEL {MODEL}").fetchall()[-1]  # type: ignore[union-attr]
        return newest["name"], json.loads(newest["metadata"])["metrics"]["mean_abs_pct_err"]

    def last_decision(self) -> str:
        """Why the newest version serves or does not, in the gate's words."""
        with self.connection.cursor() as cursor:
            return str(cursor.execute(LAST_DECISION).fetchone()[0])  # type: ignore[index, union-attr]

    def last_written(self) -> str:
        """What the last scoring did, as its span in the event table says."""
        with self.connection.cursor() as cursor:
            counts = cursor.execute(LAST_WRITTEN).fetchone()  # type: ignore[union-attr]
        inserted, updated, deleted, quarantined = counts  # type: ignore[misc]
        return f"{inserted:,} inserted, {updated:,} updated, {deleted:,} deleted, {quarantined} quarantined"

    @contextmanager
    def progress(self, title: str, total: int) -> Iterator[Callable[[int], None]]:
        """A progress bar over `total` rows; what is given is called with the rows that are done."""
        columns = (SpinnerColumn(), TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
        with Progress(*columns, TimeElapsedColumn(), console=self.console, transient=True) as bars:
            bar = bars.add_task(title, total=total)
            yield lambda rows: bars.advance(bar, rows)


def demo(
    data: connections.Data = connections.DEFAULT_DATA,
    rows: Annotated[
        int, typer.Option(min=20_000, help="Rows to generate; 10,000 of them are for training.")
    ] = 1_000_000,
    batch: Annotated[int, typer.Option(min=1_000, help="Rows that land at a time.")] = 100_000,
    stay: Annotated[
        bool | None,
        typer.Option(help="Serve on after the report, until Enter; by default when somebody sits at a terminal."),
    ] = None,
) -> None:
    """Run the insurance pipeline end to end on an embedded server, and end with a report and the web console."""
    console = Console()
    started = time.perf_counter()
    console.rule("[bold]Snowmelt demo: insurance charges")
    try:
        with running(Settings(data=data, port=0)) as address:
            step(
                console,
                f"Snowmelt listens on http://{address.host}:{address.port}, its data in {data}",
                f"watch it in the web console: {address.console}, user {address.user}, "
                f"password in {data / connections.PASSWORD_FILE}",
            )
            target = connections.Target(address.host, address.port, address.user, address.password)
            with connections.open_connection(target) as connection:
                _run(Demo(connection, console, rows, batch), started, data)
            if _somebody_is_there(console) if stay is None else stay:
                _serve_on(console, target, data)
    except (DeployError, TaskFailed) as error:
        Console(stderr=True, soft_wrap=True).print(str(error), style="red", markup=False, highlight=False)
        raise typer.Exit(1) from error


def _run(steps: Demo, started: float, data: Path) -> None:
    since = steps.now()
    steps.deploy()
    steps.load()
    steps.train()
    timings = steps.feed()
    small = steps.trickle()
    steps.change()
    steps.train()
    steps.train_worse()
    steps.execute(f"ALTER TASK {PREDICT} RESUME")
    report = gather(steps.connection, since, timings, small, time.perf_counter() - started)
    with steps.console.status("Drawing"):
        pictures = draw(steps.connection, report, data / "report")
        page = write_page(data / "report" / "report.html", report, pictures)
    steps.console.print(render(report, data))
    steps.console.print(f"The report with its pictures: [bold]{page}[/]", soft_wrap=True)


def _somebody_is_there(console: Console) -> bool:
    """Whether a person can look at the console and press Enter; machines that only seem to have a terminal say CI."""
    return console.is_terminal and sys.stdin.isatty() and not os.environ.get("CI")


def _serve_on(console: Console, target: connections.Target, data: Path) -> None:
    """Keep the server until Enter or Ctrl-C, so that the web console can be looked at."""
    console.print("\nAll of it in the web console, logged in by this link (once, within two minutes):", soft_wrap=True)
    console.print(f"  [bold]{login_link(target)}[/]", soft_wrap=True, highlight=False)
    console.print(f"Another link: .venv/bin/snowmelt console --port {target.port} --data {data}", soft_wrap=True)
    with suppress(EOFError, KeyboardInterrupt):
        console.input("The tasks go on. [bold]Enter[/] stops the server. ")
