-- title: a partition tree of three levels with constraints, defaults and indexes
-- facts: 4 partitioned table, ALTER TABLE ONLY
-- alter: ALTER TABLE ONLY events ALTER at TYPE timestamptz
-- plain: 42P16
-- zone: America/New_York
-- convert: events.at, events.ended
-- query: INSERT INTO events (tenant, id) VALUES (1, 77) RETURNING {at}
-- query: SELECT conname, conrelid::regclass::text FROM pg_constraint
--   WHERE contype IN ('c', 'p') AND conname LIKE 'events%' ORDER BY 1, 2
CREATE TABLE events (tenant int, id int, at timestamp DEFAULT '2020-01-01', ended timestamp,
    PRIMARY KEY (tenant, id), CONSTRAINT known CHECK (ended IS NULL OR tenant > 0))
    PARTITION BY LIST (tenant);
CREATE TABLE events_1 PARTITION OF events FOR VALUES IN (1);
CREATE TABLE events_rest PARTITION OF events DEFAULT PARTITION BY RANGE (id);
CREATE TABLE events_rest_low PARTITION OF events_rest FOR VALUES FROM (0) TO (100);
CREATE TABLE events_rest_high (ended timestamp, gone int, tenant int NOT NULL,
    at timestamp DEFAULT '2020-01-01', id int NOT NULL);
ALTER TABLE events_rest_high DROP COLUMN gone;
ALTER TABLE events_rest_high ADD CONSTRAINT known CHECK (ended IS NULL OR tenant > 0);
ALTER TABLE events_rest ATTACH PARTITION events_rest_high FOR VALUES FROM (100) TO (1000);
CREATE INDEX ON events (at, ended DESC);
INSERT INTO events VALUES (1, 1, '2024-01-15 12:30:00.123456', NULL),
    (2, 2, 'infinity', '-infinity'), (3, 200, NULL, '0044-03-15 12:00:00 BC');
