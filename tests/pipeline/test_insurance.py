"""What the flagship does better than the tutorial that it comes from, each by its effect on a running server."""

from __future__ import annotations

import json
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from snowflake.connector import DictCursor, connect
from snowflake.connector.errors import ProgrammingError

from snowmelt.cli.taskrun import TaskFailed, finished_runs, run_task
from snowmelt.console.models import RECORDS, SETS

pytestmark = [pytest.mark.ml, pytest.mark.timeout(240)]

LAND = """
INSERT INTO LANDING_TABLE (AGE, GENDER, BMI, CHARGES, CHILDREN, SMOKER, REGION, MEDICAL_HISTORY,
                           FAMILY_MEDICAL_HISTORY, EXERCISE_FREQUENCY, OCCUPATION, COVERAGE_LEVEL)
"""
FEED = "SELECT * FROM INCOMING_DATA_SOURCE ORDER BY CHARGES LIMIT 400"


def row(**changes: str) -> str:
    """A landing row as SQL values; `changes` are SQL expressions."""
    values = {
        "AGE": "40",
        "GENDER": "'female'",
        "BMI": "25.5",
        "CHARGES": "12000",
        "CHILDREN": "1",
        "SMOKER": "'no'",
        "REGION": "'southeast'",
        "MEDICAL_HISTORY": "NULL",
        "FAMILY_MEDICAL_HISTORY": "'Heart disease'",
        "EXERCISE_FREQUENCY": "'Rarely'",
        "OCCUPATION": "'Blue collar'",
        "COVERAGE_LEVEL": "'Basic'",
    } | changes
    return f"SELECT {', '.join(values.values())}"


def default_version(sql: Any) -> str:
    with sql.connection.cursor(DictCursor) as cursor:
        (model,) = cursor.execute("SHOW MODELS LIKE 'INSURANCE_CHARGES_PREDICTION'").fetchall()
    return str(model["default_version_name"])


# --- training, gate and rollback -------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def worse(sql: Any) -> str:
    """The answer of a training on few rows, whose model is worse."""
    sql("CREATE TABLE FEW AS SELECT * FROM SOURCE_OF_TRUTH ORDER BY CHARGES - FLOOR(CHARGES) LIMIT 120")
    return str(sql.one("CALL TRAIN_SAVE_INS_MODEL('FEW', TRUE)"))


def test_the_gate_keeps_a_worse_model_out(sql: Any, worse: str) -> None:
    assert "not promoted" in worse
    assert default_version(sql) == "V1"
    columns = "CHALLENGER_VERSION, CHAMPION_VERSION, DECISION, SERVES, DECIDED_BY, ERROR_METRIC"
    (kept,) = sql(f"SELECT {columns} FROM MODEL_DECISIONS WHERE DECISION = 'KEPT'")
    assert kept == ("V2", "V1", "KEPT", "V1", "SNOWMELT", "mean_abs_pct_err")
    challenger, champion, rows, reason = sql(
        "SELECT CHALLENGER_ERROR, CHAMPION_ERROR, HELD_OUT_ROWS, REASON FROM MODEL_DECISIONS WHERE DECISION = 'KEPT'"
    )[0]
    assert challenger > champion * 1.01
    assert 0 < rows < 120
    assert f"{challenger:.3%} against {champion:.3%}" in reason


def test_rollback_is_one_statement_and_is_recorded(sql: Any, worse: str) -> None:
    assert sql.one("CALL ROLLBACK_MODEL('V2')") == "INSURANCE_CHARGES_PREDICTION rolled back from V1 to V2"
    assert default_version(sql) == "V2"
    sql("CALL ROLLBACK_MODEL('V1')")
    assert default_version(sql) == "V1"
    recorded = sql(
        """SELECT CHAMPION_VERSION, SERVES, DECIDED_BY, DECIDED_AT IS NOT NULL
           FROM MODEL_DECISIONS WHERE DECISION = 'ROLLED_BACK' ORDER BY DECIDED_AT"""
    )
    assert recorded == [("V1", "V2", "SNOWMELT", True), ("V2", "V1", "SNOWMELT", True)]


def test_a_rollback_to_the_version_that_serves_changes_nothing(sql: Any) -> None:
    before = sql("SELECT * FROM MODEL_DECISIONS")
    assert sql.one("CALL ROLLBACK_MODEL('V1')") == "INSURANCE_CHARGES_PREDICTION V1 serves already"
    assert default_version(sql) == "V1"
    assert sql("SELECT * FROM MODEL_DECISIONS") == before


def test_programs_find_the_procedure_that_sets_the_default_version(sql: Any) -> None:
    with sql.connection.cursor(DictCursor) as cursor:
        (procedure,) = cursor.execute("SHOW PROCEDURES LIKE 'ROLLBACK_MODEL'").fetchall()
        models = [row["name"] for row in cursor.execute("SHOW MODELS").fetchall()]
        tables = [row["name"] for row in cursor.execute("SHOW TABLES").fetchall()]
    said = json.loads(procedure["description"])
    assert set(said) == {SETS, RECORDS}
    assert said[SETS] in models and said[RECORDS] in tables
    assert procedure["min_num_arguments"] <= 1 <= procedure["max_num_arguments"]


def test_two_trainings_at_once_make_two_versions(sql: Any, server: dict[str, Any], worse: str) -> None:
    """As after EXECUTE TASK and CALL one after the other; each is compared with what serves when it is decided."""
    before = len(sql("SHOW VERSIONS IN MODEL INSURANCE_CHARGES_PREDICTION"))
    with connect(**server, database="INSURANCE", schema="ML_PIPE") as other, ThreadPoolExecutor(2) as pool:
        train = "CALL TRAIN_SAVE_INS_MODEL('FEW', FALSE)"
        answers = list(
            pool.map(lambda run: run(train), (sql.one, lambda text: other.cursor().execute(text).fetchone()))
        )  # type: ignore[union-attr]
    assert len(answers) == 2
    versions = [found[1] for found in sql("SHOW VERSIONS IN MODEL INSURANCE_CHARGES_PREDICTION")]
    assert versions[before:] == ["V2.1", "V2.2"]
    decided = sql(
        """SELECT CHALLENGER_VERSION, CHAMPION_VERSION, DECISION FROM MODEL_DECISIONS
           WHERE CHALLENGER_VERSION LIKE 'V2._' ORDER BY 1"""
    )
    assert decided == [("V2.1", "V1", "KEPT"), ("V2.2", "V1", "KEPT")]


@pytest.mark.parametrize("version", ["'V9'", ""])
def test_a_rollback_to_nothing_is_an_error(sql: Any, version: str) -> None:
    message = "has no version V9" if version else "no version is known to have served before V1"
    with pytest.raises(ProgrammingError, match=message):
        sql(f"CALL ROLLBACK_MODEL({version})")
    assert default_version(sql) == "V1"


def test_a_failed_training_is_failed_and_the_old_version_serves(sql: Any) -> None:
    sql("ALTER TABLE SOURCE_OF_TRUTH RENAME COLUMN BMI TO BODY_MASS")
    try:
        with pytest.raises(TaskFailed, match=r"(?s)FAILED.*Traceback.*BMI"):
            run_task(sql.connection, "TRAIN_SAVE_TASK")
    finally:
        sql("ALTER TABLE SOURCE_OF_TRUTH RENAME COLUMN BODY_MASS TO BMI")
    assert default_version(sql) == "V1"
    (trace_back,) = sql(
        """SELECT RECORD_ATTRIBUTES:"exception.stacktrace"::VARCHAR FROM MODEL_TRACES
           WHERE RECORD_TYPE = 'SPAN_EVENT' AND RECORD:name = 'exception' ORDER BY TIMESTAMP DESC LIMIT 1"""
    )[0]
    assert "insurance_train.py" in trace_back


def test_a_version_knows_where_it_comes_from(sql: Any) -> None:
    metadata = next(found[9] for found in sql("SHOW VERSIONS IN MODEL INSURANCE_CHARGES_PREDICTION"))
    metrics = json.loads(metadata)["metrics"]
    assert metrics["training_table"] == "SOURCE_OF_TRUTH"
    assert metrics["training_rows"] + metrics["held_out_rows"] == metrics["training_table_rows"] == 1_500
    assert len(metrics["grid"]) == 9
    assert metrics["parameters"]["seed"] == 42
    assert set(metrics) >= {"mean_abs_pct_err", "mean_sq_err"}
    sql("INSERT INTO SOURCE_OF_TRUTH SELECT * FROM INCOMING_DATA_SOURCE LIMIT 10")
    then = f"SOURCE_OF_TRUTH AT (TIMESTAMP => '{metrics['training_table_at']}'::TIMESTAMP_LTZ)"
    assert sql.one(f"SELECT COUNT(*) FROM {then}") == 1_500


# --- scoring ---------------------------------------------------------------------------------------------------------


def test_deletes_and_updates_reach_gold(sql: Any, score: Any) -> None:
    sql(LAND + FEED)
    assert score() == "400 record(s) inserted, 0 record(s) updated, 0 record(s) deleted in the INSURANCE_GOLD table"
    updated = sql.one("SELECT COUNT(*) FROM LANDING_TABLE WHERE AGE < 40 AND CHILDREN = 1")
    deleted = sql.one("SELECT COUNT(*) FROM LANDING_TABLE WHERE CHILDREN = 2")
    sql("UPDATE LANDING_TABLE SET SMOKER = 'yes' WHERE AGE < 40 AND CHILDREN = 1")
    sql("DELETE FROM LANDING_TABLE WHERE CHILDREN = 2")
    expected = f"0 record(s) inserted, {updated} record(s) updated, {deleted} record(s) deleted in the INSURANCE_GOLD"
    assert score() == f"{expected} table"
    assert sql.one("SELECT COUNT(*) FROM INSURANCE_GOLD WHERE METADATA$ISUPDATE") == updated
    assert score().startswith("0 record(s) inserted, 0 record(s) updated, 0 record(s) deleted")


def test_a_gold_row_knows_what_scored_it_when_and_in_which_run(sql: Any, score: Any) -> None:
    sql(LAND + FEED)
    score()
    (lineage,) = sql("SELECT DISTINCT MODEL_NAME, MODEL_VERSION, TRACE_ID FROM INSURANCE_GOLD")
    assert lineage[:2] == ("INSURANCE_CHARGES_PREDICTION", "V1")
    spans = sql("SELECT RECORD:name::VARCHAR FROM MODEL_TRACES WHERE TRACE:trace_id = %s", lineage[2])
    assert ("write_predictions_to_gold",) in spans
    # A moment with its time of day, not a date.
    moment = sql.one("SELECT MAX(METADATA_UPDATED_AT) FROM INSURANCE_GOLD")
    assert (moment.hour, moment.minute, moment.second, moment.microsecond) != (0, 0, 0, 0)
    attributes = json.loads(
        sql.one(
            """SELECT RECORD_ATTRIBUTES FROM MODEL_TRACES WHERE RECORD:name = 'write_predictions_to_gold'
               AND TRACE:trace_id = %s""",
            lineage[2],
        )
    )
    assert {name: attributes[f"data.rows_{name}"] for name in ("inserted", "updated", "deleted", "quarantined")} == {
        "inserted": 400,
        "updated": 0,
        "deleted": 0,
        "quarantined": 0,
    }


BAD = {
    "AGE is missing": row(AGE="NULL"),
    "AGE is not between 0 and 120": row(AGE="-3"),
    "BMI is not between 10 and 100": row(BMI="'NaN'::FLOAT"),
    "BMI is not between 10 and 100; CHILDREN is not between 0 and 20": row(BMI="'inf'::FLOAT", CHILDREN="99"),
    "GENDER is unknown": row(GENDER="NULL"),
    "REGION is unknown; OCCUPATION is unknown": row(REGION="'atlantis'", OCCUPATION="'Wizard''s \\\\ hat'"),
}


def test_rows_that_cannot_be_scored_are_kept_apart_with_the_reason(sql: Any, score: Any) -> None:
    sql(LAND + " UNION ALL ".join([row(), *BAD.values(), row(AGE="41")]))
    assert score().startswith("2 record(s) inserted")
    assert {reason for (reason,) in sql("SELECT REASON FROM INSURANCE_QUARANTINE")} == set(BAD)

    sql("UPDATE LANDING_TABLE SET AGE = 33 WHERE AGE IS NULL OR AGE = -3")
    sql("UPDATE LANDING_TABLE SET CHILDREN = 77 WHERE AGE = 41")
    sql("DELETE FROM LANDING_TABLE WHERE REGION = 'atlantis'")
    assert score() == "2 record(s) inserted, 0 record(s) updated, 1 record(s) deleted in the INSURANCE_GOLD table"
    reasons = sorted(reason for (reason,) in sql("SELECT REASON FROM INSURANCE_QUARANTINE"))
    assert reasons == [
        "BMI is not between 10 and 100",
        "BMI is not between 10 and 100; CHILDREN is not between 0 and 20",
        "CHILDREN is not between 0 and 20",
        "GENDER is unknown",
    ]


def test_a_failed_run_leaves_everything_as_it_was(sql: Any, score: Any) -> None:
    sql(LAND + FEED)
    sql(LAND + BAD["AGE is missing"])
    sql("ALTER TABLE INSURANCE_GOLD RENAME TO ELSEWHERE")
    try:
        with pytest.raises(TaskFailed, match=r"FAILED"):
            run_task(sql.connection, "PREDICT_WRITE_TASK")
    finally:
        sql("ALTER TABLE ELSEWHERE RENAME TO INSURANCE_GOLD")
    assert sql.one("SELECT COUNT(*) FROM INSURANCE_QUARANTINE") == 0, "the transaction was rolled back"
    assert sql.one("SELECT SYSTEM$STREAM_HAS_DATA('STREAM_ON_LANDING')") is True
    assert score().startswith("400 record(s) inserted")
    assert sql.one("SELECT COUNT(*) FROM INSURANCE_QUARANTINE") == 1


def test_a_run_whose_rows_another_has_taken_begins_again(sql: Any, score: Any, server: dict[str, Any]) -> None:
    sql("CREATE OR REPLACE TABLE TAKEN (AGE INT)")
    sql(LAND + FEED)
    with connect(**server, database="INSURANCE", schema="ML_PIPE") as other, ThreadPoolExecutor(1) as pool:
        taking = other.cursor()
        taking.execute("BEGIN")
        taking.execute("INSERT INTO TAKEN SELECT AGE FROM STREAM_ON_LANDING")
        sql(LAND + row())
        run = pool.submit(score)
        deadline = time.monotonic() + 60
        while not any("WAITING" in lock for lock in taking.execute("SHOW LOCKS IN ACCOUNT").fetchall()):  # type: ignore[union-attr]
            assert time.monotonic() < deadline and not run.done(), "the run does not wait for the other transaction"
            time.sleep(0.05)
        taking.execute("COMMIT")
        assert run.result().startswith("1 record(s) inserted, 0 record(s) updated, 0 record(s) deleted")
    assert sql.one("SELECT COUNT(*) FROM TAKEN") == 400
    attempts = sql.one(
        """SELECT RECORD_ATTRIBUTES:attempt::INT FROM MODEL_TRACES WHERE RECORD:name = 'predict_write_to_gold'
           AND TRACE:trace_id = (SELECT ANY_VALUE(TRACE_ID) FROM INSURANCE_GOLD)"""
    )
    assert attempts == 2


# --- backfill and drift ----------------------------------------------------------------------------------------------


def test_backfill_scores_again_without_touching_the_stream(sql: Any, score: Any, worse: str) -> None:
    sql(LAND + FEED)
    score()
    arrived = sql.one("SELECT MAX(METADATA_UPDATED_AT) FROM INSURANCE_GOLD")
    sql(LAND + row())
    score()
    sql(LAND + row(AGE="50"))
    columns = "PREDICTED_CHARGES FROM INSURANCE_GOLD ORDER BY METADATA$ROW_ID"
    before = sql(f"SELECT {columns}")

    later = f"SINCE => '{arrived}'::TIMESTAMP_NTZ + INTERVAL '1 microsecond'"
    assert sql.one(f"CALL BACKFILL_GOLD(VERSION => 'V2', {later})").startswith("1 record(s)")
    assert sql("SELECT MODEL_VERSION, COUNT(*) FROM INSURANCE_GOLD GROUP BY 1 ORDER BY 1") == [("V1", 400), ("V2", 1)]
    assert sql.one("CALL BACKFILL_GOLD('V2')").startswith("401 record(s)")
    assert sql("SELECT DISTINCT MODEL_VERSION FROM INSURANCE_GOLD") == [("V2",)]
    assert sql(f"SELECT {columns}") != before
    sql("CALL BACKFILL_GOLD()")
    assert sql("SELECT DISTINCT MODEL_VERSION FROM INSURANCE_GOLD") == [("V1",)]
    assert sql(f"SELECT {columns}") == before, "the same version predicts the same"
    assert sql.one("SELECT COUNT(*) FROM STREAM_ON_LANDING") == 1
    assert sql.one("SELECT MIN(METADATA_UPDATED_AT) FROM INSURANCE_GOLD") <= arrived


def test_rows_like_the_training_data_raise_no_alert(sql: Any, score: Any) -> None:
    sql(LAND + "SELECT * FROM INCOMING_DATA_SOURCE")
    score()
    assert sql.one("CALL MEASURE_DRIFT(FALSE)") == "13 figure(s), 0 alert(s)"
    measured = dict(sql("SELECT COLUMN_NAME, VALUE FROM MODEL_DRIFT WHERE KIND = 'PSI'"))
    assert len(measured) == 12
    assert all(0 <= value < 0.1 for value in measured.values())
    assert sql.one("SELECT VALUE FROM MODEL_DRIFT WHERE KIND = 'ERROR'") == pytest.approx(1, abs=0.2)
    # Nothing has been scored since: there is nothing to measure.
    assert sql.one("CALL MEASURE_DRIFT(FALSE)") == "0 figure(s), 0 alert(s)"


def test_a_shift_of_the_data_is_measured_and_raises_an_alert(sql: Any, score: Any) -> None:
    older = "SELECT * REPLACE (LEAST(AGE + 30, 95) AS AGE, CHARGES * 2 AS CHARGES) FROM INCOMING_DATA_SOURCE LIMIT 1000"
    sql(LAND + older)
    score()
    assert "alert(s): PSI of AGE" in sql.one("CALL MEASURE_DRIFT(FALSE)")
    alerts = sql("SELECT KIND, COLUMN_NAME FROM DRIFT_ALERTS ORDER BY KIND, COLUMN_NAME")
    assert ("PSI", "AGE") in alerts
    assert ("ERROR", "PREDICTED_CHARGES") in alerts
    assert ("PSI", "BMI") not in alerts
    assert sql("SELECT 1 FROM MODEL_TRACES WHERE RECORD_TYPE = 'LOG' AND VALUE::VARCHAR LIKE 'drift: PSI of AGE%'")


def test_few_rows_wait_for_more(sql: Any, score: Any) -> None:
    sql(LAND + row())
    score()
    assert sql.one("CALL MEASURE_DRIFT(FALSE)") == "1 row(s) since the last measurement: waiting for 200"
    sql(LAND + FEED)
    score()
    sql("CALL MEASURE_DRIFT(FALSE)")
    assert sql("SELECT DISTINCT SCORED_ROWS FROM MODEL_DRIFT WHERE KIND = 'PSI'") == [(401,)]


def test_a_version_that_serves_no_more_holds_up_no_measurement(sql: Any, score: Any, worse: str) -> None:
    sql(LAND + row())
    score()
    sql("CALL ROLLBACK_MODEL('V2')")
    try:
        sql(LAND + FEED)
        score()
    finally:
        sql("CALL ROLLBACK_MODEL('V1')")
    assert sql.one("CALL MEASURE_DRIFT(FALSE)").startswith("13 figure(s)")
    assert sql("SELECT DISTINCT MODEL_VERSION, SCORED_ROWS FROM MODEL_DRIFT WHERE KIND = 'PSI'") == [("V2", 400)]
    sql(LAND + FEED)
    score()
    sql("CALL MEASURE_DRIFT(FALSE)")
    # The row that waited is measured with those that came after it.
    rows = sql("SELECT DISTINCT SCORED_ROWS FROM MODEL_DRIFT WHERE KIND = 'PSI' AND MODEL_VERSION = 'V1'")
    assert rows == [(401,)]


def test_small_samples_raise_no_alert_by_chance_alone(sql: Any, score: Any, worse: str) -> None:
    sql(LAND + "SELECT * FROM INCOMING_DATA_SOURCE LIMIT 250")
    score()
    sql("CALL BACKFILL_GOLD('V2')")  # V2's predictions on held-out rows, its baseline, are fewer than 50
    sql("CALL MEASURE_DRIFT(FALSE)")
    predictions = "COLUMN_NAME = 'PREDICTED_CHARGES'"
    ((baseline,),) = sql(
        f"SELECT DISTINCT BASELINE_ROWS FROM MODEL_BASELINES WHERE MODEL_VERSION = 'V2' AND {predictions}"
    )
    limit = sql.one(f"SELECT ALERT_ABOVE FROM MODEL_DRIFT WHERE KIND = 'PSI' AND {predictions}")
    assert limit == pytest.approx(0.25 + 9 * (1 / baseline + 1 / 250))
    assert sql("SELECT COLUMN_NAME FROM DRIFT_ALERTS WHERE KIND = 'PSI'") == []


def test_an_alert_can_start_the_training(sql: Any, score: Any) -> None:
    shifted = "SELECT * REPLACE (LEAST(AGE + 30, 95) AS AGE) FROM INCOMING_DATA_SOURCE LIMIT 400"
    sql(LAND + shifted)
    score()
    assert sql.one("CALL MEASURE_DRIFT(TRUE)").endswith("; no training is started: one has ended within 24 hours")

    before = sql("SHOW VERSIONS IN MODEL INSURANCE_CHARGES_PREDICTION")
    sql("UPDATE MODEL_DECISIONS SET DECIDED_AT = DATEADD('day', -2, DECIDED_AT)")
    runs = len(finished_runs(sql.connection, "TRAIN_SAVE_TASK"))
    sql(LAND + shifted)
    score()
    assert sql.one("CALL MEASURE_DRIFT(TRUE)").endswith("; TRAIN_SAVE_TASK is started")
    deadline = time.monotonic() + 120
    while len(finished_runs(sql.connection, "TRAIN_SAVE_TASK")) == runs:
        assert time.monotonic() < deadline, "the training has not ended"
        time.sleep(0.1)
    assert finished_runs(sql.connection, "TRAIN_SAVE_TASK")[-1].state == "SUCCEEDED"
    assert len(sql("SHOW VERSIONS IN MODEL INSURANCE_CHARGES_PREDICTION")) == len(before) + 1


def test_each_row_is_predicted_once(sql: Any, score: Any) -> None:
    sql(LAND + FEED)
    before = sql.one("SELECT CURRENT_TIMESTAMP()")
    score()
    statements = sql(
        """SELECT QUERY_TYPE FROM TABLE(INFORMATION_SCHEMA.QUERY_HISTORY(RESULT_LIMIT => 1000))
           WHERE START_TIME >= %s AND QUERY_TEXT ILIKE '%%!PREDICT(%%' AND QUERY_TEXT NOT ILIKE '%%QUERY_HISTORY%%'""",
        before,
    )
    assert statements == [("MERGE",)]
