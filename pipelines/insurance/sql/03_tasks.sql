-- The tasks. A graph can be changed while its root is suspended; RESUME starts the schedules, the root's last.

USE SCHEMA <% database %>.<% schema %>;

ALTER TASK IF EXISTS PREDICT_WRITE_TASK SUSPEND;

CREATE OR REPLACE TASK TRAIN_SAVE_TASK
    WAREHOUSE = <% warehouse %>
    SCHEDULE = '<% train_every %>'
AS
    CALL TRAIN_SAVE_INS_MODEL('SOURCE_OF_TRUTH', FALSE);

CREATE OR REPLACE TASK PREDICT_WRITE_TASK
    WAREHOUSE = <% warehouse %>
    SCHEDULE = '<% predict_every %>'
WHEN
    SYSTEM$STREAM_HAS_DATA('STREAM_ON_LANDING')
AS
    CALL PREDICT_WRITE_TO_GOLD();

-- After each scoring, a look at what has been scored.
CREATE OR REPLACE TASK MEASURE_DRIFT_TASK
    WAREHOUSE = <% warehouse %>
    AFTER PREDICT_WRITE_TASK
AS
    CALL MEASURE_DRIFT(<% retrain_on_drift %>);

ALTER TASK TRAIN_SAVE_TASK RESUME;
ALTER TASK MEASURE_DRIFT_TASK RESUME;
ALTER TASK PREDICT_WRITE_TASK RESUME;
