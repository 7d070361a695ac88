-- title: CTEs, subqueries in every clause, LATERAL
-- facts: 4 view
-- plain: 0A000
-- convert: orders.placed_at
-- zoned: from_cte.placed_at, from_subquery.at, by_lateral.placed_at
-- either: scalar.latest
CREATE TABLE orders (id int PRIMARY KEY, placed_at timestamp, note text);
INSERT INTO orders VALUES
    (1, '2024-01-15 12:30:00.123456', 'a'), (2, NULL, 'b'), (3, 'infinity', 'c'),
    (4, '-infinity', 'd'), (5, '0044-03-15 12:00:00 BC', 'e'),
    (6, '1999-12-31 23:59:59.999999', 'f'), (7, '2024-07-01 00:00:00', 'g');
CREATE VIEW from_cte AS
    WITH recent AS (SELECT * FROM orders WHERE placed_at > '2000-01-01'),
         again AS (SELECT id, placed_at FROM recent)
    SELECT id, placed_at, extract(year FROM placed_at) AS year FROM again;
CREATE VIEW from_subquery AS
    SELECT s.at FROM (SELECT placed_at AS at, note FROM orders) s WHERE s.note > 'a';
CREATE VIEW by_lateral AS
    SELECT o.id, l.placed_at FROM orders o,
    LATERAL (SELECT p.placed_at FROM orders p WHERE p.placed_at > o.placed_at
             ORDER BY p.placed_at LIMIT 1) l;
CREATE VIEW scalar AS
    SELECT id, (SELECT max(placed_at) FROM orders) AS latest,
           placed_at = (SELECT max(x.placed_at) FROM orders x) AS is_latest
    FROM orders;
CREATE VIEW filtered AS
    SELECT id FROM orders o
    WHERE EXISTS (SELECT FROM orders p WHERE p.placed_at > o.placed_at + interval '1 day')
      AND placed_at NOT IN (SELECT placed_at FROM orders WHERE placed_at > '3000-01-01')
      AND placed_at = ANY (SELECT placed_at FROM orders);
