-- title: views call functions, aggregates and operators for naive time with the column
-- facts: 7.1 text that no longer parses, 6.4 functions
-- plain: 0A000
-- convert: orders.placed_at, orders.shipped_at
-- query: SELECT * FROM called ORDER BY id
CREATE TABLE orders (id int PRIMARY KEY, placed_at timestamp, shipped_at timestamp);
INSERT INTO orders VALUES
    (1, '2024-01-15 12:30:00.123456', '2024-01-16 08:00:00'),
    (2, NULL, '2024-02-02 02:02:02'), (3, '2024-05-05 05:05:05', 'infinity'),
    (4, '-infinity', NULL), (5, '0044-03-15 12:00:00 BC', '0044-03-16 00:00:00 BC'),
    (6, '1999-12-31 23:59:59.999999', '2000-01-01 00:00:00');
CREATE FUNCTION quarter(at timestamp) RETURNS text LANGUAGE sql IMMUTABLE
    AS $$SELECT to_char(at, 'YYYY"Q"Q')$$;
CREATE FUNCTION later(timestamp, timestamp) RETURNS timestamp LANGUAGE sql IMMUTABLE
    AS $$SELECT greatest($1, $2)$$;
CREATE AGGREGATE newest(timestamp) (SFUNC = later, STYPE = timestamp);
CREATE OPERATOR <<<< (LEFTARG = timestamp, RIGHTARG = timestamp, FUNCTION = timestamp_lt);
CREATE VIEW called AS
    SELECT id, quarter(placed_at) AS q, later(placed_at, shipped_at) AS later,
           placed_at <<<< shipped_at AS less, tsrange(placed_at, shipped_at) AS span,
           date_part('dow', placed_at) AS dow, placed_at::time AS clock,
           placed_at::text AS text, md5(placed_at::text) AS hash,
           to_json(placed_at) AS json, format('%s', placed_at) AS formatted,
           placed_at || '' AS concatenated
    FROM orders;
CREATE VIEW aggregated AS SELECT newest(placed_at) AS newest FROM orders;
CREATE VIEW series AS
    SELECT o.id, g FROM orders o, generate_series(o.placed_at,
        least(o.shipped_at, o.placed_at + interval '2 days'), '12 hours') g
    WHERE isfinite(o.placed_at) AND o.placed_at > '0001-01-01';
