-- title: deferrable constraint triggers with WHEN
-- facts: 4 constraint trigger with WHEN on c, 7.2
-- plain: 0A000
-- convert: orders.placed_at
-- query: SET CONSTRAINTS ALL IMMEDIATE;
--   UPDATE orders SET placed_at = {timestamp '2030-01-01'} WHERE id = 1;
--   SELECT 'error expected'
-- query: UPDATE orders SET placed_at = {timestamp '2030-01-01'} WHERE id = 1;
--   UPDATE orders SET placed_at = NULL WHERE id = 1; SET CONSTRAINTS ALL IMMEDIATE
CREATE TABLE orders (id int PRIMARY KEY, placed_at timestamp, note text);
INSERT INTO orders VALUES
    (1, '2024-01-15 12:30:00.123456', 'a'), (2, NULL, 'b'), (3, 'infinity', 'c'),
    (4, '-infinity', 'd'), (5, '0044-03-15 12:00:00 BC', 'e'),
    (6, '1999-12-31 23:59:59.999999', 'f'), (7, '2024-07-01 00:00:00', 'g');
CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (SELECT FROM orders o WHERE o.id = new.id AND o.placed_at = new.placed_at) THEN
        RAISE EXCEPTION 'in the future';
    END IF;
    RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER not_future AFTER INSERT OR UPDATE ON orders
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW
    WHEN (new.placed_at >= '2029-01-01' AND isfinite(new.placed_at))
    EXECUTE FUNCTION refuse();
CREATE CONSTRAINT TRIGGER not_past AFTER UPDATE OF placed_at ON orders
    DEFERRABLE FOR EACH ROW WHEN (new.placed_at < '1900-01-01' AND isfinite(new.placed_at))
    EXECUTE FUNCTION refuse();
COMMENT ON TRIGGER not_future ON orders IS 'waits for the commit';
ALTER TABLE orders DISABLE TRIGGER not_past;
