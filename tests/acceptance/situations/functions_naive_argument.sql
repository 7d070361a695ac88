-- title: functions take the column as naive time, or compare a parameter with it
-- facts: 6.4 f(c) with f(timestamp) only, a parameter of type ts
-- silent: SELECT since('2024-01-15 12:30:00.123456')
-- convert: orders.placed_at
-- option: rewrite_functions=true
-- query: SELECT since('2024-01-15 12:30:00.123456'), since_sql('2024-01-15 12:30:00')
CREATE TABLE orders (id int PRIMARY KEY, placed_at timestamp, note text);
INSERT INTO orders VALUES
    (1, '2024-01-15 12:30:00.123456', 'a'), (2, NULL, 'b'), (3, 'infinity', 'c'),
    (4, '-infinity', 'd'), (5, '0044-03-15 12:00:00 BC', 'e'),
    (6, '1999-12-31 23:59:59.999999', 'f'), (7, '2024-07-01 00:00:00', 'g');
CREATE FUNCTION since(at timestamp) RETURNS bigint LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN (SELECT count(*) FROM orders WHERE placed_at >= at);
END $$;
CREATE FUNCTION since_sql(at timestamp) RETURNS bigint LANGUAGE sql STABLE
    AS $$SELECT count(*) FROM orders WHERE placed_at >= at$$;
