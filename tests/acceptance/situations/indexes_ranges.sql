-- title: gist and spgist indexes on ranges of two columns
-- facts: 6.3 tsrange(c, d)
-- plain: 42883
-- zone: America/New_York
-- convert: orders.placed_at, orders.shipped_at
CREATE TABLE orders (id int PRIMARY KEY, placed_at timestamp, shipped_at timestamp);
INSERT INTO orders VALUES
    (1, '2024-01-15 12:30:00.123456', '2024-01-16 08:00:00'),
    (2, NULL, '2024-02-02 02:02:02'), (3, '2024-05-05 05:05:05', 'infinity'),
    (4, '-infinity', NULL), (5, '0044-03-15 12:00:00 BC', '0044-03-16 00:00:00 BC'),
    (6, '1999-12-31 23:59:59.999999', '2000-01-01 00:00:00');
CREATE INDEX spans ON orders USING gist (tsrange(placed_at, shipped_at));
CREATE INDEX spans_sp ON orders USING spgist (tsrange(placed_at, shipped_at, '[]'))
    WHERE placed_at IS NOT NULL;
