-- title: compression and an access method named for a materialized view
-- facts: 7.1
-- min: 14
-- plain: 0A000
-- convert: orders.placed_at
-- zoned: stored.placed_at
CREATE TABLE orders (id int PRIMARY KEY, placed_at timestamp, note text);
INSERT INTO orders VALUES
    (1, '2024-01-15 12:30:00.123456', 'a'), (2, NULL, 'b'), (3, 'infinity', 'c'),
    (4, '-infinity', 'd'), (5, '0044-03-15 12:00:00 BC', 'e'),
    (6, '1999-12-31 23:59:59.999999', 'f'), (7, '2024-07-01 00:00:00', 'g');
CREATE MATERIALIZED VIEW stored USING heap AS SELECT id, placed_at, note FROM orders;
ALTER MATERIALIZED VIEW stored ALTER COLUMN note SET COMPRESSION pglz;
