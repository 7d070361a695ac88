-- title: from version 14 on ALTER TABLE takes owner and target of statistics away
-- facts: 3 owner and statistics target of an extended statistics object
-- min: 14
-- silent: SELECT stxowner::regrole::text FROM pg_statistic_ext
-- convert: orders.placed_at
CREATE TABLE orders (id int PRIMARY KEY, placed_at timestamp, note text);
INSERT INTO orders VALUES
    (1, '2024-01-15 12:30:00.123456', 'a'), (2, NULL, 'b'), (3, 'infinity', 'c'),
    (4, '-infinity', 'd'), (5, '0044-03-15 12:00:00 BC', 'e'),
    (6, '1999-12-31 23:59:59.999999', 'f'), (7, '2024-07-01 00:00:00', 'g');
CREATE STATISTICS pair (dependencies, ndistinct) ON placed_at, note FROM orders;
ALTER STATISTICS pair SET STATISTICS 77;
ALTER STATISTICS pair OWNER TO tzt_owner;
