-- title: a view with security_invoker goes on asking for the reader's rights
-- facts: 7.1, 18
-- min: 15
-- plain: 0A000
-- convert: orders.placed_at
-- zoned: invoked.placed_at, owned.placed_at
-- query: SET LOCAL ROLE tzt_reader; SELECT count(*) FROM owned
-- query: SET LOCAL ROLE tzt_reader; SELECT count(*) FROM invoked;
--   SELECT 'error expected'
CREATE TABLE orders (id int PRIMARY KEY, placed_at timestamp, note text);
INSERT INTO orders VALUES
    (1, '2024-01-15 12:30:00.123456', 'a'), (2, NULL, 'b'), (3, 'infinity', 'c'),
    (4, '-infinity', 'd'), (5, '0044-03-15 12:00:00 BC', 'e'),
    (6, '1999-12-31 23:59:59.999999', 'f'), (7, '2024-07-01 00:00:00', 'g');
CREATE VIEW invoked WITH (security_invoker = true) AS SELECT * FROM orders;
CREATE VIEW owned WITH (security_invoker = false) AS SELECT * FROM orders;
GRANT SELECT ON invoked, owned TO tzt_reader;
