-- The usage examples of the document that the project began with, word for word and in its order.
-- Left out: "INSERT INTO LANDING_TABLE ... LIMIT 50000;", which is no statement.

-- # Create database and schema
CREATE DATABASE INSURANCE;
CREATE SCHEMA ML_PIPE;

-- # Activate the prediction task
CREATE OR REPLACE TASK PREDICT_WRITE_TASK
  WAREHOUSE = COMPUTE_WH
  SCHEDULE = '1 MINUTE'
  WHEN SYSTEM$STREAM_HAS_DATA('STREAM_ON_LANDING')
  AS CALL PREDICT_WRITE_TO_GOLD();

ALTER TASK PREDICT_WRITE_TASK RESUME;

-- # Train a New Model
-- Manually trigger training
EXECUTE TASK TRAIN_SAVE_TASK;

-- Or call the stored procedure directly
CALL TRAIN_SAVE_INS_MODEL('SOURCE_OF_TRUTH', FALSE);

-- # Simulate Incoming Data
-- Insert records to trigger inference
INSERT INTO LANDING_TABLE
SELECT * FROM INCOMING_DATA_SOURCE LIMIT 100000;

-- Check stream for new data
SELECT COUNT(*) FROM STREAM_ON_LANDING;

-- # Run Predictions
-- Manually trigger prediction task
EXECUTE TASK PREDICT_WRITE_TASK;

-- Or call the stored procedure directly
CALL PREDICT_WRITE_TO_GOLD();

-- View results
SELECT * FROM INSURANCE_GOLD LIMIT 100;

-- # View Model Registry
-- See all models
SELECT * FROM INSURANCE.ML_PIPE.INFORMATION_SCHEMA.MODELS;

-- Get model versions
SHOW VERSIONS IN MODEL INSURANCE_CHARGES_PREDICTION;

-- # Adjusting Training Frequency
-- Change training schedule (e.g., daily)
ALTER TASK TRAIN_SAVE_TASK SET SCHEDULE = '1440 MINUTE';

-- # Model Version Control
-- Train a major version update
CALL TRAIN_SAVE_INS_MODEL('SOURCE_OF_TRUTH', TRUE);

-- Train a minor version update
CALL TRAIN_SAVE_INS_MODEL('SOURCE_OF_TRUTH', FALSE);

-- # Cleanup
-- Suspend tasks
ALTER TASK PREDICT_WRITE_TASK SUSPEND;
ALTER TASK TRAIN_SAVE_TASK SUSPEND;

-- Drop database (optional - removes all data)
DROP DATABASE INSURANCE;
