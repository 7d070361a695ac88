-- title: virtual generated columns, in any place
-- facts: 4 virtual generated column, 7.4
-- min: 18
-- plain: 0A000
-- zone: Asia/Kolkata
-- convert: orders.placed_at
-- query: SELECT id, day, hour FROM orders ORDER BY id
CREATE TABLE orders (
    id int PRIMARY KEY, day date GENERATED ALWAYS AS (placed_at::date) VIRTUAL,
    placed_at timestamp,
    hour numeric GENERATED ALWAYS AS (extract(hour FROM placed_at)) VIRTUAL, note text
);
INSERT INTO orders VALUES (1, DEFAULT, '2024-01-15 12:30:00.123456', DEFAULT, 'a'),
    (2, DEFAULT, NULL, DEFAULT, 'b'),
    (6, DEFAULT, '1999-12-31 23:59:59.999999', DEFAULT, 'f');
COMMENT ON COLUMN orders.day IS 'computed';
GRANT SELECT (day) ON orders TO tzt_reader;
