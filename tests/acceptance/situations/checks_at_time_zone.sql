-- title: a check turns the column into an instant
-- facts: 6.2 (c AT TIME ZONE 'UTC') > timestamptz
-- silent: INSERT INTO t VALUES (50, {timestamp '1999-12-31 20:30'});
--   SELECT 'error expected'
-- convert: t.a
-- query: INSERT INTO t VALUES (50, {timestamp '1999-12-31 23:30'});
--   SELECT 'error expected'
CREATE TABLE t (id int PRIMARY KEY, a timestamp
    CHECK ((a AT TIME ZONE 'UTC') > '2000-01-01 00:00:00+00'::timestamptz));
INSERT INTO t VALUES (1, '2024-01-15 12:30:00.123456'), (2, NULL), (3, 'infinity');
