-- title: indexes and constraints of partitions have names, options and comments
-- facts: 3 child index of a partitioned index, 16
-- silent: SELECT relname, reloptions, obj_description(c.oid, 'pg_class') FROM pg_class c
--   WHERE relkind IN ('i', 'I') AND relname !~ '^pg_|^alembic' AND relnamespace = 2200
--   ORDER BY 1
-- convert: events.at
-- query: SELECT conname, obj_description(oid, 'pg_constraint') FROM pg_constraint
--   WHERE contype = 'u' ORDER BY 1
CREATE TABLE events (tenant int, id int, at timestamp, UNIQUE (tenant, id, at))
    PARTITION BY LIST (tenant);
CREATE TABLE events_1 PARTITION OF events FOR VALUES IN (1);
CREATE TABLE events_2 PARTITION OF events FOR VALUES IN (2) PARTITION BY RANGE (id);
CREATE TABLE events_2_low PARTITION OF events_2 FOR VALUES FROM (0) TO (100);
CREATE INDEX events_at ON events (at) WITH (fillfactor = 70);
CREATE INDEX own ON events_1 (at DESC) WITH (fillfactor = 33);
INSERT INTO events VALUES (1, 1, '2024-01-15 12:30:00.123456'), (2, 2, 'infinity');
ALTER INDEX events_1_at_idx RENAME TO mine;
ALTER INDEX mine SET (fillfactor = 44);
ALTER INDEX events_2_at_idx RENAME TO middle;
ALTER INDEX events_2_low_at_idx RENAME TO "Low";
ALTER TABLE events_1 RENAME CONSTRAINT events_1_tenant_id_at_key TO once;
COMMENT ON INDEX events_at IS 'of the parent';
COMMENT ON INDEX mine IS 'of the child';
COMMENT ON INDEX own IS 'not attached';
COMMENT ON CONSTRAINT once ON events_1 IS 'one each';
