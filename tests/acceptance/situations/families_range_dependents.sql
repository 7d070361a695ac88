-- title: a view, a generated column and a policy over a range
-- facts: 10
-- plain 13-14: 42601 42804 0A000
-- plain: 0A000 42804
-- zone: Asia/Kolkata
-- convert: t.span
-- zoned: v.span
-- query: SELECT first_day FROM t ORDER BY id
CREATE TABLE t (id int PRIMARY KEY, span tsrange,
    first_day date GENERATED ALWAYS AS (lower(span)::date) STORED);
INSERT INTO t VALUES (1, '[2024-01-15 12:30:00.123456,2024-02-01)'), (2, NULL), (3, 'empty');
CREATE VIEW v AS SELECT id, span, span && tsrange('2024-01-01', '2024-01-16') AS touches FROM t;
