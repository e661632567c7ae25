-- Values in a VARIANT, OBJECT or ARRAY whose type JSON has no word for. They are JSON strings that begin with a vertical
-- tab, which the engine writes as \u000B, and a letter for the type:
--
--     "\u000B 1.500000000000000e+00"              FLOAT; the engine skips both spaces where it casts to a number
--     "\u000BD2026-01-02"                          DATE
--     "\u000BT03:04:05.000000"                     TIME
--     "\u000BN2026-01-02 03:04:05.000000"          TIMESTAMP_NTZ
--     "\u000BL2026-01-02 03:04:05.000000 +0000"    TIMESTAMP_LTZ
--     "\u000BZ2026-01-02 03:04:05.000000 +0100"    TIMESTAMP_TZ
--     "\u000BBDEADBEEF"                            BINARY
--     "\u000B"                                     an element of an ARRAY that is NULL
--
-- Strings go through all functions of the engine unchanged, which numbers do not. Marks are made by as_json of
-- snowmelt.sql.rewrite.variants and read here and in snowmelt.base.marks; clients never see them.

CREATE OR REPLACE MACRO snowmelt_has_marks(v) AS contains(CAST(v AS VARCHAR), '"\u000B');
CREATE OR REPLACE MACRO snowmelt_is_marked(v) AS starts_with(CAST(v AS VARCHAR), '"\u000B');

-- A FLOAT. Fifteen digits behind the point are what Snowflake shows; where they are too few for the value, one more.
CREATE OR REPLACE MACRO snowmelt_float_digits(x) AS
    CASE WHEN isnan(x) THEN 'NaN' WHEN isinf(x) THEN CASE WHEN x > 0 THEN 'Infinity' ELSE '-Infinity' END
    WHEN CAST(printf('%.15e', x) AS DOUBLE) = x THEN printf('%.15e', x) ELSE printf('%.16e', x) END;
CREATE OR REPLACE MACRO snowmelt_float_json(x) AS
    CASE WHEN x IS NOT NULL THEN CAST('"\u000B ' || snowmelt_float_digits(x) || '"' AS JSON) END;
CREATE OR REPLACE MACRO snowmelt_floats_json(items) AS
    list_transform(items, lambda snowmelt_x: snowmelt_float_json(CAST(snowmelt_x AS DOUBLE)));
CREATE OR REPLACE MACRO snowmelt_vector_json(items) AS
    CASE WHEN items IS NOT NULL THEN to_json(snowmelt_floats_json(CAST(items AS DOUBLE[]))) END;

-- A date, time or timestamp.
CREATE OR REPLACE MACRO snowmelt_moment_digits(wall) AS strftime(CAST(wall AS TIMESTAMP), '%Y-%m-%d %H:%M:%S.%f');
CREATE OR REPLACE MACRO snowmelt_zoned_digits(wall, minutes) AS
    snowmelt_moment_digits(wall) || ' ' || snowmelt_offset_text(minutes, 'TZHTZM');
CREATE OR REPLACE MACRO snowmelt_marked_time(x DATE) AS CAST('"\u000BD' || strftime(x, '%Y-%m-%d') || '"' AS JSON),
    (x TIME) AS CAST('"\u000BT' || strftime(DATE '1970-01-01' + x, '%H:%M:%S.%f') || '"' AS JSON),
    (x TIMESTAMP) AS CAST('"\u000BN' || snowmelt_moment_digits(x) || '"' AS JSON),
    (x TIMESTAMPTZ) AS
        CAST('"\u000BL' || snowmelt_zoned_digits(CAST(x AS TIMESTAMP), snowmelt_minutes(x)) || '"' AS JSON),
    (x INTERVAL) AS CAST('"\u000BZ' || snowmelt_zoned_digits(snowmelt_wall(x), snowmelt_minutes(x)) || '"' AS JSON);
CREATE OR REPLACE MACRO snowmelt_binary_json(x) AS CAST('"\u000BB' || hex(x) || '"' AS JSON);

-- NULL as an element of an ARRAY, and an element that may be that.
CREATE OR REPLACE MACRO snowmelt_element(v) AS coalesce(v, '"\u000B"'::JSON);
CREATE OR REPLACE MACRO snowmelt_defined(v) AS CASE WHEN CAST(v AS VARCHAR) <> '"\u000B"' THEN v END;
-- Elements as values for expressions to work with, and such values as an ARRAY. The engine's lists have null for JSON's.
CREATE OR REPLACE MACRO snowmelt_items(v) AS
    CASE WHEN contains(CAST(v AS VARCHAR), '"\u000B"') OR contains(CAST(v AS VARCHAR), 'null')
    THEN list_transform(CAST(v AS JSON[]), lambda snowmelt_x: snowmelt_defined(coalesce(snowmelt_x, 'null'::JSON)))
    ELSE CAST(v AS JSON[]) END;
CREATE OR REPLACE MACRO snowmelt_array_of(items) AS
    to_json(list_transform(items, lambda snowmelt_x: snowmelt_element(to_json(snowmelt_x))));

-- Text as Snowflake shows it: a FLOAT with its exponent, times by the default formats.
CREATE OR REPLACE MACRO snowmelt_times_shown(t) AS
    regexp_replace(regexp_replace(t, '"\\u000BT([0-9:]+)\.\d+"', '"\1"', 'g'),
        '"\\u000B[BDNLZ]([-0-9A-F: ]+(?:\.\d{3})?)(?:\d{3})?( [-+]\d{4})?"', '"\1\2"', 'g');
CREATE OR REPLACE MACRO snowmelt_marks_shown(t) AS
    replace(regexp_replace(snowmelt_times_shown(t), '"\\u000B ([-+.0-9A-Za-z]+)"', '\1', 'g'), '"\u000B"', 'undefined');
CREATE OR REPLACE MACRO snowmelt_shown(v) AS
    CASE WHEN snowmelt_has_marks(v) THEN snowmelt_marks_shown(CAST(v AS VARCHAR)) ELSE CAST(v AS VARCHAR) END;

-- JSON whose numbers and strings have no marks, to be compared; and without any marks, for what knows nothing of them.
CREATE OR REPLACE MACRO snowmelt_comparable(v) AS
    CASE WHEN snowmelt_has_marks(v) THEN CAST(regexp_replace(snowmelt_times_shown(CAST(v AS VARCHAR)),
        '"\\u000B ([-+.0-9e]+)"', '\1', 'g') AS JSON) ELSE v END;
CREATE OR REPLACE MACRO snowmelt_plain(v) AS
    CASE WHEN snowmelt_has_marks(v) THEN CAST(replace(CAST(snowmelt_comparable(v) AS VARCHAR), '"\u000B"', 'null') AS JSON)
    ELSE v END;

-- What a VARIANT holds as text: no quotes around a text.
CREATE OR REPLACE MACRO snowmelt_text(v) AS
    CASE WHEN NOT snowmelt_has_marks(v) THEN v ->> '$'
    WHEN starts_with(CAST(v AS VARCHAR), '"\u000B ') THEN snowmelt_float_text(CAST(v AS DOUBLE))
    WHEN CAST(v AS VARCHAR) = '"\u000B"' THEN NULL
    WHEN json_type(v) = 'VARCHAR' AND NOT snowmelt_is_marked(v) THEN v ->> '$'
    ELSE trim(snowmelt_marks_shown(CAST(v AS VARCHAR)), '"') END;
-- The same with all digits of a time, to be read again.
CREATE OR REPLACE MACRO snowmelt_time_text(v) AS
    CASE WHEN snowmelt_is_marked(v) THEN substr(v ->> '$', 3) ELSE v ->> '$' END;
-- Both of a part of a document, whose text by the engine is `plain`.
CREATE OR REPLACE MACRO snowmelt_text_in(part, document, plain) AS
    CASE WHEN snowmelt_has_marks(document) THEN snowmelt_text(part) ELSE plain END;
CREATE OR REPLACE MACRO snowmelt_time_text_in(part, document, plain) AS
    CASE WHEN snowmelt_has_marks(document) THEN snowmelt_time_text(part) ELSE plain END;

-- What a VARIANT holds.
CREATE OR REPLACE MACRO snowmelt_marked_type(letter) AS
    CASE letter WHEN ' ' THEN 'DOUBLE' WHEN 'D' THEN 'DATE' WHEN 'T' THEN 'TIME' WHEN 'N' THEN 'TIMESTAMP_NTZ'
    WHEN 'B' THEN 'BINARY' WHEN 'L' THEN 'TIMESTAMP_LTZ' WHEN 'Z' THEN 'TIMESTAMP_TZ' END;
CREATE OR REPLACE MACRO snowmelt_typeof(v) AS
    CASE json_type(v) WHEN 'VARCHAR' THEN
        CASE WHEN snowmelt_is_marked(v) THEN snowmelt_marked_type(substr(CAST(v AS VARCHAR), 8, 1)) ELSE 'VARCHAR' END
    WHEN 'BOOLEAN' THEN 'BOOLEAN' WHEN 'ARRAY' THEN 'ARRAY'
    WHEN 'OBJECT' THEN 'OBJECT' WHEN 'NULL' THEN 'NULL_VALUE' WHEN 'DOUBLE' THEN 'DECIMAL'
    WHEN NULL THEN NULL ELSE CASE WHEN v IS NOT NULL THEN 'INTEGER' END END;
-- A number of seconds in a VARIANT is a moment, of which TIMESTAMP_NTZ is what the clock of the session's zone shows.
CREATE OR REPLACE MACRO snowmelt_variant_to_ntz(v) AS
    CASE WHEN json_type(v) IN ('BIGINT', 'UBIGINT')
    THEN CAST(timezone('UTC', snowmelt_epoch_text(TRY_CAST(v ->> '$' AS BIGINT))) AS TIMESTAMP)
    ELSE snowmelt_strict_wall(snowmelt_time_text(v)) END;
