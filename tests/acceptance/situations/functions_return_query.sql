-- title: a function returns the column as a table of naive time
-- facts: 8 RETURN QUERY SELECT c into RETURNS TABLE
-- silent: SELECT count(*) FROM listed()
-- convert: orders.placed_at
-- option: rewrite_functions=true
-- query: SELECT id FROM listed() ORDER BY id
CREATE TABLE orders (id int PRIMARY KEY, placed_at timestamp, note text);
INSERT INTO orders VALUES
    (1, '2024-01-15 12:30:00.123456', 'a'), (2, NULL, 'b'), (3, 'infinity', 'c'),
    (4, '-infinity', 'd'), (5, '0044-03-15 12:00:00 BC', 'e'),
    (6, '1999-12-31 23:59:59.999999', 'f'), (7, '2024-07-01 00:00:00', 'g');
CREATE FUNCTION listed() RETURNS TABLE (id int, at timestamp) LANGUAGE plpgsql AS $$
BEGIN
    RETURN QUERY SELECT o.id, o.placed_at FROM orders o WHERE o.note > 'a';
END $$;
