-- title: security_barrier and several options together stay
-- facts: 7.1
-- plain: 0A000
-- convert: orders.placed_at
-- zoned: guarded.placed_at
-- query: SELECT reloptions FROM pg_class WHERE relname = 'guarded'
CREATE TABLE orders (id int PRIMARY KEY, placed_at timestamp, note text);
INSERT INTO orders VALUES
    (1, '2024-01-15 12:30:00.123456', 'a'), (2, NULL, 'b'), (3, 'infinity', 'c'),
    (4, '-infinity', 'd'), (5, '0044-03-15 12:00:00 BC', 'e'),
    (6, '1999-12-31 23:59:59.999999', 'f'), (7, '2024-07-01 00:00:00', 'g');
CREATE VIEW guarded WITH (security_barrier = true, check_option = local) AS
    SELECT * FROM orders WHERE placed_at > '1990-01-01';
