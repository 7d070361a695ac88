-- title: rules on the table, on another one that writes it, with conditions
-- facts: 4 rule, 7.2
-- plain: 0A000
-- convert: orders.placed_at, log.at
-- query: UPDATE orders SET placed_at = placed_at + interval '1 day' WHERE id IN (1, 6);
--   SELECT order_id, {at}, day FROM log ORDER BY order_id, at;
--   SELECT id, {placed_at} FROM orders ORDER BY id
-- query: INSERT INTO inbox VALUES (50, 'by rule');
--   SELECT id, {placed_at}, note FROM orders WHERE id = 50
-- query: DELETE FROM orders WHERE id = 6; SELECT count(*) FROM orders
CREATE TABLE orders (id int PRIMARY KEY, placed_at timestamp, note text);
INSERT INTO orders VALUES
    (1, '2024-01-15 12:30:00.123456', 'a'), (2, NULL, 'b'), (3, 'infinity', 'c'),
    (4, '-infinity', 'd'), (5, '0044-03-15 12:00:00 BC', 'e'),
    (6, '1999-12-31 23:59:59.999999', 'f'), (7, '2024-07-01 00:00:00', 'g');
CREATE TABLE log (order_id int, at timestamp, day date);
INSERT INTO log VALUES (0, '2020-01-01 10:10:10.000001', '2020-01-01');
CREATE TABLE inbox (id int, note text);
CREATE RULE logged AS ON UPDATE TO orders
    WHERE old.placed_at > '2000-01-01' AND new.placed_at <> old.placed_at
    DO ALSO INSERT INTO log VALUES (new.id, old.placed_at, new.placed_at::date);
CREATE RULE protect AS ON DELETE TO orders
    WHERE old.placed_at < '2000-01-01' DO INSTEAD NOTHING;
CREATE RULE taken AS ON INSERT TO inbox DO INSTEAD
    INSERT INTO orders VALUES (new.id, timestamp '2024-03-03 03:03:03', new.note);
COMMENT ON RULE logged ON orders IS 'keeps what was';
