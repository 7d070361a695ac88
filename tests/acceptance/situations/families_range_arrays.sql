-- title: arrays of ranges
-- facts: 10
-- plain: 42804
-- convert: t.spans
-- query: SELECT id, array_length(spans, 1), {lower(spans[1])}, isempty(spans[2]) FROM t
--   ORDER BY id
CREATE TABLE t (id int PRIMARY KEY, spans tsrange[]);
INSERT INTO t VALUES (1, '{"[2024-01-15 12:30:00.123456,2024-02-01)",empty,NULL}'),
    (2, NULL), (3, '{}');
