-- title: defaults that compute the wall clock of UTC, also within other expressions
-- facts: 6.1 now() AT TIME ZONE 'utc'
-- silent: INSERT INTO t (id) VALUES (50) RETURNING
--   {a} - (now() AT TIME ZONE 'utc'), {b} - (now() AT TIME ZONE 'utc') < '1 minute',
--   {c} - (now() AT TIME ZONE 'utc')::timestamp(0),
--   {d} - date_trunc('milliseconds', now() AT TIME ZONE 'utc'),
--   {e} - (now() AT TIME ZONE 'utc'), {f} - (now() AT TIME ZONE 'utc'),
--   {g} - (now() AT TIME ZONE 'Europe/Paris'), {h} - (now() AT TIME ZONE 'utc')
-- convert: t.a, t.b, t.c, t.d, t.e, t.f, t.g, t.h
CREATE FUNCTION sysutc() RETURNS timestamp LANGUAGE sql STABLE
    AS $$SELECT now() AT TIME ZONE 'utc'$$;
CREATE TABLE t (
    id int PRIMARY KEY, a timestamp DEFAULT timezone('utc', now()),
    b timestamp DEFAULT (clock_timestamp() AT TIME ZONE 'UTC'),
    c timestamp DEFAULT (now() AT TIME ZONE 'utc')::timestamp(0),
    d timestamp DEFAULT date_trunc('milliseconds', now() AT TIME ZONE 'utc'),
    e timestamp DEFAULT ((now() AT TIME ZONE 'utc') + interval '30 days'),
    f timestamp DEFAULT COALESCE(NULL, CURRENT_TIMESTAMP AT TIME ZONE 'UTC'),
    g timestamp DEFAULT (now() AT TIME ZONE 'Europe/Paris'),
    h timestamp DEFAULT sysutc()
);
INSERT INTO t VALUES (1, '2024-01-15 12:30:00.123456');
INSERT INTO t VALUES (2, 'infinity', NULL, '-infinity');
