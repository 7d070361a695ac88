-- title: defaults that are midnight of the session
-- facts: 6.1 CURRENT_DATE, date_trunc('day', now())
-- plain: ok
-- convert: t.a, t.b, t.c, t.d
CREATE TABLE t (
    id int PRIMARY KEY, a timestamp DEFAULT CURRENT_DATE,
    b timestamp DEFAULT date_trunc('day', now()),
    c timestamp DEFAULT to_timestamp(0),
    d timestamp DEFAULT to_timestamp('2020-01-01', 'YYYY-MM-DD')
);
INSERT INTO t VALUES (1, '2024-01-15 12:30:00.123456');
INSERT INTO t VALUES (2, 'infinity', NULL, '-infinity');
