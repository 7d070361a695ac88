-- title: a foreign table of another server stays until its server is converted
-- facts: 4 foreign table, 8
-- needs: contrib postgres_fdw
-- plain: 42809
-- alter: ALTER FOREIGN TABLE far ALTER at TYPE timestamptz USING at AT TIME ZONE 'UTC'
-- convert: orders.placed_at
-- refuse: far.at TZ308
-- differs: far.id, far.at
CREATE TABLE orders (id int PRIMARY KEY, placed_at timestamp, note text);
INSERT INTO orders VALUES
    (1, '2024-01-15 12:30:00.123456', 'a'), (2, NULL, 'b'), (3, 'infinity', 'c'),
    (4, '-infinity', 'd'), (5, '0044-03-15 12:00:00 BC', 'e'),
    (6, '1999-12-31 23:59:59.999999', 'f'), (7, '2024-07-01 00:00:00', 'g');
CREATE EXTENSION postgres_fdw;
CREATE SERVER far_away FOREIGN DATA WRAPPER postgres_fdw OPTIONS (host '192.0.2.1');
CREATE FOREIGN TABLE far (id int, at timestamp) SERVER far_away;
