-- Removes everything that the pipeline made, its data included. Not part of a deployment.

ALTER TASK IF EXISTS <% database %>.<% schema %>.PREDICT_WRITE_TASK SUSPEND;
ALTER TASK IF EXISTS <% database %>.<% schema %>.MEASURE_DRIFT_TASK SUSPEND;
ALTER TASK IF EXISTS <% database %>.<% schema %>.TRAIN_SAVE_TASK SUSPEND;
DROP DATABASE IF EXISTS <% database %>;
