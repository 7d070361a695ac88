-- title: a policy of another table reads the column in a subquery
-- facts: 4 policy on another table, 7.2
-- plain: 0A000
-- convert: orders.placed_at
-- query: SET LOCAL ROLE tzt_reader; SELECT id FROM items ORDER BY id
CREATE TABLE orders (id int PRIMARY KEY, placed_at timestamp, note text);
INSERT INTO orders VALUES
    (1, '2024-01-15 12:30:00.123456', 'a'), (2, NULL, 'b'), (3, 'infinity', 'c'),
    (4, '-infinity', 'd'), (5, '0044-03-15 12:00:00 BC', 'e'),
    (6, '1999-12-31 23:59:59.999999', 'f'), (7, '2024-07-01 00:00:00', 'g');
CREATE TABLE items (id int PRIMARY KEY, order_id int);
INSERT INTO items SELECT n, n FROM generate_series(1, 7) n;
ALTER TABLE items ENABLE ROW LEVEL SECURITY;
CREATE POLICY of_orders ON items TO tzt_reader
    USING (EXISTS (SELECT FROM orders o WHERE o.id = items.order_id
                   AND o.placed_at BETWEEN '1999-01-01' AND '2024-03-01'));
CREATE POLICY writes ON items FOR INSERT TO tzt_reader
    WITH CHECK ((SELECT max(placed_at) FROM orders) > '2000-01-01');
GRANT SELECT ON items, orders TO tzt_reader;
