-- title: rows of the table are stored in other tables, as column and as array
-- facts: 4 row type of t stored in a column, 7.8
-- plain: 0A000
-- zone: Europe/Berlin
-- convert: orders.placed_at
-- differs: history.was, history.all_of_them
-- query: SELECT id, {(was).placed_at}, (was).note, was IS NULL FROM history ORDER BY id
-- query: SELECT h.id, {o.placed_at} FROM history h, unnest(h.all_of_them) o ORDER BY 1, 2
CREATE TABLE orders (id int PRIMARY KEY, placed_at timestamp, note text);
INSERT INTO orders VALUES
    (1, '2024-01-15 12:30:00.123456', 'a'), (2, NULL, 'b'), (3, 'infinity', 'c'),
    (4, '-infinity', 'd'), (5, '0044-03-15 12:00:00 BC', 'e'),
    (6, '1999-12-31 23:59:59.999999', 'f'), (7, '2024-07-01 00:00:00', 'g');
CREATE TABLE history (id int PRIMARY KEY, was orders, all_of_them orders[]);
INSERT INTO history SELECT o.id, o, ARRAY[o, NULL] FROM orders o;
INSERT INTO history VALUES (50, NULL, NULL), (51, ROW(NULL, NULL, NULL), '{}');
