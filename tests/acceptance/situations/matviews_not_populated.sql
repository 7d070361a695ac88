-- title: a materialized view that was never filled is not filled
-- facts: 4 materialized view
-- plain: 0A000
-- convert: orders.placed_at
-- zoned: empty.placed_at
-- query: REFRESH MATERIALIZED VIEW empty; SELECT id, {placed_at} FROM empty ORDER BY id
CREATE TABLE orders (id int PRIMARY KEY, placed_at timestamp, note text);
INSERT INTO orders VALUES
    (1, '2024-01-15 12:30:00.123456', 'a'), (2, NULL, 'b'), (3, 'infinity', 'c'),
    (4, '-infinity', 'd'), (5, '0044-03-15 12:00:00 BC', 'e'),
    (6, '1999-12-31 23:59:59.999999', 'f'), (7, '2024-07-01 00:00:00', 'g');
CREATE MATERIALIZED VIEW empty AS
    SELECT id, placed_at FROM orders WHERE placed_at > '2000-01-01' WITH NO DATA;
CREATE INDEX ON empty (placed_at);
