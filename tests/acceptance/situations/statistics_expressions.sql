-- title: extended statistics on expressions of the column
-- facts: 4 extended statistics on expressions, with tsrange
-- min: 14
-- plain: 42883
-- zone: America/New_York
-- convert: orders.placed_at, orders.shipped_at
-- query: SELECT pg_get_statisticsobjdef_columns(oid) LIKE '%date%' FROM pg_statistic_ext
--   WHERE stxname = 'days'
CREATE TABLE orders (id int PRIMARY KEY, placed_at timestamp, shipped_at timestamp);
INSERT INTO orders VALUES
    (1, '2024-01-15 12:30:00.123456', '2024-01-16 08:00:00'),
    (2, NULL, '2024-02-02 02:02:02'), (3, '2024-05-05 05:05:05', 'infinity'),
    (4, '-infinity', NULL), (5, '0044-03-15 12:00:00 BC', '0044-03-16 00:00:00 BC'),
    (6, '1999-12-31 23:59:59.999999', '2000-01-01 00:00:00');
CREATE STATISTICS days ON (placed_at::date), (date_trunc('hour', shipped_at)), id FROM orders;
CREATE STATISTICS spans ON (tsrange(placed_at, shipped_at)), placed_at FROM orders;
CREATE STATISTICS one ON (placed_at + interval '1 day') FROM orders;
COMMENT ON STATISTICS days IS 'by day';
