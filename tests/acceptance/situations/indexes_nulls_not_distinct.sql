-- title: a unique constraint that allows one NULL
-- facts: 3 NULLS NOT DISTINCT
-- min: 15
-- plain: ok
-- convert: t.a
-- query: INSERT INTO t VALUES (50, NULL); SELECT 'error expected'
CREATE TABLE t (id int PRIMARY KEY, a timestamp UNIQUE NULLS NOT DISTINCT);
INSERT INTO t VALUES (1, '2024-01-15 12:30:00.123456'), (2, NULL), (3, 'infinity');
