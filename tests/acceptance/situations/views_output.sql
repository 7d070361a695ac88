-- title: a view puts the column out, and one computes with it
-- facts: 4 view
-- plain: 0A000
-- convert: orders.placed_at
-- zoned: recent.placed_at, renamed.when_placed
-- query: SELECT count(*) FROM recent WHERE {placed_at} < timestamp '2020-01-01'
CREATE TABLE orders (id int PRIMARY KEY, placed_at timestamp, note text);
INSERT INTO orders VALUES
    (1, '2024-01-15 12:30:00.123456', 'a'), (2, NULL, 'b'), (3, 'infinity', 'c'),
    (4, '-infinity', 'd'), (5, '0044-03-15 12:00:00 BC', 'e'),
    (6, '1999-12-31 23:59:59.999999', 'f'), (7, '2024-07-01 00:00:00', 'g');
CREATE VIEW recent AS
    SELECT id, placed_at FROM orders WHERE placed_at > '2000-01-01' ORDER BY placed_at;
CREATE VIEW renamed (number, when_placed) AS SELECT id, placed_at FROM orders;
CREATE VIEW computed AS
    SELECT id, placed_at::date AS day, extract(hour FROM placed_at) AS hour,
           date_trunc('month', placed_at) AS month,
           to_char(placed_at, 'YYYY-MM-DD HH24:MI') AS text
    FROM orders;
