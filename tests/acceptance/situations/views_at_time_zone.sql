-- title: views turn the column into an instant themselves
-- facts: 6.3 (c AT TIME ZONE 'UTC'), 6.2
-- plain: 0A000
-- convert: orders.placed_at
-- query: SELECT id, at::text, of_new_york::text FROM instants ORDER BY id
-- query: SELECT id FROM since ORDER BY id
CREATE TABLE orders (id int PRIMARY KEY, placed_at timestamp, note text);
INSERT INTO orders VALUES
    (1, '2024-01-15 12:30:00.123456', 'a'), (2, NULL, 'b'), (3, 'infinity', 'c'),
    (4, '-infinity', 'd'), (5, '0044-03-15 12:00:00 BC', 'e'),
    (6, '1999-12-31 23:59:59.999999', 'f'), (7, '2024-07-01 00:00:00', 'g');
CREATE VIEW instants AS
    SELECT id, placed_at AT TIME ZONE 'UTC' AS at,
           timezone('America/New_York', placed_at) AS of_new_york,
           placed_at AT TIME ZONE 'UTC' AT TIME ZONE 'Europe/Berlin' AS in_berlin
    FROM orders;
CREATE VIEW since AS
    SELECT id FROM orders
    WHERE placed_at AT TIME ZONE 'UTC' > timestamptz '2000-01-01 00:00+00';
