-- title: checks that mean the same for instants, and one over the whole row
-- facts: 6.2 IS NOT NULL, isfinite, (t IS NOT NULL)
-- plain: ok
-- convert: t.a, t.b
-- query: INSERT INTO t VALUES (50, NULL, NULL); SELECT 'error expected'
-- query: INSERT INTO t VALUES (50, {timestamp '2024-01-01'}, {timestamp 'infinity'});
--   SELECT 'error expected'
-- query: SELECT pg_get_constraintdef(oid) FROM pg_constraint
--   WHERE conname = 'whole' ORDER BY conname
CREATE TABLE t (id int PRIMARY KEY, a timestamp CHECK (a IS NOT NULL),
    b timestamp CHECK (isfinite(b)), CONSTRAINT whole CHECK (t IS NOT NULL));
INSERT INTO t VALUES (1, '2024-01-15 12:30:00.123456', '1999-12-31 23:59:59.999999'),
    (2, 'infinity', '0044-03-15 12:00:00 BC');
