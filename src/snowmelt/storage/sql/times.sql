-- Dates and times. The connection's TimeZone is the session's, so casts between TIMESTAMP and TIMESTAMPTZ follow it.
--
-- A TIMESTAMP_TZ is an INTERVAL since 0001-01-01: its length is the moment, and the way it is divided into days and
-- microseconds keeps the offset: offset + 1440 whole days are among the microseconds. The engine compares, groups and
-- sorts intervals by length alone, as Snowflake compares TIMESTAMP_TZ by the moment alone.

CREATE OR REPLACE MACRO snowmelt_tz(utc, minutes) AS
    to_days(CAST((epoch_us(utc) + 62135596800000000) // 86400000000 - (minutes + 1440) AS INTEGER))
    + to_microseconds(CAST((minutes + 1440) * 86400000000 + (epoch_us(utc) + 62135596800000000) % 86400000000 AS BIGINT));
CREATE OR REPLACE MACRO snowmelt_tz_utc(x) AS TIMESTAMP '0001-01-01' + x;

-- What is no time: an error, but for a null, which has the type of y. Nulls without a type come as BIGINT, too.
CREATE OR REPLACE MACRO snowmelt_no_time(x, y) AS CASE WHEN snowmelt_sure(x IS NOT NULL, 'Not a time: ' || x) THEN y END;

-- Minutes east of UTC; null for what has no time zone.
CREATE OR REPLACE MACRO snowmelt_minutes(x INTERVAL) AS CAST(datepart('hour', x) // 24 - 1440 AS INTEGER),
    (x TIMESTAMPTZ) AS CAST((epoch_us(CAST(x AS TIMESTAMP)) - epoch_us(x)) // 60000000 AS INTEGER),
    (x TIMESTAMP) AS CAST(NULL AS INTEGER), (x DATE) AS CAST(NULL AS INTEGER), (x TIME) AS CAST(NULL AS INTEGER),
    (x BIGINT) AS CAST(NULL AS INTEGER), (x VARCHAR) AS CAST(NULL AS INTEGER);

-- Minutes east of UTC that a zone has at a moment.
CREATE OR REPLACE MACRO snowmelt_zone_minutes(zone, utc) AS
    CAST((epoch_us(timezone(zone, timezone('UTC', utc))) - epoch_us(utc)) // 60000000 AS INTEGER);

-- Text with a time zone at its end: what stands before, and the zone's minutes.
CREATE OR REPLACE MACRO snowmelt_without_zone(t) AS
    regexp_replace(t, '\s*(?:Z|[+-]\d{2}(?::?\d{2})?)\s*$', '');
CREATE OR REPLACE MACRO snowmelt_zone_text_minutes(z) AS
    CASE WHEN z = '' THEN NULL WHEN z = 'Z' THEN 0 ELSE (CASE WHEN z[1] = '-' THEN -1 ELSE 1 END)
    * (CAST(z[2:3] AS INTEGER) * 60 + coalesce(TRY_CAST(right(replace(z[4:], ':', ''), 2) AS INTEGER), 0)) END;
CREATE OR REPLACE MACRO snowmelt_text_minutes(t) AS
    snowmelt_zone_text_minutes(regexp_extract(t, '\d.*[\s\d:.](Z|[+-]\d{2}(?::?\d{2})?)\s*$', 1));

-- Whole numbers since 1970: seconds, milliseconds, microseconds or nanoseconds, by their size.
CREATE OR REPLACE MACRO snowmelt_epoch_text(n) AS
    CASE WHEN abs(n) < 31536000000 THEN make_timestamp(n * 1000000)
    WHEN abs(n) < 31536000000000 THEN make_timestamp(n * 1000)
    WHEN abs(n) < 31536000000000000 THEN make_timestamp(n) ELSE make_timestamp(n // 1000) END;

-- What a text says, by the forms of AUTO: the wall clock's time, the offset where one is given, and whether it is a
-- number of seconds and so counts from UTC.
CREATE OR REPLACE MACRO snowmelt_auto_wall(t) AS
    CASE WHEN regexp_full_match(t, '\s*\d{4}-\d{1,2}-\d{1,2}(?:[T ]\d{1,2}:\d{2}(?::\d{2}(?:\.\d*)?)?)?\s*')
        THEN TRY_CAST(trim(t) AS TIMESTAMP)
    WHEN regexp_full_match(t, '-?\d+') THEN snowmelt_epoch_text(TRY_CAST(t AS BIGINT))
    WHEN regexp_full_match(t, '\s*\d{4}-\d{1,2}-\d{1,2}[T ]\d{1,2}(?::\d{2}(?::\d{2}(?:\.\d*)?)?)?\s*(?:Z|[+-]\d{2}(?::?\d{2})?)?\s*')
        THEN TRY_CAST(regexp_replace(trim(snowmelt_without_zone(t)), '^(\S+[T ]\d+)$', '\1:00') AS TIMESTAMP)
    WHEN regexp_matches(t, '^\s*\d{4}-\d{1,2}-\d{1,2}$') THEN NULL
    ELSE try_strptime(regexp_replace(trim(
            CASE WHEN regexp_matches(t, '[+-]\d{4}\s+\d{4}\s*$') THEN regexp_replace(t, '[+-]\d{4}\s+', '')
            WHEN regexp_matches(t, ':.*(Z|[+-]\d{2}:?\d{2})\s*$') THEN snowmelt_without_zone(t) ELSE t END), '\.\d*', ''),
        ['%d-%b-%Y', '%m/%d/%Y', '%m/%d/%Y %H:%M:%S', '%d-%b-%Y %H:%M:%S', '%a, %d %b %Y %H:%M:%S',
         '%a, %d %b %Y %I:%M:%S %p', '%a %b %d %H:%M:%S %Y', '%a, %d %b %Y %H:%M'])
        + to_microseconds(coalesce(TRY_CAST(rpad(regexp_extract(t, '\.(\d{1,6})', 1), 6, '0') AS BIGINT), 0))
    END;
CREATE OR REPLACE MACRO snowmelt_auto_minutes(t) AS
    CASE WHEN regexp_full_match(t, '-?\d+') THEN 0
    WHEN regexp_matches(t, '[+-]\d{4}\s+\d{4}\s*$')
        THEN snowmelt_zone_text_minutes(regexp_extract(t, '([+-]\d{4})\s+\d{4}\s*$', 1))
    WHEN contains(t, ':') OR contains(t, 'T') OR contains(t, ' ') THEN snowmelt_text_minutes(t) END;
CREATE OR REPLACE MACRO snowmelt_auto_time(t) AS
    CASE WHEN regexp_full_match(t, '\s*\d{1,2}:\d{2}(?::\d{2}(?:\.\d*)?)?\s*') THEN
        -- The engine has 24:00 as well, which comes after all times of a day.
        TRY_CAST(CASE WHEN trim(t) LIKE '24%' THEN NULL
            WHEN length(t) - length(replace(t, ':', '')) = 1 THEN trim(t) || ':00' ELSE trim(t) END AS TIME)
    WHEN regexp_full_match(t, '-?\d+') THEN CAST(snowmelt_epoch_text(TRY_CAST(t AS BIGINT)) AS TIME)
    ELSE CAST(coalesce(try_strptime(trim(regexp_replace(t, '\.\d*', '')), ['%I:%M:%S %p', '%I:%M %p']),
        CASE WHEN contains(t, '-') OR contains(t, '/') THEN snowmelt_auto_wall(t) END) AS TIME)
        + to_microseconds(CASE WHEN regexp_matches(t, '^[^-/]*$')
            THEN coalesce(TRY_CAST(rpad(regexp_extract(t, '\.(\d{1,6})', 1), 6, '0') AS BIGINT), 0) ELSE 0 END) END;

-- A number of seconds since 1970.
CREATE OR REPLACE MACRO snowmelt_epoch(n, scale) AS
    make_timestamp(CAST(CASE WHEN scale <= 6 THEN floor(n * CAST(10 AS HUGEINT) ** (6 - scale)) ELSE floor(n / CAST(10 AS HUGEINT) ** (scale - 6)) END AS BIGINT));

-- Conversions.
CREATE OR REPLACE MACRO snowmelt_recognized(made, kind, t) AS
    snowmelt_known(made, t, kind || ' ''' || t || ''' is not recognized');
CREATE OR REPLACE MACRO snowmelt_strict_wall(t) AS snowmelt_recognized(snowmelt_auto_wall(t), 'Timestamp', t);
CREATE OR REPLACE MACRO snowmelt_to_ntz(x TIMESTAMP) AS x, (x TIMESTAMPTZ) AS CAST(x AS TIMESTAMP),
    (x INTERVAL) AS snowmelt_tz_utc(x) + to_minutes(snowmelt_minutes(x)), (x DATE) AS CAST(x AS TIMESTAMP),
    (x TIME) AS snowmelt_no_time(x, CAST(NULL AS TIMESTAMP)),
    (x DOUBLE) AS snowmelt_epoch(x, 0), (x BIGINT) AS make_timestamp(x * 1000000),
    (x VARCHAR) AS snowmelt_strict_wall(x);

-- A value of any kind as the wall clock shows it, and such a time as a value of the kind of x.
CREATE OR REPLACE MACRO snowmelt_wall(x TIMESTAMP) AS x, (x TIMESTAMPTZ) AS CAST(x AS TIMESTAMP),
    (x INTERVAL) AS snowmelt_tz_utc(x) + to_minutes(snowmelt_minutes(x)), (x DATE) AS CAST(x AS TIMESTAMP),
    (x TIME) AS DATE '1970-01-01' + x, (x VARCHAR) AS snowmelt_to_ntz(x),
    (x BIGINT) AS snowmelt_no_time(x, CAST(NULL AS TIMESTAMP));
CREATE OR REPLACE MACRO snowmelt_like(w, x TIMESTAMP) AS w, (w, x TIMESTAMPTZ) AS CAST(w AS TIMESTAMPTZ),
    (w, x INTERVAL) AS snowmelt_tz(w - to_minutes(snowmelt_minutes(x)), snowmelt_minutes(x)),
    (w, x DATE) AS CAST(w AS DATE), (w, x TIME) AS CAST(w AS TIME), (w, x VARCHAR) AS w,
    (w, x BIGINT) AS w;
-- The moment, in UTC; what has no time zone counts as UTC.
CREATE OR REPLACE MACRO snowmelt_utc(x TIMESTAMP) AS x, (x TIMESTAMPTZ) AS timezone('UTC', x),
    (x INTERVAL) AS snowmelt_tz_utc(x), (x DATE) AS CAST(x AS TIMESTAMP), (x TIME) AS snowmelt_wall(x),
    (x VARCHAR) AS snowmelt_to_ntz(x), (x BIGINT) AS snowmelt_no_time(x, CAST(NULL AS TIMESTAMP));
-- The moment where it is known, with the session's zone for what has none.
CREATE OR REPLACE MACRO snowmelt_moment(x TIMESTAMP) AS timezone('UTC', CAST(x AS TIMESTAMPTZ)),
    (x TIMESTAMPTZ) AS timezone('UTC', x), (x INTERVAL) AS snowmelt_tz_utc(x), (x DATE) AS CAST(x AS TIMESTAMP),
    (x TIME) AS snowmelt_wall(x), (x VARCHAR) AS snowmelt_to_ntz(x),
    (x BIGINT) AS snowmelt_no_time(x, CAST(NULL AS TIMESTAMP));
-- The moment as a value of the kind of x.
CREATE OR REPLACE MACRO snowmelt_from_utc(u, x TIMESTAMP) AS u, (u, x TIMESTAMPTZ) AS timezone('UTC', u),
    (u, x INTERVAL) AS snowmelt_tz(u, snowmelt_minutes(x)), (u, x DATE) AS u, (u, x TIME) AS CAST(u AS TIME),
    (u, x VARCHAR) AS u, (u, x BIGINT) AS u;

CREATE OR REPLACE MACRO snowmelt_try_to_ntz(x) AS snowmelt_auto_wall(x);
CREATE OR REPLACE MACRO snowmelt_zoned(w, minutes) AS
    CASE WHEN minutes IS NULL THEN CAST(w AS TIMESTAMPTZ) ELSE timezone('UTC', w - to_minutes(minutes)) END;
CREATE OR REPLACE MACRO snowmelt_to_ltz(x TIMESTAMP) AS CAST(x AS TIMESTAMPTZ), (x TIMESTAMPTZ) AS x,
    (x INTERVAL) AS timezone('UTC', snowmelt_tz_utc(x)), (x DATE) AS CAST(x AS TIMESTAMPTZ),
    (x TIME) AS snowmelt_no_time(x, CAST(NULL AS TIMESTAMPTZ)),
    (x DOUBLE) AS timezone('UTC', snowmelt_epoch(x, 0)), (x BIGINT) AS timezone('UTC', make_timestamp(x * 1000000)),
    (x VARCHAR) AS snowmelt_zoned(snowmelt_to_ntz(x), snowmelt_auto_minutes(x));
CREATE OR REPLACE MACRO snowmelt_try_to_ltz(x) AS snowmelt_zoned(snowmelt_auto_wall(x), snowmelt_auto_minutes(x));
CREATE OR REPLACE MACRO snowmelt_tz_of(w, minutes) AS
    snowmelt_tz(w - to_minutes(coalesce(minutes, snowmelt_minutes(CAST(w AS TIMESTAMPTZ)))),
        coalesce(minutes, snowmelt_minutes(CAST(w AS TIMESTAMPTZ))));
-- A list of one struct, so that text is read once.
CREATE OR REPLACE MACRO snowmelt_tz_of_pair(pair) AS list_transform([pair], lambda snowmelt_e: snowmelt_tz_of(snowmelt_e.w, snowmelt_e.m))[1];
CREATE OR REPLACE MACRO snowmelt_to_tz(x TIMESTAMP) AS snowmelt_tz_of(x, NULL), (x INTERVAL) AS x,
    (x TIMESTAMPTZ) AS snowmelt_tz(timezone('UTC', x), snowmelt_minutes(x)),
    (x TIMESTAMPTZ_NS) AS snowmelt_tz(timezone('UTC', CAST(x AS TIMESTAMPTZ)), snowmelt_minutes(CAST(x AS TIMESTAMPTZ))),
    (x DATE) AS snowmelt_tz_of(CAST(x AS TIMESTAMP), NULL), (x TIME) AS snowmelt_no_time(x, CAST(NULL AS INTERVAL)),
    (x DOUBLE) AS snowmelt_tz(snowmelt_epoch(x, 0), 0), (x BIGINT) AS snowmelt_tz(make_timestamp(x * 1000000), 0),
    (x VARCHAR) AS snowmelt_tz_of_pair({'w': snowmelt_strict_wall(x), 'm': snowmelt_auto_minutes(x)});
CREATE OR REPLACE MACRO snowmelt_try_to_tz(x) AS
    snowmelt_tz_of_pair({'w': snowmelt_auto_wall(x), 'm': snowmelt_auto_minutes(x)});
CREATE OR REPLACE MACRO snowmelt_strict_date(t) AS
    CAST(snowmelt_recognized(snowmelt_auto_wall(t), 'Date', t) AS DATE);
CREATE OR REPLACE MACRO snowmelt_to_date(x DATE) AS x, (x TIMESTAMP) AS CAST(x AS DATE), (x TIMESTAMPTZ) AS CAST(x AS DATE),
    (x INTERVAL) AS CAST(snowmelt_wall(x) AS DATE), (x TIME) AS snowmelt_no_time(x, CAST(NULL AS DATE)),
    (x BIGINT) AS snowmelt_no_time(x, CAST(NULL AS DATE)),
    (x VARCHAR) AS snowmelt_strict_date(x);
CREATE OR REPLACE MACRO snowmelt_try_to_date(x) AS CAST(snowmelt_auto_wall(x) AS DATE);
CREATE OR REPLACE MACRO snowmelt_to_time(x TIME) AS x, (x TIMESTAMP) AS CAST(x AS TIME), (x TIMESTAMPTZ) AS CAST(CAST(x AS TIMESTAMP) AS TIME),
    (x INTERVAL) AS CAST(snowmelt_wall(x) AS TIME), (x DATE) AS snowmelt_no_time(x, CAST(NULL AS TIME)),
    (x BIGINT) AS snowmelt_no_time(x, CAST(NULL AS TIME)),
    (x VARCHAR) AS snowmelt_recognized(snowmelt_auto_time(x), 'Time', x);
CREATE OR REPLACE MACRO snowmelt_try_to_time(x) AS snowmelt_auto_time(x);

-- Fewer digits of a second than the engine keeps; step is in microseconds.
CREATE OR REPLACE MACRO snowmelt_cut_wall(w, step) AS
    make_timestamp(epoch_us(w) - (epoch_us(w) % step + step) % step);
CREATE OR REPLACE MACRO snowmelt_cut(x TIMESTAMP, step) AS snowmelt_cut_wall(x, step),
    (x TIMESTAMPTZ, step) AS timezone('UTC', snowmelt_cut_wall(timezone('UTC', x), step)),
    (x INTERVAL, step) AS snowmelt_tz(snowmelt_cut_wall(snowmelt_tz_utc(x), step), snowmelt_minutes(x)),
    (x TIME, step) AS CAST(snowmelt_cut_wall(DATE '1970-01-01' + x, step) AS TIME);

-- Adding. Months end where the shorter month ends; hours and less are added to the moment.
CREATE OR REPLACE MACRO snowmelt_add_months(x TIMESTAMP, n) AS x + to_months(CAST(n AS INTEGER)),
    (x DATE, n) AS CAST(x + to_months(CAST(n AS INTEGER)) AS DATE),
    (x TIMESTAMPTZ, n) AS snowmelt_like(snowmelt_wall(x) + to_months(CAST(n AS INTEGER)), x),
    (x INTERVAL, n) AS snowmelt_like(snowmelt_wall(x) + to_months(CAST(n AS INTEGER)), x),
    (x VARCHAR, n) AS snowmelt_to_ntz(x) + to_months(CAST(n AS INTEGER)),
    (x BIGINT, n) AS snowmelt_no_time(x, CAST(NULL AS TIMESTAMP));
CREATE OR REPLACE MACRO snowmelt_add_days(x TIMESTAMP, n) AS x + to_days(CAST(n AS INTEGER)),
    (x DATE, n) AS x + CAST(n AS INTEGER),
    (x TIMESTAMPTZ, n) AS snowmelt_like(snowmelt_wall(x) + to_days(CAST(n AS INTEGER)), x),
    (x INTERVAL, n) AS snowmelt_like(snowmelt_wall(x) + to_days(CAST(n AS INTEGER)), x),
    (x VARCHAR, n) AS snowmelt_to_ntz(x) + to_days(CAST(n AS INTEGER)),
    (x BIGINT, n) AS snowmelt_no_time(x, CAST(NULL AS TIMESTAMP));
-- The last day of a month stays the last day.
CREATE OR REPLACE MACRO snowmelt_month_end(w, n) AS
    CASE WHEN CAST(w AS DATE) = last_day(w) THEN last_day(w + to_months(CAST(n AS INTEGER))) + CAST(w AS TIME)
    ELSE w + to_months(CAST(n AS INTEGER)) END;

-- Weeks begin on a day from 1, Monday, to 7.
CREATE OR REPLACE MACRO snowmelt_week(w, first) AS date_trunc('week', w - to_days(first - 1)) + to_days(first - 1);
-- The fourth day of the week: its year is the week's.
CREATE OR REPLACE MACRO snowmelt_mid_week(w, first) AS snowmelt_week(w, first) + to_days(3);
CREATE OR REPLACE MACRO snowmelt_week_number(w, first) AS (dayofyear(snowmelt_mid_week(w, first)) - 1) // 7 + 1;
CREATE OR REPLACE MACRO snowmelt_week_year(w, first) AS year(snowmelt_mid_week(w, first));
-- The week that 1 January is in is the first.
CREATE OR REPLACE MACRO snowmelt_week_of_january(w, first) AS
    date_diff('day', snowmelt_week(date_trunc('year', w), first), snowmelt_week(w, first)) // 7 + 1;
CREATE OR REPLACE MACRO snowmelt_week_day(w, first) AS (isodow(w) - first + 7) % 7 + 1;

CREATE OR REPLACE MACRO snowmelt_day_number(name) AS
    (list_position(['mo', 'tu', 'we', 'th', 'fr', 'sa', 'su'], lower(left(trim(name), 2))));
CREATE OR REPLACE MACRO snowmelt_next_day(w, name) AS
    CAST(w AS DATE) + CAST((snowmelt_day_number(name) - isodow(w) + 6) % 7 + 1 AS INTEGER);
CREATE OR REPLACE MACRO snowmelt_previous_day(w, name) AS
    CAST(w AS DATE) - CAST((isodow(w) - snowmelt_day_number(name) + 6) % 7 + 1 AS INTEGER);
CREATE OR REPLACE MACRO snowmelt_months_between(x, y) AS
    (year(x) - year(y)) * 12 + month(x) - month(y)
    + CASE WHEN day(x) = day(y) OR (CAST(x AS DATE) = last_day(x) AND CAST(y AS DATE) = last_day(y)) THEN 0.0
    ELSE (day(x) - day(y)) / 31.0 END;

CREATE OR REPLACE MACRO snowmelt_date_of(y, m, d) AS
    CAST(make_date(CAST(y AS BIGINT), 1, 1) + to_months(CAST(m - 1 AS INTEGER)) AS DATE) + CAST(d - 1 AS INTEGER);
CREATE OR REPLACE MACRO snowmelt_micros_of(h, m, s, ns) AS
    to_microseconds(CAST(((CAST(h AS HUGEINT) * 60 + m) * 60 + s) * 1000000 + CAST(ns AS HUGEINT) // 1000 AS BIGINT));


CREATE OR REPLACE MACRO snowmelt_floor_div(a, b) AS a // b - CASE WHEN a % b < 0 THEN 1 ELSE 0 END;

-- Texts of the parts that strftime does not write as Snowflake does.
CREATE OR REPLACE MACRO snowmelt_fraction(w, digits) AS
    CASE WHEN digits <= 6 THEN left(strftime(w, '%f'), digits) ELSE rpad(strftime(w, '%f'), digits, '0') END;
CREATE OR REPLACE MACRO snowmelt_offset_hours(m) AS
    CASE WHEN m < 0 THEN '-' ELSE '+' END || lpad(CAST(abs(m) // 60 AS VARCHAR), 2, '0');
CREATE OR REPLACE MACRO snowmelt_offset_rest(m) AS lpad(CAST(abs(m) % 60 AS VARCHAR), 2, '0');
CREATE OR REPLACE MACRO snowmelt_offset_text(m, form) AS
    CASE form WHEN 'TZM' THEN coalesce(snowmelt_offset_rest(m), '') WHEN 'TZH' THEN coalesce(snowmelt_offset_hours(m), 'Z')
    WHEN 'TZHTZM' THEN coalesce(snowmelt_offset_hours(m) || snowmelt_offset_rest(m), 'Z')
    ELSE coalesce(snowmelt_offset_hours(m) || ':' || snowmelt_offset_rest(m), 'Z') END;

-- Text read by given formats.
CREATE OR REPLACE MACRO snowmelt_read(t, forms) AS try_strptime(trim(t), forms);
CREATE OR REPLACE MACRO snowmelt_read_fraction(t, forms) AS
    try_strptime(trim(regexp_replace(t, '\.\d+', '')), forms)
    + to_microseconds(CAST(rpad(regexp_extract(t, '\.(\d{1,6})', 1), 6, '0') AS BIGINT));
-- The same where points stand elsewhere, too: the digits of a second are the last.
CREATE OR REPLACE MACRO snowmelt_read_last_fraction(t, forms) AS
    try_strptime(trim(regexp_replace(t, '\.\d+(\D*)$', '\1')), forms)
    + to_microseconds(CAST(rpad(regexp_extract(t, '\.(\d{1,6})\d*\D*$', 1), 6, '0') AS BIGINT));
CREATE OR REPLACE MACRO snowmelt_only_with(w, minutes) AS CASE WHEN minutes IS NOT NULL THEN w END;
CREATE OR REPLACE MACRO snowmelt_parsed(t, w, kind, form) AS
    snowmelt_known(w, t, 'Can''t parse ''' || t || ''' as ' || kind || ' with format ''' || form || '''');
