-- title: every precision is kept
-- facts: 1, 0.4
-- plain: ok
-- convert: t.p0, t.p1, t.p2, t.p3, t.p4, t.p5, t.p6, t.p
-- query: INSERT INTO t (id, p0, p3) VALUES (50, {timestamp '2024-12-31 23:59:59.6'},
--   {timestamp '2024-12-31 23:59:59.9996'}) RETURNING {p0}, {p3}
CREATE TABLE t (id int PRIMARY KEY, p0 timestamp(0), p1 timestamp(1), p2 timestamp(2),
    p3 timestamp(3), p4 timestamp(4), p5 timestamp(5), p6 timestamp(6), p timestamp);
INSERT INTO t SELECT n, a, a, a, a, a, a, a, a FROM (VALUES
    (1, timestamp '2024-01-15 12:30:00.123456'), (2, NULL), (3, 'infinity'),
    (4, '-infinity'), (5, '0044-03-15 12:00:00.999999 BC')) v (n, a);
CREATE INDEX ON t (p3);
