-- title: BRIN indexes with operator classes for naive time
-- facts: 2 opclass named explicitly, 16
-- min: 14
-- plain: 42804
-- convert: orders.placed_at
CREATE TABLE orders (id int PRIMARY KEY, placed_at timestamp, note text);
INSERT INTO orders VALUES
    (1, '2024-01-15 12:30:00.123456', 'a'), (2, NULL, 'b'), (3, 'infinity', 'c'),
    (4, '-infinity', 'd'), (5, '0044-03-15 12:00:00 BC', 'e'),
    (6, '1999-12-31 23:59:59.999999', 'f'), (7, '2024-07-01 00:00:00', 'g');
CREATE INDEX multi ON orders USING brin (placed_at timestamp_minmax_multi_ops)
    WITH (pages_per_range = 16);
CREATE INDEX bloom ON orders USING brin
    (placed_at timestamp_bloom_ops (n_distinct_per_range = 100), id);
CREATE INDEX plain_brin ON orders USING brin (placed_at);
COMMENT ON INDEX multi IS 'small';
