-- title: triggers with WHEN conditions that compute with the column
-- facts: 4 trigger WHEN, 7.2
-- plain: 0A000
-- zone: America/New_York
-- convert: orders.placed_at
-- query: UPDATE orders SET note = 'new'; SELECT id, note FROM orders ORDER BY id
-- query: UPDATE orders SET placed_at = placed_at + interval '1 day';
--   SELECT id, note FROM orders ORDER BY id
-- query: INSERT INTO orders VALUES (50, {timestamp '2024-01-01 00:30'}, 'x'),
--   (51, {timestamp '2023-12-31 23:30'}, 'x') RETURNING note
CREATE TABLE orders (id int PRIMARY KEY, placed_at timestamp, note text);
INSERT INTO orders VALUES
    (1, '2024-01-15 12:30:00.123456', 'a'), (2, NULL, 'b'), (3, 'infinity', 'c'),
    (4, '-infinity', 'd'), (5, '0044-03-15 12:00:00 BC', 'e'),
    (6, '1999-12-31 23:59:59.999999', 'f'), (7, '2024-07-01 00:00:00', 'g');
CREATE FUNCTION mark() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    new.note := concat(new.note, tg_name);
    RETURN new;
END $$;
CREATE TRIGGER modern BEFORE INSERT OR UPDATE ON orders FOR EACH ROW
    WHEN (new.placed_at >= '2024-01-01') EXECUTE FUNCTION mark();
CREATE TRIGGER other_day BEFORE UPDATE ON orders FOR EACH ROW
    WHEN (old.placed_at::date IS DISTINCT FROM new.placed_at::date)
    EXECUTE FUNCTION mark();
CREATE TRIGGER late BEFORE UPDATE ON orders FOR EACH ROW
    WHEN (new.placed_at > old.placed_at + interval '1 hour'
          AND extract(hour FROM new.placed_at) >= 12)
    EXECUTE FUNCTION mark();
COMMENT ON TRIGGER late ON orders IS 'after noon';
