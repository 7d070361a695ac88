-- title: SELECT * over one table and over two
-- facts: 4 view, SELECT *
-- plain: 0A000
-- convert: orders.placed_at, shops.opened_at
-- zoned: everything.placed_at, both_tables.placed_at, both_tables.opened_at,
--   subset.placed_at
CREATE TABLE orders (id int PRIMARY KEY, placed_at timestamp, note text);
INSERT INTO orders VALUES
    (1, '2024-01-15 12:30:00.123456', 'a'), (2, NULL, 'b'), (3, 'infinity', 'c'),
    (4, '-infinity', 'd'), (5, '0044-03-15 12:00:00 BC', 'e'),
    (6, '1999-12-31 23:59:59.999999', 'f'), (7, '2024-07-01 00:00:00', 'g');
CREATE TABLE shops (id int PRIMARY KEY, opened_at timestamp(3));
INSERT INTO shops VALUES (1, '2020-01-01 09:00:00.123'), (3, NULL), (5, 'infinity');
CREATE VIEW everything AS SELECT * FROM orders;
CREATE VIEW both_tables AS SELECT * FROM orders NATURAL JOIN shops;
CREATE VIEW subset AS SELECT o.* FROM orders o, shops s WHERE o.id = s.id;
