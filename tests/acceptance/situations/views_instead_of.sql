-- title: INSTEAD OF triggers of views, with arguments, disabled ones and comments
-- facts: 7.1
-- plain: 0A000
-- convert: orders.placed_at
-- zoned: entry.placed_at
-- query: INSERT INTO entry VALUES (50, {timestamp '2024-03-03 03:03'}, 'x');
--   SELECT id, {placed_at}, note FROM orders WHERE id = 50
-- query: UPDATE entry SET note = 'new' WHERE id = 1;
--   SELECT id, {placed_at}, note FROM orders WHERE id = 1
-- query: DELETE FROM entry WHERE id = 1; SELECT count(*) FROM orders
CREATE TABLE orders (id int PRIMARY KEY, placed_at timestamp, note text);
INSERT INTO orders VALUES
    (1, '2024-01-15 12:30:00.123456', 'a'), (2, NULL, 'b'), (3, 'infinity', 'c'),
    (4, '-infinity', 'd'), (5, '0044-03-15 12:00:00 BC', 'e'),
    (6, '1999-12-31 23:59:59.999999', 'f'), (7, '2024-07-01 00:00:00', 'g');
CREATE VIEW entry AS SELECT id, placed_at, note FROM orders;
CREATE FUNCTION write_entry() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF tg_op = 'INSERT' THEN
        INSERT INTO orders VALUES (new.id, new.placed_at, new.note || tg_argv[0]);
        RETURN new;
    ELSIF tg_op = 'UPDATE' THEN
        UPDATE orders SET placed_at = new.placed_at, note = new.note WHERE id = old.id;
        RETURN new;
    END IF;
    DELETE FROM orders WHERE id = old.id;
    RETURN old;
END $$;
CREATE TRIGGER enter INSTEAD OF INSERT OR UPDATE ON entry
    FOR EACH ROW EXECUTE FUNCTION write_entry('it''s \ "quoted"');
CREATE TRIGGER leave INSTEAD OF DELETE ON entry
    FOR EACH ROW EXECUTE FUNCTION write_entry();
COMMENT ON TRIGGER enter ON entry IS 'lets one write';
