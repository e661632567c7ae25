"""The demo's result, seen by a fresh genuine Snowpark session: the books balance and predictions are the model's."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pytest
from snowflake.ml.registry import Registry
from snowflake.snowpark import Session

from snowmelt.base.settings import Settings
from snowmelt.cli.demo import SMALL, TRICKLES
from snowmelt.cli.embedded import running

pytestmark = [pytest.mark.ml, pytest.mark.timeout(400)]

ROWS, BATCH, TRAINING = 40_000, 15_000, 10_000
FEATURES = [
    "AGE",
    "GENDER",
    "BMI",
    "CHILDREN",
    "SMOKER",
    "REGION",
    "MEDICAL_HISTORY",
    "FAMILY_MEDICAL_HISTORY",
    "EXERCISE_FREQUENCY",
    "OCCUPATION",
    "COVERAGE_LEVEL",
]
TEXT = [name for name in FEATURES if name not in ("AGE", "BMI", "CHILDREN")]
FAULTY = 3  # the rows of snowmelt.cli.demo.FAULTY_ROWS
BEST_MAPE = 0.021

TRAINING_SPANS = {
    "train_save_ins_model",
    "data_loading",
    "feature_engineering",
    "define_pipeline",
    "train_test_split",
    "fit_pipeline",
    "model_evaluation",
    "model_registration",
}
SCORING_SPANS = {
    "predict_write_to_gold",
    "read_from_stream",
    "standardize_values",
    "load_model_from_registry",
    "run_pipeline",
    "write_predictions_to_gold",
}


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What a demo has left."""
    data = tmp_path_factory.mktemp("demo")
    command = [sys.executable, "-m", "snowmelt", "demo", "--data", str(data)]
    done = subprocess.run(
        [*command, "--rows", str(ROWS), "--batch", str(BATCH)], capture_output=True, text=True, timeout=300, check=False
    )
    assert done.returncode == 0, done.stderr[-4_000:]
    return data


@pytest.fixture(scope="module")
def session(data: Path) -> Iterator[Session]:
    """A session on it, after a restart of the server."""
    with running(Settings(data=data, port=0)) as address:
        opened = Session.builder.configs(
            {
                "user": address.user,
                "password": address.password,
                "host": address.host,
                "port": address.port,
                "protocol": "http",
                "account": "SNOWMELT",
                "database": "INSURANCE",
                "schema": "ML_PIPE",
            }
        ).create()
        try:
            yield opened
        finally:
            opened.close()


def standardised(frame: pd.DataFrame) -> pd.DataFrame:
    """Text as the pipeline writes it, by pandas instead of SQL."""
    changed = frame.copy()
    for name in TEXT:
        changed[name] = changed[name].fillna("NONE").str.replace(r"[^a-zA-Z0-9]+", "_", regex=True).str.upper()
    return changed


def in_order(frame: pd.DataFrame) -> pd.DataFrame:
    """The columns that landing and gold share, in an order that does not depend on the table."""
    columns = [*FEATURES, "CHARGES"]
    plain = frame[columns].astype(dict.fromkeys(("AGE", "BMI", "CHILDREN", "CHARGES"), float))
    return plain.sort_values(columns).reset_index(drop=True)


def test_tables_hold_what_was_loaded(session: Session) -> None:
    assert session.table("SOURCE_OF_TRUTH").count() == TRAINING
    assert session.table("INCOMING_DATA_SOURCE").count() == ROWS - TRAINING


def test_gold_is_exactly_what_landed_less_what_was_deleted(session: Session) -> None:
    landing = session.table("LANDING_TABLE").to_pandas()
    gold = session.table("INSURANCE_GOLD").to_pandas()
    scorable = landing[landing["CHARGES"].notna()]
    assert len(landing) - len(scorable) == FAULTY
    assert session.table("INSURANCE_QUARANTINE").count() == FAULTY
    pd.testing.assert_frame_equal(in_order(gold), in_order(standardised(scorable)))
    assert gold["METADATA$ROW_ID"].is_unique
    assert (gold["AGE"] != 64).all(), "the demo deletes the rows of this age"
    assert (gold.loc[gold["AGE"] == 41, "COVERAGE_LEVEL"] == "STANDARD").all(), "the demo updates the rows of this age"
    assert session.sql("SELECT SYSTEM$STREAM_HAS_DATA('STREAM_ON_LANDING')").collect()[0][0] is False


def test_every_prediction_is_what_the_loaded_model_gives(session: Session) -> None:
    gold = session.table("INSURANCE_GOLD").to_pandas()
    model = Registry(session, database_name="INSURANCE", schema_name="ML_PIPE").get_model(
        "INSURANCE_CHARGES_PREDICTION"
    )
    for version, rows in gold.groupby("MODEL_VERSION"):
        loaded = model.version(str(version)).load()
        expected = loaded.predict(rows[FEATURES].astype({"AGE": "int8", "CHILDREN": "int8"}))
        assert (rows["PREDICTED_CHARGES"].to_numpy() == expected).all()
    # The demo changes the coverage of the rows of age 41, and not their charges: for them there is no true value.
    true = gold[gold["AGE"] != 41]
    assert ((true["PREDICTED_CHARGES"] - true["CHARGES"]).abs() / true["CHARGES"]).mean() <= BEST_MAPE


def test_versions_carry_their_metrics(session: Session) -> None:
    model = Registry(session, database_name="INSURANCE", schema_name="ML_PIPE").get_model(
        "INSURANCE_CHARGES_PREDICTION"
    )
    assert [version.version_name for version in model.versions()] == ["V1", '"V1.1"', "V2"]
    assert model.default.version_name == '"V1.1"', "V2 has been trained on few rows: the gate keeps it out"
    for version in model.versions():
        metrics = version.show_metrics()
        assert (0 < metrics["mean_abs_pct_err"] <= BEST_MAPE) == (version.version_name != "V2")
        assert metrics["mean_sq_err"] > 0


def test_the_report_has_its_figures_and_pictures(data: Path) -> None:
    page = (data / "report" / "report.html").read_text(encoding="utf-8")
    assert page.count("data:image/png;base64,") == 3
    assert "not promoted: its error of" in page
    for told in (f'<td>SOURCE_OF_TRUTH</td><td class="number">{TRAINING:,}</td>', "rows per second", "AGE is missing"):
        assert told in page
    for name in ("predicted_vs_actual", "error_by_version", "latency"):
        assert (data / "report" / f"{name}.png").read_bytes().startswith(b"\x89PNG")


def test_task_history_shows_the_runs(session: Session) -> None:
    history = session.sql(
        "SELECT NAME, STATE, COUNT(*) FROM TABLE(INFORMATION_SCHEMA.TASK_HISTORY()) "
        "WHERE COMPLETED_TIME IS NOT NULL GROUP BY ALL"
    ).collect()
    runs = {(name, state): count for name, state, count in history}
    batches = -(-(ROWS - TRAINING - TRICKLES * sum(SMALL)) // BATCH)
    assert runs[("PREDICT_WRITE_TASK", "SUCCEEDED")] == batches + 1 + 2 * TRICKLES
    assert runs[("TRAIN_SAVE_TASK", "SUCCEEDED")] == 2
    assert {state for _, state in runs} <= {"SUCCEEDED", "SKIPPED"}


def test_the_event_table_has_the_spans(session: Session) -> None:
    spans = session.sql(
        """SELECT TRACE:trace_id::VARCHAR AS TRACE_ID, RECORD:name::VARCHAR AS NAME, RECORD_ATTRIBUTES AS ATTRIBUTES,
                  TIMESTAMP, START_TIMESTAMP
           FROM MODEL_TRACES WHERE RECORD_TYPE = 'SPAN'"""
    ).to_pandas()
    assert (spans["TIMESTAMP"] >= spans["START_TIMESTAMP"]).all()
    by_trace = spans.groupby("TRACE_ID")["NAME"].agg(set)
    assert sum(names >= TRAINING_SPANS for names in by_trace) == 3
    assert sum(names >= SCORING_SPANS for names in by_trace) == 3 + 2 * TRICKLES
    loaded = spans.loc[spans["NAME"] == "data_loading", "ATTRIBUTES"]
    counts = [json.loads(text)["data.row_count"] for text in loaded]
    assert sorted(counts) == [500, TRAINING, TRAINING]
    # Each gold row names the trace of the run that scored it.
    scored = {row[0] for row in session.table("INSURANCE_GOLD").select("TRACE_ID").distinct().collect()}
    assert scored <= set(by_trace.index)
