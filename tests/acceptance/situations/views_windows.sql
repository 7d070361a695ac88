-- title: window functions over the column, DISTINCT ON
-- facts: 4 view
-- plain: 0A000
-- convert: orders.placed_at
-- zoned: ranked.placed_at, first_of_day.placed_at
-- either: neighbours.before, neighbours.first
CREATE TABLE orders (id int PRIMARY KEY, placed_at timestamp, note text);
INSERT INTO orders VALUES
    (1, '2024-01-15 12:30:00.123456', 'a'), (2, NULL, 'b'), (3, 'infinity', 'c'),
    (4, '-infinity', 'd'), (5, '0044-03-15 12:00:00 BC', 'e'),
    (6, '1999-12-31 23:59:59.999999', 'f'), (7, '2024-07-01 00:00:00', 'g');
CREATE VIEW ranked AS
    SELECT id, placed_at, rank() OVER w AS rank,
           row_number() OVER (PARTITION BY placed_at::date ORDER BY id) AS of_day
    FROM orders WINDOW w AS (ORDER BY placed_at NULLS FIRST);
CREATE VIEW neighbours AS
    SELECT id, lag(placed_at) OVER (ORDER BY id) AS before,
           first_value(placed_at) OVER (ORDER BY id) AS first
    FROM orders;
CREATE VIEW near AS
    SELECT id, count(*) OVER (ORDER BY placed_at
        RANGE BETWEEN '1 year' PRECEDING AND '1 day' FOLLOWING) AS n
    FROM orders WHERE isfinite(placed_at);
CREATE VIEW first_of_day AS
    SELECT DISTINCT ON (placed_at::date) id, placed_at FROM orders
    ORDER BY placed_at::date, placed_at, id;
