-- title: an index expression turns the column into an instant
-- facts: 6.3 ((c AT TIME ZONE 'UTC'))
-- silent: SELECT format_type(atttypid, atttypmod) FROM pg_attribute
--   WHERE attrelid = 'by_instant'::regclass
-- convert: orders.placed_at
-- query: SELECT format_type(atttypid, atttypmod) FROM pg_attribute
--   WHERE attrelid = 'by_instant'::regclass
CREATE TABLE orders (id int PRIMARY KEY, placed_at timestamp, note text);
INSERT INTO orders VALUES
    (1, '2024-01-15 12:30:00.123456', 'a'), (2, NULL, 'b'), (3, 'infinity', 'c'),
    (4, '-infinity', 'd'), (5, '0044-03-15 12:00:00 BC', 'e'),
    (6, '1999-12-31 23:59:59.999999', 'f'), (7, '2024-07-01 00:00:00', 'g');
CREATE INDEX by_instant ON orders ((placed_at AT TIME ZONE 'UTC'));
