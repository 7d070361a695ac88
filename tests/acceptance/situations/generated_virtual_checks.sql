-- title: virtual generated columns in a table with checks, NOT NULL and a view
-- facts: 7.4
-- min: 18
-- plain: 0A000
-- zone: Asia/Kolkata
-- convert: orders.placed_at, orders.closed_at
-- zoned: orders.due_at, orders.opens_at, dues.due_at
-- query: SELECT id, day, {due_at}, {opens_at} FROM orders ORDER BY id
CREATE TABLE orders (
    id int PRIMARY KEY CHECK (id > 0), placed_at timestamp, opened date,
    day date GENERATED ALWAYS AS (placed_at::date) VIRTUAL NOT NULL CHECK (day > '1990-01-01'),
    due_at timestamp GENERATED ALWAYS AS (placed_at + interval '30 days') CHECK (due_at > placed_at),
    opens_at timestamp GENERATED ALWAYS AS (opened), closed_at timestamp,
    CONSTRAINT later CHECK (opened > '1950-01-01') NOT VALID
);
CREATE VIEW dues AS SELECT id, due_at, day FROM orders;
INSERT INTO orders (id, placed_at, opened) VALUES (1, '2024-01-15 12:30:00.123456', '2020-01-01'),
    (3, '1999-12-31 23:59:59.999999', NULL);
