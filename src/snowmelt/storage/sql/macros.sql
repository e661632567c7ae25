-- Functions that Snowflake has and DuckDB lacks, or that differ; the rewrite rules call them. The names of lambdas'
-- parameters begin with snowmelt_, since a column of a user's in an argument may be called like any other.

-- Errors. The engine's error() counts as an expression with side effects, which it allows neither in ORDER BY of a
-- window nor behind an alias, and which it moves nowhere; so a cast raises them: true, or the error. The cast stands
-- around the choice, for the engine evaluates what is constant in branches that are never taken.
CREATE OR REPLACE MACRO snowmelt_sure(fails, message) AS
    CAST(CASE WHEN fails THEN 'snowmelt: ' || message ELSE 'true' END AS BOOLEAN);
-- A value that must be known if what it is made of is. A list of one, so that it is computed once.
CREATE OR REPLACE MACRO snowmelt_known(made, origin, message) AS
    list_transform([made], lambda snowmelt_made:
        CASE WHEN snowmelt_sure(snowmelt_made IS NULL AND origin IS NOT NULL, message) THEN snowmelt_made END)[1];

-- Division raises on a zero divisor (100051) instead of giving infinity.
CREATE OR REPLACE MACRO snowmelt_divide(a, b) AS CASE WHEN snowmelt_sure(b = 0, 'Division by zero') THEN a / b END;

-- A divisor that must not be zero, for integer division, which would give null.
CREATE OR REPLACE MACRO snowmelt_divisor(b) AS CASE WHEN snowmelt_sure(b = 0, 'Division by zero') THEN b END;

-- A number's digits without its point, by its text: a product with a power of ten has room for 38 digits only.
CREATE OR REPLACE MACRO snowmelt_unscaled(n) AS CAST(replace(CAST(n AS VARCHAR), '.', '') AS HUGEINT);
-- An integer without its last digit, by which halves are rounded away from zero; digits behind a point as text.
CREATE OR REPLACE MACRO snowmelt_rounded(n) AS (n + CASE WHEN n < 0 THEN -5 ELSE 5 END) // 10;
CREATE OR REPLACE MACRO snowmelt_fraction_text(n, digits) AS
    CASE WHEN n < 0 THEN '-' ELSE '' END || '0.' || lpad(CAST(abs(n) AS VARCHAR), digits, '0');

-- Text of a FLOAT: at most 15 digits, no point without a fraction.
CREATE OR REPLACE MACRO snowmelt_float_text(x) AS
    CASE WHEN isnan(x) THEN 'NaN' WHEN isinf(x) THEN CASE WHEN x > 0 THEN 'inf' ELSE '-inf' END
    ELSE printf('%.15g', x) END;

-- Text as BINARY is hexadecimal digits.
CREATE OR REPLACE MACRO snowmelt_from_hex(x) AS
    CASE WHEN snowmelt_sure(length(x) % 2 = 1 OR NOT regexp_full_match(x, '[0-9a-fA-F]*'), 'Not hexadecimal: ' || x)
    THEN unhex(x) END;

-- The words that mean a truth value.
CREATE OR REPLACE MACRO snowmelt_boolean(x) AS
    snowmelt_known(CASE WHEN lower(x) IN ('true', 't', 'yes', 'y', 'on', '1') THEN true
        WHEN lower(x) IN ('false', 'f', 'no', 'n', 'off', '0') THEN false END, x, 'Not a truth value: ' || x);

-- Text that must not be longer than a column or type allows.
CREATE OR REPLACE MACRO snowmelt_fit(x, n) AS
    CASE WHEN snowmelt_sure(length(x) > n, 'Too long: ' || x) THEN x END;
CREATE OR REPLACE MACRO snowmelt_fit_binary(x, n) AS
    CASE WHEN snowmelt_sure(octet_length(x) > n, 'Too many bytes: ' || hex(x)) THEN x END;

-- How often a text is repeated, which must not make it longer than a VARCHAR can be.
CREATE OR REPLACE MACRO snowmelt_times(x, n) AS
    CASE WHEN snowmelt_sure(length(x) * CAST(n AS HUGEINT) > 134217728, 'Too long: ' || left(x, 100)) THEN n END;

-- TRY_ forms of the two above: null instead of an error.
CREATE OR REPLACE MACRO snowmelt_try_from_hex(x) AS
    CASE WHEN length(x) % 2 = 0 AND regexp_full_match(x, '[0-9a-fA-F]*') THEN unhex(x) END;
CREATE OR REPLACE MACRO snowmelt_try_boolean(x) AS
    CASE WHEN lower(x) IN ('true', 't', 'yes', 'y', 'on', '1') THEN true
    WHEN lower(x) IN ('false', 'f', 'no', 'n', 'off', '0') THEN false END;

CREATE OR REPLACE MACRO snowmelt_integer(x) AS CAST(x AS INTEGER);
CREATE OR REPLACE MACRO snowmelt_double(x) AS CAST(x AS DOUBLE);
CREATE OR REPLACE MACRO snowmelt_bigint(x) AS CAST(x AS BIGINT);
