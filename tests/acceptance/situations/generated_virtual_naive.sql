-- title: a virtual generated column of naive time
-- facts: 6.4
-- min: 18
-- plain: 0A000
-- convert: orders.placed_at
-- zoned: orders.due_at
-- query: SELECT id, {due_at} FROM orders ORDER BY id
CREATE TABLE orders (
    id int PRIMARY KEY, placed_at timestamp,
    due_at timestamp GENERATED ALWAYS AS (placed_at + interval '30 days') VIRTUAL
);
INSERT INTO orders VALUES (1, '2024-01-15 12:30:00.123456'), (2, NULL), (3, 'infinity');
