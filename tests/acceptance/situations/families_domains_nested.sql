-- title: a domain over a domain, and one over an array
-- facts: 10
-- plain: 0A000
-- convert: t.at, t.days
-- zoned: v.at
-- query: INSERT INTO t VALUES (50, {timestamp '2030-01-01 00:30'}, NULL);
--   SELECT 'error expected'
-- query: INSERT INTO t VALUES (50, {timestamp '2029-12-31 23:30'}, '{}') RETURNING id
CREATE DOMAIN moment AS timestamp(3) CHECK (value >= '2000-01-01');
CREATE DOMAIN soon AS moment CHECK (value < '2030-01-01');
CREATE DOMAIN days AS timestamp[] CHECK (cardinality(value) < 4);
CREATE TABLE t (id int PRIMARY KEY, at soon, days days);
INSERT INTO t VALUES (1, '2024-01-15 12:30:00.123', '{2024-01-15,infinity,NULL}'),
    (2, NULL, NULL), (3, '2000-01-01', '{}');
CREATE VIEW v AS SELECT at FROM t;
