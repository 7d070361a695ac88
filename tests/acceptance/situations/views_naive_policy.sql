-- title: with the policy views = "naive" every view shows what it showed
-- facts: 7.1 keep the view as it is instead
-- plain: 0A000
-- policy: views = "naive"
-- convert: orders.placed_at
-- query: SELECT id, placed_at::text FROM above ORDER BY id
-- query: SELECT 'above'::regclass::oid::text, 'shown'::regclass::oid::text,
--   'stored'::regclass::oid::text, 'of_view(shown)'::regprocedure::oid::text
CREATE TABLE orders (id int PRIMARY KEY, placed_at timestamp, note text);
INSERT INTO orders VALUES
    (1, '2024-01-15 12:30:00.123456', 'a'), (2, NULL, 'b'), (3, 'infinity', 'c'),
    (4, '-infinity', 'd'), (5, '0044-03-15 12:00:00 BC', 'e'),
    (6, '1999-12-31 23:59:59.999999', 'f'), (7, '2024-07-01 00:00:00', 'g');
CREATE VIEW shown WITH (security_barrier = true) AS
    SELECT id, placed_at, note FROM orders WHERE placed_at IS NOT NULL;
CREATE VIEW above AS SELECT * FROM shown WHERE placed_at > '1990-01-01';
CREATE FUNCTION of_view(s shown) RETURNS text LANGUAGE sql AS $$SELECT s.note$$;
CREATE MATERIALIZED VIEW stored AS SELECT id, placed_at FROM above;
CREATE UNIQUE INDEX ON stored (placed_at, id);
GRANT SELECT ON shown TO tzt_reader;
COMMENT ON COLUMN shown.placed_at IS 'naive, in UTC';
