-- title: a foreign table over a converted table stays by name, and reads the same under UTC
-- facts: 4 foreign table, 8 postgres_fdw
-- needs: contrib postgres_fdw
-- plain: ok
-- alter: ALTER FOREIGN TABLE mirror ALTER placed_at TYPE timestamptz
-- convert: orders.placed_at
-- refuse: mirror.placed_at TZ308
-- query: SELECT id, placed_at FROM mirror ORDER BY id
-- query: SELECT id FROM mirror WHERE placed_at > timestamp '2000-01-01' ORDER BY id
CREATE TABLE orders (id int PRIMARY KEY, placed_at timestamp, note text);
INSERT INTO orders VALUES
    (1, '2024-01-15 12:30:00.123456', 'a'), (2, NULL, 'b'), (3, 'infinity', 'c'),
    (4, '-infinity', 'd'), (5, '0044-03-15 12:00:00 BC', 'e'),
    (6, '1999-12-31 23:59:59.999999', 'f'), (7, '2024-07-01 00:00:00', 'g');
CREATE EXTENSION postgres_fdw;
CREATE SERVER here FOREIGN DATA WRAPPER postgres_fdw OPTIONS (@server_options@);
CREATE USER MAPPING FOR CURRENT_USER SERVER here
    OPTIONS (user '@user@', password '@password@');
CREATE FOREIGN TABLE mirror (id int, placed_at timestamp OPTIONS (column_name 'placed_at'),
    note text) SERVER here OPTIONS (schema_name 'public', table_name 'orders');
COMMENT ON FOREIGN TABLE mirror IS 'the same rows';
