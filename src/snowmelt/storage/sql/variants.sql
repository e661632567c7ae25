-- VARIANT, OBJECT and ARRAY, which are JSON; types that JSON has no word for are marked (marks.sql). The names of lambdas'
-- parameters begin with snowmelt_, since a column of a user's in an argument may be called like any other.

-- Numbers with an exponent are FLOAT, and what is missing after a last comma is NULL: such JSON is read in Python.
CREATE OR REPLACE MACRO snowmelt_read_marks(j) AS
    CASE WHEN regexp_matches(CAST(j AS VARCHAR), '(^|[:,\[])\s*-?\d+(\.\d+)?[eE]|,\s*\]')
    THEN CAST(snowmelt_read_json(CAST(j AS VARCHAR), 'parse') AS JSON) ELSE j END;

-- Keys of objects in alphabetical order, and no spaces between the parts. The engine's own VARIANT sorts keys, but keeps
-- numbers as floating point, so an object with a number that has too many digits for that stays in the order given.
CREATE OR REPLACE MACRO snowmelt_in_order(j) AS
    CASE WHEN regexp_matches(CAST(j AS VARCHAR),
        '(^|[:,\[])\s*-?(\d{20}|\d{3,}\.\d{15}|\d{8}\d*\.\d{10}|\d{13}\d*\.\d{5}|\d*\.\d{18})') THEN j
    WHEN contains(CAST(j AS VARCHAR), '{') THEN CAST(CAST(j AS VARIANT) AS JSON)
    ELSE json(CAST(j AS VARCHAR)) END;
CREATE OR REPLACE MACRO snowmelt_sorted(j) AS snowmelt_in_order(snowmelt_read_marks(j));

-- VARIANT as BOOLEAN.
CREATE OR REPLACE MACRO snowmelt_try_json_boolean(v) AS
    CASE WHEN snowmelt_is_marked(v) THEN TRY_CAST(TRY_CAST(v AS DOUBLE) AS BOOLEAN)
    WHEN json_type(v) = 'VARCHAR' THEN snowmelt_try_boolean(v ->> '$') ELSE TRY_CAST(v AS BOOLEAN) END;
CREATE OR REPLACE MACRO snowmelt_json_boolean(v) AS
    snowmelt_known(snowmelt_try_json_boolean(v), CASE WHEN json_type(v) <> 'NULL' THEN v END,
        'Failed to cast variant value ' || CAST(v AS VARCHAR) || ' to BOOLEAN');

-- Whole numbers as VARIANT: the engine writes a DECIMAL with a point, even one without a scale. Of other exact numbers
-- no zeros are kept at the end.
CREATE OR REPLACE MACRO snowmelt_whole_json(n) AS to_json(CAST(n AS HUGEINT));
CREATE OR REPLACE MACRO snowmelt_decimal_json(n) AS CAST(regexp_replace(CAST(n AS VARCHAR), '\.?0+$', '') AS JSON);
CREATE OR REPLACE MACRO snowmelt_wholes(numbers) AS CAST(numbers AS HUGEINT[]);

-- An ARRAY's elements as they are held; snowmelt_items has them as values.
CREATE OR REPLACE MACRO snowmelt_list(v) AS CAST(v AS JSON[]);

-- What is cast to a structured type must be an ARRAY or OBJECT; null is null. What is not known to be semi-structured
-- before it runs must then be. Values stand in a list of one, for each use of a macro's argument would be computed.
CREATE OR REPLACE MACRO snowmelt_semi(v, shown) AS
    list_transform([v], lambda snowmelt_v: CASE WHEN snowmelt_sure(snowmelt_v IS NOT NULL AND typeof(snowmelt_v) <> 'JSON',
        'Failed to cast variant value ' || CAST(snowmelt_v AS VARCHAR) || ' to ' || shown)
    AND snowmelt_v IS NOT NULL THEN CAST(snowmelt_v AS JSON) END)[1];
CREATE OR REPLACE MACRO snowmelt_structured(v, wanted, shown) AS
    list_transform([v], lambda snowmelt_v: CASE WHEN snowmelt_sure(json_type(snowmelt_v) NOT IN (wanted, 'NULL'),
        'Failed to cast variant value ' || CAST(snowmelt_v AS VARCHAR) || ' to ' || shown)
    AND json_type(snowmelt_v) <> 'NULL' THEN snowmelt_v END)[1];
-- A part of a structured value that must not be null.
CREATE OR REPLACE MACRO snowmelt_required(v, shown) AS
    list_transform([v], lambda snowmelt_v: CASE WHEN snowmelt_sure(snowmelt_v IS NULL OR json_type(snowmelt_v) = 'NULL',
        'NULL in a non-nullable part: ' || shown) THEN snowmelt_v END)[1];
-- An OBJECT that must have all the keys of a structured one and no more.
CREATE OR REPLACE MACRO snowmelt_with_keys(o, keys, shown) AS
    list_transform([o], lambda snowmelt_o: CASE WHEN snowmelt_sure(list_sort(json_keys(snowmelt_o)) <> list_sort(keys),
        'Failed to cast variant value ' || CAST(snowmelt_o AS VARCHAR) || ' to ' || shown) THEN snowmelt_o END)[1];
-- Dates and times in structured values are written in one way only, moments with at least three digits of a second.
CREATE OR REPLACE MACRO snowmelt_date_part(v) AS CAST(v ->> '$' AS DATE);
CREATE OR REPLACE MACRO snowmelt_time_part(v) AS CAST(v ->> '$' AS TIME);
CREATE OR REPLACE MACRO snowmelt_moment_part(v) AS CAST(v ->> '$' AS TIMESTAMP);
CREATE OR REPLACE MACRO snowmelt_date_json(d) AS to_json(CAST(CAST(d AS DATE) AS VARCHAR));
CREATE OR REPLACE MACRO snowmelt_time_json(t) AS to_json(CAST(CAST(t AS TIME) AS VARCHAR));
CREATE OR REPLACE MACRO snowmelt_moment_json(m) AS
    to_json(regexp_replace(strftime(CAST(m AS TIMESTAMP), '%Y-%m-%d %H:%M:%S.%f'), '0{1,3}$', ''));

-- An OBJECT of keys and values, keys in order, nulls left out.
CREATE OR REPLACE MACRO snowmelt_object(keys, vals) AS
    to_json(map_from_entries(list_filter(list_sort(list_zip(keys, vals)), lambda snowmelt_e: snowmelt_e[1] IS NOT NULL AND snowmelt_e[2] IS NOT NULL)));
CREATE OR REPLACE MACRO snowmelt_object_keep_null(keys, vals) AS
    snowmelt_object(keys, list_transform(vals, lambda snowmelt_v: coalesce(snowmelt_v, 'null'::JSON)));
CREATE OR REPLACE MACRO snowmelt_object_entries(o) AS
    list_transform(json_keys(o), lambda snowmelt_k: {'k': snowmelt_k, 'v': json_extract(o, '/' || replace(replace(snowmelt_k, '~', '~0'), '/', '~1'))});
CREATE OR REPLACE MACRO snowmelt_values(o) AS
    list_transform(snowmelt_object_entries(o), lambda snowmelt_e: snowmelt_e.v);
CREATE OR REPLACE MACRO snowmelt_object_without(o, names) AS
    to_json(map_from_entries(list_filter(snowmelt_object_entries(o), lambda snowmelt_e: NOT list_contains(names, snowmelt_e.k))));
CREATE OR REPLACE MACRO snowmelt_object_pick(o, names) AS
    to_json(map_from_entries(list_filter(snowmelt_object_entries(o), lambda snowmelt_e: list_contains(names, snowmelt_e.k))));
CREATE OR REPLACE MACRO snowmelt_object_insert(o, key, val, replaces) AS
    CASE WHEN snowmelt_sure(NOT replaces AND list_contains(json_keys(o), key), 'Duplicate key: ' || key)
    THEN to_json(map_from_entries(list_sort(list_concat(
        list_filter(snowmelt_object_entries(o), lambda snowmelt_e: snowmelt_e.k <> key),
        CASE WHEN to_json(val) IS NULL THEN [] ELSE [{'k': key, 'v': to_json(val)}] END)))) END;
CREATE OR REPLACE MACRO snowmelt_object_agg(k, v) AS
    coalesce(snowmelt_object(list(k), list(to_json(v))), '{}'::JSON);

-- MAP functions; a MAP is an OBJECT whose values are of one type.
CREATE OR REPLACE MACRO snowmelt_map_cat(o, p) AS
    CASE WHEN o IS NOT NULL AND p IS NOT NULL THEN to_json(map_from_entries(list_sort(list_concat(
        list_filter(snowmelt_object_entries(o), lambda snowmelt_e: NOT list_contains(json_keys(p), snowmelt_e.k)),
        snowmelt_object_entries(p))))) END;
CREATE OR REPLACE MACRO snowmelt_map_insert(o, key, val, replaces) AS
    CASE WHEN key IS NULL THEN o WHEN o IS NOT NULL THEN snowmelt_object_insert(o, key, coalesce(val, 'null'::JSON), replaces) END;
CREATE OR REPLACE MACRO snowmelt_map_without(o, keys) AS
    CASE WHEN o IS NOT NULL THEN snowmelt_object_without(o, keys) END;
CREATE OR REPLACE MACRO snowmelt_map_pick(o, keys) AS CASE WHEN o IS NOT NULL THEN snowmelt_object_pick(o, keys) END;
CREATE OR REPLACE MACRO snowmelt_map_keys(o) AS CASE WHEN o IS NOT NULL THEN to_json(json_keys(o)) END;
CREATE OR REPLACE MACRO snowmelt_map_whole_keys(o) AS
    CASE WHEN o IS NOT NULL THEN to_json(list_transform(json_keys(o), lambda snowmelt_k: CAST(snowmelt_k AS JSON))) END;
CREATE OR REPLACE MACRO snowmelt_map_size(o) AS len(json_keys(o));
CREATE OR REPLACE MACRO snowmelt_map_has(key, o) AS list_contains(json_keys(o), key);
CREATE OR REPLACE MACRO snowmelt_key_list(a) AS list_transform(snowmelt_list(a), lambda snowmelt_k: snowmelt_k ->> '$');
CREATE OR REPLACE MACRO snowmelt_whole_keys(keys) AS
    list_transform(keys, lambda snowmelt_k: CAST(CAST(snowmelt_k AS DECIMAL(38, 0)) AS VARCHAR));

-- ARRAY functions; positions count from 0. Elements are compared without marks: a FLOAT equals the exact number.
CREATE OR REPLACE MACRO snowmelt_keys(v) AS CAST(snowmelt_comparable(v) AS JSON[]);
CREATE OR REPLACE MACRO snowmelt_array_agg(items) AS
    coalesce(to_json(list_filter(items, lambda snowmelt_x: snowmelt_x IS NOT NULL)), '[]'::JSON);
CREATE OR REPLACE MACRO snowmelt_array_size(v) AS CASE WHEN json_type(v) = 'ARRAY' THEN json_array_length(v) END;
CREATE OR REPLACE MACRO snowmelt_array_append(v, x) AS to_json(list_append(snowmelt_list(v), snowmelt_element(to_json(x))));
CREATE OR REPLACE MACRO snowmelt_array_prepend(v, x) AS to_json(list_prepend(snowmelt_element(to_json(x)), snowmelt_list(v)));
CREATE OR REPLACE MACRO snowmelt_array_cat(v, w) AS
    CASE WHEN v IS NULL OR w IS NULL THEN NULL ELSE to_json(list_concat(snowmelt_list(v), snowmelt_list(w))) END;
CREATE OR REPLACE MACRO snowmelt_array_contains(v, x) AS
    list_contains(snowmelt_keys(v), to_json(snowmelt_comparable(x)));
CREATE OR REPLACE MACRO snowmelt_array_position(v, x) AS
    nullif(list_position(snowmelt_keys(v), to_json(snowmelt_comparable(x))), 0) - 1;
CREATE OR REPLACE MACRO snowmelt_array_slice(v, low, high) AS
    to_json(snowmelt_list(v)[
        (CASE WHEN low < 0 THEN greatest(json_array_length(v) + low, 0) ELSE low END) + 1:
        (CASE WHEN high < 0 THEN json_array_length(v) + high ELSE high END)]);
CREATE OR REPLACE MACRO snowmelt_array_distinct(v) AS
    to_json(list_filter(snowmelt_list(v), lambda snowmelt_x, snowmelt_i: list_position(snowmelt_keys(v), snowmelt_keys(v)[snowmelt_i]) = snowmelt_i));
CREATE OR REPLACE MACRO snowmelt_array_to_string(v, separator) AS
    CASE WHEN json_array_length(v) = 0 THEN '' || separator[:0] ELSE
    list_reduce(list_transform(snowmelt_list(v), lambda snowmelt_x: coalesce(snowmelt_text(snowmelt_x), '')), lambda snowmelt_a, snowmelt_b: snowmelt_a || separator || snowmelt_b) END;
CREATE OR REPLACE MACRO snowmelt_sort_key(x) AS {'n': TRY_CAST(x AS DOUBLE), 't': x ->> '$', 'v': x};
CREATE OR REPLACE MACRO snowmelt_sort_keys(v) AS
    list_transform(list_filter(snowmelt_items(v), lambda snowmelt_x: snowmelt_x IS NOT NULL),
        lambda snowmelt_x: snowmelt_sort_key(snowmelt_x));
CREATE OR REPLACE MACRO snowmelt_sorted_items(v, ascending) AS
    list_transform(CASE WHEN ascending THEN list_sort(snowmelt_sort_keys(v), 'ASC', 'NULLS LAST')
        ELSE list_sort(snowmelt_sort_keys(v), 'DESC', 'NULLS LAST') END, lambda snowmelt_e: snowmelt_e.v);
CREATE OR REPLACE MACRO snowmelt_undefined_items(v) AS
    list_filter(snowmelt_list(v), lambda snowmelt_x: CAST(snowmelt_x AS VARCHAR) = '"\u000B"');
CREATE OR REPLACE MACRO snowmelt_array_sort(v, ascending, nulls_first) AS
    to_json(CASE WHEN nulls_first THEN list_concat(snowmelt_undefined_items(v), snowmelt_sorted_items(v, ascending))
        ELSE list_concat(snowmelt_sorted_items(v, ascending), snowmelt_undefined_items(v)) END);
CREATE OR REPLACE MACRO snowmelt_array_compact(v) AS
    to_json(list_filter(snowmelt_list(v), lambda snowmelt_x: snowmelt_defined(snowmelt_x) IS NOT NULL AND json_type(snowmelt_x) <> 'NULL'));
CREATE OR REPLACE MACRO snowmelt_array_insert(v, pos, x) AS
    to_json(list_concat(list_append(snowmelt_list(v)[1:pos], snowmelt_element(to_json(x))), snowmelt_list(v)[pos + 1:]));
CREATE OR REPLACE MACRO snowmelt_array_remove(v, x) AS
    to_json(list_filter(snowmelt_list(v), lambda snowmelt_e: to_json(snowmelt_comparable(snowmelt_e)) <> to_json(snowmelt_comparable(x))));
CREATE OR REPLACE MACRO snowmelt_array_remove_at(v, pos) AS
    to_json(list_filter(snowmelt_list(v), lambda snowmelt_e, snowmelt_i: snowmelt_i - 1 <> CASE WHEN pos < 0 THEN json_array_length(v) + pos ELSE pos END));
CREATE OR REPLACE MACRO snowmelt_array_reverse(v) AS to_json(list_reverse(snowmelt_list(v)));
CREATE OR REPLACE MACRO snowmelt_array_overlap(v, w) AS list_has_any(snowmelt_keys(v), snowmelt_keys(w));
-- The occurrence of a value is its number among the equal ones before it: both are multisets.
CREATE OR REPLACE MACRO snowmelt_occurrence(v, x, i) AS
    len(list_filter(snowmelt_keys(v)[1:i], lambda snowmelt_e: snowmelt_e IS NOT DISTINCT FROM x));
CREATE OR REPLACE MACRO snowmelt_array_intersection(v, w) AS
    to_json(list_filter(snowmelt_list(v), lambda snowmelt_x, snowmelt_i:
        snowmelt_occurrence(v, snowmelt_keys(v)[snowmelt_i], snowmelt_i)
            <= len(list_filter(snowmelt_keys(w), lambda snowmelt_y: snowmelt_y IS NOT DISTINCT FROM snowmelt_keys(v)[snowmelt_i]))));
CREATE OR REPLACE MACRO snowmelt_array_except(v, w) AS
    to_json(list_filter(snowmelt_list(v), lambda snowmelt_x, snowmelt_i:
        snowmelt_occurrence(v, snowmelt_keys(v)[snowmelt_i], snowmelt_i)
            > len(list_filter(snowmelt_keys(w), lambda snowmelt_y: snowmelt_y IS NOT DISTINCT FROM snowmelt_keys(v)[snowmelt_i]))));
CREATE OR REPLACE MACRO snowmelt_array_flatten(v) AS
    CASE WHEN len(list_filter(snowmelt_list(v), lambda snowmelt_x: snowmelt_defined(snowmelt_x) IS NULL OR json_type(snowmelt_x) = 'NULL')) = 0
    THEN to_json(flatten(list_transform(snowmelt_list(v), lambda snowmelt_x: CAST(snowmelt_x AS JSON[])))) END;
CREATE OR REPLACE MACRO snowmelt_array_max(v) AS
    list_sort(snowmelt_sort_keys(v), 'DESC', 'NULLS LAST')[1].v;
CREATE OR REPLACE MACRO snowmelt_array_min(v) AS
    list_sort(snowmelt_sort_keys(v), 'ASC', 'NULLS LAST')[1].v;
CREATE OR REPLACE MACRO snowmelt_to_array(v) AS
    CASE WHEN v IS NULL OR json_type(v) = 'NULL' THEN NULL WHEN json_type(v) = 'ARRAY' THEN v ELSE json_array(v) END;

CREATE OR REPLACE MACRO snowmelt_to_object(v) AS
    CASE WHEN v IS NULL OR json_type(v) = 'NULL' THEN NULL
    WHEN snowmelt_sure(json_type(v) <> 'OBJECT', 'Failed to cast variant value ' || CAST(v AS VARCHAR) || ' to OBJECT')
    THEN v END;

-- A part of a value; what is NULL in an ARRAY is NULL.
CREATE OR REPLACE MACRO snowmelt_get(v, key) AS
    snowmelt_defined(json_extract(v, '/' || replace(replace(CAST(key AS VARCHAR), '~', '~0'), '/', '~1')));
CREATE OR REPLACE MACRO snowmelt_get_ignore_case(v, key) AS
    list_filter(snowmelt_object_entries(v), lambda snowmelt_e: lower(snowmelt_e.k) = lower(key))[1].v;
CREATE OR REPLACE MACRO snowmelt_strip_null(v) AS CASE WHEN json_type(v) <> 'NULL' THEN v END;

-- Orders VARIANT values: numbers by value, then texts.
CREATE OR REPLACE MACRO snowmelt_order(v) AS
    CASE WHEN v IS NOT NULL AND json_type(v) <> 'NULL' THEN {'n': TRY_CAST(v AS DOUBLE), 't': v ->> '$'} END;

-- Text that is the same for equal values: numbers are by value, whatever their type is.
CREATE OR REPLACE MACRO snowmelt_number_key(x) AS regexp_replace(CAST(x AS VARCHAR), '\.0$', '');
CREATE OR REPLACE MACRO snowmelt_key(v) AS
    CASE WHEN starts_with(CAST(v AS VARCHAR), '"\u000B ') THEN snowmelt_number_key(CAST(v AS DOUBLE))
    WHEN left(CAST(v AS VARCHAR), 1) IN ('"', '{', '[') THEN CAST(snowmelt_comparable(v) AS VARCHAR)
    WHEN contains(CAST(v AS VARCHAR), '.') AND length(CAST(v AS VARCHAR)) < 18 THEN snowmelt_number_key(CAST(v AS DOUBLE))
    ELSE CAST(v AS VARCHAR) END;
-- What is greater or less: numbers by value, and before all else.
CREATE OR REPLACE MACRO snowmelt_compared(v) AS
    CASE WHEN v IS NULL THEN NULL
    WHEN starts_with(CAST(v AS VARCHAR), '"\u000B ') OR regexp_matches(CAST(v AS VARCHAR), '^[-0-9]')
    THEN {'n': CAST(v AS DOUBLE), 't': NULL} ELSE {'n': NULL, 't': CAST(snowmelt_comparable(v) AS VARCHAR)} END;

-- What FLATTEN makes of one value: its elements, or the values of its keys.
CREATE OR REPLACE MACRO snowmelt_path_step(key) AS
    CASE WHEN regexp_full_match(key, '[A-Za-z_][A-Za-z0-9_$]*') THEN key ELSE '[''' || key || ''']' END;
CREATE OR REPLACE MACRO snowmelt_entries(v, prefix, mode) AS
    CASE WHEN json_type(v) = 'ARRAY' AND mode <> 'OBJECT' THEN
        list_transform(CAST(v AS JSON[]), lambda snowmelt_x, snowmelt_i: {'key': NULL::VARCHAR, 'path': prefix || '[' || (snowmelt_i - 1) || ']', 'index': snowmelt_i - 1,
            'value': snowmelt_defined(coalesce(snowmelt_x, 'null'::JSON))})
    WHEN json_type(v) = 'OBJECT' AND mode <> 'ARRAY' THEN
        list_transform(snowmelt_object_entries(v), lambda snowmelt_e: {'key': snowmelt_e.k,
            'path': CASE WHEN prefix = '' OR left(snowmelt_path_step(snowmelt_e.k), 1) = '[' THEN prefix || snowmelt_path_step(snowmelt_e.k)
                ELSE prefix || '.' || snowmelt_e.k END,
            'index': NULL::BIGINT, 'value': snowmelt_e.v})
    END;
