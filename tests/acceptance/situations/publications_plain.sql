-- title: publications without a filter on the column stay as they are
-- facts: 4 publication without filter on c, FOR ALL TABLES
-- plain: ok
-- convert: orders.placed_at
-- finding: TZ143 orders
-- query: SELECT pubname, tablename FROM pg_publication_tables
--   WHERE tablename = 'orders' ORDER BY 1, 2
CREATE TABLE orders (id int PRIMARY KEY, placed_at timestamp, note text);
INSERT INTO orders VALUES
    (1, '2024-01-15 12:30:00.123456', 'a'), (2, NULL, 'b'), (3, 'infinity', 'c'),
    (4, '-infinity', 'd'), (5, '0044-03-15 12:00:00 BC', 'e'),
    (6, '1999-12-31 23:59:59.999999', 'f'), (7, '2024-07-01 00:00:00', 'g');
CREATE PUBLICATION everything FOR ALL TABLES;
CREATE PUBLICATION one FOR TABLE orders;
