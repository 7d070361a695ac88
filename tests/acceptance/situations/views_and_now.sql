-- title: views compare the column with the clock
-- facts: 6.2 c < now(), 6.4
-- plain: 0A000
-- convert: orders.placed_at
-- query: SELECT * FROM past ORDER BY id
-- query: SELECT * FROM past_utc ORDER BY id
CREATE TABLE orders (id int PRIMARY KEY, placed_at timestamp, note text);
INSERT INTO orders VALUES
    (1, '2024-01-15 12:30:00.123456', 'a'), (2, NULL, 'b'), (3, 'infinity', 'c'),
    (4, '-infinity', 'd'), (5, '0044-03-15 12:00:00 BC', 'e'),
    (6, '1999-12-31 23:59:59.999999', 'f'), (7, '2024-07-01 00:00:00', 'g');
CREATE VIEW past AS SELECT id FROM orders WHERE placed_at < now();
CREATE VIEW past_utc AS
    SELECT id, (now() AT TIME ZONE 'utc') - placed_at > interval '1 day' AS old
    FROM orders WHERE placed_at < (CURRENT_TIMESTAMP AT TIME ZONE 'UTC')
      AND isfinite(placed_at);
CREATE VIEW today AS
    SELECT id FROM orders WHERE placed_at::date < CURRENT_DATE - 2;
