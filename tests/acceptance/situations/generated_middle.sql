-- title: a generated column that stands before others keeps its place
-- facts: 7.4 SET EXPRESSION
-- min: 17
-- plain: 0A000
-- convert: orders.placed_at
-- query: INSERT INTO orders VALUES (50, DEFAULT, {timestamp '2024-03-03 23:03'}, 'x')
--   RETURNING day
CREATE TABLE orders (
    id int PRIMARY KEY, day date GENERATED ALWAYS AS (placed_at::date) STORED,
    placed_at timestamp, note text
);
INSERT INTO orders VALUES (1, DEFAULT, '2024-01-15 12:30:00.123456', 'a'),
    (2, DEFAULT, NULL, 'b'), (3, DEFAULT, 'infinity', 'c'),
    (5, DEFAULT, '0044-03-15 12:00:00 BC', 'e'),
    (6, DEFAULT, '1999-12-31 23:59:59.999999', 'f');
CREATE INDEX orders_day ON orders (day);
CREATE VIEW days AS SELECT id, day FROM orders;
