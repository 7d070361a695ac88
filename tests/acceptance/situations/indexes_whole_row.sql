-- title: an index on a function of the whole row
-- facts: 2 index on a function of the whole row
-- silent: SET LOCAL enable_seqscan = off; SELECT count(*) FROM orders o
--   WHERE label(o) = (SELECT label(o) FROM orders o WHERE id = 1)
-- refuse: orders.placed_at TZ120
CREATE TABLE orders (id int PRIMARY KEY, placed_at timestamp, note text);
INSERT INTO orders VALUES
    (1, '2024-01-15 12:30:00.123456', 'a'), (2, NULL, 'b'), (3, 'infinity', 'c'),
    (4, '-infinity', 'd'), (5, '0044-03-15 12:00:00 BC', 'e'),
    (6, '1999-12-31 23:59:59.999999', 'f'), (7, '2024-07-01 00:00:00', 'g');
CREATE FUNCTION label(o orders) RETURNS text LANGUAGE plpgsql IMMUTABLE
    AS $$BEGIN RETURN concat(o.id, ' ', o.placed_at, ' ', o.note); END$$;
CREATE INDEX by_label ON orders (label(orders));
