-- Functions that Snowflake has and DuckDB lacks, or that differ; the rewrite rules call them.

-- Division raises on a zero divisor (100051) instead of giving infinity.
CREATE OR REPLACE MACRO snowmelt_divide(a, b) AS CASE WHEN b = 0 THEN error('Division by zero') ELSE a / b END;

-- A divisor that must not be zero, for integer division, which would give null.
CREATE OR REPLACE MACRO snowmelt_divisor(b) AS CASE WHEN b = 0 THEN error('Division by zero') ELSE b END;

-- Text of a FLOAT: at most 15 digits, no point without a fraction.
CREATE OR REPLACE MACRO snowmelt_float_text(x) AS
    CASE WHEN isnan(x) THEN 'NaN' WHEN isinf(x) THEN CASE WHEN x > 0 THEN 'inf' ELSE '-inf' END
    ELSE printf('%.15g', x) END;

-- Text as BINARY is hexadecimal digits.
CREATE OR REPLACE MACRO snowmelt_from_hex(x) AS
    CASE WHEN length(x) % 2 = 0 AND regexp_full_match(x, '[0-9a-fA-F]*') THEN unhex(x)
    ELSE error('Not hexadecimal: ' || x) END;

-- The words that mean a truth value.
CREATE OR REPLACE MACRO snowmelt_boolean(x) AS
    CASE WHEN lower(x) IN ('true', 't', 'yes', 'y', 'on', '1') THEN true
    WHEN lower(x) IN ('false', 'f', 'no', 'n', 'off', '0') THEN false
    WHEN x IS NULL THEN NULL
    ELSE error('Not a truth value: ' || x) END;

-- Text that must not be longer than a column or type allows.
CREATE OR REPLACE MACRO snowmelt_fit(x, n) AS
    CASE WHEN length(x) > n THEN error('Too long: ' || x) ELSE x END;

-- TRY_ forms of the two above: null instead of an error.
CREATE OR REPLACE MACRO snowmelt_try_from_hex(x) AS
    CASE WHEN length(x) % 2 = 0 AND regexp_full_match(x, '[0-9a-fA-F]*') THEN unhex(x) END;
CREATE OR REPLACE MACRO snowmelt_try_boolean(x) AS
    CASE WHEN lower(x) IN ('true', 't', 'yes', 'y', 'on', '1') THEN true
    WHEN lower(x) IN ('false', 'f', 'no', 'n', 'off', '0') THEN false END;
