-- title: functions that are rewritten say of rows what they said, to all that calls them
-- facts: 8
-- zone: Asia/Kathmandu
-- silent: SELECT id FROM of_2023 ORDER BY id
-- alter: ALTER TABLE orders ALTER placed_at TYPE timestamptz
-- convert: orders.placed_at
-- option: rewrite_functions=true
-- query: SELECT id FROM of_2023 ORDER BY id
-- query: SELECT id, year_of FROM years ORDER BY id
-- query: SELECT id, y FROM kept ORDER BY id
-- query: REFRESH MATERIALIZED VIEW kept; SELECT id, y FROM kept ORDER BY id
-- query: UPDATE orders SET id = id; SELECT id, note FROM orders ORDER BY id
-- query: UPDATE orders SET day = NULL; SELECT id FROM log ORDER BY id
CREATE TABLE orders (id int PRIMARY KEY, placed_at timestamp, note text, day date);
INSERT INTO orders VALUES
    (1, '2024-01-15 12:30:00.123456'), (2, NULL), (3, '2023-01-01 00:00'),
    (4, '2023-12-31 23:59:59.999999'), (5, '0044-03-15 12:00:00 BC'), (6, '2024-01-01 00:00');
CREATE FUNCTION year_of(o orders) RETURNS text LANGUAGE sql STABLE
    AS $$SELECT to_char(o.placed_at, 'YYYY')$$;
CREATE FUNCTION is_of(orders, text) RETURNS boolean LANGUAGE plpgsql STABLE AS $$
BEGIN
    -- the row goes on to another function
    RETURN year_of($1) = $2;
END $$;
CREATE FUNCTION label(o orders) RETURNS text LANGUAGE sql AS $$SELECT 'no. ' || o.id$$;
CREATE FUNCTION mark() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.note := 'of 2023';
    RETURN NEW;
END $$;
CREATE VIEW of_2023 AS SELECT o.id FROM orders o WHERE is_of(o, '2023');
CREATE VIEW years AS SELECT o.id, o.year_of FROM orders o;
CREATE MATERIALIZED VIEW kept AS SELECT o.id, year_of(o) AS y, label(o) FROM orders o;
CREATE TRIGGER marked BEFORE UPDATE OF id ON orders FOR EACH ROW
    WHEN (is_of(NEW, '2023')) EXECUTE FUNCTION mark();
CREATE TABLE log (id int);
CREATE RULE logged AS ON UPDATE TO orders WHERE year_of(NEW) = '2023'
    DO ALSO INSERT INTO log VALUES (NEW.id);
