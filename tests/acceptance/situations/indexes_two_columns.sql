-- title: index expressions of two columns, one of which stays naive
-- facts: 6.3 coalesce(c, d), greatest, nullif, c - d
-- plain: 42P17
-- convert: orders.placed_at, orders.shipped_at
-- keep: orders.wall
CREATE TABLE orders (id int PRIMARY KEY, placed_at timestamp, shipped_at timestamp,
    wall timestamp);
INSERT INTO orders VALUES
    (1, '2024-01-15 12:30:00.123456', '2024-01-16 08:00:00', '2024-01-16 08:00:00'),
    (2, NULL, '2024-02-02 02:02:02', NULL),
    (5, '0044-03-15 12:00:00 BC', '0044-03-16 00:00:00 BC', '2024-01-16 08:00:00');
CREATE INDEX a ON orders (coalesce(placed_at, shipped_at));
CREATE INDEX b ON orders (greatest(placed_at, wall), least(shipped_at, wall));
CREATE INDEX c ON orders (nullif(placed_at, wall));
CREATE INDEX d ON orders ((shipped_at - placed_at), (wall - placed_at));
CREATE INDEX e ON orders (age(shipped_at, placed_at)) WHERE placed_at < wall;
