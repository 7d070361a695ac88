-- title: policies that compute with the column, permissive, restrictive and commented
-- facts: 4 policy, 7.2
-- plain: 0A000
-- zone: America/New_York
-- convert: orders.placed_at
-- query: SET LOCAL ROLE tzt_reader; SELECT id FROM orders ORDER BY id
-- query: SET LOCAL ROLE tzt_clerk; SELECT id FROM orders ORDER BY id
-- query: SET LOCAL ROLE tzt_clerk;
--   INSERT INTO orders VALUES (50, {timestamp '2024-01-01 00:30'}, 'x') RETURNING id
-- query: SET LOCAL ROLE tzt_clerk;
--   INSERT INTO orders VALUES (50, {timestamp '2023-12-31 23:30'}, 'x') RETURNING id;
--   SELECT 'error expected'
CREATE TABLE orders (id int PRIMARY KEY, placed_at timestamp, note text);
INSERT INTO orders VALUES
    (1, '2024-01-15 12:30:00.123456', 'a'), (2, NULL, 'b'), (3, 'infinity', 'c'),
    (4, '-infinity', 'd'), (5, '0044-03-15 12:00:00 BC', 'e'),
    (6, '1999-12-31 23:59:59.999999', 'f'), (7, '2024-07-01 00:00:00', 'g');
ALTER TABLE orders ENABLE ROW LEVEL SECURITY;
ALTER TABLE orders FORCE ROW LEVEL SECURITY;
CREATE POLICY modern ON orders FOR SELECT TO tzt_reader, tzt_clerk
    USING (placed_at > '1990-01-01');
CREATE POLICY no_nights ON orders AS RESTRICTIVE FOR SELECT
    USING (extract(hour FROM placed_at) < 22);
CREATE POLICY entry ON orders FOR INSERT TO tzt_clerk
    WITH CHECK (placed_at >= '2024-01-01' AND current_user = 'tzt_clerk');
CREATE POLICY change ON orders FOR UPDATE
    USING (placed_at IS NOT NULL) WITH CHECK (placed_at < '2030-01-01');
COMMENT ON POLICY modern ON orders IS 'nothing older';
GRANT ALL ON orders TO tzt_reader, tzt_clerk;
