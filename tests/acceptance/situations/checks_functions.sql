-- title: checks that compute with the column
-- facts: 6.2 date_trunc, ::date, extract, to_char, text, + interval, epoch, isfinite
-- zone: Asia/Kolkata
-- silent: INSERT INTO t (id, a) VALUES (50, {timestamp '2024-02-02 00:00'}) RETURNING 1
-- convert: t.a, t.b, t.c, t.d, t.e, t.f, t.g
-- query: INSERT INTO t (id, a) VALUES (50, {timestamp '2024-02-02 00:30'});
--   SELECT 'error expected'
-- query: INSERT INTO t (id, b) VALUES (50, {timestamp '2000-01-01 00:30'});
--   SELECT 'error expected'
-- query: INSERT INTO t (id, b) VALUES (50, {timestamp '2000-01-02 00:00'}) RETURNING id
-- query: INSERT INTO t (id, c) VALUES (50, {timestamp '2024-02-02 00:30'}) RETURNING id
-- query: INSERT INTO t (id, c) VALUES (50, {timestamp '2024-02-03 00:30'});
--   SELECT 'error expected'
-- query: INSERT INTO t (id, d) VALUES (50, {timestamp '2024-02-01 00:30'}) RETURNING id
-- query: INSERT INTO t (id, e) VALUES (50, {timestamp '2024-02-01 00:30'}) RETURNING id
-- query: INSERT INTO t (id, f) VALUES (50, {timestamp '1999-12-31 00:00:01'}) RETURNING id
-- query: INSERT INTO t (id, f) VALUES (50, {timestamp '1999-12-31 00:00:00'});
--   SELECT 'error expected'
CREATE TABLE t (
    id int PRIMARY KEY,
    a timestamp CHECK (date_trunc('day', a) = a),
    b timestamp CHECK (b::date > date '2000-01-01'),
    c timestamp CHECK (extract(isodow FROM c) < 6),
    d timestamp CHECK (to_char(d, 'DD HH24') = '01 00'),
    e timestamp CHECK (e::time < '01:00'),
    f timestamp CHECK (f + interval '1 day' > '2000-01-01'),
    g timestamp CHECK (isfinite(g) AND g IS NOT NULL OR date_part('epoch', g) > 0)
);
INSERT INTO t VALUES (1, '2024-01-15', '2024-01-15 12:30:00.123456', '2024-01-15 22:00',
    '2024-01-01 00:59', '2024-01-01 00:59:59.999999', 'infinity', '2024-01-15 03:00'),
    (2, 'infinity', 'infinity', NULL, NULL, NULL, NULL, NULL);
