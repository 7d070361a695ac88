-- title: an index that a failed concurrent build left invalid
-- facts: 2 index left invalid
-- silent: SELECT indisvalid FROM pg_index WHERE indexrelid = 'broken'::regclass
-- refuse: orders.placed_at TZ137
CREATE TABLE orders (id int PRIMARY KEY, placed_at timestamp, note text);
INSERT INTO orders VALUES
    (1, '2024-01-15 12:30:00.123456', 'a'), (2, NULL, 'b'), (3, 'infinity', 'c'),
    (4, '-infinity', 'd'), (5, '0044-03-15 12:00:00 BC', 'e'),
    (6, '1999-12-31 23:59:59.999999', 'f'), (7, '2024-07-01 00:00:00', 'g');
-- then
INSERT INTO orders VALUES (8, '2024-07-01 00:00:00', 'twice');
-- then
-- failing
CREATE UNIQUE INDEX CONCURRENTLY broken ON orders (placed_at);
-- then
DELETE FROM orders WHERE id = 8;
