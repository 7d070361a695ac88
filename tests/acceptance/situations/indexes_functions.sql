-- title: index expressions call a function for naive time
-- facts: 6.3 f(c) with f(timestamp)
-- plain: 42883
-- convert: orders.placed_at
-- query: SELECT id FROM orders WHERE quarter({placed_at}) = '2024Q1'
CREATE TABLE orders (id int PRIMARY KEY, placed_at timestamp, note text);
INSERT INTO orders VALUES
    (1, '2024-01-15 12:30:00.123456', 'a'), (2, NULL, 'b'), (3, 'infinity', 'c'),
    (4, '-infinity', 'd'), (5, '0044-03-15 12:00:00 BC', 'e'),
    (6, '1999-12-31 23:59:59.999999', 'f'), (7, '2024-07-01 00:00:00', 'g');
CREATE FUNCTION quarter(at timestamp) RETURNS text LANGUAGE plpgsql IMMUTABLE
    AS $$BEGIN RETURN concat(date_part('year', at), 'Q', date_part('quarter', at)); END$$;
CREATE INDEX by_quarter ON orders (quarter(placed_at));
CREATE UNIQUE INDEX once_a_quarter ON orders (quarter(placed_at), id) WHERE id > 5;
