-- Functions that Snowflake has and DuckDB lacks, or that differ; the rewrite rules call them.

-- Division raises on a zero divisor (100051) instead of giving infinity.
CREATE OR REPLACE MACRO snowmelt_divide(a, b) AS CASE WHEN b = 0 THEN error('Division by zero') ELSE a / b END;

-- A divisor that must not be zero, for integer division, which would give null.
CREATE OR REPLACE MACRO snowmelt_divisor(b) AS CASE WHEN b = 0 THEN error('Division by zero') ELSE b END;
