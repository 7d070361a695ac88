-- title: a view has column defaults of its own, one of them for the column
-- facts: 7.1
-- plain: 0A000
-- convert: orders.placed_at
-- zoned: entry.placed_at
-- query: INSERT INTO entry (id) VALUES (50) RETURNING id, {placed_at}, note
CREATE TABLE orders (id int PRIMARY KEY, placed_at timestamp, note text);
INSERT INTO orders VALUES
    (1, '2024-01-15 12:30:00.123456', 'a'), (2, NULL, 'b'), (3, 'infinity', 'c'),
    (4, '-infinity', 'd'), (5, '0044-03-15 12:00:00 BC', 'e'),
    (6, '1999-12-31 23:59:59.999999', 'f'), (7, '2024-07-01 00:00:00', 'g');
CREATE VIEW entry AS SELECT id, placed_at, note FROM orders;
ALTER VIEW entry ALTER COLUMN note SET DEFAULT 'by the view';
ALTER VIEW entry ALTER COLUMN placed_at SET DEFAULT '2021-06-07 08:09:10.111213';
