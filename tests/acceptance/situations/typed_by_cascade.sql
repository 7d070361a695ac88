-- title: ALTER TYPE without CASCADE fails for typed tables
-- facts: 4 ALTER TYPE ty ALTER ATTRIBUTE
-- alter: ALTER TYPE event ALTER ATTRIBUTE at TYPE timestamptz
-- plain: 2BP01
-- convert: event.at, events.at
CREATE TYPE event AS (id int, at timestamp);
CREATE TABLE events OF event;
INSERT INTO events VALUES (1, '2024-01-15 12:30:00.123456'), (2, NULL), (3, 'infinity');
