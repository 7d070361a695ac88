-- title: a materialized view whose owner sees some of the rows only
-- facts: 20
-- plain: 0A000
-- zone: America/New_York
-- convert: orders.placed_at
-- zoned: seen.placed_at
-- query: SELECT id, day FROM seen ORDER BY id
-- query: REFRESH MATERIALIZED VIEW seen; SELECT id, day FROM seen ORDER BY id
CREATE TABLE orders (id int PRIMARY KEY, placed_at timestamp, note text);
INSERT INTO orders VALUES
    (1, '2024-01-15 12:30:00.123456', 'a'), (2, NULL, 'b'), (3, 'infinity', 'c'),
    (4, '-infinity', 'd'), (5, '0044-03-15 12:00:00 BC', 'e'),
    (6, '1999-12-31 23:59:59.999999', 'f'), (7, '2024-07-01 00:00:00', 'g');
ALTER TABLE orders ENABLE ROW LEVEL SECURITY;
CREATE POLICY few ON orders FOR SELECT TO tzt_clerk USING (id < 3);
GRANT SELECT ON orders TO tzt_clerk;
CREATE MATERIALIZED VIEW seen AS SELECT id, placed_at, placed_at::date AS day FROM orders
    WITH NO DATA;
ALTER MATERIALIZED VIEW seen OWNER TO tzt_clerk;
REFRESH MATERIALIZED VIEW seen;
