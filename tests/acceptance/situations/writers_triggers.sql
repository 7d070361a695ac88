-- title: trigger functions assign naive time to the column
-- facts: 8, 6.1
-- silent: UPDATE orders SET note = 'new' WHERE id = 1;
--   SELECT abs(extract(epoch FROM {placed_at} - (now() AT TIME ZONE 'utc'))) < 60
--   FROM orders WHERE id = 1
-- convert: orders.placed_at
-- option: rewrite_functions=true
-- query: UPDATE orders SET note = 'new' WHERE id = 1;
--   SELECT abs(extract(epoch FROM {placed_at} - (now() AT TIME ZONE 'utc'))) < 60
--   FROM orders WHERE id = 1
CREATE TABLE orders (id int PRIMARY KEY, placed_at timestamp, note text);
INSERT INTO orders VALUES
    (1, '2024-01-15 12:30:00.123456', 'a'), (2, NULL, 'b'), (3, 'infinity', 'c'),
    (4, '-infinity', 'd'), (5, '0044-03-15 12:00:00 BC', 'e'),
    (6, '1999-12-31 23:59:59.999999', 'f'), (7, '2024-07-01 00:00:00', 'g');
CREATE FUNCTION touch() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.placed_at := now() AT TIME ZONE 'utc';
    RETURN NEW;
END $$;
CREATE TRIGGER touch BEFORE UPDATE ON orders FOR EACH ROW EXECUTE FUNCTION touch();
