-- title: partial indexes with naive constants, unique ones among them
-- facts: 6.3 WHERE c > '2020-01-01', c = 'infinity', c < d, extract, ::date
-- plain: 42P17
-- zone: America/New_York
-- convert: orders.placed_at, orders.shipped_at
-- query: INSERT INTO orders VALUES (50, {timestamp '2024-03-01 00:00'}, NULL),
--   (51, {timestamp '2024-03-01 00:00'}, NULL); SELECT 'error expected'
-- query: INSERT INTO orders VALUES (50, {timestamp '2023-12-31 23:59'}, NULL),
--   (51, {timestamp '2023-12-31 23:59'}, NULL) RETURNING id
-- query: INSERT INTO orders VALUES (50, {timestamp '2024-01-15 12:30:00.123456'}, NULL)
--   ON CONFLICT (placed_at) WHERE {placed_at} >= '2024-01-01' DO NOTHING RETURNING id
CREATE TABLE orders (id int PRIMARY KEY, placed_at timestamp, shipped_at timestamp);
INSERT INTO orders VALUES
    (1, '2024-01-15 12:30:00.123456', '2024-01-16 08:00:00'),
    (2, NULL, '2024-02-02 02:02:02'), (3, '2024-05-05 05:05:05', 'infinity'),
    (4, '-infinity', NULL), (5, '0044-03-15 12:00:00 BC', '0044-03-16 00:00:00 BC'),
    (6, '1999-12-31 23:59:59.999999', '2000-01-01 00:00:00');
CREATE UNIQUE INDEX newest ON orders (placed_at) WHERE placed_at >= '2024-01-01';
CREATE INDEX open_ones ON orders (id) WHERE shipped_at = 'infinity';
CREATE INDEX late ON orders (id) WHERE placed_at < shipped_at AND shipped_at > '2020-01-01';
CREATE INDEX mornings ON orders (id) WHERE date_part('hour', placed_at) < 12;
CREATE INDEX today ON orders (id) WHERE placed_at::date = '2024-01-15' AND id > 0;
COMMENT ON INDEX newest IS 'only once';
