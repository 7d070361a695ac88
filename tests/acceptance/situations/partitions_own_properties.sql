-- title: partitions have checks, triggers, indexes and grants of their own
-- facts: 4 partitioned table
-- plain: 0A000
-- convert: events.at
-- query: INSERT INTO events VALUES (1, 50, {timestamp '1989-12-31 23:30'});
--   SELECT 'error expected'
-- query: INSERT INTO events VALUES (1, 50, {timestamp '1990-01-01 00:30'}) RETURNING id
-- query: SELECT * FROM only_first ORDER BY 1
CREATE TABLE events (tenant int, id int, at timestamp) PARTITION BY LIST (tenant);
CREATE TABLE events_1 PARTITION OF events FOR VALUES IN (1);
CREATE TABLE events_2 PARTITION OF events FOR VALUES IN (2);
INSERT INTO events VALUES (1, 1, '2024-01-15 12:30:00.123456'), (1, 2, NULL),
    (2, 2, 'infinity');
ALTER TABLE events_1 ADD CONSTRAINT modern CHECK (at >= '1990-01-01');
ALTER TABLE events_2 ADD CONSTRAINT open CHECK (at > '2000-01-01') NOT VALID;
CREATE INDEX ON events_1 (date_trunc('day', at));
CREATE FUNCTION pass() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN new; END';
CREATE TRIGGER first_alone BEFORE UPDATE ON events_1 FOR EACH ROW
    WHEN (new.at > '2000-01-01') EXECUTE FUNCTION pass();
CREATE TRIGGER all_of_them AFTER UPDATE OF at ON events FOR EACH ROW
    EXECUTE FUNCTION pass();
ALTER TABLE events_2 DISABLE TRIGGER all_of_them;
CREATE VIEW only_first AS SELECT id, at::date AS day FROM events_1;
GRANT SELECT ON events_2 TO tzt_reader;
