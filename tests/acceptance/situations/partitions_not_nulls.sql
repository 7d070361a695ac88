-- title: the NOT NULL of partitions has names and comments of its own
-- facts: 3
-- min: 18
-- silent: SELECT conrelid::regclass::text, conname, coninhcount,
--     obj_description(oid, 'pg_constraint')
--   FROM pg_constraint WHERE contype = 'n' AND conrelid::regclass::text ~ '^events'
--   ORDER BY 1, 2
-- zone: America/New_York
-- convert: events.at, events.ended
-- query: INSERT INTO events (tenant, id) VALUES (1, 50); SELECT 'error expected'
CREATE TABLE events (tenant int NOT NULL, id int NOT NULL,
    at timestamp CONSTRAINT "When's" NOT NULL, ended timestamp NOT NULL)
    PARTITION BY LIST (tenant);
CREATE TABLE events_1 (LIKE events) PARTITION BY RANGE (id);
CREATE TABLE events_1_low (ended timestamp CONSTRAINT "to 100%" NOT NULL,
    at timestamp NOT NULL, id int NOT NULL, tenant int NOT NULL);
ALTER TABLE events_1 ATTACH PARTITION events_1_low FOR VALUES FROM (0) TO (100);
ALTER TABLE events ATTACH PARTITION events_1 FOR VALUES IN (1);
CREATE TABLE events_2 PARTITION OF events FOR VALUES IN (2);
CREATE TABLE events_rest (tenant int NOT NULL, id int NOT NULL,
    at timestamp CONSTRAINT "Mine" NOT NULL, ended timestamp NOT NULL);
ALTER TABLE events ATTACH PARTITION events_rest DEFAULT;
INSERT INTO events VALUES (1, 1, '2024-01-15 12:30:00.123456', 'infinity'),
    (2, 2, '0044-03-15 12:00:00 BC', '2024-07-01'), (3, 3, '-infinity', '2024-07-01');
COMMENT ON CONSTRAINT "When's" ON events IS 'the top';
COMMENT ON CONSTRAINT "When's" ON events_2 IS 'it''s known by its parent''s name';
COMMENT ON CONSTRAINT "Mine" ON events_rest IS 'its own';
