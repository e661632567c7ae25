"""The two published versions of the insurance tutorial, their own files unmodified, as their readers run them.

Not part of this project: check out II-IronMan-II/Interference_Pipeline_Snowflake and
tx-smitht/sf-train-inference-pipeline, and name the directories, separated by ``:``, in SNOWMELT_TUTORIALS.

The tables, the notebook, the procedures and the pipeline's statements run in the order in which the SQL file's
comments tell the reader to run them. Faults of the files stay theirs and are expected here by name: `FAULTS`.
"""

from __future__ import annotations

import importlib.util
import json
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import snowflake.connector
from snowflake.connector import SnowflakeConnection
from snowflake.connector.errors import ProgrammingError
from snowflake.connector.util_text import split_statements

from snowmelt.base.settings import Settings
from snowmelt.cli.embedded import Address, running

pytestmark = [pytest.mark.ml, pytest.mark.timeout(600)]

GENERATOR = Path(__file__).parents[2] / "pipelines" / "insurance" / "python" / "insurance_data.py"
RUNNER = Path(__file__).with_name("run_notebook.py")
APP_RUNNER = Path(__file__).with_name("run_app.py")
ROWS = 40_000

# A procedure that the file never creates (its real name lacks "_cloud").
ANSWER = r"\d+ record\(s\) inserted, \d+ record\(s\) updated in the INSURANCE_GOLD table"

FAULTS = {"train_save_ins_model_cloud": 2140}


@dataclass(frozen=True)
class Version:
    """One published version: its SQL file and what the reader runs where the comments say so."""

    directory: Path

    def file(self, *patterns: str) -> Path:
        for pattern in patterns:
            for path in sorted(self.directory.rglob(pattern)):
                return path
        raise FileNotFoundError(f"{patterns} in {self.directory}")

    @property
    def pipeline(self) -> Path:
        return self.file("sql_to_build_pipeline.sql")

    @property
    def notebook(self) -> Path:
        return self.file("*.ipynb")

    @property
    def training(self) -> Path:
        return self.file("train_and_save*.py", "train_and_save*.sql")

    @property
    def prediction(self) -> Path:
        return self.file("predict*.py", "predict*.sql")


def published() -> list[Version]:
    """Every directory below the named ones that holds a version."""
    roots = [Path(text) for text in os.environ.get("SNOWMELT_TUTORIALS", "").split(":") if text]
    return [Version(path.parent) for root in roots for path in sorted(root.rglob("sql_to_build_pipeline.sql"))]


VERSIONS = published()


@pytest.fixture
def address() -> Iterator[Address]:
    with running(Settings(port=0)) as found:
        yield found


@pytest.fixture
def connection(address: Address) -> Iterator[SnowflakeConnection]:
    with snowflake.connector.connect(
        user=address.user,
        password=address.password,
        host=address.host,
        port=address.port,
        protocol="http",
        account="SNOWMELT",
    ) as opened:
        yield opened


@pytest.fixture
def desk(tmp_path: Path, address: Address) -> Path:
    """The reader's working directory: the data set as downloaded, and the reader's own connection.json."""
    subprocess.run(
        [sys.executable, str(GENERATOR), str(tmp_path / "generated.csv"), "--rows", str(ROWS)],
        check=True,
        stdout=subprocess.DEVNULL,
    )
    import pandas as pd

    frame = pd.read_csv(tmp_path / "generated.csv", keep_default_na=False)
    frame.columns = frame.columns.str.lower()
    order = [name for name in frame.columns if name != "charges"] + ["charges"]
    frame[order].to_csv(tmp_path / "insurance_dataset.csv", index=False)
    login = {
        "user": address.user,
        "password": address.password,
        "host": address.host,
        "port": address.port,
        "protocol": "http",
        "account": "SNOWMELT",
    }
    (tmp_path / "connection.json").write_text(json.dumps(login))
    return tmp_path


class Reader:
    """Does what the comments of a version's SQL file say."""

    def __init__(self, version: Version, connection: SnowflakeConnection, desk: Path) -> None:
        self.version = version
        self.connection = connection
        self.desk = desk
        self.answers: list[str] = []

    def follow(self) -> None:
        self.execute("CREATE WAREHOUSE IF NOT EXISTS ML_WAREHOUSE")
        for part in re.split(r"(?m)^(?=-- \* Run)", self.version.pipeline.read_text()):
            if re.match(r"-- \* Run the (data_)?load", part):
                self.run(self.version.notebook)
            elif re.match(r"-- \* Run the train", part):
                self.run(self.version.training)
            elif re.match(r"-- \* Run the predict", part):
                self.run(self.version.prediction)
            self.run_sql(part)

    def run(self, path: Path) -> None:
        if path.suffix == ".sql":
            self.run_sql(path.read_text())
            return
        shutil.copy(path, self.desk)
        done = subprocess.run(
            [sys.executable, str(RUNNER), path.name],
            cwd=self.desk,
            capture_output=True,
            text=True,
            timeout=240,
            check=False,
        )
        assert done.returncode == 0, done.stderr[-4_000:]

    def run_sql(self, text: str) -> None:
        from io import StringIO

        for statement, _ in split_statements(StringIO(text), remove_comments=False):
            if statement and re.sub(r"(?m)--.*$", "", statement).strip(" \n\t;"):
                self.execute(statement)

    def execute(self, statement: str) -> None:
        with self.connection.cursor() as cursor:
            try:
                cursor.execute(statement)
                rows = cursor.fetchall()
            except ProgrammingError as error:
                expected = [code for name, code in FAULTS.items() if name in statement]
                assert expected == [error.errno], f"{statement}\n{error}"
                return
        if re.search(r"(?i)\bcall predict_write_to_gold\(\)\s*;?\s*$", statement) and "TASK" not in statement.upper():
            self.answers.append(rows[0][0])
        if (started := re.search(r"(?im)^EXECUTE TASK (\w+)", statement)) is not None:
            self.wait_for(started[1])

    def wait_for(self, task: str) -> None:
        """What a reader does after EXECUTE TASK: look at its history until the run has ended."""
        query = f"""SELECT STATE, ERROR_MESSAGE FROM TABLE(INFORMATION_SCHEMA.TASK_HISTORY(TASK_NAME => '{task}'))
                    WHERE COMPLETED_TIME IS NOT NULL ORDER BY COMPLETED_TIME DESC LIMIT 1"""
        deadline = time.monotonic() + 240
        while time.monotonic() < deadline:
            with self.connection.cursor() as cursor:
                ended = cursor.execute(query).fetchall()
            if ended:
                assert ended[0][0] in ("SUCCEEDED", "SKIPPED"), ended[0][1]
                return
            time.sleep(0.2)
        raise AssertionError(f"{task} did not end")


@pytest.mark.skipif(not VERSIONS, reason="SNOWMELT_TUTORIALS names no checkout of the published tutorials")
@pytest.mark.parametrize(
    "version", VERSIONS, ids=lambda version: f"{version.directory.parent.name}/{version.directory.name}"
)
def test_a_published_tutorial_runs_as_written(version: Version, connection: SnowflakeConnection, desk: Path) -> None:
    reader = Reader(version, connection, desk)
    reader.follow()
    with connection.cursor() as cursor:

        def one(query: str) -> object:
            return cursor.execute(query).fetchone()[0]  # type: ignore[union-attr, index]

        cursor.execute("USE SCHEMA INSURANCE.ML_PIPE")
        assert one("SELECT COUNT(*) FROM SOURCE_OF_TRUTH") == 10_000
        landed = one("SELECT COUNT(*) FROM LANDING_TABLE")
        versions = [row[1] for row in cursor.execute("SHOW VERSIONS IN MODEL INSURANCE_CHARGES_PREDICTION").fetchall()]
        assert versions == ["V1"]
        spans = {row[0] for row in cursor.execute("SELECT RECORD:name::VARCHAR FROM MODEL_TRACES").fetchall()}
        assert {"train_save_ins_model", "fit_pipeline", "model_registration", "read_from_stream"} <= spans
        assert reader.answers, "CALL PREDICT_WRITE_TO_GOLD() answered nothing"
        unfit = [text for text in reader.answers if not re.fullmatch(ANSWER, text)]
        assert not unfit, unfit
        # The update of the rows of age 41 follows the first scoring, which has scored all that had landed.
        assert one("SELECT COUNT(*) FROM INSURANCE_GOLD") == landed
        look_at_the_app(version, desk)
        if landed:
            error = one("SELECT AVG(ABS(PREDICTED_CHARGES - CHARGES) / CHARGES) FROM INSURANCE_GOLD")
            assert isinstance(error, float) and error < 0.03


def look_at_the_app(version: Version, desk: Path) -> None:
    """Open every page of the version's Streamlit app, when it has one and Streamlit is installed."""
    source = version.directory / "streamlit_app"
    if not source.is_dir() or importlib.util.find_spec("streamlit") is None:
        return
    shutil.copytree(source, desk / "streamlit_app")
    done = subprocess.run(
        [sys.executable, str(APP_RUNNER), "Home.py"],
        cwd=desk / "streamlit_app",
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-4_000:]
    pages = json.loads(next(line for line in done.stdout.splitlines() if line.startswith("PAGES "))[6:])
    assert pages["Home.py"]["charts"] == 1
    (prediction,) = pages["Predict On User Data.py, form sent"]["numbers"]
    assert 2_000 < prediction < 40_000
    catalog = pages["Model Catalog.py"]
    assert catalog["tables"] == [1], "one version"
    assert any(re.fullmatch(r"\*\*MAPE:\*\* 0\.0\d+", text) for text in catalog["text"])
    # The page takes the inputs from user data that clients before snowflake-ml 2 wrote into a model's manifest. For
    # a model of a newer client it says, on an account too, that there are none.
    inputs = ("- AGE", "Expected inputs not available for this model")
    assert any(known in text for text in catalog["text"] for known in inputs), "the expected inputs"
