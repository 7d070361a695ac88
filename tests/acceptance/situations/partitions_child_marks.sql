-- title: indexes of partitions are cluster marks and replica identities
-- facts: 3
-- plain: ok
-- convert: events.at
-- query: SELECT indexrelid::regclass::text, indisclustered, indisreplident FROM pg_index
--   WHERE indrelid::regclass::text LIKE 'events%' ORDER BY 1
CREATE TABLE events (tenant int NOT NULL, at timestamp NOT NULL) PARTITION BY LIST (tenant);
CREATE TABLE events_1 PARTITION OF events FOR VALUES IN (1);
CREATE TABLE events_2 PARTITION OF events FOR VALUES IN (2);
CREATE UNIQUE INDEX events_key ON events (tenant, at);
CREATE INDEX events_at ON events (at);
INSERT INTO events VALUES (1, '2024-01-15 12:30:00.123456'), (2, 'infinity');
ALTER TABLE events_1 REPLICA IDENTITY USING INDEX events_1_tenant_at_idx;
ALTER TABLE events_1 CLUSTER ON events_1_at_idx;
