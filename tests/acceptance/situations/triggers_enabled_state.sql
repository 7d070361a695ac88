-- title: triggers that are disabled, for replicas or always, and depend on an extension
-- facts: 7.2
-- plain: 0A000
-- convert: orders.placed_at
-- query: SELECT tgname, tgenabled FROM pg_trigger WHERE NOT tgisinternal ORDER BY 1
CREATE TABLE orders (id int PRIMARY KEY, placed_at timestamp, note text);
INSERT INTO orders VALUES
    (1, '2024-01-15 12:30:00.123456', 'a'), (2, NULL, 'b'), (3, 'infinity', 'c'),
    (4, '-infinity', 'd'), (5, '0044-03-15 12:00:00 BC', 'e'),
    (6, '1999-12-31 23:59:59.999999', 'f'), (7, '2024-07-01 00:00:00', 'g');
CREATE FUNCTION pass() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN new; END';
CREATE TRIGGER a_off BEFORE UPDATE OF placed_at ON orders
    FOR EACH ROW EXECUTE FUNCTION pass();
CREATE TRIGGER b_replica BEFORE UPDATE OF placed_at ON orders
    FOR EACH ROW EXECUTE FUNCTION pass();
CREATE TRIGGER c_always BEFORE UPDATE OF placed_at ON orders
    FOR EACH ROW EXECUTE FUNCTION pass();
CREATE TRIGGER d_extension BEFORE UPDATE OF placed_at ON orders
    FOR EACH ROW EXECUTE FUNCTION pass();
ALTER TABLE orders DISABLE TRIGGER a_off;
ALTER TABLE orders ENABLE REPLICA TRIGGER b_replica;
ALTER TABLE orders ENABLE ALWAYS TRIGGER c_always;
ALTER TRIGGER d_extension ON orders DEPENDS ON EXTENSION plpgsql;
COMMENT ON TRIGGER a_off ON orders IS 'off for now';
