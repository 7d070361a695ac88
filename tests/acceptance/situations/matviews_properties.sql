-- title: a materialized view with indexes, targets, options, cluster mark, grants
-- facts: 4 materialized view, 7.1
-- plain: 0A000
-- zone: Europe/Berlin
-- convert: orders.placed_at
-- zoned: stored.placed_at
-- query: REFRESH MATERIALIZED VIEW stored; SELECT count(*) FROM stored
-- query: SELECT pg_get_indexdef(i) FROM unnest('{stored_pk,stored_place}'::regclass[]) i
CREATE TABLE orders (id int PRIMARY KEY, placed_at timestamp, note text);
INSERT INTO orders VALUES
    (1, '2024-01-15 12:30:00.123456', 'a'), (2, NULL, 'b'), (3, 'infinity', 'c'),
    (4, '-infinity', 'd'), (5, '0044-03-15 12:00:00 BC', 'e'),
    (6, '1999-12-31 23:59:59.999999', 'f'), (7, '2024-07-01 00:00:00', 'g');
GRANT SELECT ON orders TO tzt_owner;
CREATE MATERIALIZED VIEW stored WITH (fillfactor = 77, autovacuum_enabled = false) AS
    SELECT id, placed_at, upper(note) AS big, placed_at::date AS day FROM orders;
CREATE UNIQUE INDEX stored_pk ON stored (id) WITH (fillfactor = 50);
CREATE INDEX stored_place ON stored (placed_at DESC NULLS LAST) INCLUDE (big);
CREATE INDEX stored_expression ON stored ((placed_at + interval '1 day'), lower(big))
    WHERE placed_at > '2000-01-01';
CREATE INDEX stored_day ON stored (day);
ALTER MATERIALIZED VIEW stored ALTER COLUMN big SET STATISTICS 321;
ALTER MATERIALIZED VIEW stored ALTER COLUMN big SET STORAGE EXTERNAL;
ALTER MATERIALIZED VIEW stored ALTER COLUMN placed_at SET (n_distinct = -0.5);
ALTER INDEX stored_expression ALTER COLUMN 1 SET STATISTICS 123;
ALTER MATERIALIZED VIEW stored CLUSTER ON stored_day;
COMMENT ON MATERIALIZED VIEW stored IS 'kept for speed';
COMMENT ON COLUMN stored.placed_at IS 'when';
COMMENT ON INDEX stored_pk IS 'one each';
CREATE STATISTICS stored_pair (dependencies) ON big, day FROM stored;
ALTER STATISTICS stored_pair SET STATISTICS 99;
COMMENT ON STATISTICS stored_pair IS 'they go together';
ALTER MATERIALIZED VIEW stored OWNER TO tzt_owner;
GRANT SELECT ON stored TO tzt_reader WITH GRANT OPTION;
GRANT SELECT (id) ON stored TO PUBLIC;
