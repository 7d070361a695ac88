-- title: checks against the clock
-- facts: 6.2 c < now(), c <= LOCALTIMESTAMP
-- plain: ok
-- convert: t.a, t.b, t.c
-- query: INSERT INTO t VALUES (50, {timestamp '2100-01-01'}, NULL);
--   SELECT 'error expected'
-- query: INSERT INTO t VALUES (50, NULL, {timestamp '2100-01-01'});
--   SELECT 'error expected'
-- query: INSERT INTO t VALUES (50, {timestamp '2024-01-01'}, {timestamp '2024-01-01'}, NULL)
--   RETURNING id
CREATE TABLE t (id int PRIMARY KEY, a timestamp CHECK (a < now()),
    b timestamp CHECK (b <= LOCALTIMESTAMP),
    c timestamp CHECK (c <= (now() AT TIME ZONE 'utc')));
INSERT INTO t VALUES (1, '2024-01-15 12:30:00.123456', '-infinity', '2000-01-01'),
    (2, NULL, NULL, NULL);
