-- title: ranges: NULL, empty, unbounded, every kind of bound
-- facts: 10 tsrange to tstzrange
-- plain: 42804
-- zone: America/New_York
-- convert: t.span
-- query: SELECT id, {lower(span)}, {upper(span)}, lower_inc(span), upper_inc(span),
--   isempty(span) FROM t ORDER BY id
CREATE TABLE t (id int PRIMARY KEY, span tsrange DEFAULT 'empty');
INSERT INTO t VALUES (1, '[2024-01-15 12:30:00.123456,2024-02-01)'), (2, NULL),
    (3, 'empty'), (4, '(,)'), (5, '(,2024-01-01]'), (6, '[infinity,infinity]'),
    (7, '[0044-03-15 12:00 BC,12345-01-01]'), (8, '(-infinity,)');
CREATE INDEX ON t USING gist (span);
CREATE UNIQUE INDEX ON t (span, id);
ALTER TABLE t ADD CHECK (NOT span @> timestamp '1999-12-31 23:30' OR id IN (4, 5, 7, 8));
