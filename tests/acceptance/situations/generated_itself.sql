-- title: generated columns of naive time, from the column and from other types
-- facts: 4 the generated column itself, 6.4
-- plain 13-14: 42601
-- plain: 0A000
-- convert: orders.placed_at, orders.due_at, orders.opens_at
-- query: INSERT INTO orders VALUES (50, {timestamp '2024-03-03 23:03'}, '2024-03-03',
--   '07:00') RETURNING {due_at}, {opens_at}
-- query: UPDATE orders SET day = day + 1 WHERE id = 1 RETURNING {due_at}, {opens_at}
CREATE TABLE orders (
    id int PRIMARY KEY, placed_at timestamp, day date, clock time,
    due_at timestamp GENERATED ALWAYS AS (placed_at + interval '30 days') STORED,
    opens_at timestamp GENERATED ALWAYS AS (day + clock) STORED
);
INSERT INTO orders VALUES (1, '2024-01-15 12:30:00.123456', '2024-01-15', '08:00'),
    (2, NULL, NULL, '08:00'), (3, 'infinity', '2024-01-15', NULL),
    (5, '0044-03-15 12:00:00 BC', '0044-03-15 BC', '23:59:59.999999');
CREATE INDEX ON orders (due_at);
