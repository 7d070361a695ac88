-- title: defaults of arrays and ranges of naive time
-- facts: 6.1 array default, 10
-- plain: 42804
-- convert: t.a, t.r
-- query: INSERT INTO t (id) VALUES (50) RETURNING array_length(a, 1), {a[1]},
--   {lower(r)}, upper_inf(r)
CREATE TABLE t (
    id int PRIMARY KEY, a timestamp[] DEFAULT '{2020-01-01,infinity}',
    r tsrange DEFAULT '[2020-01-01 10:00,)'
);
INSERT INTO t VALUES (1, '{2024-01-15 12:30:00.123456}', 'empty'), (2, NULL, NULL);
