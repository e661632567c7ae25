-- Numbers as text by a format, and text as numbers; the rewrite rule number_texts calls them. Their constants are worked
-- out from the format in snowmelt.sql.number_formats.

-- A number that is already rounded to the digits behind the point, without its sign. `groups` and `shape` put separators
-- between the whole digits, `visible` says how many characters are printed from each position on, `hashes` is printed
-- for a number with too many digits. `least_digits` is 0 where a whole part of zero is not printed, else 1.
CREATE OR REPLACE MACRO snowmelt_whole_digits(d) AS ltrim(split_part(CAST(abs(d) AS VARCHAR), '.', 1), '0');
CREATE OR REPLACE MACRO snowmelt_fixed(d, digits, groups, shape, visible, first_zero, least_digits, point, fraction, kept, compact, hashes) AS
    CASE WHEN d IS NULL THEN NULL
    WHEN length(snowmelt_whole_digits(d)) > digits THEN hashes
    ELSE right(regexp_replace(lpad(snowmelt_whole_digits(d), digits, '0'), groups, shape),
            visible[greatest(least(first_zero, digits - greatest(length(snowmelt_whole_digits(d)), least_digits) + 1), 1)])
        || point || snowmelt_number_fraction(split_part(CAST(abs(d) AS VARCHAR), '.', 2), fraction, kept, compact) END;
CREATE OR REPLACE MACRO snowmelt_number_fraction(r, fraction, kept, compact) AS
    CASE WHEN compact THEN left(r, greatest(kept, length(rtrim(r, '0'))))
    ELSE rpad(left(r, greatest(kept, length(rtrim(r, '0')))), fraction, ' ') END;
CREATE OR REPLACE MACRO snowmelt_join(a, b) AS a || b;
CREATE OR REPLACE MACRO snowmelt_sign(d, plus) AS CASE WHEN d < 0 THEN '-' ELSE plus END;

-- Hexadecimal digits; a negative number without a sign is its two's complement in that many digits.
CREATE OR REPLACE MACRO snowmelt_hexadecimal(d, digits, first_zero, compact, signed) AS
    CASE WHEN d IS NULL THEN NULL
    WHEN abs(d) >= 16::HUGEINT ** digits OR (NOT signed AND d < -(16::HUGEINT ** digits) / 2) THEN repeat('#', digits)
    ELSE snowmelt_hexadecimal_fill(upper(ltrim(hex(CAST(
        CASE WHEN signed THEN abs(d) WHEN d < 0 THEN d + CAST(16::HUGEINT ** digits AS HUGEINT) ELSE d END AS HUGEINT)), '0')),
        digits, first_zero, compact) END;
CREATE OR REPLACE MACRO snowmelt_hexadecimal_fill(h, digits, first_zero, compact) AS
    lpad(lpad(h, CAST(greatest(length(h), digits - first_zero + 1, 1) AS INTEGER), '0'),
        CAST(CASE WHEN compact THEN greatest(length(h), digits - first_zero + 1, 1) ELSE digits END AS INTEGER), ' ');

-- Scientific notation: `s` is what printf's %e makes of the number's absolute value; `width` is the number of letters E.
CREATE OR REPLACE MACRO snowmelt_scientific(s, width) AS
    split_part(s, 'e', 1) || 'E' || CASE WHEN width = 2 THEN CAST(CAST(split_part(s, 'e', 2) AS INTEGER) AS VARCHAR)
    ELSE left(split_part(s, 'e', 2), 1) || lpad(CAST(abs(CAST(split_part(s, 'e', 2) AS INTEGER)) AS VARCHAR), width - 2, '0') END;
CREATE OR REPLACE MACRO snowmelt_shortest_scientific(x) AS
    regexp_replace(regexp_replace(printf('%.14e', CAST(x AS DOUBLE)), '\.?0*e', 'E'), 'E([+]|(-))0*(\d+)$', 'E\2\3');

-- Text as a number: the whole text must match the format's pattern.
CREATE OR REPLACE MACRO snowmelt_number_digits(t) AS
    CASE WHEN contains(t, '-') THEN '-' ELSE '' END || regexp_replace(t, '[^0-9.]', '', 'g');
CREATE OR REPLACE MACRO snowmelt_number_of(t, pattern) AS
    CASE WHEN regexp_full_match(t, pattern) AND regexp_matches(t, '[0-9]') THEN snowmelt_number_digits(t) END;
CREATE OR REPLACE MACRO snowmelt_scientific_of(t, pattern) AS
    CASE WHEN regexp_full_match(t, pattern) THEN regexp_replace(t, '[^-+0-9.eE]', '', 'g') END;
CREATE OR REPLACE MACRO snowmelt_hexadecimal_of(t, pattern) AS
    CASE WHEN regexp_full_match(t, pattern) THEN CAST(CAST('0x' || regexp_replace(t, '[^0-9a-fA-F]', '', 'g') AS HUGEINT)
        * CASE WHEN contains(t, '-') THEN -1 ELSE 1 END AS VARCHAR) END;
CREATE OR REPLACE MACRO snowmelt_must_parse(made, t, form) AS
    snowmelt_known(made, t, 'Can''t parse ''' || t || ''' as number with format ''' || form || '''');
