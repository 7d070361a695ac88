-- title: a materialized view stores whole rows of the table
-- facts: 4 row type of t stored in a matview
-- plain: 0A000
-- convert: orders.placed_at
-- differs: rows.o
-- query: SELECT id, {(o).placed_at} FROM rows ORDER BY id
CREATE TABLE orders (id int PRIMARY KEY, placed_at timestamp, note text);
INSERT INTO orders VALUES
    (1, '2024-01-15 12:30:00.123456', 'a'), (2, NULL, 'b'), (3, 'infinity', 'c'),
    (4, '-infinity', 'd'), (5, '0044-03-15 12:00:00 BC', 'e'),
    (6, '1999-12-31 23:59:59.999999', 'f'), (7, '2024-07-01 00:00:00', 'g');
CREATE MATERIALIZED VIEW rows AS SELECT o.id, o FROM orders o;
