-- title: triggers that fire UPDATE OF the column, with arguments and comments
-- facts: 4 trigger UPDATE OF c, 7.2
-- plain: 0A000
-- convert: orders.placed_at
-- query: UPDATE orders SET placed_at = {timestamp '2024-03-03 03:03'} WHERE id = 1;
--   SELECT id, note FROM orders WHERE id = 1
-- query: UPDATE orders SET id = 51 WHERE id = 1;
--   SELECT id, note FROM orders WHERE id = 51
CREATE TABLE orders (id int PRIMARY KEY, placed_at timestamp, note text);
INSERT INTO orders VALUES
    (1, '2024-01-15 12:30:00.123456', 'a'), (2, NULL, 'b'), (3, 'infinity', 'c'),
    (4, '-infinity', 'd'), (5, '0044-03-15 12:00:00 BC', 'e'),
    (6, '1999-12-31 23:59:59.999999', 'f'), (7, '2024-07-01 00:00:00', 'g');
CREATE FUNCTION mark() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    new.note := concat(new.note, tg_argv[0]);
    RETURN new;
END $$;
CREATE TRIGGER moved BEFORE UPDATE OF placed_at ON orders
    FOR EACH ROW EXECUTE FUNCTION mark(' it''s moved\');
CREATE TRIGGER changed BEFORE INSERT OR UPDATE OF note, placed_at, id ON orders
    FOR EACH ROW EXECUTE FUNCTION mark('!');
COMMENT ON TRIGGER moved ON orders IS 'marks it';
