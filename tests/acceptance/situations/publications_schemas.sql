-- title: publications of schemas, through the root of a partition tree
-- facts: 4 publication
-- min: 15
-- plain: 0A000
-- convert: app.events.at
-- query: SELECT pubname, tablename, rowfilter FROM pg_publication_tables
--   WHERE pubname = 'whole' ORDER BY 1, 2
CREATE SCHEMA app;
CREATE TABLE app.events (id int, at timestamp, PRIMARY KEY (id)) PARTITION BY RANGE (id);
CREATE TABLE app.events_low PARTITION OF app.events FOR VALUES FROM (0) TO (100);
CREATE TABLE app.events_high PARTITION OF app.events FOR VALUES FROM (100) TO (1000);
INSERT INTO app.events VALUES (1, '2024-01-15 12:30:00.123456'), (200, 'infinity');
CREATE PUBLICATION whole FOR TABLES IN SCHEMA app;
CREATE PUBLICATION by_root FOR TABLE app.events WHERE (at IS NOT NULL)
    WITH (publish = 'insert', publish_via_partition_root = true);
CREATE PUBLICATION one_part FOR TABLE app.events_low WHERE (at > '2020-01-01')
    WITH (publish = 'insert');
