-- title: a check builds a range of two columns
-- facts: 6.2 anything with tsrange(c, d), 4
-- plain: 42883
-- convert: orders.placed_at, orders.shipped_at
-- query: INSERT INTO orders VALUES (50, {timestamp '2024-01-01'}, {timestamp '2023-01-01'});
--   SELECT 'error expected'
-- query: INSERT INTO orders VALUES (50, {timestamp '2024-01-01'}, {timestamp '2025-06-01'});
--   SELECT 'error expected'
CREATE TABLE orders (id int PRIMARY KEY, placed_at timestamp, shipped_at timestamp);
INSERT INTO orders VALUES
    (1, '2024-01-15 12:30:00.123456', '2024-01-16 08:00:00'),
    (2, NULL, '2024-02-02 02:02:02'), (3, '2024-05-05 05:05:05', 'infinity'),
    (4, '-infinity', NULL), (5, '0044-03-15 12:00:00 BC', '0044-03-16 00:00:00 BC'),
    (6, '1999-12-31 23:59:59.999999', '2000-01-01 00:00:00');
ALTER TABLE orders ADD CONSTRAINT not_new_year CHECK (
    NOT tsrange(placed_at, shipped_at) @> timestamp '2025-01-01' OR shipped_at = 'infinity'
    OR placed_at IS NULL OR placed_at = '-infinity');
