-- title: a child has two parents with the column
-- facts: 4 child with two parents, 7.8
-- plain: 42P16
-- convert: orders.at, visits.at
-- query: SELECT attinhcount, attislocal FROM pg_attribute
--   WHERE attrelid = 'both_of_them'::regclass AND attname = 'at'
-- query: SELECT inhparent::regclass::text, inhseqno FROM pg_inherits
--   WHERE inhrelid = 'both_of_them'::regclass ORDER BY 2
CREATE TABLE orders (id int, at timestamp NOT NULL);
CREATE TABLE visits (at timestamp, who text, CONSTRAINT known CHECK (who <> ''));
CREATE TABLE both_of_them (own int) INHERITS (orders, visits);
INSERT INTO orders VALUES (1, '2024-01-15 12:30:00.123456'), (2, 'infinity');
INSERT INTO visits VALUES ('2024-02-02', 'me'), (NULL, 'you');
INSERT INTO both_of_them VALUES (3, '0044-03-15 12:00:00 BC', 'we', 7);
