-- title: checks that are not valid or not inherited, in their state
-- facts: 2 CHECK NOT VALID, 3
-- plain: ok
-- convert: t.a
-- query: SELECT conname, convalidated, connoinherit FROM pg_constraint
--   WHERE conrelid = 't'::regclass ORDER BY 1
CREATE TABLE t (id int PRIMARY KEY, a timestamp);
INSERT INTO t VALUES (1, '2024-01-15 12:30:00.123456'), (2, '0044-03-15 12:00:00 BC'),
    (3, NULL), (4, 'infinity');
ALTER TABLE t ADD CONSTRAINT broken CHECK (a > '2000-01-01') NOT VALID;
ALTER TABLE t ADD CONSTRAINT alone CHECK (a < 'infinity' OR id > 2) NO INHERIT;
COMMENT ON CONSTRAINT broken ON t IS 'old rows stay';
