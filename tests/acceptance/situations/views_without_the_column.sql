-- title: views that do not use the column, or only count rows, stay untouched
-- facts: 4 view that uses only other columns
-- plain: ok
-- convert: orders.placed_at
-- query: SELECT pg_get_viewdef('noted'), pg_get_viewdef('counted')
CREATE TABLE orders (id int PRIMARY KEY, placed_at timestamp, note text);
INSERT INTO orders VALUES
    (1, '2024-01-15 12:30:00.123456', 'a'), (2, NULL, 'b'), (3, 'infinity', 'c'),
    (4, '-infinity', 'd'), (5, '0044-03-15 12:00:00 BC', 'e'),
    (6, '1999-12-31 23:59:59.999999', 'f'), (7, '2024-07-01 00:00:00', 'g');
CREATE VIEW noted AS SELECT id, note FROM orders;
CREATE VIEW counted AS SELECT count(*) AS n FROM orders;
COMMENT ON VIEW noted IS 'keep me';
