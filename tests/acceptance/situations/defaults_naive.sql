-- title: the default of a column computes naive time
-- facts: 6.1
-- silent: INSERT INTO orders (id) VALUES (99) RETURNING
--   abs(extract(epoch FROM {a} - (now() AT TIME ZONE 'utc'))) < 60,
--   abs(extract(epoch FROM {b} - (now() AT TIME ZONE 'utc'))) < 60
-- convert: orders.a, orders.b
CREATE TABLE orders (
    id int PRIMARY KEY,
    a timestamp DEFAULT timezone('utc', now()),
    b timestamp DEFAULT (CURRENT_TIMESTAMP AT TIME ZONE 'UTC')
);
INSERT INTO orders VALUES (1, '2024-01-15 12:30:00.123456', NULL), (3, 'infinity', '-infinity');
