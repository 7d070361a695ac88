-- title: an updatable view stays updatable
-- facts: 7.1
-- plain: 0A000
-- zone: Europe/Berlin
-- convert: orders.placed_at
-- zoned: recent.placed_at
-- query: INSERT INTO recent (id, placed_at) VALUES (50, {timestamp '2024-03-03 03:03'})
--   RETURNING {placed_at}
-- query: UPDATE recent SET placed_at = {timestamp '2024-03-03 03:03'} WHERE id = 1;
--   SELECT {placed_at} FROM orders WHERE id = 1
-- query: UPDATE recent SET placed_at = placed_at + interval '1 day' WHERE id = 1
--   RETURNING {placed_at}
-- query: DELETE FROM recent RETURNING id
CREATE TABLE orders (id int PRIMARY KEY, placed_at timestamp, note text);
INSERT INTO orders VALUES
    (1, '2024-01-15 12:30:00.123456', 'a'), (2, NULL, 'b'), (3, 'infinity', 'c'),
    (4, '-infinity', 'd'), (5, '0044-03-15 12:00:00 BC', 'e'),
    (6, '1999-12-31 23:59:59.999999', 'f'), (7, '2024-07-01 00:00:00', 'g');
CREATE VIEW recent AS SELECT id, placed_at, upper(note) AS big FROM orders
    WHERE placed_at > '2000-01-01';
