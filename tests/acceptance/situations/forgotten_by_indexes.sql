-- title: statistics targets and extensions of indexes, which ALTER TABLE forgets
-- facts: 3 statistics target of an expression index column, DEPENDS ON EXTENSION
-- silent: SELECT indexrelid::regclass::text, coalesce(attstattarget, -1),
--   (SELECT count(*) FROM pg_depend WHERE objid = indexrelid AND deptype = 'x')
--   FROM pg_index JOIN pg_attribute ON attrelid = indexrelid
--   WHERE indrelid = 'orders'::regclass ORDER BY 1, attnum
-- convert: orders.placed_at
CREATE TABLE orders (id int PRIMARY KEY, placed_at timestamp, note text);
INSERT INTO orders VALUES
    (1, '2024-01-15 12:30:00.123456', 'a'), (2, NULL, 'b'), (3, 'infinity', 'c'),
    (4, '-infinity', 'd'), (5, '0044-03-15 12:00:00 BC', 'e'),
    (6, '1999-12-31 23:59:59.999999', 'f'), (7, '2024-07-01 00:00:00', 'g');
CREATE INDEX computed ON orders (placed_at, lower(note), (id + 1));
ALTER INDEX computed ALTER COLUMN 2 SET STATISTICS 555;
ALTER INDEX computed ALTER COLUMN 3 SET STATISTICS 0;
CREATE INDEX extended ON orders (placed_at);
ALTER INDEX extended DEPENDS ON EXTENSION plpgsql;
