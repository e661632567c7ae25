"""`snowmelt init`: the pipeline for tables of other shapes, deployed, trained and scored on a server."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from snowflake.connector import SnowflakeConnection, connect
from typer.testing import CliRunner

from snowmelt.cli.deploy import run
from snowmelt.cli.deploy_plan import Change, effects
from snowmelt.cli.main import app
from snowmelt.cli.manifest import actions_of
from snowmelt.testing.server import running_server

pytestmark = [pytest.mark.ml, pytest.mark.timeout(240)]


@pytest.fixture(scope="module")
def connection() -> Iterator[SnowflakeConnection]:
    with running_server() as server, connect(**server.parameters) as opened:
        yield opened


def one(connection: SnowflakeConnection, text: str) -> Any:
    return connection.cursor().execute(text).fetchone()[0]  # type: ignore[index, union-attr]


def init(directory: Path, name: str, data: Path, label: str) -> str:
    arguments = ["init", name, "--data", str(data), "--label", label, "--into", str(directory / name)]
    done = CliRunner().invoke(app, arguments)
    assert done.exit_code == 0, done.output
    return done.output


def customers(rows: int = 2_000) -> pd.DataFrame:
    """Customers who stay or leave: text, truth values, missing values, an id, dates, awkward names and classes."""
    random = np.random.default_rng(3)
    plan = random.choice(["Basic plan", "Gold+", None], rows)
    months = random.integers(0, 60, rows)
    calls = random.poisson(2, rows).astype(float)
    calls[random.random(rows) < 0.1] = np.nan
    paperless = random.random(rows) < 0.5
    leaves = (months < 12).astype(int) + (plan == "Basic plan") + (np.nan_to_num(calls) > 3) + ~paperless
    answer = np.where(leaves >= 3, "leaves", np.where(leaves == 2, "un\ndecided", "stays"))
    answer[random.random(rows) < 0.1] = "stays"  # for no reason that a model could know
    return pd.DataFrame(
        {
            "customer id": [f"C-{number:05}" for number in range(rows)],
            "Plan": plan,
            "months (total)": months,
            "Calls": calls,
            "paperless?": paperless,
            "order": random.choice(["web", "shop"], rows),
            "since": pd.Timestamp("2020-01-01") + pd.to_timedelta(months, unit="D"),
            "Churn": answer,
        }
    )


def test_a_classification_from_a_csv_file(connection: SnowflakeConnection, tmp_path: Path) -> None:
    customers().to_csv(tmp_path / "customers.csv", index=False)
    told = init(tmp_path, "churn", tmp_path / "customers.csv", "churn")
    assert "a classification with 1,200 rows to train on, 800 in the feed" in told
    actions = actions_of(tmp_path / "churn")
    run(connection, actions)
    run(connection, actions)
    assert {effect.change for effect in effects(connection, actions) if effect.kind} == {Change.UNCHANGED}
    connection.cursor().execute("USE SCHEMA CHURN.ML_PIPE")
    assert one(connection, "SELECT COUNT(*) FROM SOURCE_OF_TRUTH") == 1_200, "a file is loaded once"
    trained = one(connection, "CALL TRAIN_SAVE_CHURN_MODEL('SOURCE_OF_TRUTH', FALSE)")
    assert "CHURN_CHURN_PREDICTION has been logged with version V1" in trained
    connection.cursor().execute("INSERT INTO LANDING_TABLE SELECT * FROM INCOMING_DATA_SOURCE")
    connection.cursor().execute("INSERT INTO LANDING_TABLE (PLAN, MONTHS_TOTAL) VALUES ('Platinum', 3), ('Gold+', -1)")
    assert one(connection, "CALL PREDICT_WRITE_TO_GOLD()").startswith("800 record(s) inserted")
    assert one(connection, "SELECT AVG(IFF(PREDICTED_CHURN = CHURN, 1, 0)) FROM CHURN_GOLD") > 0.85
    reasons = connection.cursor().execute("SELECT REASON FROM CHURN_QUARANTINE ORDER BY REASON").fetchall()
    assert [reason for (reason,) in reasons] == [  # type: ignore[misc]
        "MONTHS_TOTAL is not between 0 and 118; PAPERLESS is unknown; ORDER_ is unknown",
        "PLAN is unknown; PAPERLESS is unknown; ORDER_ is unknown",
    ]
    kept = "CUSTOMER_ID LIKE 'C-%' AND SINCE >= '2020-01-01' AND PLAN IN ('GOLD_', 'BASIC_PLAN', 'NONE')"
    assert one(connection, f"SELECT COUNT(*) FROM CHURN_GOLD WHERE {kept}") == 800
    assert "0 alert(s)" in one(connection, "CALL MEASURE_DRIFT(FALSE)")
    assert 0.5 < one(connection, "SELECT VALUE FROM MODEL_DRIFT WHERE KIND = 'ERROR'") < 1.5
    retrained = one(connection, "CALL TRAIN_SAVE_CHURN_MODEL('SOURCE_OF_TRUTH', FALSE)")
    assert "is not worse" in retrained
    assert one(connection, "CALL BACKFILL_GOLD('V1')").startswith("800 record(s)")
    assert one(connection, "CALL ROLLBACK_MODEL()").endswith("rolled back from V1.1 to V1")


def test_a_regression_from_a_parquet_file(connection: SnowflakeConnection, tmp_path: Path) -> None:
    from sklearn.datasets import load_diabetes

    frame = load_diabetes(as_frame=True).frame
    frame["sex"] = frame["sex"].gt(0)
    frame["seen"] = pd.date_range("2026-01-01 12:00", periods=len(frame), tz="Europe/Berlin")
    frame["day"] = frame["seen"].dt.date
    frame["fee"] = [Decimal(number) / 4 for number in range(len(frame))]
    frame.to_parquet(tmp_path / "diabetes.parquet")
    told = init(tmp_path, "diabetes", tmp_path / "diabetes.parquet", "target")
    assert "a regression with 265 rows to train on, 177 in the feed" in told
    run(connection, actions_of(tmp_path / "diabetes"))
    connection.cursor().execute("USE SCHEMA DIABETES.ML_PIPE")
    trained = one(connection, "CALL TRAIN_SAVE_DIABETES_MODEL('SOURCE_OF_TRUTH', TRUE)")
    assert "logged with version V1 and has a mean_abs_pct_err" in trained
    connection.cursor().execute("INSERT INTO LANDING_TABLE SELECT * FROM INCOMING_DATA_SOURCE")
    assert one(connection, "CALL PREDICT_WRITE_TO_GOLD()").startswith("177 record(s) inserted")
    assert one(connection, "SELECT CORR(PREDICTED_TARGET, TARGET) FROM DIABETES_GOLD") > 0.5
    assert (
        one(connection, "SELECT COUNT(*) FROM DIABETES_GOLD WHERE SEEN::DATE = DAY AND FEE = FEE::NUMBER(9, 2)") == 177
    )
    assert one(connection, "SELECT COUNT(DISTINCT SEX) FROM DIABETES_GOLD WHERE SEX IN ('TRUE', 'FALSE')") == 2
