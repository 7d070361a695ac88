-- title: a check of the whole tree, NO INHERIT where that is possible, and views of it
-- facts: 6.2, 4
-- plain: 0A000
-- zone: America/New_York
-- convert: events.at
-- zoned: all_events.at, first_events.at
CREATE TABLE events (tenant int, id int, at timestamp,
    CONSTRAINT modern CHECK (at > '1990-01-01')) PARTITION BY LIST (tenant);
CREATE TABLE events_1 PARTITION OF events FOR VALUES IN (1);
CREATE TABLE events_2 PARTITION OF events FOR VALUES IN (2);
INSERT INTO events VALUES (1, 1, '2024-01-15 12:30:00.123456'), (1, 2, NULL),
    (2, 2, 'infinity');
CREATE VIEW all_events AS SELECT * FROM events;
CREATE VIEW first_events AS SELECT * FROM events_1;
COMMENT ON CONSTRAINT modern ON events IS 'of all';
COMMENT ON CONSTRAINT modern ON events_1 IS 'of the first';
