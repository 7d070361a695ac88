-- title: an array of a domain
-- facts: 10 domain[]
-- min: 13
-- plain: ok
-- convert: t.days
-- query: SELECT id, array_length(days, 1), {days[1]} FROM t ORDER BY id
CREATE DOMAIN moment AS timestamp;
CREATE TABLE t (id int PRIMARY KEY, days moment[]);
INSERT INTO t VALUES (1, '{2024-01-15 12:30:00.123456,NULL}'), (2, NULL), (3, '{}');
