-- title: a diamond of inheritance
-- facts: 4, 7.8
-- plain: ok
-- convert: base.at
-- query: SELECT attrelid::regclass::text, attinhcount, attislocal FROM pg_attribute
--   WHERE attname = 'at' ORDER BY 1
CREATE TABLE base (id int, at timestamp);
CREATE TABLE left_one (l int) INHERITS (base);
CREATE TABLE right_one (r int) INHERITS (base);
CREATE TABLE bottom (b int) INHERITS (left_one, right_one);
INSERT INTO base VALUES (1, '2024-01-15 12:30:00.123456'), (2, NULL);
INSERT INTO bottom VALUES (3, 'infinity', 1, 2, 3);
CREATE INDEX ON bottom (at);
