-- title: stored generated columns, the last of their table, computed from the column
-- facts: 4 stored generated column, 7.4
-- plain 13-14: 42601
-- plain: 0A000
-- zone: America/New_York
-- convert: orders.placed_at
-- query: INSERT INTO orders VALUES (50, {timestamp '2024-03-03 23:03'}, 'x')
--   RETURNING day, hour, big, weekday
-- query: UPDATE orders SET placed_at = {timestamp '2024-03-03 01:03'} WHERE id = 1
--   RETURNING day, hour
-- query: SELECT attname, attstattarget, attacl::text FROM pg_attribute
--   WHERE attrelid = 'orders'::regclass AND attnum > 0 AND NOT attisdropped
--   ORDER BY attnum
-- query: SET LOCAL ROLE tzt_reader; SELECT day FROM orders ORDER BY day
CREATE TABLE orders (
    id int PRIMARY KEY, placed_at timestamp, note text,
    day date GENERATED ALWAYS AS (placed_at::date) STORED,
    hour numeric GENERATED ALWAYS AS (date_part('hour', placed_at)) STORED NOT NULL,
    big text GENERATED ALWAYS AS (upper(note)) STORED,
    weekday int GENERATED ALWAYS AS (extract(isodow FROM placed_at + interval '1 day'))
        STORED CHECK (weekday BETWEEN 1 AND 7)
);
INSERT INTO orders VALUES (1, '2024-01-15 12:30:00.123456', 'a'),
    (5, '0044-03-15 12:00:00 BC', 'e'), (6, '1999-12-31 23:59:59.999999', 'f'),
    (7, '2024-07-01 00:00:00', 'g');
CREATE INDEX orders_day ON orders (day DESC);
CREATE UNIQUE INDEX orders_day_id ON orders (day, id) WHERE weekday < 8;
COMMENT ON COLUMN orders.day IS 'the day of placed_at';
GRANT SELECT (day) ON orders TO tzt_reader;
ALTER TABLE orders ALTER day SET STATISTICS 33;
