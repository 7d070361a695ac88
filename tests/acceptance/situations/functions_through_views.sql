-- title: functions reach the column through views, and views over these
-- facts: 8
-- zone: Europe/Paris
-- plain: 0A000
-- convert: orders.placed_at
-- zoned: shown.at, above.seen, kept.seen
-- option: rewrite_functions=true
-- query: SELECT write_local('2024-03-03 03:03'); SELECT id, {placed_at} FROM orders WHERE id IN (1, 50) ORDER BY id
-- query: SELECT id FROM listed() ORDER BY id
-- query: SELECT latest()::text
-- query: SELECT in_summer()
CREATE TABLE orders (id int PRIMARY KEY, placed_at timestamp, note text);
INSERT INTO orders VALUES
    (1, '2024-01-15 12:30:00.123456', 'a'), (2, NULL, 'b'), (3, '-infinity', 'c'),
    (4, '1999-12-31 23:59:59.999999', 'f'), (7, '2024-07-01 00:00:00', 'g');
CREATE VIEW shown AS SELECT id, placed_at AS at, note FROM orders;
CREATE VIEW above AS SELECT id, at AS seen FROM shown;
CREATE MATERIALIZED VIEW kept AS SELECT id, seen FROM above;
CREATE FUNCTION write_local(v timestamp) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO above (id, seen) VALUES (50, '2024-08-08 08:08');
    UPDATE shown SET at = v WHERE id = 1;
END $$;
CREATE FUNCTION listed() RETURNS TABLE (id int, at timestamp) LANGUAGE plpgsql AS $$
BEGIN
    RETURN QUERY SELECT k.id, k.seen FROM kept k;
END $$;
CREATE FUNCTION latest() RETURNS timestamp LANGUAGE sql AS 'SELECT max(seen) FROM above';
CREATE FUNCTION in_summer() RETURNS bigint LANGUAGE plpgsql AS $$
BEGIN
    RETURN (SELECT count(*) FROM shown WHERE at::date = '2024-07-01');
END $$;
