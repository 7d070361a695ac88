-- title: checks, indexes and views over arrays
-- facts: 10
-- plain: 0A000
-- convert: t.days, t.months
-- zoned: v.days, v.first, elements.day, rows.day, rows.later, firsts.one
-- query: INSERT INTO t VALUES (50, ARRAY[{timestamp '1999-12-31 23:30'}]);
--   SELECT 'error expected'
-- query: SELECT id, {first}, n, has, date FROM v ORDER BY id
-- query: SELECT id, {day}, date FROM elements ORDER BY id, 2
-- query: SELECT id, {day}, n, hour, {later} FROM rows ORDER BY id, n
-- query: SELECT id, {one}, {two} FROM firsts ORDER BY id
-- query: SELECT count(*) FROM t WHERE {days[1]}::date > '2000-01-01' AND cardinality(days) > 0
-- either: firsts.two
CREATE TABLE t (id int PRIMARY KEY, days timestamp[] CHECK ('2000-01-01' <= ALL (days)),
    months timestamp(3)[][]);
INSERT INTO t VALUES (1, '{2024-01-15 12:30:00.123456,infinity}'), (2, NULL), (3, '{}');
CREATE INDEX first_day ON t ((days[1]::date)) WHERE cardinality(days) > 0;
CREATE VIEW v AS SELECT id, days, days[1] AS first, array_length(days, 1) AS n,
    timestamp '2024-01-15 12:30:00.123456' = ANY (days) AS has, days[1]::date AS date FROM t;
CREATE VIEW elements AS SELECT id, unnest(days) AS day, date_trunc('day', unnest(days))::date AS date FROM t;
CREATE VIEW rows AS SELECT t.id, d.day, d.n, extract(hour FROM d.day) AS hour, x AS later
    FROM t, unnest(t.days) WITH ORDINALITY AS d (day, n), LATERAL unnest(t.days) AS x WHERE d.day <= x;
CREATE VIEW firsts AS SELECT id, months[1][1] AS one, coalesce(days[array_upper(days, 1)], months[1][2]) AS two FROM t;
