-- title: triggers that do not name the column stay untouched and go on working
-- facts: 4 trigger UPDATE OF other, WHEN over whole rows
-- plain: ok
-- convert: orders.placed_at
-- query: UPDATE orders SET note = 'n' WHERE id = 1 RETURNING note
-- query: SELECT t.oid::text FROM pg_trigger t WHERE NOT tgisinternal ORDER BY tgname
-- query: UPDATE orders SET placed_at = {timestamp '2024-03-03 03:03'} WHERE id < 3;
--   SELECT note FROM seen
CREATE TABLE orders (id int PRIMARY KEY, placed_at timestamp, note text);
INSERT INTO orders VALUES
    (1, '2024-01-15 12:30:00.123456', 'a'), (2, NULL, 'b'), (3, 'infinity', 'c'),
    (4, '-infinity', 'd'), (5, '0044-03-15 12:00:00 BC', 'e'),
    (6, '1999-12-31 23:59:59.999999', 'f'), (7, '2024-07-01 00:00:00', 'g');
CREATE TABLE seen (note text);
CREATE FUNCTION mark() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    new.note := concat(new.note, '!');
    RETURN new;
END $$;
CREATE FUNCTION tell() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO seen SELECT concat(count(*), max(n.note)) FROM n JOIN o USING (id);
    RETURN NULL;
END $$;
CREATE TRIGGER noted BEFORE UPDATE OF note ON orders
    FOR EACH ROW EXECUTE FUNCTION mark();
CREATE TRIGGER changed BEFORE UPDATE ON orders FOR EACH ROW
    WHEN (old.* IS DISTINCT FROM new.*) EXECUTE FUNCTION mark();
CREATE TRIGGER told AFTER UPDATE ON orders REFERENCING OLD TABLE AS o NEW TABLE AS n
    FOR EACH STATEMENT EXECUTE FUNCTION tell();
