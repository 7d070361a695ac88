-- title: views in other schemas, with names that stand for something else elsewhere
-- facts: 7.1
-- plain: 0A000
-- convert: app.orders.placed_at, public.orders.placed_at
-- zoned: reports.orders.placed_at, reports.both_of_them.ours, reports.both_of_them.theirs
-- query: SELECT id, {placed_at} FROM reports.orders ORDER BY id
-- query: SELECT reports.latest()
CREATE SCHEMA app;
CREATE SCHEMA reports;
CREATE TABLE orders (id int PRIMARY KEY, placed_at timestamp, note text);
INSERT INTO orders VALUES
    (1, '2024-01-15 12:30:00.123456', 'a'), (2, NULL, 'b'), (3, 'infinity', 'c'),
    (4, '-infinity', 'd'), (5, '0044-03-15 12:00:00 BC', 'e'),
    (6, '1999-12-31 23:59:59.999999', 'f'), (7, '2024-07-01 00:00:00', 'g');
CREATE TABLE app.orders (id int PRIMARY KEY, placed_at timestamp);
INSERT INTO app.orders VALUES (1, '2020-02-02 02:02:02'), (3, NULL), (7, '-infinity');
SET search_path = app, public;
CREATE VIEW reports.orders AS SELECT * FROM orders WHERE placed_at < '2021-01-01';
CREATE VIEW reports.both_of_them AS
    SELECT o.placed_at AS ours, p.placed_at AS theirs
    FROM orders o JOIN public.orders p USING (id);
CREATE FUNCTION reports.now() RETURNS timestamp LANGUAGE sql
    AS $$SELECT timestamp '2022-02-02'$$;
SET search_path = reports, pg_catalog, public;
CREATE VIEW past AS SELECT id FROM app.orders WHERE placed_at < now();
CREATE FUNCTION latest() RETURNS bigint LANGUAGE sql
    AS $$SELECT count(*) FROM reports.past$$;
RESET search_path;
