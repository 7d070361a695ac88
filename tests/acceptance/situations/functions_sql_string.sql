-- title: an SQL function with a string for a body returns the column as naive time
-- facts: 8 SQL function with string body
-- silent: SELECT latest()::text
-- convert: orders.placed_at
-- option: rewrite_functions=true
-- query: SELECT latest()::text
CREATE TABLE orders (id int PRIMARY KEY, placed_at timestamp, note text);
INSERT INTO orders VALUES
    (1, '2024-01-15 12:30:00.123456', 'a'), (2, NULL, 'b'), (3, 'infinity', 'c'),
    (4, '-infinity', 'd'), (5, '0044-03-15 12:00:00 BC', 'e'),
    (6, '1999-12-31 23:59:59.999999', 'f'), (7, '2024-07-01 00:00:00', 'g');
CREATE FUNCTION latest() RETURNS timestamp LANGUAGE sql STABLE
    AS $$SELECT max(placed_at) FROM orders WHERE isfinite(placed_at)$$;
