-- title: trigger functions and others that write and read columns of a domain
-- facts: 6.1, 8
-- alter: ALTER DOMAIN moment TYPE timestamptz
-- plain: 42601
-- convert: orders.placed_at, orders.shipped_at
-- zone: America/New_York
-- option: rewrite_functions=true
-- query: UPDATE orders SET id = id;
--   SELECT id, {placed_at}, {shipped_at} FROM orders ORDER BY id
-- query: SELECT before('2020-01-01')
CREATE DOMAIN moment AS timestamp(3);
CREATE DOMAIN later AS moment CHECK (value > '1900-01-01');
CREATE TABLE orders (id int PRIMARY KEY, placed_at moment, shipped_at later);
INSERT INTO orders VALUES
    (1, '2024-01-15 12:30:00.123456', '2024-01-15 12:31'), (2, NULL, NULL),
    (6, '1999-12-31 23:59:59.999', '1960-01-01 12:30');
CREATE FUNCTION touch() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.placed_at := date_trunc('day', NEW.placed_at);
    NEW.shipped_at := coalesce(NEW.shipped_at, '2024-05-05 05:05');
    RETURN NEW;
END $$;
CREATE TRIGGER touch BEFORE UPDATE ON orders FOR EACH ROW EXECUTE FUNCTION touch();
CREATE FUNCTION before(timestamp) RETURNS bigint LANGUAGE sql STABLE
    AS $$SELECT count(*) FROM orders WHERE shipped_at < $1$$;
