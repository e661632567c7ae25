-- The two procedures. Their code is in python/, which the deployment has put on the stage.

USE SCHEMA <% database %>.<% schema %>;

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
        '@PIPELINE_CODE/insurance_features.py',
        '@PIPELINE_CODE/insurance_versions.py',
        '@PIPELINE_CODE/insurance_train.py'
    )
    HANDLER = 'insurance_train.train_save_ins_model';

CREATE OR REPLACE PROCEDURE PREDICT_WRITE_TO_GOLD()
    RETURNS VARCHAR
    LANGUAGE PYTHON
    RUNTIME_VERSION = '3.11'
    PACKAGES = (
        'snowflake-snowpark-python',
        'snowflake-ml-python',
        'snowflake-telemetry-python',
        'opentelemetry-api',
        'xgboost'
    )
    IMPORTS = (
        '@PIPELINE_CODE/insurance_features.py',
        '@PIPELINE_CODE/insurance_versions.py',
        '@PIPELINE_CODE/insurance_predict.py'
    )
    HANDLER = 'insurance_predict.predict_write_to_gold';
