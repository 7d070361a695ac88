-- title: checks, indexes and views over arrays
-- facts: 10
-- plain: 0A000
-- refuse: t.days TZ110
-- query: INSERT INTO t VALUES (50, ARRAY[{timestamp '1999-12-31 23:30'}]);
--   SELECT 'error expected'
CREATE TABLE t (id int PRIMARY KEY, days timestamp[] CHECK ('2000-01-01' <= ALL (days)));
INSERT INTO t VALUES (1, '{2024-01-15 12:30:00.123456,infinity}'), (2, NULL), (3, '{}');
CREATE INDEX first_day ON t ((days[1]::date)) WHERE cardinality(days) > 0;
CREATE VIEW v AS SELECT id, days, days[1] AS first, array_length(days, 1) AS n,
    timestamp '2024-01-15 12:30:00.123456' = ANY (days) AS has FROM t;
