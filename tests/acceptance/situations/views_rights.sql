-- title: grants with grant options, to columns and by another role, owners, comments
-- facts: 7.1
-- plain: 0A000
-- convert: orders.placed_at
-- zoned: shared.placed_at, owned.placed_at, public_one.placed_at
-- query: SET LOCAL ROLE tzt_reader; SELECT count(*) FROM shared
-- query: SET LOCAL ROLE tzt_clerk; SELECT count(id) FROM shared
-- query: SET LOCAL ROLE tzt_clerk; SELECT count(placed_at) FROM shared;
--   SELECT 'error expected'
CREATE TABLE orders (id int PRIMARY KEY, placed_at timestamp, note text);
INSERT INTO orders VALUES
    (1, '2024-01-15 12:30:00.123456', 'a'), (2, NULL, 'b'), (3, 'infinity', 'c'),
    (4, '-infinity', 'd'), (5, '0044-03-15 12:00:00 BC', 'e'),
    (6, '1999-12-31 23:59:59.999999', 'f'), (7, '2024-07-01 00:00:00', 'g');
ALTER DEFAULT PRIVILEGES GRANT INSERT ON TABLES TO tzt_other;
GRANT SELECT ON orders TO tzt_owner;
CREATE VIEW shared AS SELECT id, placed_at, note FROM orders;
REVOKE ALL ON shared FROM tzt_other;
ALTER VIEW shared OWNER TO tzt_owner;
GRANT SELECT, TRIGGER ON shared TO tzt_reader WITH GRANT OPTION;
GRANT SELECT (id), UPDATE (note, placed_at) ON shared TO tzt_clerk;
GRANT INSERT (placed_at) ON shared TO tzt_other WITH GRANT OPTION;
-- then
SET ROLE tzt_reader;
GRANT SELECT ON shared TO tzt_other;
RESET ROLE;
-- then
CREATE VIEW owned AS SELECT placed_at FROM orders;
ALTER VIEW owned OWNER TO tzt_owner;
REVOKE ALL ON owned FROM tzt_owner, tzt_other;
CREATE VIEW public_one AS SELECT placed_at FROM shared;
GRANT SELECT ON public_one TO PUBLIC;
COMMENT ON VIEW shared IS 'it''s for "all" of us; 100% \ :name';
COMMENT ON COLUMN shared.placed_at IS 'when';
-- then
ALTER DEFAULT PRIVILEGES REVOKE INSERT ON TABLES FROM tzt_other;
ALTER DEFAULT PRIVILEGES GRANT DELETE ON TABLES TO tzt_clerk;
