-- title: functions take and return rows of the table
-- facts: 4 row type of t as function argument or result
-- plain: ok
-- convert: orders.placed_at
-- query: SELECT id, {placed_at} FROM modern() ORDER BY id
-- query: SELECT id, label(o) FROM orders o ORDER BY id
-- query: SELECT id, o.label FROM orders o ORDER BY id
-- query: SELECT (first_one()).note
CREATE TABLE orders (id int PRIMARY KEY, placed_at timestamp, note text);
INSERT INTO orders VALUES
    (1, '2024-01-15 12:30:00.123456', 'a'), (2, NULL, 'b'), (3, 'infinity', 'c'),
    (4, '-infinity', 'd'), (5, '0044-03-15 12:00:00 BC', 'e'),
    (6, '1999-12-31 23:59:59.999999', 'f'), (7, '2024-07-01 00:00:00', 'g');
CREATE FUNCTION label(o orders) RETURNS text LANGUAGE sql IMMUTABLE
    AS $$SELECT concat(o.id, ':', o.note)$$;
CREATE FUNCTION modern() RETURNS SETOF orders LANGUAGE sql STABLE
    AS $$SELECT * FROM orders WHERE note > 'a'$$;
CREATE FUNCTION first_one() RETURNS orders LANGUAGE plpgsql AS $$
DECLARE o orders%ROWTYPE; r record;
BEGIN
    FOR r IN SELECT * FROM orders ORDER BY id LIMIT 1 LOOP o := r; END LOOP;
    RETURN o;
END $$;
