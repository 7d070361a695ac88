-- title: views choose between the column and naive constants, and compute spans
-- facts: 6.4, 6.2
-- plain: 0A000
-- zone: America/New_York
-- convert: orders.placed_at, orders.shipped_at
-- either: chosen.coalesced, chosen.greater, chosen.smaller, chosen.unequal,
--   chosen.by_case, chosen.cast
CREATE TABLE orders (id int PRIMARY KEY, placed_at timestamp, shipped_at timestamp);
INSERT INTO orders VALUES
    (1, '2024-01-15 12:30:00.123456', '2024-01-16 08:00:00'),
    (2, NULL, '2024-02-02 02:02:02'), (3, '2024-05-05 05:05:05', 'infinity'),
    (4, '-infinity', NULL), (5, '0044-03-15 12:00:00 BC', '0044-03-16 00:00:00 BC'),
    (6, '1999-12-31 23:59:59.999999', '2000-01-01 00:00:00');
CREATE VIEW chosen AS
    SELECT id, coalesce(placed_at, '2000-01-01') AS coalesced,
           greatest(placed_at, shipped_at) AS greater,
           least(placed_at, timestamp '2010-01-01') AS smaller,
           nullif(placed_at, 'infinity') AS unequal,
           CASE WHEN placed_at > '2000-01-01' THEN placed_at ELSE shipped_at END AS by_case,
           placed_at::timestamp AS cast
    FROM orders;
CREATE VIEW computed AS
    SELECT id, placed_at + interval '1 month' AS later, shipped_at - placed_at AS took,
           age(shipped_at, placed_at) AS age, placed_at < shipped_at AS ordered,
           placed_at BETWEEN '2000-01-01' AND '2024-02-01' AS between_them,
           (placed_at, shipped_at) OVERLAPS (timestamp '2024-01-15', interval '1 day') AS o,
           placed_at IN ('2024-01-15 12:30:00.123456', 'infinity') AS listed,
           extract(epoch FROM shipped_at - placed_at) AS seconds,
           (placed_at, id) < (timestamp '2000-01-01', 3) AS row_less,
           to_char(placed_at, 'DD.MM.YYYY') AS german
    FROM orders WHERE isfinite(placed_at) AND isfinite(shipped_at);
