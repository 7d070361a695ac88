-- title: WITH CHECK OPTION, local and cascaded, goes on refusing the same rows
-- facts: 7.1
-- plain: 0A000
-- convert: orders.placed_at
-- zoned: modern.placed_at, noted.placed_at
-- query: INSERT INTO modern VALUES (50, {timestamp '2024-03-03 03:03'}, 'x')
--   RETURNING {placed_at}
-- query: INSERT INTO modern VALUES (50, {timestamp '1989-12-31 23:30'}, 'x');
--   SELECT 'error expected'
-- query: INSERT INTO noted VALUES (50, {timestamp '1990-01-01 00:30'}, 'x')
--   RETURNING {placed_at}
-- query: UPDATE noted SET placed_at = {timestamp '1989-12-31 23:59:59'} WHERE id = 7;
--   SELECT 'error expected'
CREATE TABLE orders (id int PRIMARY KEY, placed_at timestamp, note text);
INSERT INTO orders VALUES
    (1, '2024-01-15 12:30:00.123456', 'a'), (2, NULL, 'b'), (3, 'infinity', 'c'),
    (4, '-infinity', 'd'), (5, '0044-03-15 12:00:00 BC', 'e'),
    (6, '1999-12-31 23:59:59.999999', 'f'), (7, '2024-07-01 00:00:00', 'g');
CREATE VIEW modern AS SELECT * FROM orders WHERE placed_at >= '1990-01-01'
    WITH LOCAL CHECK OPTION;
CREATE VIEW noted WITH (security_barrier) AS SELECT * FROM modern WHERE note > 'a'
    WITH CASCADED CHECK OPTION;
