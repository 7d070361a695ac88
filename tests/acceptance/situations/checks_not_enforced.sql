-- title: checks and keys that are not enforced stay so
-- facts: 2 NOT ENFORCED
-- min: 18
-- plain: ok
-- convert: t.a
-- query: SELECT conname, convalidated, conenforced FROM pg_constraint
--   WHERE conrelid = 't'::regclass ORDER BY 1
-- query: INSERT INTO t VALUES (50, {timestamp '1990-01-01'}) RETURNING id
CREATE TABLE t (id int PRIMARY KEY, a timestamp,
    CONSTRAINT wish CHECK (a > '2000-01-01') NOT ENFORCED);
ALTER TABLE t ADD CONSTRAINT nn NOT NULL a NOT VALID;
INSERT INTO t VALUES (1, '2024-01-15 12:30:00.123456'), (2, '0044-03-15 12:00:00 BC');
