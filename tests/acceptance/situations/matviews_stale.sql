-- title: a materialized view that is behind its table comes back no staler
-- facts: 7.1 the query runs inside the transaction
-- plain: 0A000
-- convert: orders.placed_at
-- zoned: fresh.placed_at
CREATE TABLE orders (id int PRIMARY KEY, placed_at timestamp, note text);
INSERT INTO orders VALUES
    (1, '2024-01-15 12:30:00.123456', 'a'), (2, NULL, 'b'), (3, 'infinity', 'c'),
    (4, '-infinity', 'd'), (5, '0044-03-15 12:00:00 BC', 'e'),
    (6, '1999-12-31 23:59:59.999999', 'f'), (7, '2024-07-01 00:00:00', 'g');
CREATE MATERIALIZED VIEW fresh AS SELECT id, placed_at FROM orders;
ALTER MATERIALIZED VIEW fresh ALTER COLUMN placed_at SET STATISTICS 17;
