-- title: defaults with a fixed wall clock, also in a column added to old rows
-- facts: 6.1 literal, 'epoch', make_timestamp, 'infinity'; 1 attmissingval
-- silent: INSERT INTO t (id) VALUES (50) RETURNING {a}, {b}, {c}, {d}, {e}
-- zone: Asia/Kolkata
-- convert: t.a, t.b, t.c, t.d, t.e, t.added
-- query: INSERT INTO t (id) VALUES (50) RETURNING {a}, {b}, {c}, {d}, {e}, {added}
CREATE TABLE t (
    id int PRIMARY KEY, a timestamp DEFAULT '2020-01-01 00:00:00',
    b timestamp DEFAULT 'epoch', c timestamp DEFAULT make_timestamp(2020, 2, 3, 4, 5, 6.7),
    d timestamp DEFAULT 'infinity', e timestamp(3) DEFAULT '0044-03-15 12:00:00 BC'
);
INSERT INTO t VALUES (1, '2024-01-15 12:30:00.123456');
INSERT INTO t VALUES (2, 'infinity', NULL, '-infinity');
ALTER TABLE t ADD added timestamp NOT NULL DEFAULT '2022-03-03 03:03:03';
