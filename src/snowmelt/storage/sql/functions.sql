-- Functions of Snowflake's that the engine lacks; the rewrite rules of snowmelt.sql.rewrite.scalar_calls and
-- aggregate_calls call them.

-- --- numbers ---------------------------------------------------------------------------------------------------------

-- Which of n equal parts of a range a number is in: 0 below it, n + 1 above.
CREATE OR REPLACE MACRO snowmelt_width_bucket(x, low, high, n) AS
    CAST(CASE WHEN x IS NULL OR low IS NULL OR high IS NULL THEN NULL
    WHEN NOT snowmelt_sure(n <= 0, 'Invalid number of buckets: ' || n) THEN NULL
    WHEN x < low THEN 0 WHEN x >= high THEN n + 1
    ELSE floor((CAST(x AS DOUBLE) - low) * n / (CAST(high AS DOUBLE) - low)) + 1 END AS BIGINT);

-- Roots and logarithms that do not exist are errors.
CREATE OR REPLACE MACRO snowmelt_no_number(x, name) AS
    'Invalid floating point operation: ' || name || '(' || snowmelt_float_text(CAST(x AS DOUBLE)) || ')';
CREATE OR REPLACE MACRO snowmelt_sqrt(x) AS
    CASE WHEN snowmelt_sure(x < 0, snowmelt_no_number(x, 'sqrt')) THEN sqrt(abs(x)) END;
CREATE OR REPLACE MACRO snowmelt_ln(x) AS
    CASE WHEN snowmelt_sure(x <= 0, snowmelt_no_number(x, 'ln')) THEN ln(x) END;

-- Rounding and cutting to a number of digits that is no constant.
CREATE OR REPLACE MACRO snowmelt_round(x, digits) AS round(CAST(x AS DOUBLE) * pow(10, digits)) / pow(10, digits);
CREATE OR REPLACE MACRO snowmelt_trunc(x, digits) AS trunc(CAST(x AS DOUBLE) * pow(10, digits)) / pow(10, digits);
CREATE OR REPLACE MACRO snowmelt_get_bit(x, i) AS CAST((CAST(x AS BIGINT) >> CAST(i AS BIGINT)) & 1 AS BIGINT);

-- Kilometres between two points on a sphere of the Earth's mean radius, by degrees of latitude and longitude.
CREATE OR REPLACE MACRO snowmelt_haversine(lat1, lon1, lat2, lon2) AS
    2 * 6371 * asin(sqrt(pow(sin(radians(lat2 - lat1) / 2), 2)
        + cos(radians(lat1)) * cos(radians(lat2)) * pow(sin(radians(lon2 - lon1) / 2), 2)));

-- --- hashes and encodings --------------------------------------------------------------------------------------------

-- 64 bits with a sign.
CREATE OR REPLACE MACRO snowmelt_hash(h) AS CAST(CAST(h AS HUGEINT) - 9223372036854775808 AS BIGINT);
CREATE OR REPLACE MACRO snowmelt_hash_aggregate(total) AS snowmelt_hash(hash(coalesce(total, 0)));
CREATE OR REPLACE MACRO snowmelt_wide(h) AS CAST(h AS HUGEINT);
CREATE OR REPLACE MACRO snowmelt_md5_number(t, upper_half) AS
    CAST('0x' || CASE WHEN upper_half THEN left(md5(t), 16) ELSE right(md5(t), 16) END AS UBIGINT);
CREATE OR REPLACE MACRO snowmelt_try_base64(t) AS TRY(from_base64(t));
CREATE OR REPLACE MACRO snowmelt_try_base64_text(t) AS TRY(decode(from_base64(t)));
CREATE OR REPLACE MACRO snowmelt_try_hex_text(t) AS TRY(decode(snowmelt_try_from_hex(t)));
CREATE OR REPLACE MACRO snowmelt_byte_length(t) AS octet_length(encode(t));

-- --- texts -----------------------------------------------------------------------------------------------------------

-- Parts between any of the separators' characters; empty parts do not count.
CREATE OR REPLACE MACRO snowmelt_tokens(t, separators) AS
    CASE WHEN t IS NULL OR separators IS NULL THEN NULL WHEN separators = '' THEN [t] ELSE list_filter(string_split_regex(t,
        '[' || regexp_replace(separators, '([\[\]\\^-])', '\\\1', 'g') || ']'), lambda snowmelt_part: snowmelt_part <> '') END;

-- LISTAGG of a list.
CREATE OR REPLACE MACRO snowmelt_joined(items, separator) AS coalesce(array_to_string(items, separator), '');

-- REGEXP_REPLACE of the n-th match only.
CREATE OR REPLACE MACRO snowmelt_rejoined(parts, matches) AS
    array_to_string(list_transform(parts, lambda snowmelt_part, snowmelt_i: snowmelt_part || coalesce(matches[snowmelt_i], '')), '');
CREATE OR REPLACE MACRO snowmelt_replace_nth(t, pattern, replacement, n) AS
    CASE WHEN t IS NULL OR replacement IS NULL THEN NULL ELSE
    snowmelt_rejoined(string_split_regex(t, pattern), list_transform(regexp_extract_all(t, pattern),
        lambda snowmelt_m, snowmelt_i: CASE WHEN snowmelt_i = n THEN regexp_replace(snowmelt_m, pattern, replacement) ELSE snowmelt_m END)) END;

CREATE OR REPLACE MACRO snowmelt_regexp_replace(t, pattern, replacement, place, n) AS
    left(t, CAST(place AS INTEGER) - 1) || CASE WHEN n = 0
    THEN regexp_replace(substr(t, CAST(place AS INTEGER)), pattern, replacement, 'g')
    ELSE snowmelt_replace_nth(substr(t, CAST(place AS INTEGER)), pattern, replacement, n) END;

-- --- VARIANT ---------------------------------------------------------------------------------------------------------

-- Text as a VARIANT; blank text is null. What is JSON only by Snowflake's rules goes through snowmelt_read_json of
-- storage/python_functions.py. Conditions are inside of the calls, since constant calls run in any case.
CREATE OR REPLACE MACRO snowmelt_json_or(t, mode) AS
    CASE WHEN json_valid(t) THEN t ELSE snowmelt_read_json(t, mode) END;
CREATE OR REPLACE MACRO snowmelt_json(t) AS CAST(t AS JSON);
CREATE OR REPLACE MACRO snowmelt_parse_json(t) AS
    snowmelt_sorted(CAST(snowmelt_json_or(CASE WHEN trim(t, E' \t\r\n') <> '' THEN t END, 'parse') AS JSON));
CREATE OR REPLACE MACRO snowmelt_try_parse_json(t) AS
    snowmelt_sorted(CAST(snowmelt_json_or(CASE WHEN trim(t, E' \t\r\n') <> '' THEN t END, 'try') AS JSON));
CREATE OR REPLACE MACRO snowmelt_check_json(t) AS
    snowmelt_read_json(CASE WHEN NOT json_valid(t) AND trim(t, E' \t\r\n') <> '' THEN t END, 'check');

-- A computed number as a VARIANT: without a fraction if it has none.
CREATE OR REPLACE MACRO snowmelt_number_json(x) AS
    CASE WHEN x = trunc(x) AND abs(x) < 1e15 THEN to_json(CAST(x AS BIGINT)) ELSE to_json(x) END;
CREATE OR REPLACE MACRO snowmelt_texts(v) AS list_transform(snowmelt_list(v), lambda snowmelt_e: snowmelt_text(snowmelt_e));
CREATE OR REPLACE MACRO snowmelt_arrays_to_object(k, v) AS snowmelt_object(snowmelt_texts(k), snowmelt_list(v));

-- The n-th elements of all arrays as an OBJECT with the keys $1, $2, ...; what an array lacks is null.
CREATE OR REPLACE MACRO snowmelt_arrays_zip(arrays) AS
    CASE WHEN len(list_filter(arrays, lambda snowmelt_a: snowmelt_a IS NULL)) > 0 THEN NULL ELSE
    to_json(list_transform(range(1, list_max(list_transform(arrays, lambda snowmelt_a: len(snowmelt_a))) + 1), lambda snowmelt_i:
        to_json(map_from_entries(list_transform(arrays, lambda snowmelt_a, snowmelt_k: {'k': '$' || snowmelt_k, 'v': coalesce(snowmelt_a[snowmelt_i], 'null'::JSON)})))))
    END;

-- --- vectors ---------------------------------------------------------------------------------------------------------

-- The elements as numbers; of a pair only where neither is null.
CREATE OR REPLACE MACRO snowmelt_elements(a, b) AS CASE WHEN a IS NOT NULL AND b IS NOT NULL THEN CAST(a AS DOUBLE[]) END;
CREATE OR REPLACE MACRO snowmelt_l1_distance(a, b) AS
    list_sum(list_transform(list_zip(snowmelt_elements(a, b), snowmelt_elements(b, a)), lambda snowmelt_p: abs(snowmelt_p[1] - snowmelt_p[2])));
CREATE OR REPLACE MACRO snowmelt_l2_distance(a, b) AS list_distance(snowmelt_elements(a, b), snowmelt_elements(b, a));
CREATE OR REPLACE MACRO snowmelt_inner_product(a, b) AS
    list_inner_product(snowmelt_elements(a, b), snowmelt_elements(b, a));
CREATE OR REPLACE MACRO snowmelt_cosine(a, b) AS
    list_cosine_similarity(snowmelt_elements(a, b), snowmelt_elements(b, a));

-- --- aggregates ------------------------------------------------------------------------------------------------------

-- The k most frequent values with their counts, from a map of all of them.
CREATE OR REPLACE MACRO snowmelt_top_k(counts, k) AS
    to_json(list_transform(list_sort(list_transform(coalesce(map_entries(counts), []),
            lambda snowmelt_e: {'n': -CAST(snowmelt_e.value AS BIGINT), 'v': snowmelt_e.key}))[1:k],
        lambda snowmelt_e: json_array(to_json(snowmelt_e.v), to_json(-snowmelt_e.n))));

-- The state of APPROX_PERCENTILE: values and the number of rows of each. Of many rows a thousand quantiles are kept. What
-- is done with states is in storage/digests.py.
CREATE OR REPLACE MACRO snowmelt_digest(numbers) AS
    to_json({'state': snowmelt_floats_json(numbers), 'type': 'tdigest', 'version': 1});
CREATE OR REPLACE MACRO snowmelt_digest_of(smallest, quantiles, n) AS
    snowmelt_digest(CASE WHEN n <= 1001 THEN flatten(list_transform(coalesce(smallest, []), lambda snowmelt_e: [snowmelt_e, 1]))
        ELSE flatten(list_transform(quantiles, lambda snowmelt_e: [snowmelt_e, n / 1001])) END);
CREATE OR REPLACE MACRO snowmelt_digest_from(states) AS
    snowmelt_digest(CAST(snowmelt_combined(CAST(coalesce(states, []) AS VARCHAR[])) AS DOUBLE[]));
CREATE OR REPLACE MACRO snowmelt_quantile_of(state, q) AS
    CASE WHEN snowmelt_sure(q < 0 OR q > 1,
        'Invalid value [' || CAST(CAST(q AS DOUBLE) AS VARCHAR) || '] for function ''APPROX_PERCENTILE_ESTIMATE''')
    THEN CAST(snowmelt_percentile(CAST(state AS VARCHAR), CAST(q AS DOUBLE)) AS DOUBLE) END;

-- The union of arrays: each value as often as in the array that has most of it.
CREATE OR REPLACE MACRO snowmelt_array_union_of(lists) AS
    coalesce(to_json(flatten(list_transform(list_distinct(flatten(lists)), lambda snowmelt_v:
        list_transform(range(list_max(list_transform(lists, lambda snowmelt_l: len(list_filter(snowmelt_l, lambda snowmelt_e: snowmelt_e = snowmelt_v))))), lambda snowmelt_i: snowmelt_v)))),
        '[]'::JSON);
CREATE OR REPLACE MACRO snowmelt_array_union(arrays) AS
    snowmelt_array_union_of(list_transform(list_filter(arrays, lambda snowmelt_a: snowmelt_a IS NOT NULL), lambda snowmelt_a: snowmelt_list(snowmelt_a)));
