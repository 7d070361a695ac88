-- title: checks compare the column with naive constants
-- facts: 6.2 c > literal, BETWEEN, <> ALL, ROW, GREATEST, CASE, COALESCE, OVERLAPS
-- silent: SAVEPOINT s; INSERT INTO t (id, a) VALUES (50, {timestamp '2000-01-01 00:00:00'})
--   RETURNING 'accepted'
-- zone: Asia/Kolkata
-- convert: t.a, t.b, t.c, t.d, t.e, t.f, t.g, t.h
-- query: INSERT INTO t (id, a) VALUES (50, {timestamp '1999-12-31 23:59:59'});
--   SELECT 'error expected'
-- query: INSERT INTO t (id, b) VALUES (50, {timestamp '2000-01-01 00:00'}),
--   (51, {timestamp '2030-01-01 00:00'}) RETURNING id
-- query: INSERT INTO t (id, b) VALUES (50, {timestamp '2030-01-01 00:30'});
--   SELECT 'error expected'
-- query: INSERT INTO t (id, c) VALUES (50, {timestamp '2024-02-02 00:00'});
--   SELECT 'error expected'
-- query: INSERT INTO t (id, d, e, f, g, h) VALUES (50, {timestamp '2000-01-01 00:00:01'},
--   {timestamp '2000-01-01 00:00:01'}, {timestamp '2000-01-01 00:00:01'},
--   {timestamp '2000-01-01 00:00:01'}, {timestamp '2000-01-01 00:00:01'}) RETURNING id
-- query: INSERT INTO t (id, d) VALUES (50, {timestamp '1999-12-31 23:59:59'});
--   SELECT 'error expected'
-- query: INSERT INTO t (id, h) VALUES (50, {timestamp '1999-12-31 23:59:59'});
--   SELECT 'error expected'
-- query: SELECT conname, convalidated, obj_description(oid, 'pg_constraint')
--   FROM pg_constraint WHERE conrelid = 't'::regclass ORDER BY 1
CREATE TABLE t (
    id int PRIMARY KEY,
    a timestamp CHECK (a >= '2000-01-01 00:00:00'),
    b timestamp CONSTRAINT in_between CHECK (b BETWEEN '2000-01-01' AND '2030-01-01'),
    c timestamp CHECK (c <> ALL (ARRAY['2024-01-01', '2024-02-02']::timestamp[])),
    d timestamp CHECK (d > make_timestamp(2000, 1, 1, 0, 0, 0)),
    e timestamp CHECK (ROW(e, id) > ROW(timestamp '2000-01-01', 0)),
    f timestamp CHECK (greatest(f, '2000-01-01') = f),
    g timestamp CHECK (CASE WHEN id < 100 THEN g > '2000-01-01' ELSE true END),
    h timestamp CHECK (coalesce(h, '2000-01-01') >= '2000-01-01'
        AND NOT (h, h) OVERLAPS (timestamp '1990-01-01', timestamp '1991-01-01'))
);
COMMENT ON CONSTRAINT in_between ON t IS 'our time';
INSERT INTO t VALUES (1, '2024-01-15 12:30:00.123456', '2024-01-15', '2024-01-15',
    '2024-01-15', '2024-01-15', '2024-01-15', '2024-01-15', '2024-01-15'),
    (2, 'infinity', NULL, '-infinity', 'infinity', NULL, 'infinity', NULL, 'infinity');
