-- title: views stand four deep on each other
-- facts: 4 view on a view, 7.1
-- plain: 0A000
-- zone: America/New_York
-- convert: orders.placed_at
-- zoned: v1.placed_at, v2.placed_at, v3.at, v4.at, aside.placed_at
-- query: SELECT id, {at} FROM v4 ORDER BY id
CREATE TABLE orders (id int PRIMARY KEY, placed_at timestamp, note text);
INSERT INTO orders VALUES
    (1, '2024-01-15 12:30:00.123456', 'a'), (2, NULL, 'b'), (3, 'infinity', 'c'),
    (4, '-infinity', 'd'), (5, '0044-03-15 12:00:00 BC', 'e'),
    (6, '1999-12-31 23:59:59.999999', 'f'), (7, '2024-07-01 00:00:00', 'g');
CREATE VIEW v1 AS SELECT id, placed_at FROM orders;
CREATE VIEW v2 AS SELECT * FROM v1 WHERE placed_at > '1990-01-01';
CREATE VIEW v3 (id, at, day) AS SELECT id, placed_at, placed_at::date FROM v2;
CREATE VIEW v4 AS
    SELECT v3.id, v3.at, v3.day, v1.placed_at + interval '1 day' AS next
    FROM v3 JOIN v1 USING (id);
CREATE VIEW aside AS SELECT placed_at FROM v1;
CREATE VIEW above_days AS SELECT day, count(*) AS n FROM v4 GROUP BY day;
COMMENT ON VIEW v3 IS 'the third';
COMMENT ON COLUMN v4.at IS 'when it was placed';
