-- title: two tables are typed by one composite type
-- facts: 4 typed table, 7.8
-- plain: 42809
-- zone: Europe/Berlin
-- convert: event.at, events.at, more_events.at
-- query: INSERT INTO events (id) VALUES (50) RETURNING {at}
CREATE TYPE event AS (id int, at timestamp, note text);
CREATE TABLE events OF event (PRIMARY KEY (id), at DEFAULT '2020-01-01', note NOT NULL);
CREATE TABLE more_events OF event;
ALTER TABLE events ALTER note DROP NOT NULL;
INSERT INTO events VALUES (1, '2024-01-15 12:30:00.123456', 'a'), (2, NULL, 'b');
INSERT INTO more_events VALUES (1, 'infinity', 'c'), (2, '0044-03-15 12:00:00 BC', 'd');
CREATE INDEX ON more_events (at);
CREATE VIEW days AS SELECT id, at::date AS day FROM events;
COMMENT ON TYPE event IS 'what happened';
COMMENT ON COLUMN event.at IS 'when';
