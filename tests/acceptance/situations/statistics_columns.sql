-- title: extended statistics with the column keep owner, target and comment
-- facts: 3 extended statistics, 4
-- plain: ok
-- convert: orders.placed_at
-- query: SELECT stxname, stxowner::regrole::text, stxkind::text FROM pg_statistic_ext
--   ORDER BY 1
CREATE TABLE orders (id int PRIMARY KEY, placed_at timestamp, note text);
INSERT INTO orders VALUES
    (1, '2024-01-15 12:30:00.123456', 'a'), (2, NULL, 'b'), (3, 'infinity', 'c'),
    (4, '-infinity', 'd'), (5, '0044-03-15 12:00:00 BC', 'e'),
    (6, '1999-12-31 23:59:59.999999', 'f'), (7, '2024-07-01 00:00:00', 'g');
CREATE STATISTICS pair (dependencies, ndistinct) ON placed_at, note FROM orders;
CREATE STATISTICS common (mcv) ON id, placed_at FROM orders;
ALTER STATISTICS pair SET STATISTICS 77;
COMMENT ON STATISTICS pair IS 'they go together';
ALTER STATISTICS pair OWNER TO tzt_owner;
