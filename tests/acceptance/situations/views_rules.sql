-- title: rules on views, with conditions on the column
-- facts: 7.1, 4 rule on a view
-- plain: 0A000
-- convert: orders.placed_at
-- zoned: entry.placed_at
-- query: INSERT INTO entry VALUES (50, {timestamp '2024-03-03 03:03'}, 'x');
--   SELECT id, {placed_at}, note FROM orders WHERE id = 50
-- query: UPDATE entry SET note = 'new';
--   SELECT id, {placed_at}, note FROM orders ORDER BY id
CREATE TABLE orders (id int PRIMARY KEY, placed_at timestamp, note text);
INSERT INTO orders VALUES
    (1, '2024-01-15 12:30:00.123456', 'a'), (2, NULL, 'b'), (3, 'infinity', 'c'),
    (4, '-infinity', 'd'), (5, '0044-03-15 12:00:00 BC', 'e'),
    (6, '1999-12-31 23:59:59.999999', 'f'), (7, '2024-07-01 00:00:00', 'g');
CREATE VIEW entry AS SELECT id, placed_at, note FROM orders;
CREATE RULE enter AS ON INSERT TO entry DO INSTEAD
    INSERT INTO orders VALUES (new.id, new.placed_at, new.note || ' by rule');
CREATE RULE change AS ON UPDATE TO entry DO INSTEAD
    UPDATE orders SET note = new.note, placed_at = new.placed_at
    WHERE id = old.id AND orders.placed_at > '2000-01-01';
CREATE RULE leave AS ON DELETE TO entry DO INSTEAD NOTHING;
COMMENT ON RULE change ON entry IS 'only the new ones';
