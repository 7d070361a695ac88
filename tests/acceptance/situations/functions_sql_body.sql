-- title: functions and procedures with SQL body read and write the column
-- facts: 4 SQL function with BEGIN ATOMIC, 7.3
-- min: 14
-- plain: 0A000
-- zone: America/New_York
-- convert: orders.placed_at
-- query: SELECT count_since('2000-01-01'), days()
-- query: SELECT latest()::text
-- query: CALL shift(1); SELECT id, {placed_at} FROM orders ORDER BY id
-- query: SELECT pg_get_function_result('latest'::regproc)
-- query: SET LOCAL ROLE tzt_reader; SELECT count_since('2000-01-01')
CREATE TABLE orders (id int PRIMARY KEY, placed_at timestamp, note text);
INSERT INTO orders VALUES
    (1, '2024-01-15 12:30:00.123456', 'a'), (2, NULL, 'b'), (3, 'infinity', 'c'),
    (4, '-infinity', 'd'), (5, '0044-03-15 12:00:00 BC', 'e'),
    (6, '1999-12-31 23:59:59.999999', 'f'), (7, '2024-07-01 00:00:00', 'g');
CREATE FUNCTION count_since(since date) RETURNS bigint STABLE SECURITY DEFINER
    COST 77 SET DateStyle = 'German'
    BEGIN ATOMIC SELECT count(*) FROM orders WHERE placed_at > since; END;
CREATE FUNCTION days() RETURNS bigint PARALLEL SAFE STABLE
    RETURN (SELECT count(DISTINCT placed_at::date) FROM orders);
CREATE FUNCTION latest() RETURNS timestamp STABLE
    RETURN (SELECT max(placed_at) FROM orders WHERE isfinite(placed_at));
CREATE PROCEDURE shift(n int)
    BEGIN ATOMIC
        UPDATE orders SET placed_at = placed_at + n * interval '1 day' WHERE id < 4;
        UPDATE orders SET placed_at = timestamp '2024-03-03 03:03' WHERE id = 7;
    END;
CREATE VIEW counted AS SELECT count_since('1990-01-01') AS n;
COMMENT ON FUNCTION count_since(date) IS 'counts';
REVOKE ALL ON FUNCTION count_since FROM PUBLIC;
GRANT EXECUTE ON FUNCTION count_since TO tzt_reader WITH GRANT OPTION;
GRANT SELECT ON orders TO tzt_owner;
ALTER FUNCTION count_since OWNER TO tzt_owner;
