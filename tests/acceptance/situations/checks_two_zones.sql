-- title: two columns of one table, in two zones, compared by a check and by a view
-- facts: 6.2, 9
-- zone: public.t.b=America/New_York
-- zone: public.t.a=Europe/Berlin
-- zone: public.v.a=Europe/Berlin
-- zone: public.v.b=America/New_York
-- plain: 0A000
-- convert: t.a, t.b
-- zoned: v.a, v.b
-- query: INSERT INTO t VALUES (50, {timestamp '2024-05-05 10:00'@Europe/Berlin},
--   {timestamp '2024-05-05 10:00:01'@America/New_York}) RETURNING id
-- query: INSERT INTO t VALUES (50, {timestamp '2024-05-05 10:00'@Europe/Berlin},
--   {timestamp '2024-05-05 09:59'@America/New_York}); SELECT 'error expected'
CREATE TABLE t (id int PRIMARY KEY, a timestamp, b timestamp, CHECK (a <= b));
INSERT INTO t VALUES (1, '2024-01-15 12:30:00.123456', '2024-01-15 12:30:00.123457'),
    (2, '-infinity', 'infinity'), (3, NULL, NULL);
CREATE VIEW v AS SELECT a, b, a < b AS less, b::date > a::date AS later FROM t;
CREATE INDEX t_greatest ON t (greatest(a, b));
