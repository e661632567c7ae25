-- The pipeline's tables, its stream and its event table. Running this again keeps the rows that are there: a table that
-- exists gets the columns that it lacks.

CREATE DATABASE IF NOT EXISTS <% database %>;
CREATE SCHEMA IF NOT EXISTS <% database %>.<% schema %>;
USE SCHEMA <% database %>.<% schema %>;

CREATE WAREHOUSE IF NOT EXISTS <% warehouse %> WAREHOUSE_SIZE = XSMALL INITIALLY_SUSPENDED = TRUE AUTO_SUSPEND = 60;
USE WAREHOUSE <% warehouse %>;

-- The procedures' Python files.
CREATE STAGE IF NOT EXISTS PIPELINE_CODE;

-- Spans, logs and errors of the procedures. Other databases keep the event table that they have.
CREATE EVENT TABLE IF NOT EXISTS MODEL_TRACES;
ALTER DATABASE <% database %> SET EVENT_TABLE = <% database %>.<% schema %>.MODEL_TRACES;

-- What training reads.
CREATE OR ALTER TABLE SOURCE_OF_TRUTH (
    AGE NUMBER(38,0),
    GENDER VARCHAR,
    BMI FLOAT,
    CHARGES FLOAT,  -- what the model predicts
    CHILDREN NUMBER(38,0),
    SMOKER VARCHAR,
    REGION VARCHAR,
    MEDICAL_HISTORY VARCHAR,
    FAMILY_MEDICAL_HISTORY VARCHAR,
    EXERCISE_FREQUENCY VARCHAR,
    OCCUPATION VARCHAR,
    COVERAGE_LEVEL VARCHAR
);

-- The simulated feed, and where its rows arrive.
CREATE TABLE IF NOT EXISTS INCOMING_DATA_SOURCE LIKE SOURCE_OF_TRUTH;
CREATE TABLE IF NOT EXISTS LANDING_TABLE LIKE SOURCE_OF_TRUTH;

-- Change data capture: what has been inserted, updated and deleted since the last scoring.
CREATE STREAM IF NOT EXISTS STREAM_ON_LANDING ON TABLE LANDING_TABLE;

-- The landing rows with their predictions, text standardised, and where each prediction came from.
CREATE OR ALTER TABLE INSURANCE_GOLD (
    AGE NUMBER(38,0),
    GENDER VARCHAR,
    BMI FLOAT,
    CHILDREN NUMBER(38,0),
    SMOKER VARCHAR,
    REGION VARCHAR,
    MEDICAL_HISTORY VARCHAR,
    FAMILY_MEDICAL_HISTORY VARCHAR,
    EXERCISE_FREQUENCY VARCHAR,
    OCCUPATION VARCHAR,
    COVERAGE_LEVEL VARCHAR,
    METADATA$ROW_ID VARCHAR,
    METADATA$ISUPDATE BOOLEAN,
    METADATA$ACTION VARCHAR,
    METADATA_UPDATED_AT TIMESTAMP_NTZ,  -- when the row's last change arrived here
    CHARGES FLOAT,
    PREDICTED_CHARGES FLOAT,
    MODEL_NAME VARCHAR,
    MODEL_VERSION VARCHAR,
    SCORED_AT TIMESTAMP_NTZ,  -- later than METADATA_UPDATED_AT after a backfill
    TRACE_ID VARCHAR  -- the scoring run's trace in MODEL_TRACES
);

-- Landing rows that cannot be scored, each with the reason, text standardised.
CREATE OR ALTER TABLE INSURANCE_QUARANTINE (
    AGE NUMBER(38,0),
    GENDER VARCHAR,
    BMI FLOAT,
    CHARGES FLOAT,
    CHILDREN NUMBER(38,0),
    SMOKER VARCHAR,
    REGION VARCHAR,
    MEDICAL_HISTORY VARCHAR,
    FAMILY_MEDICAL_HISTORY VARCHAR,
    EXERCISE_FREQUENCY VARCHAR,
    OCCUPATION VARCHAR,
    COVERAGE_LEVEL VARCHAR,
    METADATA$ROW_ID VARCHAR,
    REASON VARCHAR,
    QUARANTINED_AT TIMESTAMP_NTZ,
    TRACE_ID VARCHAR
);

-- What has decided which version serves: the gate after each training, and rollbacks.
CREATE OR ALTER TABLE MODEL_DECISIONS (
    DECIDED_AT TIMESTAMP_NTZ,
    DECIDED_BY VARCHAR,
    MODEL_NAME VARCHAR,
    CHALLENGER_VERSION VARCHAR,  -- the version that was to serve
    CHAMPION_VERSION VARCHAR,  -- the version that served; NULL when there was none
    ERROR_METRIC VARCHAR,
    CHALLENGER_ERROR FLOAT,
    CHAMPION_ERROR FLOAT,
    HELD_OUT_ROWS NUMBER(38,0),
    TOLERANCE FLOAT,
    DECISION VARCHAR,  -- PROMOTED, KEPT or ROLLED_BACK
    SERVES VARCHAR,  -- the version that has served since
    REASON VARCHAR,
    TRACE_ID VARCHAR
);

-- What each version's training data looked like: the share of rows in each bin of each column, to measure drift against.
CREATE OR ALTER TABLE MODEL_BASELINES (
    MODEL_NAME VARCHAR,
    MODEL_VERSION VARCHAR,
    COLUMN_NAME VARCHAR,
    LOW FLOAT,  -- inclusive; NULL when the bin has no lower bound
    HIGH FLOAT,  -- exclusive; NULL when the bin has no upper bound
    CATEGORY VARCHAR,  -- of a text column
    SHARE FLOAT,
    BASELINE_ROWS NUMBER(38,0)  -- how many rows the shares are of
);

-- What has been scored lately against those baselines.
CREATE OR ALTER TABLE MODEL_DRIFT (
    MEASURED_AT TIMESTAMP_NTZ,
    SCORED_FROM TIMESTAMP_NTZ,
    SCORED_TO TIMESTAMP_NTZ,
    MODEL_NAME VARCHAR,
    MODEL_VERSION VARCHAR,
    KIND VARCHAR,  -- PSI of a column, or ERROR as a multiple of the error on held-out rows
    COLUMN_NAME VARCHAR,
    VALUE FLOAT,
    ALERT_ABOVE FLOAT,
    ALERT BOOLEAN,
    SCORED_ROWS NUMBER(38,0),
    TRACE_ID VARCHAR
);

CREATE OR REPLACE VIEW DRIFT_ALERTS AS
    SELECT MEASURED_AT, MODEL_VERSION, KIND, COLUMN_NAME, VALUE, ALERT_ABOVE, SCORED_ROWS, TRACE_ID
    FROM MODEL_DRIFT
    WHERE ALERT;
