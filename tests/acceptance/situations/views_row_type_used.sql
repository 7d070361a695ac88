-- title: functions and columns use the row type of a view
-- facts: 7.1 not recreated: functions that use the row type of the view
-- plain: 0A000
-- convert: orders.placed_at
-- zoned: shown.placed_at
-- query: SELECT note_of(s) FROM shown s ORDER BY id
CREATE TABLE orders (id int PRIMARY KEY, placed_at timestamp, note text);
INSERT INTO orders VALUES
    (1, '2024-01-15 12:30:00.123456', 'a'), (2, NULL, 'b'), (3, 'infinity', 'c'),
    (4, '-infinity', 'd'), (5, '0044-03-15 12:00:00 BC', 'e'),
    (6, '1999-12-31 23:59:59.999999', 'f'), (7, '2024-07-01 00:00:00', 'g');
CREATE VIEW shown AS SELECT id, placed_at, note FROM orders;
CREATE FUNCTION note_of(s shown) RETURNS text LANGUAGE sql AS $$SELECT s.note$$;
COMMENT ON FUNCTION note_of(shown) IS 'a note';
GRANT EXECUTE ON FUNCTION note_of(shown) TO tzt_reader;
