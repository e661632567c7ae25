-- The procedures. Their code is in python/, which the deployment has put on the stage.

USE SCHEMA <% database %>.<% schema %>;

-- Train on a table, and register the result as the next version: a major or a minor step.
CREATE OR REPLACE PROCEDURE TRAIN_SAVE_INS_MODEL(source_of_truth VARCHAR, major_version BOOLEAN)
    RETURNS VARCHAR
    LANGUAGE PYTHON
    RUNTIME_VERSION = '3.11'
    PACKAGES = (
        'snowflake-snowpark-python',
        'snowflake-ml-python',
        'snowflake-telemetry-python',
        'opentelemetry-api',
        'scikit-learn',
        'xgboost',
        'pandas'
    )
    IMPORTS = (
        '@PIPELINE_CODE/insurance_spec.py',
        '@PIPELINE_CODE/insurance_features.py',
        '@PIPELINE_CODE/insurance_versions.py',
        '@PIPELINE_CODE/insurance_model.py',
        '@PIPELINE_CODE/insurance_serving.py',
        '@PIPELINE_CODE/insurance_gate.py',
        '@PIPELINE_CODE/insurance_baseline.py',
        '@PIPELINE_CODE/insurance_train.py'
    )
    HANDLER = 'insurance_train.train_save_ins_model';

-- Score what has changed in LANDING_TABLE, and bring the gold table up to date.
CREATE OR REPLACE PROCEDURE PREDICT_WRITE_TO_GOLD()
    RETURNS VARCHAR
    LANGUAGE PYTHON
    RUNTIME_VERSION = '3.11'
    PACKAGES = ('snowflake-snowpark-python', 'snowflake-telemetry-python', 'opentelemetry-api')
    IMPORTS = (
        '@PIPELINE_CODE/insurance_spec.py',
        '@PIPELINE_CODE/insurance_features.py',
        '@PIPELINE_CODE/insurance_versions.py',
        '@PIPELINE_CODE/insurance_predict.py'
    )
    HANDLER = 'insurance_predict.predict_write_to_gold';

-- Compare what has been scored lately with the training data. TRUE starts the training task when there is an alert.
CREATE OR REPLACE PROCEDURE MEASURE_DRIFT(retrain BOOLEAN)
    RETURNS VARCHAR
    LANGUAGE PYTHON
    RUNTIME_VERSION = '3.11'
    PACKAGES = ('snowflake-snowpark-python', 'snowflake-telemetry-python', 'opentelemetry-api')
    IMPORTS = (
        '@PIPELINE_CODE/insurance_spec.py',
        '@PIPELINE_CODE/insurance_features.py',
        '@PIPELINE_CODE/insurance_drift.py'
    )
    HANDLER = 'insurance_drift.measure_drift';

-- Let an earlier version serve again: CALL ROLLBACK_MODEL() goes back by one, CALL ROLLBACK_MODEL('V1') to that one.
-- The comment is for programs that offer to set the model's default version: they call this, so that it is recorded.
CREATE OR REPLACE PROCEDURE ROLLBACK_MODEL(version VARCHAR DEFAULT NULL)
    RETURNS VARCHAR
    LANGUAGE PYTHON
    RUNTIME_VERSION = '3.11'
    PACKAGES = ('snowflake-snowpark-python', 'snowflake-telemetry-python', 'opentelemetry-api')
    IMPORTS = (
        '@PIPELINE_CODE/insurance_spec.py',
        '@PIPELINE_CODE/insurance_versions.py',
        '@PIPELINE_CODE/insurance_serving.py'
    )
    HANDLER = 'insurance_serving.rollback_model'
    COMMENT = '{"sets_default_version_of": "INSURANCE_CHARGES_PREDICTION", "records_in": "MODEL_DECISIONS"}';

-- Score gold rows again: by another version, and only those that have changed since a moment, where these are given.
CREATE OR REPLACE PROCEDURE BACKFILL_GOLD(version VARCHAR DEFAULT NULL, since TIMESTAMP_NTZ DEFAULT NULL)
    RETURNS VARCHAR
    LANGUAGE PYTHON
    RUNTIME_VERSION = '3.11'
    PACKAGES = ('snowflake-snowpark-python', 'snowflake-telemetry-python', 'opentelemetry-api')
    IMPORTS = (
        '@PIPELINE_CODE/insurance_spec.py',
        '@PIPELINE_CODE/insurance_features.py',
        '@PIPELINE_CODE/insurance_versions.py',
        '@PIPELINE_CODE/insurance_predict.py',
        '@PIPELINE_CODE/insurance_backfill.py'
    )
    HANDLER = 'insurance_backfill.backfill_gold';
