-- title: defaults that are the present moment, as instant or as local time
-- facts: 6.1 now(), LOCALTIMESTAMP
-- plain: ok
-- convert: t.a, t.b, t.c, t.d, t.e, t.f, t.g, t.h, t.i
CREATE TABLE t (
    id int PRIMARY KEY, a timestamp DEFAULT now(), b timestamp DEFAULT CURRENT_TIMESTAMP,
    c timestamp DEFAULT clock_timestamp(), d timestamp DEFAULT LOCALTIMESTAMP,
    e timestamp DEFAULT now()::timestamp, f timestamp DEFAULT ('now'::text)::timestamp,
    g timestamp DEFAULT statement_timestamp(), h timestamp DEFAULT transaction_timestamp(),
    i timestamp DEFAULT timezone(current_setting('TimeZone'), now())
);
INSERT INTO t VALUES (1, '2024-01-15 12:30:00.123456');
INSERT INTO t VALUES (2, 'infinity', NULL, '-infinity');
