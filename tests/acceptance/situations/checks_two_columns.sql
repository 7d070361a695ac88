-- title: checks compare two columns, one of them still naive by declaration
-- facts: 6.2 c < d, NULLIF, c - d, age
-- silent: INSERT INTO t VALUES (50, {timestamp '2024-05-05 10:00'}, '2024-05-06 09:00',
--   {timestamp '2024-05-05 10:00'}) RETURNING id
-- convert: t.a, t.c
-- keep: t.wall
-- query: INSERT INTO t VALUES (50, {timestamp '2024-05-05 10:00'}, '2024-05-05 09:59',
--   {timestamp '2024-05-05 10:00'}); SELECT 'error expected'
-- query: INSERT INTO t VALUES (50, {timestamp '2024-05-05 10:00'}, '2024-05-06 11:00',
--   {timestamp '2024-05-05 10:00'}); SELECT 'error expected'
CREATE TABLE t (
    id int PRIMARY KEY, a timestamp, wall timestamp, c timestamp,
    CHECK (a < wall), CHECK (wall - a <= '1 day'), CHECK (age(wall, a) < '2 days'),
    CHECK (nullif(a, wall) IS NOT NULL), CHECK (a <= c)
);
INSERT INTO t VALUES (1, '2024-01-15 12:30:00.123456', '2024-01-15 13:00', 'infinity'),
    (2, '0044-03-15 12:00:00 BC', '0044-03-15 12:00:00.000001 BC', '2000-01-01');
