-- title: aggregates, GROUP BY the column and an expression of it, HAVING, FILTER
-- facts: 4 view, 6.4 aggregate
-- plain: 0A000
-- zone: Asia/Kolkata
-- convert: orders.placed_at
-- zoned: grouped.placed_at, distinct_values.placed_at
-- either: summary.first, summary.last, summary.all_of_them, summary.middle
CREATE TABLE orders (id int PRIMARY KEY, placed_at timestamp, note text);
INSERT INTO orders VALUES
    (1, '2024-01-15 12:30:00.123456', 'a'), (2, NULL, 'b'), (3, 'infinity', 'c'),
    (4, '-infinity', 'd'), (5, '0044-03-15 12:00:00 BC', 'e'),
    (6, '1999-12-31 23:59:59.999999', 'f'), (7, '2024-07-01 00:00:00', 'g');
CREATE VIEW summary AS
    SELECT min(placed_at) AS first, max(placed_at) FILTER (WHERE note < 'x') AS last,
           array_agg(placed_at ORDER BY placed_at) AS all_of_them,
           percentile_disc(0.5) WITHIN GROUP (ORDER BY placed_at) AS middle,
           count(placed_at) AS n, count(DISTINCT placed_at::date) AS days,
           string_agg(to_char(placed_at, 'YYYY-MM-DD"T"HH24:MI:SS'), ',' ORDER BY id) AS t
    FROM orders;
CREATE VIEW grouped AS
    SELECT placed_at, count(*) AS n FROM orders GROUP BY placed_at
    HAVING placed_at > '1990-01-01' OR placed_at IS NULL;
CREATE VIEW by_month AS
    SELECT date_trunc('month', placed_at) AS month, count(*) AS n
    FROM orders GROUP BY date_trunc('month', placed_at);
CREATE VIEW by_sets AS
    SELECT placed_at::date AS day, note, count(*) AS n
    FROM orders GROUP BY GROUPING SETS ((placed_at::date), (note), ());
CREATE VIEW distinct_values AS SELECT DISTINCT placed_at FROM orders;
