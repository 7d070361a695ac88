-- title: rules that are disabled, for replicas or always
-- facts: 7.2
-- plain: 0A000
-- convert: orders.placed_at
-- query: DELETE FROM orders WHERE id = 6; SELECT count(*) FROM orders
CREATE TABLE orders (id int PRIMARY KEY, placed_at timestamp, note text);
INSERT INTO orders VALUES
    (1, '2024-01-15 12:30:00.123456', 'a'), (2, NULL, 'b'), (3, 'infinity', 'c'),
    (4, '-infinity', 'd'), (5, '0044-03-15 12:00:00 BC', 'e'),
    (6, '1999-12-31 23:59:59.999999', 'f'), (7, '2024-07-01 00:00:00', 'g');
CREATE RULE off AS ON DELETE TO orders
    WHERE old.placed_at < '2000-01-01' DO INSTEAD NOTHING;
CREATE RULE replica AS ON UPDATE TO orders
    WHERE new.placed_at < '2000-01-01' DO INSTEAD NOTHING;
CREATE RULE always AS ON UPDATE TO orders
    WHERE new.placed_at = 'infinity' DO INSTEAD NOTHING;
ALTER TABLE orders DISABLE RULE off;
ALTER TABLE orders ENABLE REPLICA RULE replica;
ALTER TABLE orders ENABLE ALWAYS RULE always;
COMMENT ON RULE replica ON orders IS 'there alone';
