-- title: views put out the whole row, as a row and as JSON
-- facts: 4 view with the whole row
-- plain: ok
-- convert: orders.placed_at
-- differs: as_row.o, as_json.j
-- query: SELECT (o).id, {(o).placed_at} FROM as_row ORDER BY 1
-- query: SELECT id, j ->> 'note' FROM as_json ORDER BY 1
CREATE TABLE orders (id int PRIMARY KEY, placed_at timestamp, note text);
INSERT INTO orders VALUES
    (1, '2024-01-15 12:30:00.123456', 'a'), (2, NULL, 'b'), (3, 'infinity', 'c'),
    (4, '-infinity', 'd'), (5, '0044-03-15 12:00:00 BC', 'e'),
    (6, '1999-12-31 23:59:59.999999', 'f'), (7, '2024-07-01 00:00:00', 'g');
CREATE VIEW as_row AS SELECT o FROM orders o;
CREATE VIEW as_json AS SELECT o.id, row_to_json(o) AS j FROM orders o;
