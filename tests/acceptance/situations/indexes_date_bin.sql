-- title: an index expression with date_bin
-- facts: 6.3 date_bin
-- min: 14
-- plain: 42P17
-- convert: orders.placed_at
CREATE TABLE orders (id int PRIMARY KEY, placed_at timestamp, note text);
INSERT INTO orders VALUES
    (1, '2024-01-15 12:30:00.123456', 'a'), (2, NULL, 'b'), (3, 'infinity', 'c'),
    (4, '-infinity', 'd'), (5, '0044-03-15 12:00:00 BC', 'e'),
    (6, '1999-12-31 23:59:59.999999', 'f'), (7, '2024-07-01 00:00:00', 'g');
CREATE INDEX binned ON orders (date_bin('1 hour', placed_at, timestamp '2000-01-01'))
    WHERE isfinite(placed_at);
