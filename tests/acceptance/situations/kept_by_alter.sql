-- title: what ALTER TABLE keeps of table and column, it keeps under a plan too
-- facts: 3
-- plain: ok
-- convert: orders.placed_at
-- query: SELECT relreplident, relrowsecurity, relforcerowsecurity FROM pg_class
--   WHERE oid = 'orders'::regclass
CREATE UNLOGGED TABLE orders (id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    placed_at timestamp NOT NULL, note text, at_serial serial) WITH (fillfactor = 66);
INSERT INTO orders (placed_at, note) VALUES ('2024-01-15 12:30:00.123456', 'a'),
    ('infinity', 'b'), ('-infinity', 'c'), ('0044-03-15 12:00:00 BC', 'd');
ALTER TABLE orders ALTER placed_at SET STATISTICS 444;
ALTER TABLE orders ALTER placed_at SET (n_distinct = -0.25);
ALTER TABLE orders ALTER note SET STORAGE EXTERNAL;
ALTER TABLE orders REPLICA IDENTITY FULL;
ALTER TABLE orders ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY all_of_them ON orders USING (id > 0);
COMMENT ON TABLE orders IS 'all';
COMMENT ON COLUMN orders.placed_at IS 'when';
GRANT SELECT (placed_at), UPDATE (placed_at) ON orders TO tzt_reader WITH GRANT OPTION;
GRANT INSERT ON orders TO tzt_clerk;
ALTER TABLE orders OWNER TO tzt_owner;
ALTER DEFAULT PRIVILEGES GRANT DELETE ON TABLES TO tzt_other;
