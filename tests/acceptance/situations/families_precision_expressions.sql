-- title: expressions over columns with a precision, and over domains of them
-- facts: 1, 5, 7.1
-- plain 13-14: 0A000 42601
-- plain: 0A000
-- zone: America/New_York
-- convert: t.p3, t.p0, t.p, t.d
-- zoned: bare.p3
-- either: shown.known
-- query: SELECT id, known::text, whole FROM shown ORDER BY id
-- query: INSERT INTO t (id, p3) VALUES (50, {timestamp '2024-12-31 23:59:59.9996'})
--   RETURNING day
-- query: INSERT INTO bare (id) VALUES (51) RETURNING {p3}
CREATE DOMAIN exact AS timestamp(3) CHECK (value > '1900-01-01');
CREATE TABLE t (id int PRIMARY KEY, p3 timestamp(3), p0 timestamp(0), p timestamp, d exact,
    CHECK (p3::date > '1900-01-01'), CHECK (coalesce(p3, p0, p, d) IS NOT NULL),
    day date GENERATED ALWAYS AS (p3::date) STORED);
INSERT INTO t SELECT n, a, a, a, a FROM (VALUES
    (1, timestamp '2024-01-15 12:30:00.123456'), (3, 'infinity'),
    (6, '1999-12-31 23:59:59.999999'), (7, '2024-07-01 00:00:00')) v (n, a);
CREATE INDEX ON t ((p3::date), (coalesce(p0, p)));
CREATE INDEX ON t (date_trunc('hour', d)) WHERE coalesce(p3, d) > '2000-01-01';
CREATE VIEW shown AS SELECT id, coalesce(p3, '2000-01-01') AS known,
    p3::timestamp(0) AS whole FROM t;
CREATE VIEW bare AS SELECT id, p3 FROM t;
ALTER VIEW bare ALTER p3 SET DEFAULT '2024-02-03 04:05:06.7896';
